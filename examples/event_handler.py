"""Acts on every event of the audit log once, in order, also over restarts of the handler and of the server.

    .venv/bin/python examples/event_handler.py handled-events

The number of the last event that was handled is kept in a file, written after the handling: whatever is interrupted
is handled again rather than never. In a shell, ``ess events follow --after NUMBER --json | your-command`` does this.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_client.pb.emergency_stop_pb2_grpc import EmergencyStopServiceStub

TARGET = os.environ.get("ESS_TARGET", "127.0.0.1:50051")
LOOK_EVERY = 1.0
PAGE = 100


def page_somebody(event: pb.Event) -> None:
    """Wake a person. Put the notifier of your choice here; it may fail, and is then tried again."""
    print(f"PAGE: {event.scope}: {event.summary}", flush=True)


def note(event: pb.Event) -> None:
    """Keep what is no reason to wake anybody."""
    print(f"{event.sequence} {event.kind}: {event.summary}", flush=True)


# Kinds are open: what is not known here is noted.
HANDLERS = {
    "stop.activated": page_somebody,
    "stop.raised": page_somebody,
    "stop.joined": page_somebody,
    "server.fault": page_somebody,
}


def events(after: int) -> Iterator[pb.Event]:
    """Yield each event behind number ``after``, for ever."""
    with grpc.insecure_channel(TARGET) as channel:
        ess = EmergencyStopServiceStub(channel)
        while True:
            request = pb.ListEventsRequest(oldest_first=True, after_sequence=after, page_size=PAGE)
            try:
                page = ess.ListEvents(request, timeout=5)
            except grpc.RpcError as error:
                print(f"waiting for {TARGET}: {error.code().name}", file=sys.stderr, flush=True)
                time.sleep(LOOK_EVERY)
                continue
            for event in page.events:
                after = event.sequence
                yield event
            if not page.next_page_token:
                time.sleep(LOOK_EVERY)


def main(place: Path) -> None:
    """Handle events until interrupted."""
    handled = int(place.read_text()) if place.exists() else 0
    for event in events(handled):
        HANDLERS.get(event.kind, note)(event)
        replacement = place.with_suffix(".new")
        replacement.write_text(str(event.sequence))
        replacement.replace(place)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else "handled-events"))
    except KeyboardInterrupt:
        sys.exit(130)
