"""What an examining process says: ``examination`` for each account, then ``examined``."""

from ess_server.core.examination import Examination
from ess_server.core.record_wire import from_wire, to_wire
from ess_server.core.venue_wire import LinkError, Message


def examination_message(seen: Examination) -> Message:
    """Return the facts on one account."""
    return {"type": "examination", "facts": to_wire(seen)}


def read_examination(message: Message) -> Examination:
    """Read an ``examination`` message. Raises LinkError."""
    try:
        return from_wire(Examination, message.get("facts"))
    except (ValueError, TypeError, OverflowError) as error:
        raise LinkError(f"examination: {error}") from None
