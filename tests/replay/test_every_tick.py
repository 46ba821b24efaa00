"""Looking at the moments that matter finds what ticking through finds."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ess_server.core.evaluators import (
    DataFeedSettings,
    DrawdownSettings,
    EvaluatorSettings,
    ExecutionErrorsSettings,
    SystemHealthSettings,
)
from ess_server.replay.recording import ReadOptions
from tests.exploration import explored

from .recorded import at, replayed, write_csv

COLUMNS = (
    "time,received,kind,account,equity,currency,symbol,execution_type,side,quantity,price,expected_price,stop_loss,"
    "feed,last,component,status"
)

amounts = st.sampled_from(["1000", "1000.5", "970", "955", "940", "890", "nan", "0"])
gaps = st.sampled_from([0, 0.1, 0.25, 1, 2.3, 4.75, 5, 9, 14.9, 15, 27, 44, 61, 90, 200])
ahead = st.sampled_from([0, 0, 0, -8, 3, 7, 60])
rows = st.lists(
    st.one_of(
        st.tuples(gaps, ahead, st.just("equity"), amounts),
        st.tuples(gaps, ahead, st.just("execution"), st.sampled_from(["rejected", "trade", "new"])),
        st.tuples(gaps, ahead, st.just("quote"), st.sampled_from(["100", "100.1", "109", "120", "-1"])),
        st.tuples(gaps, ahead, st.just("health"), st.sampled_from(["healthy", "degraded", "critical"])),
    ),
    min_size=1,
    max_size=25,
)


def _settings(confirm: int, confirm_of: int) -> list[EvaluatorSettings]:
    shared: dict[str, Any] = {"confirm": confirm, "confirm_of": confirm_of, "confirm_within": timedelta(seconds=30)}
    return [
        DrawdownSettings(account="main", max_daily_loss_percent=Decimal(5), **shared),
        ExecutionErrorsSettings(
            account="main",
            max_failed_orders=3,
            max_repeated_orders=3,
            max_stop_losses=2,
            max_slippage_percent=Decimal(5),
            **shared,
        ),
        DataFeedSettings(feed="f", max_jump_percent=Decimal(8), unknown_after=timedelta(seconds=7), **shared),
        SystemHealthSettings(components=("engine",), **shared),
    ]


def _cells(ahead: float, kind: str, word: str, now: float) -> list[Any]:
    own = {
        "equity": ["main", word, "USDT", *[None] * 11],
        "execution": ["main", None, None, "BTC", word, "buy", 1, 106, 100, "yes", *[None] * 4],
        "quote": [None, None, None, "BTC", *[None] * 6, "f", word, None, None],
        "health": [*[None] * 12, "engine", word],
    }
    return [at(now + ahead), at(now), kind, *own[kind]]


def _write(file: Path, recorded: list[tuple[float, float, str, str]]) -> Path:
    now, cells = 0.0, []
    for gap, ahead_by, kind, word in recorded:
        now += gap
        cells.append(_cells(ahead_by, kind, word, now))
    return write_csv(file, COLUMNS, cells)


@explored(20)
@given(
    recorded=rows,
    confirm=st.sampled_from([(1, 1), (2, 3), (3, 3)]),
    pace=st.sampled_from([0, None, 20_000_000]),
    reset_after=st.sampled_from([None, timedelta(seconds=20)]),
)
def test_the_moments_that_matter_are_enough(
    recorded: list[tuple[float, float, str, str]],
    confirm: tuple[int, int],
    pace: int | None,
    reset_after: timedelta | None,
) -> None:
    """Same trips, near misses, times, reasons, peaks and time unknown as looking at every tick of every gap."""
    with TemporaryDirectory() as folder:
        file = _write(Path(folder) / "r.csv", recorded)
        read = ReadOptions(pace=pace)
        jumped, ticked = (
            replayed(file, *_settings(*confirm), read=read, reset_after=reset_after, every_tick=every)
            for every in (False, True)
        )
    for one, other in zip(jumped.subjects, ticked.subjects, strict=True):
        assert one.episodes == other.episodes
        assert (one.peak and one.peak.value, one.peak_micros) == (other.peak and other.peak.value, other.peak_micros)
        assert one.unknown == other.unknown
    assert jumped.looks <= ticked.looks
