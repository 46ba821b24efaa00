"""What exchanges tell of a key, read exactly or not at all."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from ess_server.core.errors import VenueUnknownError
from ess_server.core.examination import KeyFacts
from ess_server.venue import examine_bybit, examine_okx, examine_usdm

BINANCE = {"enableFutures": True, "enableWithdrawals": False, "ipRestrict": True}
OKX = {"perm": "read_only,trade", "ip": "192.0.2.7"}
BYBIT = {"readOnly": 0, "permissions": {"ContractTrade": ["Order"]}, "ips": ["192.0.2.7"]}
SOUND = KeyFacts(may_trade=True, may_withdraw=False, bound=True)


def bybit(row: Mapping[str, Any]) -> KeyFacts:
    """Read a reply of Bybit."""
    return examine_bybit.key_facts({"result": row})


READERS: tuple[tuple[Callable[[Any], KeyFacts], Mapping[str, Any]], ...] = (
    (examine_usdm.key_facts, BINANCE),
    (examine_okx.key_facts, OKX),
    (bybit, BYBIT),
)


@pytest.mark.parametrize(("read", "row"), READERS)
def test_a_sound_key_is_read_alike_on_every_exchange(read: Callable[[Any], KeyFacts], row: Mapping[str, Any]) -> None:
    """It may trade, may not withdraw, and is bound."""
    assert read(row) == SOUND


@pytest.mark.parametrize(
    ("read", "row", "changes"),
    [
        (examine_usdm.key_facts, BINANCE | {"enableFutures": False}, {"may_trade": False}),
        (examine_usdm.key_facts, BINANCE | {"enableWithdrawals": True}, {"may_withdraw": True}),
        (
            examine_usdm.key_facts,
            BINANCE | {"tradingAuthorityExpirationTime": 1_800_000_000_000},
            {"expires": datetime(2027, 1, 15, 8, tzinfo=UTC)},
        ),
        (examine_okx.key_facts, OKX | {"perm": "read_only"}, {"may_trade": False}),
        (examine_okx.key_facts, OKX | {"perm": "read_only,withdraw,trade"}, {"may_withdraw": True}),
        (examine_okx.key_facts, OKX | {"ip": ""}, {"bound": False}),
        (bybit, BYBIT | {"readOnly": 1}, {"may_trade": False}),
        (bybit, BYBIT | {"permissions": {"ContractTrade": ["Position"]}}, {"may_trade": False}),
        (bybit, BYBIT | {"permissions": {"Derivatives": ["DerivativesTrade"]}}, {}),
        (
            bybit,
            BYBIT | {"permissions": {"ContractTrade": ["Order"], "Wallet": ["Withdraw"]}},
            {"may_withdraw": True},
        ),
        (bybit, BYBIT | {"ips": ["*"]}, {"bound": False}),
        (bybit, BYBIT | {"ips": []}, {"bound": False}),
        (bybit, BYBIT | {"expiredAt": "1970-01-01T00:00:00Z"}, {"never_expires": True}),
        (bybit, BYBIT | {"expiredAt": "2027-01-15T08:00:00Z"}, {"expires": datetime(2027, 1, 15, 8, tzinfo=UTC)}),
    ],
)
def test_each_right_is_read_by_itself(
    read: Callable[[Any], KeyFacts], row: Mapping[str, Any], changes: Mapping[str, Any]
) -> None:
    """Property: one difference in the reply is one difference in the facts."""
    found = read(row)

    assert {
        name: getattr(found, name) for name in KeyFacts.__slots__ if getattr(found, name) != getattr(SOUND, name)
    } == changes


@pytest.mark.parametrize(
    ("read", "row"),
    [
        *((read, {k: v for k, v in row.items() if k != left_out}) for read, row in READERS for left_out in row),
        *((read, {**row, name: None}) for read, row in READERS for name in row),
        *((read, {**row, name: 7}) for read, row in READERS for name in row),
        (examine_usdm.key_facts, []),
        (examine_usdm.key_facts, BINANCE | {"enableFutures": "true"}),
        (examine_usdm.key_facts, BINANCE | {"tradingAuthorityExpirationTime": "soon"}),
        (examine_usdm.key_facts, BINANCE | {"tradingAuthorityExpirationTime": True}),
        (examine_okx.key_facts, OKX | {"perm": "everything"}),
        (bybit, BYBIT | {"permissions": {"ContractTrade": "Order"}}),
        (bybit, BYBIT | {"expiredAt": "soon"}),
        (bybit, BYBIT | {"expiredAt": "2027-01-15T08:00:00"}),
        (bybit, BYBIT | {"expiredAt": 5}),
    ],
)
def test_another_shape_is_no_right(read: Callable[[Any], KeyFacts], row: object) -> None:
    """Property: what is missing, null or of another kind is unknown, and never taken for a right or for its absence."""
    with pytest.raises(VenueUnknownError):
        read(row)
