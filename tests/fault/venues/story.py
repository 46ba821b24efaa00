"""What happened in one run, in the order of the venue's journal."""

from ess_server.venue.paper.journal import Journal

MAX_LINES = 400
_SHOWN = (
    "client_id",
    "side",
    "symbol",
    "leg",
    "quantity",
    "before",
    "after",
    "what",
    "path",
    "reason",
    "code",
    "detail",
)


class Story:
    """Lines that were told, each beside the number of the journal's newest entry at that time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._began = journal.last_seq
        self._told: list[tuple[int, str]] = []

    def tell(self, line: str) -> None:
        """Add a line."""
        self._told.append((self._journal.last_seq, line))

    def lines(self) -> list[str]:
        """Return all of it, the newest if it is too long."""
        found = [(number, 1, f"        {line}") for number, line in self._told]
        for entry in self._journal.read(after=self._began):
            details = " ".join(f"{name}={entry.details[name]}" for name in _SHOWN if name in entry.details)
            line = f"{entry.at:%S.%f}".removesuffix("000") + f" {entry.account} {entry.kind} {details}"
            found.append((entry.seq, 0, line))
        return [line for _, _, line in sorted(found, key=lambda item: item[:2])][-MAX_LINES:]
