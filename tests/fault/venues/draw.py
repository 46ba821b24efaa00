"""What one seed draws: an exchange, its market, a schedule of faults, and the hour at which they end."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType

from ess_server.venue.paper.instruments import default_instruments
from ess_server.venue.paper.model import Instrument

DIALECTS = ("binanceusdm", "okx", "bybit")
KINDS: Mapping[str, float] = MappingProxyType(
    {
        "latency": 2,
        "too_many": 1.5,
        "banned": 0.7,
        "server_error": 2,
        "overload": 1,
        "maintenance": 0.7,
        "hang": 1,
        "drop": 2,
        "refused": 0.7,
        "truncated": 1,
        "empty_body": 1,
        "html_body": 1,
        "object_body": 1,
        "null_body": 0.5,
        "lying_list": 1,
        "skew": 1,
        "partial": 2,
        "late_fill": 1.5,
        "kept": 1.5,
        "grow": 1.5,
        "trade": 2,
        "mark": 1.5,
        "crash": 1.5,
    }
)
"""Every kind of fault with its weight in the draw. ``crash`` is of the flattener, the rest of the venue."""
PROCESS_SHARE = 25
"""One run in so many is of the real venue process, which is killed."""

SHARED_MINUTE = frozenset(("binanceusdm",))
"""Binance gives one address 26 complete readings a minute: two accounts in much trouble at once have to wait for
the next. There is a second account only in runs with little of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that goes wrong ``at`` so many seconds after the stop. ``rng`` decides the rest when it is done."""

    at: float
    kind: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One run. ``cancel_first`` seconds pass under CANCEL before FLATTEN; faults end after ``clear_at`` seconds."""

    seed: int
    dialect: str
    accounts: int
    hedged: bool
    crowded: bool
    furniture: int
    process: bool
    cancel_first: float
    clear_at: float
    instruments: tuple[Instrument, ...] = field(repr=False)
    steps: tuple[Step, ...]

    @property
    def kinds(self) -> frozenset[str]:
        """Names of what goes wrong."""
        return frozenset(step.kind for step in self.steps)


def draw(seed: int, *, dialects: tuple[str, ...] = DIALECTS) -> Draw:
    """Return the run of a seed."""
    rng, dialect = random.Random(seed), dialects[seed % len(dialects)]
    process = rng.randrange(PROCESS_SHARE) == 0
    clear_at = rng.uniform(2, 5) if process else rng.uniform(0.3, 3)
    kinds = rng.choices(list(KINDS), list(KINDS.values()), k=rng.randint(1, 5))
    if process:
        kinds += ["crash"] * rng.randint(1, 2)
    cancel_first = rng.uniform(0.1, clear_at) if rng.random() < 0.15 else 0.0
    steps = [Step(at=_when(rng, clear_at, kind), kind=kind, seed=rng.getrandbits(32)) for kind in kinds]
    return Draw(
        seed=seed,
        dialect=dialect,
        accounts=_accounts(rng, calm=len(kinds) < 3 and "crash" not in kinds and not cancel_first, dialect=dialect),
        hedged=rng.random() < 0.4,
        crowded=rng.random() < 0.06,
        furniture=rng.getrandbits(32),
        process=process,
        cancel_first=cancel_first,
        clear_at=clear_at,
        instruments=_instruments(rng),
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _accounts(rng: random.Random, *, calm: bool, dialect: str) -> int:
    wanted = rng.choices((1, 2, 3), (6, 3, 1))[0]
    return wanted if dialect not in SHARED_MINUTE else min(wanted, 2 if calm else 1)


def _when(rng: random.Random, clear_at: float, kind: str) -> float:
    if kind == "crash":
        return rng.uniform(0.05, clear_at)
    return 0.0 if rng.random() < 0.5 else rng.uniform(0, clear_at * 0.9)


def _instruments(rng: random.Random) -> tuple[Instrument, ...]:
    """A few contracts; some take only small market orders, some have a minimum of many steps."""
    chosen = rng.sample(default_instruments(), rng.randint(2, 7))
    return tuple(_changed(rng, item) for item in chosen)


def _changed(rng: random.Random, item: Instrument) -> Instrument:
    minimum = item.step * 10 if rng.random() < 0.3 else item.min_quantity
    if rng.random() < 0.7:
        return replace(item, min_quantity=minimum)
    steps = (Decimal(rng.randint(300, 1500)) / item.first_mark / item.step).to_integral_value()
    return replace(item, min_quantity=minimum, max_market_quantity=max(minimum * 3, steps * item.step))
