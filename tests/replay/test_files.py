"""What is wrong with a recording is said by file, row and column, all of it at once."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ess_server.core.readings import EquityReading
from ess_server.replay.problems import RecordingError
from ess_server.replay.recording import ReadOptions, read_recording

from .recorded import START, at, write_csv

EQUITY = "time,account,equity,currency"
MICROS = int(START.timestamp()) * 1_000_000


def problems(*files: Path, **options: object) -> list[str]:
    """Return what is said about the files, without their folder."""
    with pytest.raises(RecordingError) as error:
        read_recording(files, ReadOptions(**options))  # type: ignore[arg-type] # the tests name its fields
    return [f"{p.file.name}:{p.row}:{p.column}: {p.text}" for p in error.value.problems]


@pytest.mark.parametrize(
    ("columns", "row", "said"),
    [
        (EQUITY, (at(0), "main", "1,5", "USDT"), "3:: has 5 cells where the header has 4"),
        (EQUITY, (at(0), "main", "12x", "USDT"), '3:equity: "12x" is not a number'),
        (EQUITY, (at(0), "main", "1e99", "USDT"), '3:equity: "1e99" is no number of at most 24 digits'),
        (EQUITY, (at(0), "main", None, "USDT"), "3:equity: is missing"),
        (EQUITY, (None, "main", 1, "USDT"), "3:time: is missing"),
        (EQUITY, ("2025-03-03T12:00:00", "main", 1, "USDT"), "has no offset from UTC: add one, or say --timezone"),
        (EQUITY, ("soon", "main", 1, "USDT"), '3:time: "soon" is no time'),
        (EQUITY, ("1970-01-01T00:00:00Z", "main", 1, "USDT"), "is not from 2000 to 2100"),
        (EQUITY, (at(0), "hedge", 1, "USDT"), '3:account: there is no account "hedge" in the configuration'),
    ],
)
def test_a_mistake_is_named_by_row_and_column(tmp_path: Path, columns: str, row: tuple[object, ...], said: str) -> None:
    """Each bad cell is named with its row, the header being row 1, its column, and what would do."""
    file = write_csv(tmp_path / "e.csv", columns, [(at(0), "main", 1000, "USDT"), row])
    [problem] = problems(file, accounts=("main",))
    assert said in problem


def test_every_mistake_of_every_file_is_named(tmp_path: Path) -> None:
    """One run is enough to see what is to be mended."""
    one = write_csv(tmp_path / "a.csv", EQUITY, [(at(0), "main", "x", "USDT"), (at(0), None, "y", "USDT")])
    other = write_csv(tmp_path / "b.csv", "time,component,status", [(at(0), "router", "fine")])
    third = write_csv(tmp_path / "c.csv", "time,colour", [(at(0), "red")])
    (tmp_path / "d.parquet").write_text("no parquet")
    (tmp_path / "e.csv").write_text("")
    found = problems(one, other, third, *(tmp_path / name for name in ("d.parquet", "e.csv", "f.csv", "g.txt")))
    assert [f.split(": ")[0] for f in found] == [
        "a.csv:2:equity",
        "a.csv:3:account",
        "a.csv:3:equity",
        "b.csv:2:status",
        "c.csv:0:",
        "d.parquet:0:",
        "e.csv:0:",
        "f.csv:0:",
        "g.txt:0:",
    ]


def test_missing_columns_say_what_stands_in_for_them(tmp_path: Path) -> None:
    """A column that is needed is named, with what the configuration or the command line could say instead."""
    file = write_csv(tmp_path / "e.csv", "time,equity", [(at(0), 1)])
    assert "one account only" in problems(file)[0]
    assert "--currency" in problems(file, defaults={"account": "main"})[0]


def test_rows_out_of_order_are_put_in_order_and_told(tmp_path: Path) -> None:
    """The order is that of arrival, stable for one moment, and a note says how many stood behind a later one."""
    rows = [(at(2), "main", 3, "U"), (at(0), "main", 1, "U"), (at(1), "main", 2, "U"), (at(2), "main", 4, "U")]
    recording = read_recording([write_csv(tmp_path / "e.csv", EQUITY, rows)], ReadOptions())
    observed = [row[-1] for row in recording.arrivals()]
    assert [o.amount for o in observed if isinstance(o, EquityReading)] == [1, 2, 3, 4]
    assert "1 equity rows stood behind a later one" in recording.notes[0]


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        ("2025-03-03 13:00:00+01:00", MICROS),
        ("2025-03-03T12:00:00.123456789Z", MICROS + 123456),
        (MICROS // 1_000_000, MICROS),
        ("1741003200.25", MICROS + 250_000),
        (MICROS // 1000, MICROS),
        (MICROS, MICROS),
        (MICROS * 1000 + 1500, MICROS + 1),
    ],
)
def test_times_of_every_kind(tmp_path: Path, written: object, micros: int) -> None:
    """Offsets, fractions and numbers in every unit are the same moment."""
    file = write_csv(tmp_path / "e.csv", EQUITY, [(written, "main", 1, "USDT")])
    assert read_recording([file], ReadOptions()).start == micros


def test_local_times_need_a_zone_and_must_be_one_moment(tmp_path: Path) -> None:
    """With a zone local times count in it; what a clock change makes none or two of is refused, not guessed."""
    zone = ZoneInfo("Europe/Berlin")
    good = write_csv(tmp_path / "a.csv", EQUITY, [("2025-03-03 13:00:00", "main", 1, "U")])
    assert read_recording([good], ReadOptions(zone=zone)).start == MICROS
    hours = [("2025-03-30 02:30:00", "main", 1, "U"), ("2025-10-26 02:30:00", "main", 1, "U")]
    none, two = problems(write_csv(tmp_path / "b.csv", EQUITY, hours), zone=zone)
    assert "does not exist in Europe/Berlin" in none
    assert "is two times in Europe/Berlin" in two


def test_decimals_keep_every_digit(tmp_path: Path) -> None:
    """A number in text never goes through a binary float."""
    file = write_csv(tmp_path / "e.csv", EQUITY, [(at(0), "main", "100000000000.000000001", "USDT")])
    [(*_, observation)] = read_recording([file], ReadOptions()).arrivals()
    assert isinstance(observation, EquityReading)
    assert str(observation.amount) == "100000000000.000000001"
