"""The latch record as bytes."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_server.core import canonical
from ess_server.core.codec import decode_record, digest, encode_record
from ess_server.core.model import (
    GLOBAL,
    Action,
    Actor,
    Cause,
    CauseSource,
    Credential,
    DelayedFlatten,
    LatchRecord,
    Scope,
    ScopeKind,
    Stop,
)

TEXTS = st.text(max_size=40)
NUMBERS = st.integers(0, canonical.MAX_INTEGER)
TIMES = st.datetimes(timezones=st.just(UTC))
ACTORS = st.builds(Actor, id=TEXTS, credential=st.sampled_from(Credential), peer=TEXTS, requested_by=TEXTS)
CAUSES = st.builds(
    Cause,
    source=st.sampled_from(CauseSource),
    reason=TEXTS,
    actor=ACTORS,
    time=TIMES,
    evaluator=TEXTS,
    reading=TEXTS,
    limit=TEXTS,
)
SCOPES = st.just(GLOBAL) | st.builds(
    Scope,
    st.sampled_from([kind for kind in ScopeKind if kind is not ScopeKind.GLOBAL]),
    st.text(min_size=1, max_size=25).filter(str.isprintable),
)
STOPS = st.builds(
    Stop,
    stop_id=TEXTS,
    scope=SCOPES,
    action=st.sampled_from(Action),
    revision=NUMBERS,
    activate_time=TIMES,
    cause=CAUSES,
    cause_count=st.integers(1, canonical.MAX_INTEGER),
    held=st.booleans(),
    request_ids=st.lists(TEXTS, max_size=4).map(tuple),
    flatten=st.none() | st.builds(DelayedFlatten, time=TIMES, delay=st.timedeltas(timedelta(0), timedelta(hours=1))),
)
RECORDS = st.builds(
    LatchRecord,
    store_id=TEXTS,
    revision=NUMBERS,
    floor=NUMBERS,
    stops=st.lists(STOPS, max_size=3).map(tuple),
    event_sequence=NUMBERS,
    event_hash=TEXTS,
)
BAD: list[tuple[list[str | int], Any]] = [
    (["v"], 0),
    (["v"], 2),
    (["v"], 3),
    (["v"], True),
    (["v"], "1"),
    (["v"], None),
    (["store_id"], None),
    (["store_id"], 7),
    (["revision"], -1),
    (["revision"], True),
    (["revision"], 1.0),
    (["revision"], "1"),
    (["revision"], 2**63),
    (["floor"], None),
    (["stops"], {}),
    (["stops"], None),
    (["stops", 0], []),
    (["stops", 0], None),
    (["event_sequence"], -1),
    (["event_hash"], 0),
    (["stops", 0, "stop_id"], 1),
    (["stops", 0, "scope"], ""),
    (["stops", 0, "scope"], "global/x"),
    (["stops", 0, "scope"], "planet/earth"),
    (["stops", 0, "scope"], "account/"),
    (["stops", 0, "scope"], "account/" + "x" * 128),
    (["stops", 0, "scope"], None),
    (["stops", 0, "action"], 0),
    (["stops", 0, "action"], 4),
    (["stops", 0, "action"], "FLATTEN"),
    (["stops", 0, "revision"], None),
    (["stops", 0, "activate_time"], "2026-01-05T12:00:00"),
    (["stops", 0, "activate_time"], "2026-01-05T12:00:00.000000"),
    (["stops", 0, "activate_time"], "2026-01-05T13:00:00.000000+01:00"),
    (["stops", 0, "activate_time"], "2026-01-05T12:00:00+00:00"),
    (["stops", 0, "activate_time"], "9999-12-31T23:59:59.000000-14:00"),
    (["stops", 0, "activate_time"], "2026-13-05T12:00:00.000000+00:00"),
    (["stops", 0, "activate_time"], 0),
    (["stops", 0, "cause"], None),
    (["stops", 0, "cause", "source"], 7),
    (["stops", 0, "cause", "reason"], None),
    (["stops", 0, "cause", "actor"], "me"),
    (["stops", 0, "cause", "actor", "credential"], 0),
    (["stops", 0, "cause", "actor", "peer"], []),
    (["stops", 0, "cause", "time"], None),
    (["stops", 0, "cause", "limit"], 1),
    (["stops", 0, "cause_count"], 0),
    (["stops", 0, "held"], 0),
    (["stops", 0, "held"], None),
    (["stops", 0, "request_ids"], "abc"),
    (["stops", 0, "request_ids", 0], 1),
]


def changed(data: bytes, path: list[str | int], value: object) -> bytes:
    """Return canonical bytes in which the value at ``path`` is another one."""
    document = json.loads(data)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return canonical.dump(document)


def objects(value: Any, path: tuple[str | int, ...] = ()) -> list[list[str | int]]:
    """Return the path of every object in a document."""
    found = [list(path)] if isinstance(value, dict) else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += objects(inner, (*path, key))
    return found


@pytest.fixture
def sample(stopped: Callable[[int], LatchRecord]) -> bytes:
    """Give the bytes of a record with a stop that has a request id."""
    record = stopped(7)
    return encode_record(replace(record, stops=(replace(record.stops[0], request_ids=("a",)),)))


@given(RECORDS)
def test_any_record_comes_back_equal(record: LatchRecord) -> None:
    """Decoding what was encoded gives an equal record, and encoding that gives the same bytes."""
    data = encode_record(record)
    assert decode_record(data) == record
    assert encode_record(decode_record(data)) == data


@given(RECORDS, RECORDS)
def test_different_records_have_different_bytes(one: LatchRecord, other: LatchRecord) -> None:
    """Bytes are equal exactly when the records are, so a digest of the bytes stands for the record."""
    assert (encode_record(one) == encode_record(other)) == (one == other)


def test_time_of_another_zone_is_the_same_instant(stopped: Callable[[int], LatchRecord]) -> None:
    """A time given in another zone is written in UTC and is the same instant when read."""
    stop = stopped(1).stops[0]
    local = stop.activate_time.astimezone(timezone(timedelta(hours=5, minutes=30)))
    record = replace(stopped(1), stops=(replace(stop, activate_time=local),))
    assert encode_record(record) == encode_record(stopped(1))
    assert decode_record(encode_record(record)) == record


def test_naive_time_is_never_written(stopped: Callable[[int], LatchRecord]) -> None:
    """A time without a zone raises ValueError: nobody could say later which instant was meant."""
    stop = replace(stopped(1).stops[0], activate_time=datetime(2026, 1, 5, 12))  # noqa: DTZ001 - the case in question
    with pytest.raises(ValueError, match="time zone"):
        encode_record(replace(stopped(1), stops=(stop,)))


def test_bytes_are_those_of_version_1(stopped: Callable[[int], LatchRecord]) -> None:
    """The format is fixed: what this version wrote is what later versions must read."""
    assert encode_record(stopped(7)) == (
        b'{"event_hash":"","event_sequence":0,"floor":0,"revision":7,"stops":[{"action":3,'
        b'"activate_time":"2026-01-05T12:00:00.000000+00:00","cause":{"actor":{"credential":2,"id":"ess-server",'
        b'"peer":"","requested_by":""},"evaluator":"","limit":"","reading":"","reason":"fat finger","source":1,'
        b'"time":"2026-01-05T12:00:00.000000+00:00"},"cause_count":1,"held":false,"request_ids":[],"revision":7,'
        b'"scope":"global","stop_id":"stop-7"}],"store_id":"the-store","v":1}'
    )


def test_bytes_of_a_delayed_flatten_are_those_of_version_2(stopped: Callable[[int], LatchRecord]) -> None:
    """Only a record that needs it is written so; every stop of it then says whether it is delayed."""
    (stop,) = stopped(7).stops
    delayed = DelayedFlatten(time=stop.activate_time + timedelta(seconds=90), delay=timedelta(seconds=90))
    one = replace(stop, action=Action.CANCEL, flatten=delayed)
    record = replace(stopped(7), stops=(one, replace(stop, scope=Scope.parse("account/main"))))
    data = encode_record(record)
    assert data.count(b'"flatten":{"delay_us":90000000,"time":"2026-01-05T12:01:30.000000+00:00"}') == 1
    assert data.count(b'"flatten":null') == 1
    assert data.endswith(b'"v":2}')
    assert decode_record(data) == record
    for path, value in (
        (["v"], 1),
        (["stops", 0, "flatten"], None),
        (["stops", 0, "flatten", "delay_us"], -1),
        (["stops", 0, "flatten", "time"], "2026-01-05T12:01:30"),
        (["stops", 0, "flatten", "surplus"], 1),
        (["stops", 1, "surplus"], 1),
    ):
        with pytest.raises(ValueError, match=r".+"):
            decode_record(changed(data, path, value))  # type: ignore[arg-type]  # names and positions


@pytest.mark.parametrize(("path", "value"), BAD)
def test_unexpected_value_is_refused(sample: bytes, path: list[str | int], value: object) -> None:
    """A value of a wrong type, out of range or unknown to this version raises ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        decode_record(changed(sample, path, value))


