"""``python -m ess_server.venue.paper --cert-dir DIR [--host H] [--port N] [--accounts FILE] [--walk SEED]``."""

import asyncio
import sys
from pathlib import Path

from ess_server.venue.paper.run import serve
from ess_server.venue.paper.venue import PaperConfig

_OPTIONS = ("--cert-dir", "--host", "--port", "--accounts", "--walk")


def main(arguments: list[str]) -> int:
    """Run until told to stop. Returns 2 for arguments or surroundings that do not work."""
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown or len(arguments) % 2 or "--cert-dir" not in options:
        sys.stderr.write(f"usage: {__doc__}\n")
        return 2
    try:
        seed = int(options["--walk"]) if "--walk" in options else None
        asyncio.run(
            serve(
                cert_dir=Path(options["--cert-dir"]),
                host=options.get("--host", "127.0.0.1"),
                port=int(options.get("--port", "0")),
                accounts=Path(options["--accounts"]) if "--accounts" in options else None,
                config=PaperConfig(walk=seed),
            )
        )
    except (ValueError, OSError) as error:
        sys.stderr.write(f"paper venue: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
