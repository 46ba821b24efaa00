"""The composition root: the one place that knows every part."""

from ess_server.app.compose import Running, check_listen, running, watch
from ess_server.app.serve import serve

__all__ = ["Running", "check_listen", "running", "serve", "watch"]
