"""A market whose symbol could not be looked up: it may be the very one that a symbol stop means."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ess_server.core.model import Action, FlattenStatus
from ess_server.core.venue_snapshot import VenueSnapshot
from tests.core.flatten_rig import BTC, Rig, running, work


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig whose flattener runs; the symbol of NEWUSDT is not known to its client."""
    made = Rig()
    read = made.client.snapshot

    async def snapshot() -> VenueSnapshot:
        seen = await read()
        unnamed = {x.symbol for x in (*seen.orders, *seen.positions)} & {"NEWUSDT"}
        return replace(seen, unnamed=tuple(unnamed))

    made.client.snapshot = snapshot
    async with running(made):
        yield made


async def test_a_symbol_stop_is_unknown_while_a_market_has_no_name(rig: Rig) -> None:
    """The named symbol is closed, but a position in a market without a name keeps the account from FLAT."""
    rig.client.hold("NEWUSDT", 5)
    rig.client.hold(BTC, 1)
    rig.flattener.set_work(work(Action.BLOCK, symbols=((BTC, Action.FLATTEN), ("NEW/USDT:USDT", Action.FLATTEN))))
    await rig.reaches(FlattenStatus.UNKNOWN)

    assert [p.symbol for p in rig.client.positions.values()] == ["NEWUSDT"]
    assert rig.flattener.progress.detail == "the symbol of market NEWUSDT could not be looked up"
    assert not any(p.status.is_flat for p in rig.history)
    rig.client.positions.clear()
    await rig.reaches(FlattenStatus.FLAT)


@pytest.mark.parametrize("symbols", [(), ((BTC, Action.FLATTEN),)])
async def test_a_stop_of_the_whole_account_needs_no_names(rig: Rig, symbols: tuple[tuple[str, Action], ...]) -> None:
    """What covers every market closes one without a name like any other."""
    rig.client.hold("NEWUSDT", 5)
    rig.flattener.set_work(work(symbols=symbols))
    await rig.reaches(FlattenStatus.FLAT)

    assert rig.client.flat
    assert rig.client.closes[0].position.symbol == "NEWUSDT"
