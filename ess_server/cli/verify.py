"""Checks the audit log: its chain, and whether it still holds every head that was ever seen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import grpc

from ess_client.pb import emergency_stop_pb2 as pb
from ess_server.adapters.latch_file import LatchFile
from ess_server.adapters.sqlite_store import SqlitePolicyStore
from ess_server.cli.connection import Remote, failure
from ess_server.cli.errors import CommandError
from ess_server.cli.exits import Exit
from ess_server.cli.output import plain, print_json, say
from ess_server.core import chain
from ess_server.core.errors import StoreError, StoreLockedError
from ess_server.core.model import Actor, Credential, Event, EventDraft, EventHead

PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of a check; ``head`` is the newest event that was read."""

    events: int
    head: EventHead
    problems: tuple[str, ...]


class Witnesses:
    """Looks at every event that passes, for the heads that the log must contain."""

    def __init__(self, heads: Iterable[EventHead]) -> None:
        self._heads = tuple(heads)
        self._seen: dict[int, Event] = {}
        self.head = chain.EMPTY_LOG
        self.events = 0

    def looking(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass ``events`` on."""
        wanted = {h.sequence for h in self._heads}
        for event in events:
            self.head, self.events = chain.head_of(event), self.events + 1
            if event.sequence in wanted:
                self._seen[event.sequence] = event
            yield event

    def problems(self) -> list[str]:
        """Say which heads the log does not contain."""
        found = []
        for head in self._heads:
            event = self._seen.get(head.sequence)
            if event is None:
                found += chain.verify((), self.head, head)
            elif chain.head_of(event) != head:
                found.append(f"event {head.sequence} is not the one that was noted earlier: the log was rewritten")
        return found

    def verified(self, problems: Iterable[str]) -> Verified:
        """Return the result."""
        found = tuple(dict.fromkeys([*problems, *self.problems()]))
        return Verified(events=self.events, head=self.head, problems=found)


def online(remote: Remote, witnesses: Witnesses) -> Verified:
    """Check the log of a running server, against the head that it published before it was asked for the log."""
    published = remote.asking(_published)
    problems = []
    try:
        problems = chain.verify(witnesses.looking(map(received, _pages(remote))), expect=published)
    except grpc.RpcError as error:
        if witnesses.events == 0 and not _answers(remote):
            raise failure(error, remote.target) from None
        problems = [f"the log cannot be read beyond event {witnesses.head.sequence}: {error.details()}"]
    return witnesses.verified(problems)


def offline(data_dir: Path, witnesses: Witnesses) -> Verified:
    """Check the files of a server that does not run, against the head that its second record carries."""
    path = data_dir / "state.db"
    if not path.exists():
        raise CommandError(f"{path} does not exist; name the server's data directory", Exit.USAGE)
    try:
        # A store that checks no events when it opens gives out all of them, changed ones included.
        problems = _files(data_dir, SqlitePolicyStore(path, checked_events=0), witnesses)
        if problems is None:
            # One that checks them says best what is wrong with what cannot be given out.
            return Verified(events=0, head=chain.EMPTY_LOG, problems=(f"{path.name}: {_problem(path)}",))
    except StoreLockedError as error:
        step = "while the server runs: ess events verify"
        raise CommandError(str(error), Exit.UNREACHABLE, next_steps=(step,)) from None
    except StoreError as error:
        problems = [str(error)]
    return witnesses.verified(problems)


def _files(data_dir: Path, store: SqlitePolicyStore, witnesses: Witnesses) -> list[str] | None:
    try:
        return None if store.load().problem else _second_record(data_dir, store, witnesses)
    finally:
        store.close()


def _problem(path: Path) -> str:
    store = SqlitePolicyStore(path)
    try:
        return store.load().problem
    finally:
        store.close()


def _second_record(data_dir: Path, store: SqlitePolicyStore, witnesses: Witnesses) -> list[str]:
    """Verify the log against the head that the latch file carries; returns what is wrong with either."""
    latch = LatchFile(data_dir / "latch")
    try:
        loaded = latch.load()
    finally:
        latch.close()
    problems = [f"latch: {loaded.problem}"] if loaded.problem else []
    record = loaded.record
    expect = EventHead(sequence=record.event_sequence, hash=bytes.fromhex(record.event_hash)) if record else None
    return problems + chain.verify(witnesses.looking(_stored(store)), expect=expect)


def report(result: Verified, *, as_json: bool) -> Exit:
    """Print a result and return the exit code."""
    head = f"{result.head.sequence}:{result.head.hash.hex()}"
    if as_json:
        document = {"intact": not result.problems, "events": result.events, "head": head}
        print_json({**document, "problems": list(result.problems)})
    elif result.problems:
        for problem in result.problems:
            say(plain(problem), colour="red")
        say(f"NOT INTACT: {len(result.problems)} problems in {result.events} events", colour="red", bold=True)
    else:
        say(f"intact: {result.events} events", colour="green", bold=True)
        say(f"head {head}")
        say("note it elsewhere; later: ess events verify --head SEQ:HEX")
    return Exit.REFUSED if result.problems else Exit.OK


def received(event: pb.Event) -> Event:
    """Return an event as the server shows it; ``chain.verify`` compares that with its record."""
    try:
        _, draft = chain.parse(event.record)
    except ValueError:
        draft = EventDraft(event_id="", kind=event.kind, time=datetime.fromtimestamp(0, UTC), summary="", revision=0)
    details = draft.details if dict(draft.details) == dict(event.details) else tuple(event.details.items())
    shown = replace(
        draft,
        kind=event.kind,
        time=event.event_time.ToDatetime(UTC),
        summary=event.summary,
        revision=event.revision,
        actor=_actor(event.actor),
        stop_id=event.stop_id,
        scope=event.scope,
        details=details,
    )
    return Event(
        sequence=event.sequence,
        draft=shown,
        record=event.record,
        previous_hash=event.previous_hash,
        hash=event.hash,
    )


def _actor(actor: pb.Actor) -> Actor:
    number = int(actor.credential)
    credential = next((c for c in Credential if c == number), Credential.NONE)
    return Actor(id=actor.id, credential=credential, peer=actor.peer, requested_by=actor.requested_by)


def _published(remote: Remote) -> EventHead:
    stream = remote.watch(pb.WatchStateRequest(), within=remote.target.timeout)
    try:
        head = next(stream).event_head
    finally:
        stream.cancel()
    return EventHead(sequence=head.sequence, hash=head.hash)


def _answers(remote: Remote) -> bool:
    try:
        remote.state()
    except grpc.RpcError:
        return False
    return True


def _pages(remote: Remote) -> Iterator[pb.Event]:
    token = ""
    while True:
        request = pb.ListEventsRequest(page_size=PAGE, page_token=token, oldest_first=True)
        page: pb.ListEventsResponse = remote.call("ListEvents", request)
        yield from page.events
        token = page.next_page_token
        if not token or not page.events:
            return


def _stored(store: SqlitePolicyStore) -> Iterator[Event]:
    after = 0
    while page := store.read(after=after, limit=PAGE, ascending=True):
        yield from page
        after = max(after + 1, page[-1].sequence)
