"""Client order ids of the orders that close positions: how they are made, and known again."""

import hashlib
import re

_CLOSING = re.compile(r"ess([-x])[0-9a-f]{8}\1[0-9a-f]{1,7}\1[0-9]{1,6}(\1[0-9]{1,4})?", re.ASCII)
"""With ``x`` where a venue takes letters and digits only."""
_NUMBERS = 10**6
_RUNS = 36**5


def run_mark(uptime: float) -> str:
    """Return what tells the orders of one run of the process from those of another; ``uptime`` is in seconds."""
    return f"{int(uptime * 1000) % _RUNS:x}"


def closing_order_id(stop_id: str, run: str, number: int) -> str:
    """Return the id of the ``number``-th close, at most 28 characters; a client adds the part that it is of."""
    stop = hashlib.sha256(stop_id.encode()).hexdigest()[:8]
    return f"ess-{stop}-{run}-{number % _NUMBERS}"


def is_closing_order(client_order_id: str) -> bool:
    """Whether an order was sent to carry out a stop, by any run of this software."""
    return _CLOSING.fullmatch(client_order_id) is not None