def test_unknown_and_missing_keys_are_refused(sample: bytes) -> None:
    """In every object one key more or one less raises ValueError: a newer record is never half-read."""
    places = objects(json.loads(sample))
    assert len(places) == 4
    for path in places:
        with pytest.raises(ValueError, match="surplus"):
            decode_record(changed(sample, [*path, "surplus"], 1))
        document = json.loads(sample)
        for step in path:
            document = document[step]
        for key in document:
            shortened = json.loads(sample)
            place = shortened
            for step in path:
                place = place[step]
            del place[key]
            with pytest.raises(ValueError, match=r".+"):
                decode_record(canonical.dump(shortened))


@pytest.mark.parametrize(
    "data",
    [b"", b"1", b"[]", b"null", b"{", b"\xff", b"NaN", b"[" * 100_000, b"[" * 980 + b"]" * 980, b"9" * 5000],
    ids=lambda data: data[:8].decode("latin-1"),
)
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    """Whatever the bytes are, the answer is ValueError and nothing else."""
    with pytest.raises(ValueError, match=r".+"):
        decode_record(data)


def test_other_spellings_of_a_record_are_refused(sample: bytes) -> None:
    """White space, another order, a repeated key or another encoding raise ValueError: one record, one text."""
    document = json.loads(sample)
    spellings = [
        json.dumps(document).encode(),
        json.dumps(document, separators=(",", ":")).encode(),
        sample + b"\n",
        sample.replace(b'"v":1', b'"v":1,"v":1'),
        sample.replace(b"fat", b"\\u0066at"),
        sample.decode().encode("utf-16"),
    ]
    for spelling in spellings:
        if spelling != sample:
            with pytest.raises(ValueError, match=r".+"):
                decode_record(spelling)


def test_number_that_is_none_is_never_written() -> None:
    """NaN and infinity raise ValueError."""
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r".+"):
            canonical.dump(number)


def test_digest_is_sha256() -> None:
    """The digest is plain SHA-256, which any tool can check."""
    assert digest(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
