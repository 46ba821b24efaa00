"""``ess events``: the log as a list, and proof that it is the one that was written."""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.cli.exits import Exit
from ess_server.core import chain
from ess_server.core.model import Event, EventDraft, EventHead
from ess_server.service import convert
from tests.cli.conftest import Here
from tests.cli.running import ServeProcess
from tests.cli.scripted import ScriptedService, StatusError, inactive

Script = Callable[..., ScriptedService]


def log_of(length: int, note: str = "") -> list[pb.Event]:
    """Return a log that is intact, as the service shows it."""
    head, events = chain.EMPTY_LOG, list[Event]()
    for number in range(1, length + 1):
        draft = EventDraft(
            event_id=f"e{number}",
            kind="stop.activated" if number % 2 else "reset.refused",
            time=datetime(2026, 1, 5, 12, 0, number % 60, tzinfo=UTC),
            summary=f"event {number}{note}",
            revision=number,
            details=(("b", "2"), ("a", "1")),
        )
        events.append(chain.link(head, draft))
        head = chain.head_of(events[-1])
    return [convert.event(event) for event in events]


def serve_log(script: Script, events: Sequence[pb.Event], head: pb.Event | None, page: int = 3) -> ScriptedService:
    """Serve ``events`` in small pages; ``head`` is what heartbeats publish."""

    def answer(request: pb.ListEventsRequest) -> pb.ListEventsResponse:
        kept = [e for e in events if request.kind in ("", e.kind)]
        kept = kept if request.oldest_first else kept[::-1]
        start = int(request.page_token or 0)
        end = start + min(page, request.page_size or 50)
        return pb.ListEventsResponse(events=kept[start:end], next_page_token=str(end) if end < len(kept) else "")

    published = pb.EventHead(sequence=head.sequence, hash=head.hash) if head else pb.EventHead()
    return script(ListEvents=answer, WatchState=lambda _: [pb.WatchStateResponse(event_head=published)])


def test_a_real_log_is_listed_and_verified(serving: ServeProcess) -> None:
    """What happened stands there, newest first, filtered as asked; and the chain is intact up to the head."""
    serving.commission()
    serving.ess("trigger", "venue/okx", "-m", "fat finger")

    listed = serving.ess("events")
    family = serving.ess("events", "list", "--kind", "stop.", "--oldest-first", "--json")
    verified = serving.ess("events", "verify")

    assert (listed.code, verified.code) == (Exit.OK, Exit.OK)
    assert listed.out.index("fat finger") < listed.out.index("commission")
    assert [e["kind"] for e in family.json["events"]] == ["stop.released", "stop.activated"]
    assert verified.out.startswith("intact: ")
    head = verified.out.split("head ")[1].split()[0]
    assert serving.ess("events", "verify", "--head", head, "--json").json["intact"] is True
    stop_id = family.json["events"][1]["stop_id"]
    assert len(serving.ess("events", "--stop", stop_id, "--json").json["events"]) == 1


def test_a_list_goes_on_over_pages_up_to_the_limit(script: Script, here: Here) -> None:
    """Pages are followed, and no more than asked for is shown."""
    server = serve_log(script, log_of(10), None)

    done = here("--target", server.target, "events", "--limit", "7", "--json")
    none = here("--target", server.target, "events", "--kind", "nothing")

    assert [e["sequence"] for e in done.json["events"]] == [str(n) for n in range(10, 3, -1)]
    assert (none.code, none.out) == (Exit.OK, "no events\n")


def test_an_intact_log_is_intact_although_it_has_grown(script: Script, here: Here) -> None:
    """Events written after the head was taken change nothing."""
    events = log_of(10)

    done = here("--target", serve_log(script, events, events[6]).target, "events", "verify")

    assert done.code == Exit.OK
    assert done.out.splitlines()[:2] == ["intact: 10 events", f"head 10:{events[9].hash.hex()}"]


def changed(events: list[pb.Event]) -> list[pb.Event]:
    """Rewrite one record."""
    events[4].record = events[4].record.replace(b"event 5", b"event X")
    return events


def shown_otherwise(events: list[pb.Event]) -> list[pb.Event]:
    """Show something else than the record says."""
    events[4].actor.requested_by = "somebody else"
    return events


def details_otherwise(events: list[pb.Event]) -> list[pb.Event]:
    """Show another fact than the record says."""
    events[4].details["a"] = "9"
    return events


def unreadable(events: list[pb.Event]) -> list[pb.Event]:
    """Replace a record by what is none, with a hash that fits."""
    events[4].record = b"{}"
    return events


ATTACKS: dict[str, tuple[Callable[[list[pb.Event]], list[pb.Event]], str]] = {
    "changed": (changed, "event 5 was changed: it does not match its hash"),
    "shown otherwise": (shown_otherwise, "event 5 shows something else than its record says"),
    "details otherwise": (details_otherwise, "event 5 shows something else than its record says"),
    "unreadable": (unreadable, "the record of event 5 cannot be read"),
    "gap": (lambda events: events[:4] + events[5:], "event 6 follows event 4: events are missing"),
    "swapped": (lambda events: [*events[:4], events[5], events[4], *events[6:]], "missing or out of order"),
    "tail cut": (lambda events: events[:9], "the log ends at event 9, but event 10 was published: its tail is cut"),
    "head cut": (lambda events: events[1:], "event 2 follows event 0"),
    "rewritten": (lambda _: log_of(10, " rewritten"), "event 10 is not the one that was published"),
    "emptied": (lambda _: [], "the log ends at event 0, but event 10 was published"),
}


