"""What engines' own tests are given behaves like the real thing."""

import pytest

from ess_client import DenyReason, GateStatus, OrderDenied
from ess_client.testing import FakeGate


def test_fake_gate_is_open_until_told_otherwise() -> None:
    """It starts open, denies while stopped, opens when allowed again."""
    gate = FakeGate()

    assert gate.check().allowed
    gate.stop(reason="drill")
    with pytest.raises(OrderDenied, match="drill"):
        gate.require("account/a")
    gate.require("account/a", reduce_only=True)
    gate.allow()
    gate.require("account/a")


def test_fake_gate_knows_scopes() -> None:
    """Scoped stops are judged by the real rules, and released one by one."""
    gate = FakeGate()
    gate.stop("account/a")
    gate.stop("venue/x")

    assert gate.check("account/a", "venue/y").reason is DenyReason.STOPPED
    assert gate.check("account/b").reason is DenyReason.UNDECLARED_SCOPE
    gate.release("venue/x")
    assert gate.check("account/b").allowed
    assert gate.state.status is GateStatus.PARTIAL
    gate.release()
    assert gate.check().allowed
    with pytest.raises(KeyError):
        gate.release("venue/x")


def test_fake_gate_expires_and_heals() -> None:
    """A lapsed lease denies until the next proof."""
    gate = FakeGate()
    gate.expire()

    assert gate.check().reason is DenyReason.LEASE_EXPIRED
    gate.allow()
    assert gate.check().allowed


def test_fake_gate_with_manual_rearm() -> None:
    """The local go-ahead is asked for as by the real gate."""
    gate = FakeGate(rearm="manual")
    gate.stop()
    gate.allow()

    assert gate.check().reason is DenyReason.NOT_REARMED
    gate.rearm()
    assert gate.check().allowed


def test_fake_gate_remembers_what_was_asked() -> None:
    """A test can see that its engine named the right scopes."""
    gate = FakeGate()
    gate.check("account/a", reduce_only=True)
    gate.require("account/b")

    assert [(each.scopes, each.reduce_only) for each in gate.checked] == [
        (("account/a",), True),
        (("account/b",), False),
    ]
