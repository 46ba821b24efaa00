"""A recording that two processes replay, or one that stands in for the second, ends as in one process."""

import json
import os
import pickle
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

import psutil
import pytest

from ess_server.core.evaluators import (
    DataFeedSettings,
    DrawdownSettings,
    EvaluatorSettings,
    ExecutionErrorsSettings,
    SystemHealthSettings,
)
from ess_server.replay import halves, report
from ess_server.replay.halves import Cut, Second, Task
from ess_server.replay.recording import ReadOptions, read_recording
from ess_server.replay.run import Later, Replay, Replayed, ReplayOptions

from .recorded import at, write_csv

COLUMNS = (
    "time,received,kind,account,equity,cash_flow,currency,symbol,execution_type,side,quantity,price,expected_price,"
    "feed,last,component,status"
)


class OwnSettings(EvaluatorSettings):
    """Settings of an evaluator that did not come along."""


SMALL = Cut(fewest_bytes=0, fewest_rows=2, share=0.6, warm_up=25, most_load=inf)
RECORDINGS = 14


def _row(chance: random.Random, now: float, equity: float) -> list[Any]:
    head = [at(now + chance.choice([0, 0, 0, 0, -3, 2])), at(now)]
    kind = chance.choices(["equity", "cash_flow", "execution", "quote", "health"], [8, 1, 2, 2, 2])[0]
    shown = chance.choices([f"{equity:.2f}", "nan", "0"], [40, 1, 1])[0]
    word = chance.choice(["rejected", "trade", "new"])
    own: dict[str, list[Any]] = {
        "equity": [chance.choice(["main", "main", "other"]), shown, None, "USDT", *[None] * 10],
        "cash_flow": ["main", None, chance.choice([5, -5]), "USDT", *[None] * 10],
        "execution": ["main", None, None, None, "BTC", word, "buy", 1, chance.choice([100, 103]), 100, *[None] * 4],
        "quote": [*[None] * 10, "f", chance.choice(["100", "100.1", "109", "-1"]), None, None],
        "health": [*[None] * 12, "engine", chance.choices(["healthy", "degraded", "critical"], [6, 1, 1])[0]],
    }
    return [*head, kind, *own[kind]]


def _write(file: Path, seed: int, rows: int = 60) -> Path:
    """Write a recording of every kind of row; some are calm, some are past a limit for long."""
    chance, now, equity, cells = random.Random(seed), 0.0, 1000.0, []
    rough, slow = chance.choice([0.0005, 0.004, 0.02]), chance.choice([0.4, 1])
    for _ in range(rows):
        now += slow * chance.choice([0, 0.1, 0.25, 1, 2.3, 4.75, 9, 15])
        equity *= 1 + chance.gauss(0, rough)
        cells.append(_row(chance, now, equity))
    return write_csv(file, COLUMNS, cells)


def _settings(seed: int) -> tuple[EvaluatorSettings, ...]:
    confirm, of = random.Random(seed).choice([(1, 1), (2, 3), (3, 3)])
    shared: dict[str, Any] = {"confirm": confirm, "confirm_of": of, "confirm_within": timedelta(seconds=30)}
    both = shared | {"confirm": 2, "confirm_of": max(of, 2)}
    return (
        DrawdownSettings(
            account="main", max_daily_loss_percent=Decimal(4), max_drawdown_percent=Decimal(9), name="loss", **shared
        ),
        DrawdownSettings(accounts=("main", "other"), currency="USDT", max_drawdown_percent=Decimal(6), **both),
        ExecutionErrorsSettings(account="main", max_failed_orders=3, max_slippage_percent=Decimal(5), **shared),
        DataFeedSettings(feed="f", max_jump_percent=Decimal(8), unknown_after=timedelta(seconds=7), **shared),
        SystemHealthSettings(components=("engine",), **shared),
    )


def _task(file: Path, seed: int = 0, cut: Cut = SMALL) -> Task:
    read = ReadOptions(pace=random.Random(seed).choice([0, None, 20_000_000]))
    return Task(files=(file,), read=read, evaluators=_settings(seed), options=ReplayOptions(zone=UTC), cut=cut)


def _figures(replayed: Replayed) -> str:
    """Return everything that a report and a chart show of a replay."""
    subjects = [
        (s.episodes, s.peak, s.peak_micros, s.unknown, s.unknown_spans, s.series.stretches()) for s in replayed.subjects
    ]
    return json.dumps(report.document(replayed)) + repr((subjects, replayed.looks))


def _alone(task: Task) -> Replayed:
    return task.begin(read_recording(task.files, task.read)).run()