@pytest.mark.parametrize(("attack", "problem"), ATTACKS.values(), ids=ATTACKS.keys())
def test_every_change_gap_and_cut_is_found(
    attack: Callable[[list[pb.Event]], list[pb.Event]], problem: str, script: Script, here: Here
) -> None:
    """Whatever is done to the log after its head was published ends with 1 and is named."""
    head = log_of(10)[9]

    done = here("--target", serve_log(script, attack(log_of(10)), head).target, "events", "verify")

    assert done.code == Exit.REFUSED
    assert problem in done.out
    assert "NOT INTACT" in done.out


@pytest.mark.parametrize(("alive", "code"), [(True, Exit.REFUSED), (False, Exit.UNREACHABLE)], ids=["alive", "gone"])
def test_a_log_that_a_living_server_cannot_read_is_not_intact(
    *, alive: bool, code: Exit, script: Script, here: Here
) -> None:
    """Both answer UNAVAILABLE: a server that still answers has a broken log, one that does not is unreachable."""

    def broken(_: object) -> None:
        raise StatusError(grpc.StatusCode.UNAVAILABLE, "state.db holds an event that cannot be read")

    server = serve_log(script, [], log_of(1)[0])
    server.answers |= {"ListEvents": broken, "GetState": (lambda _: inactive()) if alive else broken}

    done = here("--target", server.target, "events", "verify")

    assert done.code == code
    assert "holds an event that cannot be read" in (done.out if alive else done.err)


def test_a_head_noted_earlier_finds_a_log_that_was_replaced_as_a_whole(script: Script, here: Here) -> None:
    """Where the server itself publishes the head of a forged log, a head kept elsewhere tells."""
    true, forged = log_of(10), log_of(9, " forged")
    server = serve_log(script, forged, forged[8])
    kept = [f"--head={e.sequence}:{e.hash.hex()}" for e in (true[4], true[9])]

    unaware = here("--target", server.target, "events", "verify")
    aware = here("--target", server.target, "events", "verify", *kept, "--json")

    assert (unaware.code, aware.code) == (Exit.OK, Exit.REFUSED)
    assert aware.json["problems"] == [
        "event 5 is not the one that was noted earlier: the log was rewritten",
        "the log ends at event 9, but event 10 was published: its tail is cut",
    ]


@pytest.mark.parametrize("head", ["5", "x:00", "0:" + "0" * 64, "5:00ff"])
def test_a_head_that_is_none_is_wrong_use(head: str, here: Here) -> None:
    """A mistyped head is never taken for one that matches."""
    done = here("events", "verify", "--head", head)

    assert (done.code, "is not SEQUENCE:HASH" in done.err) == (Exit.USAGE, True)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EventHead]:
    """The files of a server that was killed after some events, and the head of their log."""
    folder = tmp_path_factory.mktemp("killed")
    server = ServeProcess(folder / "data", folder / "log").start()
    try:
        server.commission()
        for number in range(3):
            server.ess("trigger", "-m", f"trigger {number}")
        head = server.ess("events", "verify", "--json").json["head"]
    finally:
        server.end()
    sequence, _, digits = head.partition(":")
    return server.data_dir, EventHead(sequence=int(sequence), hash=bytes.fromhex(digits))


@pytest.fixture
def files(killed: tuple[Path, EventHead], tmp_path: Path) -> tuple[Path, EventHead]:
    """A copy of these files."""
    data_dir, head = killed
    return shutil.copytree(data_dir, tmp_path / "copy"), head


def test_files_of_a_server_that_was_killed_are_verified_in_place(files: tuple[Path, EventHead], here: Here) -> None:
    """Offline and online agree on the head."""
    data_dir, head = files

    done = here("events", "verify", "--data-dir", data_dir)

    assert done.code == Exit.OK
    assert f"head {head.sequence}:{head.hash.hex()}" in done.out


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE events SET record = CAST(REPLACE(record, 'trigger 0', 'trigger X') AS BLOB)", "event 3 was changed"),
        ("DELETE FROM events WHERE sequence = 3", "event 4 follows event 2"),
        ("DELETE FROM events WHERE sequence > 3", "state.db: the log ends at event 3, but the record"),
        ("UPDATE latch SET log_hash = x'00'", "state.db: the log ends at event 5, but the record"),
        ("UPDATE events SET record = x'7b7d' WHERE sequence = 3", "holds an event that cannot be read"),
    ],
    ids=["changed", "gap", "tail cut", "another record", "unreadable"],
)
def test_files_that_were_tampered_with_are_found_out(
    statement: str, problem: str, files: tuple[Path, EventHead], here: Here
) -> None:
    """A change made to the file itself ends with 1 and names the event."""
    data_dir, _ = files
    connection = sqlite3.connect(data_dir / "state.db")
    connection.execute(statement)
    connection.commit()
    connection.close()

    done = here("events", "verify", "--data-dir", data_dir)

    assert done.code == Exit.REFUSED
    assert problem in done.out


def test_files_in_use_or_not_there_are_named(serving: ServeProcess, here: Here, tmp_path: Path) -> None:
    """A running server keeps its files to itself, and an empty directory holds no log."""
    used = here("events", "verify", "--data-dir", serving.data_dir)
    empty = here("events", "verify", "--data-dir", tmp_path)

    assert (used.code, empty.code) == (Exit.UNREACHABLE, Exit.USAGE)
    assert "is held by another process" in used.err
    assert f"{tmp_path}/state.db does not exist" in empty.err
