"""Recordings and configurations that tests write."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ess_server.config import kinds
from ess_server.core.evaluators import EvaluatorSettings
from ess_server.core.watched import Watched
from ess_server.replay.recording import ReadOptions, read_recording
from ess_server.replay.run import Replay, Replayed, ReplayOptions

START = datetime(2025, 3, 3, 12, tzinfo=UTC)
"""A Monday noon, far from any day boundary and any daylight-saving change."""

CONFIG = """
[server]
day_boundary = "{zone}"

[[accounts]]
id = "main"
venue = "binance"
exchange = "binanceusdm"
api_key_file = "not/there.key"
secret_file = "not/there.secret"
"""
DRAWDOWN = {"kind": "drawdown", "account": "main", "max_daily_loss_percent": 10}


def at(seconds: float, start: datetime = START) -> str:
    """Return the time so long after ``start``."""
    return (start + timedelta(seconds=seconds)).isoformat()


def write_csv(file: Path, columns: str, rows: Iterable[Sequence[Any]]) -> Path:
    """Write rows under a header; None is an empty cell."""
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    file.write_text("\n".join([columns, *lines]) + "\n")
    return file


def write_config(file: Path, *evaluators: dict[str, Any], zone: str = "UTC") -> Path:
    """Write a configuration with one account, whose keys are nowhere, and these evaluators."""
    tables = ["\n[[evaluators]]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in e.items()) for e in evaluators]
    file.write_text(CONFIG.format(zone=zone) + "".join(tables))
    return file


def replayed(file: Path, *settings: EvaluatorSettings, read: ReadOptions | None = None, **options: Any) -> Replayed:
    """Replay a file with evaluators of these settings."""
    watched = [Watched(kinds.build(one), one) for one in settings]
    recording = read_recording([file], read or ReadOptions())
    return Replay(recording, watched, ReplayOptions(zone=UTC, **options)).run()


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
