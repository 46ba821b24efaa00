"""Emergency Stop System: the server. See ``ess_server.app`` for how its parts are put together."""
