"""Rows of the metrics file: what an account has to remember, as text that a person can read."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

from ess_server.core.account_book import NEVER, SavedAccount, SavedLedger
from ess_server.core.baselines import LedgerImage
from ess_server.core.equity_series import Entry, Fold
from ess_server.core.readings import EquityReading
from ess_server.core.recent_ids import MAX_IDS

SCHEMA = 2
_BEFORE_GROUPS = 1
_TABLES = """
CREATE TABLE baselines (trusted INTEGER NOT NULL);
CREATE TABLE account (account TEXT PRIMARY KEY, trusted INTEGER NOT NULL, amount TEXT, currency TEXT, time TEXT);
CREATE TABLE ledger (account TEXT, currency TEXT, anchor TEXT, edge TEXT, PRIMARY KEY (account, currency));
CREATE TABLE entry (account TEXT, currency TEXT, time TEXT, is_reading INTEGER, amount TEXT, id TEXT);
CREATE INDEX entry_time ON entry (account, currency, time);
CREATE TABLE flow_id (number INTEGER PRIMARY KEY, account TEXT, id TEXT);
CREATE INDEX flow_id_account ON flow_id (account);
"""
_GROUPS = """
CREATE TABLE IF NOT EXISTS account_group (
    accounts TEXT, currency TEXT, trusted INTEGER NOT NULL, state TEXT, PRIMARY KEY (accounts, currency)
);
"""


class DamagedError(Exception):
    """What the file holds cannot be believed."""


def create(connection: sqlite3.Connection, *, trusted: bool) -> None:
    """Make the tables; ``trusted`` says whether a new account may start its baseline.

    The version comes last: a file without one was never finished.
    """
    connection.executescript(_TABLES + _GROUPS)
    connection.execute("INSERT INTO baselines VALUES (?)", (trusted,))
    connection.commit()
    connection.execute(f"PRAGMA user_version={SCHEMA}")


def load(connection: sqlite3.Connection) -> tuple[bool, list[SavedAccount]]:
    """Read back what is known of accounts; a file from before there were groups gets their table.

    Raises DamagedError, or sqlite3.Error where it comes from the disk or a lock.
    """
    with damage_told():
        return _load(connection)


@contextmanager
def damage_told() -> Iterator[None]:
    """Raise DamagedError for whatever a value that cannot be read raises."""
    try:
        yield
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from error


def _load(connection: sqlite3.Connection) -> tuple[bool, list[SavedAccount]]:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (_BEFORE_GROUPS, SCHEMA):
        raise DamagedError(f"it has schema {version}, not {SCHEMA}")
    (check,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if check != "ok":
        raise DamagedError(check)
    if version == _BEFORE_GROUPS:
        # Each by itself: cut off between the two, the next start finds the old version and does both again.
        connection.executescript(_GROUPS)
        connection.execute(f"PRAGMA user_version={SCHEMA}")
    ((trusted,),) = connection.execute("SELECT trusted FROM baselines").fetchall()
    rows = connection.execute("SELECT account, trusted, amount, currency, time FROM account").fetchall()
    return bool(trusted), [_load_account(connection, row) for row in rows]


def _load_account(connection: sqlite3.Connection, row: tuple[str, int, str | None, str, str]) -> SavedAccount:
    account, trusted, amount, currency, time = row
    latest = None
    if amount is not None:
        latest = EquityReading(
            account=account, amount=Decimal(amount), currency=currency, time=time_of(time), received=NEVER
        )
    ledgers = connection.execute("SELECT currency, anchor, edge FROM ledger WHERE account = ?", (account,)).fetchall()
    flow_ids = connection.execute("SELECT id FROM flow_id WHERE account = ? ORDER BY number", (account,)).fetchall()
    return SavedAccount(
        account=account,
        trusted=bool(trusted),
        latest=latest,
        ledgers=tuple(load_ledger(connection, account, *row) for row in ledgers),
        flow_ids=tuple(ident for (ident,) in flow_ids),
    )


def load_ledger(
    connection: sqlite3.Connection, account: str, currency: str, anchor: str | None, edge: str | None
) -> SavedLedger:
    """Read one ledger back. Raises as what it reads is damaged."""
    rows = connection.execute(
        "SELECT time, is_reading, amount, id FROM entry WHERE account = ? AND currency = ?", (account, currency)
    ).fetchall()
    image = LedgerImage(
        anchor=None if anchor is None else _fold(json.loads(anchor)),
        edge=None if edge is None else _entry(*json.loads(edge)),
        entries=tuple(_entry(*row) for row in rows),
    )
    return SavedLedger(currency=currency, image=image)


def save_account(connection: sqlite3.Connection, saved: SavedAccount) -> None:
    """Write what is new in an account; the caller commits."""
    account, latest = saved.account, saved.latest
    row = (None, None, None) if latest is None else (str(latest.amount), latest.currency, text_of(latest.time))
    connection.execute("REPLACE INTO account VALUES (?, ?, ?, ?, ?)", (account, saved.trusted, *row))
    for ledger in saved.ledgers:
        save_ledger(connection, account, ledger)
    if saved.rewrite_flow_ids:
        connection.execute("DELETE FROM flow_id WHERE account = ?", (account,))
    if saved.flow_ids:
        connection.executemany(
            "INSERT INTO flow_id (account, id) VALUES (?, ?)", [(account, ident) for ident in saved.flow_ids]
        )
        connection.execute(
            "DELETE FROM flow_id WHERE account = ?1 AND number <= "
            "(SELECT number FROM flow_id WHERE account = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            (account, MAX_IDS),
        )


def save_ledger(connection: sqlite3.Connection, account: str, ledger: SavedLedger) -> None:
    """Write what is new in a ledger; the caller commits."""
    image, key = ledger.image, (account, ledger.currency)
    anchor = None if image.anchor is None else json.dumps(image.anchor, default=_json)
    edge = None if image.edge is None else json.dumps(image.edge, default=_json)
    connection.execute("REPLACE INTO ledger VALUES (?, ?, ?, ?)", (*key, anchor, edge))
    if ledger.rewrite:
        connection.execute("DELETE FROM entry WHERE account = ? AND currency = ?", key)
    elif image.edge is not None:
        before = text_of(image.edge.time)
        connection.execute("DELETE FROM entry WHERE account = ? AND currency = ? AND time < ?", (*key, before))
    connection.executemany(
        "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)",
        [(*key, text_of(e.time), e.is_reading, str(e.amount), e.id) for e in image.entries],
    )


def _json(value: object) -> str:
    return text_of(value) if isinstance(value, datetime) else str(value)


def text_of(time: datetime) -> str:
    """Return a time as it is written: text in the order of time."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def time_of(text: str) -> datetime:
    """Read a time. Raises DamagedError without a time zone, ValueError if it is none."""
    time = datetime.fromisoformat(text)
    if time.utcoffset() is None:
        raise DamagedError(f"{text!r} has no time zone")
    return time.astimezone(UTC)


def _entry(time: str, is_reading: int, amount: str, ident: str) -> Entry:
    return Entry(time_of(time), bool(is_reading), Decimal(amount), ident)


def _fold(fields: list[str]) -> Fold:
    time, amount, mark, mark_time, day, day_open, open_time, pending = fields
    fold = Fold(
        time=time_of(time),
        amount=Decimal(amount),
        high_water_mark=Decimal(mark),
        high_water_time=time_of(mark_time),
        day=date.fromisoformat(day),
        day_open=Decimal(day_open),
        open_time=time_of(open_time),
        pending=Decimal(pending),
    )
    if not (fold.high_water_mark > 0 and fold.day_open > 0 and fold.pending.is_finite()):
        raise DamagedError(f"{fields} is no baseline")
    return fold
