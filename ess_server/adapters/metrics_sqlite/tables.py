"""Rows of the metrics file: what an account has to remember, as text that a person can read."""

import json
import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal

from ess_server.core.account_book import MAX_IDS, NEVER, SavedAccount, SavedLedger
from ess_server.core.baselines import Entry, Fold, LedgerImage
from ess_server.core.readings import EquityReading

SCHEMA = 1
_TABLES = """
CREATE TABLE baselines (trusted INTEGER NOT NULL);
CREATE TABLE account (account TEXT PRIMARY KEY, trusted INTEGER NOT NULL, amount TEXT, currency TEXT, time TEXT);
CREATE TABLE ledger (account TEXT, currency TEXT, anchor TEXT, edge TEXT, PRIMARY KEY (account, currency));
CREATE TABLE entry (account TEXT, currency TEXT, time TEXT, is_reading INTEGER, amount TEXT, id TEXT);
CREATE INDEX entry_time ON entry (account, currency, time);
CREATE TABLE flow_id (number INTEGER PRIMARY KEY, account TEXT, id TEXT);
CREATE INDEX flow_id_account ON flow_id (account);
"""


class DamagedError(Exception):
    """What the file holds cannot be believed."""


def create(connection: sqlite3.Connection, *, trusted: bool) -> None:
    """Make the tables; ``trusted`` says whether a new account may start its baseline.

    The version comes last: a file without one was never finished.
    """
    connection.executescript(_TABLES)
    connection.execute("INSERT INTO baselines VALUES (?)", (trusted,))
    connection.commit()
    connection.execute(f"PRAGMA user_version={SCHEMA}")


def load(connection: sqlite3.Connection) -> tuple[bool, list[SavedAccount]]:
    """Read everything back. Raises DamagedError, or sqlite3.Error where it comes from the disk or a lock."""
    try:
        return _load(connection)
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise DamagedError(f"{type(error).__name__}: {error}") from error


def _load(connection: sqlite3.Connection) -> tuple[bool, list[SavedAccount]]:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA:
        raise DamagedError(f"it has schema {version}, not {SCHEMA}")
    (check,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if check != "ok":
        raise DamagedError(check)
    ((trusted,),) = connection.execute("SELECT trusted FROM baselines").fetchall()
    rows = connection.execute("SELECT account, trusted, amount, currency, time FROM account").fetchall()
    return bool(trusted), [_load_account(connection, row) for row in rows]


def _load_account(connection: sqlite3.Connection, row: tuple[str, int, str | None, str, str]) -> SavedAccount:
    account, trusted, amount, currency, time = row
    latest = None
    if amount is not None:
        latest = EquityReading(
            account=account, amount=Decimal(amount), currency=currency, time=_time(time), received=NEVER
        )
    ledgers = connection.execute("SELECT currency, anchor, edge FROM ledger WHERE account = ?", (account,)).fetchall()
    flow_ids = connection.execute("SELECT id FROM flow_id WHERE account = ? ORDER BY number", (account,)).fetchall()
    return SavedAccount(
        account=account,
        trusted=bool(trusted),
        latest=latest,
        ledgers=tuple(_load_ledger(connection, account, *row) for row in ledgers),
        flow_ids=tuple(ident for (ident,) in flow_ids),
    )


def _load_ledger(
    connection: sqlite3.Connection, account: str, currency: str, anchor: str | None, edge: str | None
) -> SavedLedger:
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
    row = (None, None, None) if latest is None else (str(latest.amount), latest.currency, _text(latest.time))
    connection.execute("REPLACE INTO account VALUES (?, ?, ?, ?, ?)", (account, saved.trusted, *row))
    for ledger in saved.ledgers:
        _save_ledger(connection, account, ledger)
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


def _save_ledger(connection: sqlite3.Connection, account: str, ledger: SavedLedger) -> None:
    image, key = ledger.image, (account, ledger.currency)
    anchor = None if image.anchor is None else json.dumps(image.anchor, default=_json)
    edge = None if image.edge is None else json.dumps(image.edge, default=_json)
    connection.execute("REPLACE INTO ledger VALUES (?, ?, ?, ?)", (*key, anchor, edge))
    if ledger.rewrite:
        connection.execute("DELETE FROM entry WHERE account = ? AND currency = ?", key)
    elif image.edge is not None:
        before = _text(image.edge.time)
        connection.execute("DELETE FROM entry WHERE account = ? AND currency = ? AND time < ?", (*key, before))
    connection.executemany(
        "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)",
        [(*key, _text(e.time), e.is_reading, str(e.amount), e.id) for e in image.entries],
    )


def _json(value: object) -> str:
    return _text(value) if isinstance(value, datetime) else str(value)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.utcoffset() is None:
        raise DamagedError(f"{text!r} has no time zone")
    return time.astimezone(UTC)


def _entry(time: str, is_reading: int, amount: str, ident: str) -> Entry:
    return Entry(_time(time), bool(is_reading), Decimal(amount), ident)


def _fold(fields: list[str]) -> Fold:
    time, amount, mark, mark_time, day, day_open, open_time, pending = fields
    fold = Fold(
        time=_time(time),
        amount=Decimal(amount),
        high_water_mark=Decimal(mark),
        high_water_time=_time(mark_time),
        day=date.fromisoformat(day),
        day_open=Decimal(day_open),
        open_time=_time(open_time),
        pending=Decimal(pending),
    )
    if not (fold.high_water_mark > 0 and fold.day_open > 0 and fold.pending.is_finite()):
        raise DamagedError(f"{fields} is no baseline")
    return fold
