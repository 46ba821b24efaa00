"""FLAT needs a quiet venue and a witness; trouble is told louder; late entries are named; closing keeps its rules."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ess_server.core.closing import ClosingRules
from ess_server.core.flatten_plan import plan
from ess_server.core.flatten_report import FlattenReport
from ess_server.core.flatten_verify import Verification
from ess_server.core.model import Account, AccountProgress, Action, FlattenStatus
from ess_server.core.venue_snapshot import VenueSnapshot, Witness
from ess_server.testing import FakeClock
from ess_server.testing.exchange import Fault
from ess_server.testing.waiting import eventually
from tests.core.flatten_rig import BTC, ETH, QUICK, Rig, running, work


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig whose flattener runs."""
    made = Rig()
    async with running(made):
        yield made


async def test_a_witness_that_denies_keeps_an_empty_account_unknown(rig: Rig) -> None:
    """Lists that show nothing prove nothing against an account that holds margin."""
    rig.client.unlisted = True
    rig.flattener.set_work(work())
    await eventually(lambda: rig.client.calls.count("witness") > 2)

    assert FlattenStatus.FLAT not in [p.status for p in rig.history]
    assert rig.kinds == ["started", "unknown"]
    assert "no position is listed, but the account holds some: the fake's books" in [p.detail for p in rig.history]
    rig.client.unlisted = False
    await rig.reaches(FlattenStatus.FLAT)


async def test_a_witness_that_cannot_be_asked_is_unknown(rig: Rig) -> None:
    """A failed reading of the witness is no testimony: verification begins anew."""
    rig.client.faults["witness"].append(Fault.LOST)
    rig.flattener.set_work(work())
    await rig.passes(FlattenStatus.VERIFYING, FlattenStatus.UNKNOWN, FlattenStatus.VERIFYING, FlattenStatus.FLAT)

    assert rig.client.calls == [*["snapshot"] * 3, "witness", *["snapshot"] * 3, "witness"]


async def test_a_witness_of_replaced_work_says_nothing() -> None:
    """Work that changes while the witness is asked is begun anew, and is not called flat for it."""
    rig = Rig()
    witness = rig.client.witness

    async def overtaken() -> Witness:
        rig.client.witness = witness
        rig.client.hold(ETH, 1)
        rig.flattener.set_work(work(symbols=((BTC, work().action),)))
        return Witness()

    rig.client.witness = overtaken
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.flat
    assert [p.status for p in rig.history].count(FlattenStatus.FLAT) == 1


async def test_what_appears_in_the_quiet_window_is_removed_and_the_window_begins_anew() -> None:
    """FLAT is not said before a whole window without anything."""
    rig = Rig(replace(QUICK, quiet_window=timedelta(milliseconds=60)))
    placed: list[int] = []

    def late_fill(progress: AccountProgress) -> None:
        if progress.detail.startswith("no open orders or positions") and not placed:
            placed.append(len(rig.history))
            rig.client.hold(BTC, 1)

    rig.watch = late_fill
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT)

    shown = [p.status for p in rig.history[placed[0] :]]
    assert shown.index(FlattenStatus.CLOSING) < shown.index(FlattenStatus.FLAT)
    assert rig.client.flat
    last_two = [float(d["uptime"]) for k, d in rig.told if k in ("clean_read", "flat")][-2:]
    assert last_two[1] - last_two[0] >= 0.06


async def test_flat_comes_with_its_evidence(rig: Rig) -> None:
    """The log holds the window, the witness's words, and what stays."""
    rig.client.minimum = Decimal("0.01")
    rig.client.hold(BTC, Decimal("0.004"))
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT_WITH_DUST)

    told = rig.told[-1][1]
    assert (told["status"], told["quiet_window_s"]) == ("FLAT_WITH_DUST", "0.008")
    assert told["witness"] == "none of orders: the fake's books"
    assert told["remark"] == f"below the venue's minimum: 0.004 {BTC}"


def test_what_is_left_alone_by_configuration_stands_beside_flat() -> None:
    """FLAT says what it does not cover; a stop that closes nothing anyway does not."""
    for action, remark in ((Action.FLATTEN, "nothing is sold"), (Action.CANCEL, "")):
        shown = VenueSnapshot(time=datetime.now(UTC), untouched="nothing is sold")

        assert plan(work(action), shown, dust=set(), swept=False).remark == remark


