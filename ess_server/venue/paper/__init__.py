"""The paper venue: a small exchange with real books that speaks exchanges' own APIs to unmodified clients.

The host name that a client asks for tells which API it speaks; the accounts are the same for all of them.
``PaperVenue`` runs in-process, ``serve`` as a process of its own; ``open_session`` and ``pin_sync`` send ccxt there.
It has no funding, no web sockets of accounts and no history of prices; margin is across the wallet, also where a
symbol is set to isolated. Accounts trade against the market, never against each other. State lives in memory only.
"""

from ess_server.venue.paper.faults import Fault, FaultKind, Operation
from ess_server.venue.paper.journal import JournalEntry, grew_or_flipped
from ess_server.venue.paper.model import BooksConfig
from ess_server.venue.paper.pin import open_session, pin_sync
from ess_server.venue.paper.ratelimit import Limits
from ess_server.venue.paper.run import serve
from ess_server.venue.paper.venue import PaperConfig, PaperVenue

__all__ = [
    "BooksConfig",
    "Fault",
    "FaultKind",
    "JournalEntry",
    "Limits",
    "Operation",
    "PaperConfig",
    "PaperVenue",
    "grew_or_flipped",
    "open_session",
    "pin_sync",
    "serve",
]
