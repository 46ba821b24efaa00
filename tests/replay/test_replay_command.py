"""``ess replay`` from files to what it prints, and its exit codes."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.running import Ended, ess_on_terminal

from .recorded import DRAWDOWN, START, at, write_config, write_csv

Ess = Callable[..., Ended]
EQUITY = "time,account,equity,currency"


def episodes(ended: Ended) -> list[tuple[str, str, str]]:
    """Return time, what and evaluator of each episode."""
    return [(e["time"], e["what"], e["evaluator"]) for e in ended.json["episodes"]]


def test_a_loss_is_found_at_its_row_and_a_near_miss_beside_it(ess: Ess, tmp_path: Path) -> None:
    """The table has each would-be trip at exactly its row, and each near miss, with reading, limit and reason."""
    amounts = ["1000", "950", "899.9", "950", "1000", "905", "1000", "900.1", "900", "1000"]
    file = write_csv(tmp_path / "e.csv", EQUITY, [(at(n * 60), "main", a, "USDT") for n, a in enumerate(amounts)])
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    ended = ess("replay", "--config", config, file, "--json")
    assert ended.code == 7, ended.err
    assert episodes(ended) == [
        (at(120), "trip", "drawdown/main"),
        (at(300), "near_miss", "drawdown/main"),
        (at(480), "trip", "drawdown/main"),
    ]
    first, miss, second = ended.json["episodes"]
    assert (first["reading"], first["limit"], first["action"]) == ("10.01", "10", "flatten")
    assert (first["until"], first["released"], miss["limit_used"]) == (at(180), "recovered", 0.95)
    assert second["reason"].startswith("account main: daily loss 10 % (equity 900 USDT")
    [summary] = ended.json["evaluators"]
    assert (summary["trips"], summary["near_misses"], summary["max_reading"]) == (2, 1, "10.01")
    assert summary["max_time"] == at(120)
    shown = ess("replay", "--config", config, file)
    assert shown.code == 7
    for words in ("2025-03-03 12:02:00", "NEAR MISS", "100.1 %", "60 s", "would have tripped"):
        assert words in shown.out + shown.err


def test_nothing_found_is_exit_code_0(ess: Ess, tmp_path: Path) -> None:
    """A calm recording ends with 0, whatever the mode, and says how much of the limit was used."""
    file = write_csv(tmp_path / "e.csv", EQUITY, [(at(n), "main", 1000 - n, "USDT") for n in range(5)])
    config = write_config(tmp_path / "ess.toml", DRAWDOWN | {"mode": "shadow"})
    ended = ess("replay", "--config", config, file)
    assert ended.code == 0, ended.err
    assert "4.0 %" in ended.out
    assert "no evaluator would have tripped" in ended.out


def _parquet(file: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pa.table(columns), file)
    return file


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_and_csv_say_the_same(ess: Ess, tmp_path: Path, unit: str) -> None:
    """Timestamps of every unit and numbers since 1970, floats and decimals: one recording, one result."""
    times, amounts = [START + timedelta(minutes=n) for n in range(5)], [1000.0, 1000.1, 880.3, 1000.0, 1000.0]
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    one = _parquet(
        tmp_path / "a.parquet",
        {"time": pa.array(times, pa.timestamp(unit, "UTC")), "equity": amounts, "currency": ["USDT"] * 5},
    )
    factor = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit]
    other = write_csv(
        tmp_path / "b.csv",
        "time,amount,currency",
        [(int(t.timestamp()) * factor, a, "USDT") for t, a in zip(times, amounts, strict=True)],
    )
    for file in (one, other):
        [trip] = ess("replay", "--config", config, file, "--json").json["episodes"]
        assert (trip["time"], trip["until"], trip["reading"]) == (at(120), at(180), "11.97")


def test_days_begin_in_the_configured_zone(ess: Ess, tmp_path: Path) -> None:
    """The day on which the clocks go forward ends after 23 hours in Berlin, and a loss after it is of the next one."""
    midnight = datetime(2025, 3, 29, 23, tzinfo=UTC)
    steps = [(0, 1000), (1, 1000), (2, 1000), (23, 920), (23.1, 920), (23.5, 850)]
    rows = [(at(hours * 3600 - 1, midnight), "main", amount, "USDT") for hours, amount in steps]
    file = write_csv(tmp_path / "e.csv", EQUITY, rows)
    found = {}
    for zone in ("Europe/Berlin", "Europe/Lisbon"):
        config = write_config(tmp_path / "ess.toml", DRAWDOWN, zone=zone)
        ended = ess("replay", "--config", config, file, "--sampled-every", "100000", "--json")
        found[zone] = [time for time, _, _ in episodes(ended)]
    assert found == {"Europe/Berlin": [], "Europe/Lisbon": [at(23.5 * 3600 - 1, midnight)]}


def test_a_gap_trips_what_silence_would_trip(ess: Ess, tmp_path: Path) -> None:
    """Past its allowance a silent account is unknown, and a fault at the tick that live would have found it."""
    times = [0, 1, 2, 3, 103, 104, 105]
    file = write_csv(tmp_path / "e.csv", EQUITY, [(at(t), "main", 1000, "USDT") for t in times])
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    ended = ess("replay", "--config", config, file, "--json")
    [fault] = ended.json["episodes"]
    # 15 s of max_age, a tick of 250 ms beyond it, then 30 s unknown.
    assert (fault["time"], fault["until"]) == (at(3 + 15 + 0.25 + 30), at(103))
    assert (fault["action"], fault["fault"], fault["reading"]) == ("block", True, "")
    assert "unknown for 30.0 s" in fault["reason"]
    [summary] = ended.json["evaluators"]
    assert summary["unknown_for"] == 100 - 15.25


def test_the_pace_of_a_recording_is_no_silence(ess: Ess, tmp_path: Path) -> None:
    """One row a minute is no silence, a minute that is missing is; ``--sampled-every 0`` counts every gap."""
    times = [60 * n for n in range(6)] + [60 * n for n in range(8, 11)]
    file = write_csv(tmp_path / "e.csv", EQUITY, [(at(t), "main", 1000, "USDT") for t in times])
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    ended = ess("replay", "--config", config, file, "--json")
    assert [e["time"] for e in ended.json["episodes"]] == [at(300 + 45.25)]
    strict = ess("replay", "--config", config, file, "--sampled-every", "0", "--json")
    assert len(strict.json["episodes"]) == 8


def test_resets_by_the_clock(ess: Ess, tmp_path: Path) -> None:
    """``--reset-after`` resets a loss that stands, which counts anew 15 minutes later; ``--rebaseline`` forgives it."""
    rows = [(at(60 * n), "main", 1000 if n < 3 else 800, "USDT") for n in range(60)]
    file = write_csv(tmp_path / "e.csv", EQUITY, rows)
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    said = {}
    for more in ((), ("--reset-after", "600"), ("--reset-after", "600", "--rebaseline")):
        ended = ess("replay", "--config", config, file, "--json", *more)
        said[more] = [(e["time"], e["released"]) for e in ended.json["episodes"]]
    assert list(said.values()) == [
        [(at(180), "end")],
        [(at(180), "reset_after"), (at(180 + 1500), "reset_after"), (at(180 + 3000), "end")],
        [(at(180), "reset_after")],
    ]


def test_executions_quotes_and_health_are_merged_by_time(ess: Ess, tmp_path: Path) -> None:
    """Several files are one recording, and every kind of evaluator trips at the row that breaches."""
    orders = write_csv(
        tmp_path / "orders.csv",
        "time,symbol,execution_type,client_order_id",
        [(at(10 + n), "BTC/USDT:USDT", "Rejected", f"o{n}") for n in range(3)],
    )
    quotes = write_csv(
        tmp_path / "quotes.csv",
        "time,symbol,bid,ask",
        [(at(n), "BTC/USDT:USDT", 100, 101 if n != 14 else 99) for n in range(30)],
    )
    health = write_csv(
        tmp_path / "health.csv",
        "time,component,status,detail",
        [(at(n), "router", "critical" if n == 16 else "healthy", "out of disk") for n in range(30)],
    )
    config = write_config(
        tmp_path / "ess.toml",
        {"kind": "execution_errors", "account": "main", "max_failed_orders": 3},
        {"kind": "data_feed", "feed": "binance", "action": "cancel"},
        {"kind": "system_health"},
        DRAWDOWN,
        {"kind": "manual"},
    )
    ended = ess("replay", "--config", config, orders, quotes, health, "--json")
    assert episodes(ended) == [
        (at(12), "trip", "execution_errors/main"),
        (at(14), "trip", "data_feed/binance"),
        (at(16), "trip", "system_health"),
    ]
    assert [e["evaluator"] for e in ended.json["not_replayed"]] == ["drawdown/main", "manual"]
    only = ess("replay", "--config", config, orders, quotes, health, "--evaluator", "system_health", "--json")
    assert [e["name"] for e in only.json["evaluators"]] == ["system_health"]


def test_the_host_of_the_recorded_time_is_not_held_against_it(ess: Ess, tmp_path: Path) -> None:
    """Limits of the host are passed over with a note, and what components report goes on to be judged."""
    rows = [(at(n), "router", "critical" if n == 50 else "healthy") for n in range(60)]
    file = write_csv(tmp_path / "h.csv", "time,component,status", rows)
    config = write_config(
        tmp_path / "ess.toml",
        {"kind": "system_health", "max_disk_percent": 90, "max_memory_percent": 90, "max_load_per_core": 2},
    )
    ended = ess("replay", "--config", config, file, "--json")
    assert [time for time, _, _ in episodes(ended)] == [at(50)]
    assert any("figures of the host are not recorded" in note for note in ended.json["notes"])


def test_a_deposit_is_no_gain_and_mixed_rows_have_a_kind(ess: Ess, tmp_path: Path) -> None:
    """With a column ``kind`` one file holds several kinds; a withdrawal moves the baselines and trips nothing."""
    rows = [
        (at(0), "equity", 1000, ""),
        (at(1), "equity", 1000, ""),
        (at(2), "cash_flow", -500, "w1"),
        (at(2), "equity", 500, ""),
        (at(3), "equity", 470, ""),
    ]
    file = write_csv(tmp_path / "m.csv", "time,kind,amount,id", rows)
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    ended = ess("replay", "--config", config, file, "--currency", "USDT", "--json")
    assert episodes(ended) == []
    assert ended.json["evaluators"][0]["max_reading"] == "6"


def test_between_two_times(ess: Ess, tmp_path: Path) -> None:
    """``--from`` is included and ``--to`` is not; a date is midnight in the configured zone."""
    file = write_csv(tmp_path / "e.csv", EQUITY, [(at(n), "main", 1000 if n < 3 else 1, "USDT") for n in range(5)])
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    base = ("replay", "--config", config, file, "--json")
    assert ess(*base, "--from", "2025-03-03", "--to", at(3)).json["rows"] == 3
    assert ess(*base, "--from", at(1)).json["from"] == at(1)
    assert "--to: " in ess(*base, "--to", "yesterday").err
    assert ess(*base, "--to", "2025-03-03").code == 2


def test_a_terminal_shows_progress_and_no_pipe_does(tmp_path: Path) -> None:
    """Somebody who waits sees how far it is; a pipe gets the result alone."""
    file = write_csv(tmp_path / "e.csv", EQUITY, [(at(n), "main", 1000, "USDT") for n in range(5)])
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    ended = ess_on_terminal("replay", "--config", str(config), str(file))
    assert ended.code == 0
    assert "replaying" in ended.out


def test_wrong_use_says_what_to_write(ess: Ess, tmp_path: Path) -> None:
    """An evaluator, chart or zone that cannot be is refused with 2, before anything is read."""
    file = write_csv(tmp_path / "e.csv", EQUITY, [(at(0), "main", 1000, "USDT")])
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    base = ("replay", "--config", config, file)
    for more, words in (
        (("--evaluator", "drawdwn"), "there is no evaluator drawdwn"),
        (("--chart", "chart.jpg"), "neither .png nor .svg"),
        (("--timezone", "Berlin"), "is no time zone"),
    ):
        ended = ess(*base, *more)
        assert ended.code == 2
        assert words in ended.err


def test_without_pyarrow_it_says_what_to_install(ess: Ess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the command line needs none of it, and this command names the package to install."""
    file = write_csv(tmp_path / "e.csv", EQUITY, [(at(0), "main", 1000, "USDT")])
    config = write_config(tmp_path / "ess.toml", DRAWDOWN)
    for name in [n for n in sys.modules if n.split(".")[0] == "pyarrow" or n.startswith("ess_server.replay")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = ess("replay", "--config", config, file)
    assert ended.code == 2
    assert "needs pyarrow" in ended.err
    assert "pip install '.[server,replay]'  # in the project's folder" in ended.err
