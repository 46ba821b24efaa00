"""From a stop to two clean reads of the venue, on each exchange, beside what a simple loop over ccxt needs.

One account holds 20 positions and 60 orders, 20 of them conditional; every answer of the venue takes 50 ms. The venue
runs in a process of its own. Then ten such accounts on three venues at once, and what they cost the server.
``python -m tests.bench flatten``
"""

import asyncio
import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

from ess_server.core.clock import SystemClock
from ess_server.core.flatten import FlattenSettings, LocalFlattener
from ess_server.core.model import Account, AccountProgress, Action, FlattenStatus, Work
from ess_server.testing.waiting import eventually
from ess_server.venue.credentials import Credentials
from ess_server.venue.deferred import VenueClient
from ess_server.venue.plans import PLANS, Budgets
from tests.bench.figures import Row, middle
from tests.bench.flatten_server import server_rows
from tests.bench.floor import PASSPHRASE, SECRET, Floor, floor, key_of
from tests.bench.simple_flatten import simple_flatten

EXCHANGES = ("binanceusdm", "okx", "bybit")
ROUNDS, SHORT_ROUNDS = 2, 1
SHARES: Mapping[str, int] = {"binanceusdm": 4, "okx": 3, "bybit": 3}
"""Ten accounts on three venues."""
SETTINGS = FlattenSettings()
_PAUSE_S = 2.5
"""Longer than the spans in which venues count requests, so that one round does not pay for the one before."""


class Stopwatch:
    """Notes when the second clean read of each account ended: what follows it is the quiet window."""

    def __init__(self, clock: SystemClock) -> None:
        self.ended: dict[str, float] = {}
        self._clock = clock

    def hear(self, progress: AccountProgress) -> None:
        """Take the progress of an account."""
        if progress.status is FlattenStatus.VERIFYING and "quiet window" in progress.detail:
            self.ended.setdefault(progress.account, self._clock.uptime())


async def flatten(accounts: Sequence[tuple[str, Floor, str]]) -> dict[str, float]:
    """Flatten accounts (exchange, venue, name) at once; return seconds from the work to two clean reads of each."""
    clock = SystemClock()
    watch = Stopwatch(clock)
    async with AsyncExitStack() as stack:
        clients, budgets = [], {where: Budgets(clock) for _, where, _ in accounts}
        for exchange, where, name in accounts:
            client = _client(exchange, where, name, budgets[where], clock)
            stack.push_async_callback(client.aclose)
            await client.prepare()
            clients.append(client)
        flattener = LocalFlattener(
            clients, clock=clock, settings=SETTINGS, on_progress=watch.hear, on_event=lambda *_: None
        )
        await flattener.start()
        stack.push_async_callback(flattener.stop)
        began = clock.uptime()
        ids = [client.account.id for client in clients]
        flattener.set_work({id_: Work(account=id_, stop_id="bench", action=Action.FLATTEN) for id_ in ids})
        await eventually(lambda: len(watch.ended) == len(ids), within=60, every=0.005)
    for _, where, name in accounts:
        if not await where.is_flat(name):
            raise RuntimeError(f"{name} is not flat")
    return {id_: watch.ended[id_] - began for id_ in ids}


def _client(exchange: str, where: Floor, name: str, budgets: Budgets, clock: SystemClock) -> VenueClient:
    plan = PLANS[exchange]
    account = Account(id=f"{exchange}-{name}", venue=exchange)
    return plan.connect(
        account,
        Credentials(key_of(name), SECRET, PASSPHRASE),
        clock=clock,
        budget=budgets.of(exchange, None, account.id),
        session=where.session(),
        history=plan.history(),
    )


async def _simple(floors: Mapping[str, Floor], account: str) -> Mapping[str, float]:
    """Return the seconds of the simple loop on each venue; all at once, for they do nothing but wait."""
    found = await asyncio.gather(*(simple_flatten(exchange, where, account) for exchange, where in floors.items()))
    return dict(zip(floors, found, strict=True))


def _alone(exchange: str, where: Floor, rounds: int, simple: float) -> list[Row]:
    ours = []
    for number in range(rounds):
        time.sleep(_PAUSE_S)
        [seconds] = asyncio.run(flatten([(exchange, where, f"a{number}")])).values()
        ours.append(seconds)
    ratios = {"simple_loop": middle(ours) / simple}
    return [
        Row(f"flatten_{exchange}", rounds, middle(ours), "s", ratios, at_most=1.0),
        Row(f"simple_loop_{exchange}", 1, simple, "s"),
    ]


def _crowd(folder: Path, rounds: int, slowest_alone: float) -> list[Row]:
    took = []
    for each in range(rounds):
        # Venues of their own: nothing that was asked before counts against the limits of this minute.
        with _floors(folder / f"together-{each}", max(SHARES.values())) as floors:
            accounts = [
                (exchange, floors[exchange], f"a{number}")
                for exchange, count in SHARES.items()
                for number in range(count)
            ]
            took.append(max(asyncio.run(flatten(accounts)).values()))
    together = middle(took)
    ratios = {"slowest_alone": together / slowest_alone}
    return [Row("flatten_10_accounts_3_venues", 10, together, "s", ratios, at_most=1.5, target_peer="slowest_alone")]


def rows(*, short: bool = False) -> Sequence[Row]:
    """Measure."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    rounds = SHORT_ROUNDS if short else ROUNDS
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        with _floors(Path(folder) / "alone", rounds + 1) as floors:
            simple = asyncio.run(_simple(floors, f"a{rounds}"))
            for exchange, where in floors.items():
                found += _alone(exchange, where, rounds, simple[exchange])
        slowest = max(row.value for row in found if row.name.startswith("flatten_"))
        found += _crowd(Path(folder), 2 * rounds - 1, slowest)
        with _floors(Path(folder) / "server", max(SHARES.values())) as floors:
            found += server_rows(floors, SHARES, 0)
    return found


@contextmanager
def _floors(directory: Path, accounts: int) -> Iterator[dict[str, Floor]]:
    directory.mkdir()
    with ExitStack() as stack:
        yield {exchange: stack.enter_context(floor(directory / exchange, accounts)) for exchange in EXCHANGES}
