"""``python -m ess_server`` is ``ess``."""

from ess_server.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
