"""The command line: ``ess``."""

import signal
import sys

from ess_server.cli.install import install_step


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if "serve" in sys.argv:
        # Before anything else: until the server listens to it, SIGUSR1 would kill the process instead of stopping.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        from ess_server.cli.root import run  # noqa: PLC0415 - an engine installs this script without what it needs
    except ModuleNotFoundError as missing:
        sys.stderr.write(f"ess: {missing.name} is not installed; the command line needs: {install_step('server')}\n")
        return 2
    return run(sys.argv[1:])