async def test_late_orders_are_named_and_removed(rig: Rig) -> None:
    """An order that appears after the account was flat raises an event with its name."""
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.FLAT)
    late = rig.client.rest(ETH)
    await eventually(lambda: "late_entries" in rig.kinds)

    assert dict(rig.told)["late_entries"]["orders"] == f"{ETH} {late.id}"
    await rig.reaches(FlattenStatus.FLAT)
    assert rig.client.flat


async def test_a_collar_closes_within_its_price_and_at_market_in_the_end() -> None:
    """While no price within the bound is to be had nothing is given away; then what is left goes."""
    rig = Rig(rules=ClosingRules(collar=Decimal("0.01"), market_after=timedelta(milliseconds=80)))
    rig.client.hold(BTC, 2)
    rig.client.prices[BTC] = Decimal(100)
    rig.client.thin.add(BTC)
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT)

    limits = [c.limit for c in rig.client.closes]
    assert 2 < len(limits) < 15
    assert limits == [*[Decimal("99.00")] * (len(limits) - 1), None]
    assert FlattenStatus.INCOMPLETE not in [p.status for p in rig.history]


async def test_a_partial_reading_asks_for_work_and_proves_nothing() -> None:
    """An order that only whole readings show is cancelled, and never counts as late; no clean read is partial."""
    rig = Rig()
    rig.client.costly = True
    rig.client.rest(BTC)
    rig.client.hold(BTC, 1)
    rig.client.rest(ETH, conditional=True)
    rig.client.faults["cancel"].append(Fault.PARTIAL)
    partial: list[bool] = []
    snapshot = rig.client.snapshot

    async def noted() -> VenueSnapshot:
        shown = await snapshot()
        partial.append(shown.partial)
        return shown

    rig.client.snapshot = noted
    async with running(rig):
        rig.flattener.set_work(work())
        await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.flat
    assert partial[:2] == [False, True]
    assert partial[-3:] == [False] * 3
    assert "late_entries" not in rig.kinds


def report(clock: FakeClock, told: list[tuple[str, Mapping[str, str]]]) -> FlattenReport:
    """Return a report whose events end up in ``told``."""
    return FlattenReport(
        Account(id="main", venue="v"),
        clock,
        timedelta(seconds=30),
        on_progress=lambda _: None,
        on_event=lambda kind, _, details: told.append((kind, details)),
    )


def test_trouble_that_lasts_is_told_again_and_louder() -> None:
    """At once, after 10 s, 30 s, a minute, and then every minute, however often it is reported."""
    clock = FakeClock()
    told: list[tuple[str, Mapping[str, str]]] = []
    under_test = report(clock, told)
    began = clock.uptime()
    times = []
    for _ in range(2600):
        before = len(told)
        under_test.insist("flatten.incomplete", left="1 BTC")
        if len(told) > before:
            times.append(round(clock.uptime() - began))
        clock.advance(0.1)

    assert times == [0, 10, 30, 60, 120, 180, 240]
    assert [d.get("louder") for _, d in told] == [None, "1", "2", "3", "4", "5", "6"]
    assert told[-1][1]["lasting_s"] == "240"


def test_after_flat_trouble_begins_quietly_again() -> None:
    """What is over is over."""
    clock = FakeClock()
    told: list[tuple[str, Mapping[str, str]]] = []
    under_test = report(clock, told)
    under_test.insist("flatten.unknown")
    clock.advance(20)
    under_test.insist("flatten.unknown")
    under_test.tell_flat(Verification())
    under_test.insist("flatten.unknown")

    assert [d.get("louder") for k, d in told if k == "flatten.unknown"] == [None, "1", None]


async def test_the_trouble_names_what_is_left(rig: Rig) -> None:
    """INCOMPLETE says how many rounds, what remains and why."""
    rig.client.hold(BTC, 1)
    rig.client.rest(ETH)
    for method in ("close_position", "cancel"):
        rig.client.faults[method].extend([Fault.REFUSED] * 10_000)
    rig.flattener.set_work(work())
    await rig.reaches(FlattenStatus.INCOMPLETE)
    await eventually(lambda: "incomplete" in rig.kinds)

    told = dict(rig.told)["incomplete"]
    assert told["left"] == f"long 1 {BTC}, order 1 {ETH}"
    assert told["failure"].endswith("was refused")
