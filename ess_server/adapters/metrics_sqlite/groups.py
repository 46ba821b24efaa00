"""Rows of groups in the metrics file; their ledgers stand among those of accounts, under the names of all members."""

import json
import sqlite3
from decimal import Decimal

from ess_server.adapters.metrics_sqlite.tables import damage_told, load_ledger, save_ledger, text_of, time_of
from ess_server.core.account_book import NEVER, SavedLedger
from ess_server.core.account_group import SavedGroup
from ess_server.core.baselines import LedgerImage
from ess_server.core.readings import AccountGroup, CashFlow, EquityReading

_NOTHING = SavedLedger(currency="", image=LedgerImage(anchor=None, edge=None, entries=()))


def load_groups(connection: sqlite3.Connection) -> list[SavedGroup]:
    """Read every group back. Raises DamagedError, or sqlite3.Error where it comes from the disk or a lock."""
    rows = connection.execute("SELECT accounts, currency, trusted, state FROM account_group").fetchall()
    with damage_told():
        return [_load(connection, *row) for row in rows]


def save_group(connection: sqlite3.Connection, saved: SavedGroup) -> None:
    """Write a group; the caller commits."""
    accounts = _key(saved.group)
    state = {
        "latest": saved.latest and _reading_row(saved.latest),
        "parts": [text_of(time) for time in saved.parts],
        "fresh": [_reading_row(reading) for reading in saved.fresh],
        "waiting": [_flow_row(flow) for flow in saved.waiting],
        "moved": [_flow_row(flow) for flow in saved.moved],
    }
    row = (accounts, saved.group.currency, saved.trusted, json.dumps(state))
    connection.execute("REPLACE INTO account_group VALUES (?, ?, ?, ?)", row)
    save_ledger(connection, accounts, saved.ledger)


def forget_group(connection: sqlite3.Connection, group: AccountGroup) -> None:
    """Remove a group and its ledger; the caller commits."""
    key = (_key(group), group.currency)
    connection.execute("DELETE FROM account_group WHERE accounts = ? AND currency = ?", key)
    for table in ("ledger", "entry"):
        connection.execute(f"DELETE FROM {table} WHERE account = ? AND currency = ?", key)  # noqa: S608 - two known words


def _load(connection: sqlite3.Connection, accounts: str, currency: str, trusted: int, text: str) -> SavedGroup:
    group, state = AccountGroup(tuple(json.loads(accounts)), currency), json.loads(text)
    marks = connection.execute(
        "SELECT currency, anchor, edge FROM ledger WHERE account = ? AND currency = ?", (accounts, currency)
    ).fetchone()
    return SavedGroup(
        group=group,
        trusted=bool(trusted),
        latest=state["latest"] and _reading(currency, *state["latest"]),
        parts=tuple(time_of(text) for text in state["parts"]),
        fresh=tuple(_reading(currency, *row) for row in state["fresh"]),
        waiting=tuple(_flow(currency, *row) for row in state["waiting"]),
        moved=tuple(_flow(currency, *row) for row in state["moved"]),
        ledger=load_ledger(connection, accounts, *marks) if marks else _NOTHING,
    )


def _key(group: AccountGroup) -> str:
    return json.dumps(group.accounts)


def _reading_row(reading: EquityReading) -> tuple[str, ...]:
    return reading.account, str(reading.amount), text_of(reading.time)


def _reading(currency: str, account: str, amount: str, time: str) -> EquityReading:
    return EquityReading(account=account, amount=Decimal(amount), currency=currency, time=time_of(time), received=NEVER)


def _flow_row(flow: CashFlow) -> tuple[str, ...]:
    return flow.account, flow.id, str(flow.amount), text_of(flow.time)


def _flow(currency: str, account: str, ident: str, amount: str, time: str) -> CashFlow:
    return CashFlow(account=account, id=ident, amount=Decimal(amount), currency=currency, time=time_of(time))