class _Here(Second):
    """The second half without a process; tells what agreed, and keeps the rest of ``Second``."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stamps = halves._stamps(task.files)
        self._words: list[object] = []
        self.agreed = False
        halves._replay_later(self, pickle.dumps(task))  # type: ignore[arg-type] # it is the link

    def poll(self) -> bool:
        return False

    def send(self, word: object) -> None:
        self._words.append(pickle.loads(pickle.dumps(word)))

    def _next(self, until: float) -> object:  # noqa: ARG002 - never late
        return self._words.pop(0) if self._words else None

    def later(self, replay: Replay, patience: float, progress: Callable[[int], None]) -> Later | None:
        found = super().later(replay, patience, progress)
        self.agreed = found is not None
        return found


def test_two_halves_are_the_whole(tmp_path: Path) -> None:
    """Of recordings with every kind of row: same report, same chart, same looks, whether or not the halves agree."""
    agreed, standing = 0, 0
    for seed in range(RECORDINGS):
        cut = replace(SMALL, share=0.3 + seed % 5 / 10, warm_up=(3, 20, 35)[seed % 3])
        task = _task(_write(tmp_path / f"{seed}.csv", seed), seed, cut)
        second = _Here(task)
        recording = read_recording(task.files, task.read)
        seam = recording.rows * cut.share
        whole = _alone(task)
        assert _figures(halves.replay(task, recording, second)) == _figures(whole), seed
        agreed += second.agreed
        moment = sorted(m for t in recording.tracks for m in t.arrivals)[int(seam) - 1]
        standing += second.agreed and any(e.micros < moment < e.until for s in whole.subjects for e in s.episodes)
    assert 3 < agreed < RECORDINGS - 3
    assert standing > 0


def _calm(tmp_path: Path, rows: int = 60) -> Task:
    """Return a recording of which the halves agree."""
    cells = [(at(60 * n), "main", 1000 - n % 7 * 15, "USDT") for n in range(rows)]
    file = write_csv(tmp_path / "calm.csv", "time,account,equity,currency", cells)
    return replace(_task(file), evaluators=_settings(0)[:1], read=ReadOptions())


def test_a_second_process_brings_the_later_part_and_ends(tmp_path: Path) -> None:
    """What it brings is used, it is deaf to Ctrl-C, which is for the first process, and is gone afterwards."""
    task = _calm(tmp_path)
    told: list[int] = []
    with halves.second_process(task) as second:
        assert second is not None
        process = second._process
        os.kill(process.pid or 0, signal.SIGINT)
        recording = read_recording(task.files, task.read)
        one = task.begin(recording)
        one.advance(task.cut.seam(recording), told.append)
        later = second.later(one, 20, told.append)
        assert later is not None
        assert _figures(one.join(later, told.append)) == _figures(_alone(task))
        assert process.is_alive() or process.exitcode == 0
        pid = process.pid or 0
    assert told[-1] == recording.rows
    assert not psutil.pid_exists(pid)


def test_without_the_second_the_first_goes_on_to_the_end(tmp_path: Path) -> None:
    """One that dies changes nothing."""
    task = _calm(tmp_path)
    with halves.second_process(task) as second:
        assert second is not None
        os.kill(second._process.pid or 0, signal.SIGKILL)
        found = halves.replay(task, read_recording(task.files, task.read), second)
    assert _figures(found) == _figures(_alone(task))


def test_a_file_that_changes_meanwhile_is_replayed_by_one(tmp_path: Path) -> None:
    """Each process has read the files for itself: what was written in between makes the halves of two recordings."""
    task = _calm(tmp_path)
    second, recording = _Here(task), read_recording(task.files, task.read)
    with task.files[0].open("a") as opened:
        opened.write(f"{at(86_400)},main,1,USDT\n")
    found = halves.replay(task, recording, second)
    assert not second.agreed
    assert found.recording is recording


@pytest.mark.parametrize("until", [50, 60])
def test_a_stop_that_stands_across_the_seam_is_one_stop(tmp_path: Path, until: int) -> None:
    """Begun long before the second half began to look, it has its own beginning and reason, and its end."""
    amounts = [900 + n % 3 if 10 <= n < until else 1000 for n in range(60)]
    cells = [(at(60 * n), "main", amount, "USDT") for n, amount in enumerate(amounts)]
    file = write_csv(tmp_path / "e.csv", "time,account,equity,currency", cells)
    task = replace(_task(file, cut=replace(SMALL, warm_up=5)), evaluators=_settings(0)[:1], read=ReadOptions())
    second = _Here(task)
    found = halves.replay(task, read_recording(task.files, task.read), second)
    assert second.agreed
    assert [(e.kind.value, (e.until - e.micros) // 60_000_000) for e in found.subjects[0].episodes][:1] in (
        [("trip", min(until, 59) - 10 - lag)] for lag in range(3)
    )
    assert _figures(found) == _figures(_alone(task))


def test_work_that_has_ended_keeps_no_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a busy minute it is looked whether cores are idle now; without an allowance of load none ever is."""
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 99.0, 99.0))
    task = _calm(tmp_path)
    assert replace(task, cut=replace(task.cut, most_load=1)).divisible
    assert not replace(task, cut=replace(task.cut, most_load=-1)).divisible


@pytest.mark.parametrize("what", ["reset_after", "rebaseline", "small", "busy", "missing", "own"])
def test_what_cannot_be_divided_is_replayed_by_one(tmp_path: Path, what: str) -> None:
    """Releases that change what follows, little to do, and evaluators that may remember something themselves."""
    task = _calm(tmp_path)
    options: dict[str, Any] = {"reset_after": timedelta(0)} if what == "reset_after" else {}
    task = replace(
        task,
        options=replace(task.options, rebaseline=what == "rebaseline", **options),
        cut=replace(task.cut, fewest_bytes=10**9) if what == "small" else task.cut,
        files=(tmp_path / "none.csv",) if what == "missing" else task.files,
        evaluators=(OwnSettings(name="own"),) if what == "own" else task.evaluators,
    )
    if what == "busy":
        task = replace(task, cut=replace(task.cut, most_load=-1))
    if what == "missing":
        task = replace(task, cut=replace(task.cut, fewest_bytes=1))
    with halves.second_process(task) as second:
        assert second is None
