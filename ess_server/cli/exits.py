"""Exit codes, in one table: what scripts may rely on."""

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    ACTIVE = 3
    UNREACHABLE = 4
    UNMATCHED = 5
    UNFINISHED = 6
    WOULD_TRIP = 7
    UNSAFE = 8
    UNEXAMINED = 9
    INTERRUPTED = 130


MEANINGS: tuple[tuple[Exit, str], ...] = (
    (Exit.OK, "done; for status: trading is allowed"),
    (Exit.REFUSED, "refused or failed, and nothing was changed; for events verify: the log is not intact"),
    (Exit.USAGE, "wrong use, a mistake in the configuration, or the server cannot start"),
    (Exit.ACTIVE, "status: trading is stopped, or cannot be shown to be allowed"),
    (Exit.UNREACHABLE, "the server does not answer; for trigger: and the tripwire could not be made either"),
    (Exit.UNMATCHED, "trigger: latched, but something about it did not match; read the warnings"),
    (Exit.UNFINISHED, "trigger --wait: latched, but gates or accounts were not done in time"),
    (Exit.WOULD_TRIP, "replay: at least one evaluator would have tripped"),
    (Exit.UNSAFE, "doctor: a stop cannot work as things are"),
    (Exit.UNEXAMINED, "doctor: nobody can say whether a stop would work; ask again when the venue answers"),
    (Exit.INTERRUPTED, "interrupted with Ctrl-C"),
)


def exit_help(*codes: Exit) -> str:
    """Return the lines of the table for ``codes``, all of them if there are none, as click keeps them."""
    rows = [f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS if not codes or code in codes]
    return "\n".join(["\b", "Exit codes:", *rows])
