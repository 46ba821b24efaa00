"""What a seeded bug is."""

from dataclasses import dataclass

FAMILY = "make fault: "
"""What a check begins with that is a family of this suite."""
CORE, CLIENT, TESTS = "ess_server/core", "ess_client", "tests"


@dataclass(frozen=True)
class Seed:
    """One bug: in ``file`` the one place that reads ``old`` reads ``new``. ``check`` must go red."""

    file: str
    old: str
    new: str
    breaks: str
    check: str
