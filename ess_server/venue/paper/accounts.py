"""The file that names the accounts of a paper venue."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ess_server.venue.paper.credentials import ApiKey

_FIELDS = frozenset({"name", "key", "secret", "passphrase", "balances", "hedged", "spot", "can_trade", "can_withdraw"})


@dataclass(frozen=True, slots=True)
class AccountSpec:
    """One account to open, with the key that speaks for it; ``spot`` is what lies in its spot wallet."""

    key: ApiKey
    balances: Mapping[str, Decimal]
    hedged: bool = False
    spot: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The account's name."""
        return self.key.account


def load_accounts(path: Path) -> list[AccountSpec]:
    """Read a JSON list of accounts. Raises ValueError, naming file, account and field; OSError if unreadable."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    if not isinstance(rows, list):
        raise ValueError(f"{path}: expected a list of accounts")  # noqa: TRY004 - one error for bad input
    specs = []
    for place, row in enumerate(rows):
        try:
            specs.append(parse_account(row))
        except ValueError as error:
            raise ValueError(f"{path}: account {place}: {error}") from None
    return specs


def parse_account(row: object) -> AccountSpec:
    """Read one account. ``name``, ``key`` and ``secret`` are required; amounts are strings. Raises ValueError."""
    if not isinstance(row, dict):
        raise ValueError("expected an object with name, key, secret, balances")  # noqa: TRY004 - one error for bad input
    unknown = sorted(set(row) - _FIELDS)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))}")
    for name in ("name", "key", "secret"):
        if not isinstance(row.get(name), str) or not row[name]:
            raise ValueError(f"{name}: a text is required")
    key = ApiKey(
        key=row["key"],
        secret=row["secret"],
        account=row["name"],
        passphrase=str(row.get("passphrase", "")),
        can_trade=read_flag(row, "can_trade", default=True),
        can_withdraw=read_flag(row, "can_withdraw"),
    )
    money, spot = read_amounts(row.get("balances", {}), "balances"), read_amounts(row.get("spot", {}), "spot")
    return AccountSpec(key, money, read_flag(row, "hedged"), spot)


def read_flag(row: Mapping[str, object], field: str, *, default: bool = False) -> bool:
    """Return a boolean field. Raises ValueError."""
    value = row.get(field, default)
    if not isinstance(value, bool):
        raise ValueError(f"{field}: true or false is required")  # noqa: TRY004 - one error for bad input
    return value


def read_amounts(value: object, field: str) -> dict[str, Decimal]:
    """Return a mapping of names to decimal amounts. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"{field}: expected an object of amounts")  # noqa: TRY004 - one error for bad input
    return {str(name): read_amount(amount, f"{field}.{name}") for name, amount in value.items()}


def read_amount(value: object, field: str) -> Decimal:
    """Return a finite decimal given as text or whole number. Raises ValueError."""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise ValueError(f"{field}: a decimal number as text is required")
