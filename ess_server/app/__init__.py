"""The composition root: the one place that knows every part."""

from ess_server.app.compose import Running, check_listen, running, watch
from ess_server.app.reload import ConfigFile
from ess_server.app.serve import serve

__all__ = ["ConfigFile", "Running", "check_listen", "running", "serve", "watch"]
