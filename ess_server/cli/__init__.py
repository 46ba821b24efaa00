"""The command line: ``ess``."""

import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        from ess_server.cli.root import run  # noqa: PLC0415 - an engine installs this script without what it needs
    except ModuleNotFoundError as missing:
        sys.stderr.write(
            f"ess: {missing.name} is not installed; the command line needs: "
            "pip install 'emergency-stop-system[server]'\n"
        )
        return 2
    return run(sys.argv[1:])
