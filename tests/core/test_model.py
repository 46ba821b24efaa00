"""Scopes as they are written."""

import pytest

from ess_server.core.errors import InvalidRequestError
from ess_server.core.model import GLOBAL, Scope, ScopeKind


@pytest.mark.parametrize("text", ["", "global"])
def test_empty_is_global(text: str) -> None:
    """No scope is everything."""
    assert Scope.parse(text) == GLOBAL
    assert str(GLOBAL) == "global"


@pytest.mark.parametrize(
    ("text", "kind", "ident"),
    [
        ("venue/binance", ScopeKind.VENUE, "binance"),
        ("account/main", ScopeKind.ACCOUNT, "main"),
        ("strategy/mm", ScopeKind.STRATEGY, "mm"),
        ("symbol/BTC/USDT:USDT", ScopeKind.SYMBOL, "BTC/USDT:USDT"),
        ("account/" + "x" * 120, ScopeKind.ACCOUNT, "x" * 120),
    ],
)
def test_scope_is_kind_and_id(text: str, kind: ScopeKind, ident: str) -> None:
    """A scope is split at its first slash; the rest is its id, byte for byte, and it is written as it was read."""
    scope = Scope.parse(text)
    assert (scope.kind, scope.id, str(scope)) == (kind, ident, text)


@pytest.mark.parametrize(
    "text",
    ["account", "account/", "/main", "planet/mars", "Account/main", "global/x", " account/main", "account/" + "ä" * 61],
)
def test_what_is_no_scope_is_refused(text: str) -> None:
    """A kind that is not known, an id that is missing or too long: the field is named."""
    with pytest.raises(InvalidRequestError) as caught:
        Scope.parse(text)
    assert caught.value.field == "scope"
