"""The pure gate: what the conformance suite does not show, and properties over arbitrary histories."""

import math
import pickle
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ess_client._gate import Gate
from ess_client._model import ALLOW, DenyReason, GateStatus, LimitWarning, OrderDenied, Proof, Stop
from tests.exploration import explored

PROOF = Proof(
    store_id="s1",
    server_instance_id="i1",
    revision=5,
    status=1,
    proven_uptime=7.0,
    sent_uptime=7.0,
    lease=1.0,
    installation="prod",
)
GLOBAL = Stop(scope="global", revision=6, reason="fat finger")
ACCOUNT = Stop(scope="account/a", revision=6)


def opened(*proofs: Proof, **options: object) -> Gate:
    """A gate that received these messages at 100.01 s, after a call at 100 s."""
    gate = Gate(["a"], **options)  # type: ignore[arg-type]  # options are passed on as they are
    gate.opened("a", 100.0)
    for proof in proofs:
        gate.received("a", proof, 100.01)
    return gate


def active(*stops: Stop, revision: int = 6) -> Proof:
    """The message with these stops."""
    return replace(PROOF, revision=revision, status=2, stops=stops)


def test_gate_without_targets_is_refused() -> None:
    """A gate that follows nobody cannot be made."""
    with pytest.raises(ValueError, match="targets is empty"):
        Gate([])


def test_unknown_rearm_is_refused() -> None:
    """A typing error in ``rearm`` does not quietly mean automatic."""
    with pytest.raises(ValueError, match="rearm is 'manuel'"):
        Gate(["a"], rearm="manuel")  # type: ignore[arg-type]  # the error under test


def test_open_gate_answers_a_constant() -> None:
    """The allow path makes no object."""
    assert opened(PROOF).verdict(100.1, ()) is ALLOW


def test_open_until_is_the_deadline_and_minus_infinity_under_a_stop() -> None:
    """One comparison with ``open_until`` is state and lease in one."""
    gate = opened(PROOF)

    assert gate.open_until == pytest.approx(100.99)

    gate.received("a", active(ACCOUNT), 100.02)

    assert gate.open_until == -math.inf


def test_store_and_revision_for_reconnecting() -> None:
    """A reconnecting stream can name the store and the highest revision, and nothing before the first."""
    assert (Gate(["a"]).store_id, Gate(["a"]).revision) == ("", 0)
    assert (opened(PROOF).store_id, opened(PROOF).revision) == ("s1", 5)


def test_shut_gate_denies_at_once() -> None:
    """Whoever stops following takes back what was proven."""
    gate = opened(PROOF)
    gate.shut()

    assert gate.verdict(100.02, ()).reason is DenyReason.LEASE_EXPIRED
    assert gate.open_until == -math.inf


@pytest.mark.parametrize(
    ("gate", "scopes", "reason", "words"),
    [
        (Gate(["a"]), (), DenyReason.NEVER_CONNECTED, "ess status"),
        (opened(active(GLOBAL)), (), DenyReason.STOPPED, "global: fat finger"),
        (
            opened(active(ACCOUNT)),
            (),
            DenyReason.UNDECLARED_SCOPE,
            "account/a is stopped and this order names no account",
        ),
        (opened(replace(PROOF, gate_level=2)), (), DenyReason.GATE_TOO_OLD, "upgrade ess_client"),
        (opened(replace(PROOF, lease=0.0)), (), DenyReason.LEASE_EXPIRED, "ess status"),
        (opened(PROOF, store_id="s9"), (), DenyReason.STORE_CHANGED, "accept_store()"),
        (opened(active(GLOBAL), replace(PROOF, revision=7), rearm="manual"), (), DenyReason.NOT_REARMED, "rearm()"),
    ],
    ids=lambda value: value.name if isinstance(value, DenyReason) else "",
)
def test_denial_says_what_is_the_matter_and_what_to_do(
    gate: Gate, scopes: tuple[str, ...], reason: DenyReason, words: str
) -> None:
    """Each denial names its reason and ends in a next step."""
    verdict = gate.verdict(100.05, scopes)

    assert (verdict.allowed, bool(verdict), verdict.reason) == (False, False, reason)
    assert words in verdict.detail


@pytest.mark.parametrize("scope", ["", "global"])
def test_global_stop_is_called_global(scope: str) -> None:
    """An empty scope on the wire is shown as what it is."""
    verdict = opened(active(Stop(scope=scope))).verdict(100.05, ("account/a",))

    assert verdict.scope == "global"


def test_denied_order_carries_the_verdict_through_pickling() -> None:
    """A worker process can hand a denial to its parent."""
    error = OrderDenied(opened(active(ACCOUNT)).verdict(100.05, ("account/a",)))
    copy = pickle.loads(pickle.dumps(error))

    assert (copy.verdict, copy.reason, copy.scope) == (error.verdict, DenyReason.STOPPED, "account/a")


def test_state_of_an_open_gate() -> None:
    """People see store, revision, warnings and what is left of the lease."""
    warning = LimitWarning(evaluator="drawdown", scope="account/a", tier_percent=75)
    state = opened(replace(PROOF, warnings=(warning,))).state(100.49)

    assert (state.status, state.reason, state.store_id, state.revision) == (GateStatus.OPEN, None, "s1", 5)
    assert (state.installation, state.warnings) == ("prod", (warning,))
    assert state.lease_remaining.total_seconds() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("gate", "now", "status", "reason"),
    [
        (Gate(["a"]), 100.1, GateStatus.CLOSED, DenyReason.NEVER_CONNECTED),
        (opened(active(ACCOUNT)), 100.1, GateStatus.PARTIAL, DenyReason.UNDECLARED_SCOPE),
        (opened(active(ACCOUNT)), 102.0, GateStatus.CLOSED, DenyReason.LEASE_EXPIRED),
        (opened(active(GLOBAL)), 100.1, GateStatus.CLOSED, DenyReason.STOPPED),
        (opened(PROOF), 102.0, GateStatus.CLOSED, DenyReason.LEASE_EXPIRED),
        (
            opened(active(ACCOUNT), replace(PROOF, revision=7), rearm="manual"),
            100.1,
            GateStatus.PARTIAL,
            DenyReason.NOT_REARMED,
        ),
        (
            opened(active(GLOBAL), replace(PROOF, revision=7), rearm="manual"),
            100.1,
            GateStatus.CLOSED,
            DenyReason.NOT_REARMED,
        ),
    ],
)
def test_state_of_a_gate_that_denies(gate: Gate, now: float, status: GateStatus, reason: DenyReason) -> None:
    """PARTIAL only while some order can pass; the reason is that of an order which names no scope."""
    state = gate.state(now)

    assert (state.status, state.reason) == (status, reason)
    assert state.lease_remaining >= timedelta(0)


def test_state_lists_what_waits_for_rearm_and_for_acceptance() -> None:
    """The operator sees which releases and which stores wait for a decision."""
    gate = opened(active(ACCOUNT), replace(PROOF, revision=7), rearm="manual")
    gate.received("a", replace(PROOF, store_id="s2"), 100.02)

    state = gate.state(100.03)

    assert [stop.scope for stop in state.unarmed] == ["account/a"]
    assert state.offered_stores == ("s2",)


def test_details_of_a_stop_follow_the_newest_message() -> None:
    """A stop that becomes durable without a new revision is shown as durable."""
    gate = opened(active(GLOBAL), active(replace(GLOBAL, durable=True)))

    assert gate.state(100.1).stops == (replace(GLOBAL, durable=True),)


def test_a_store_that_nobody_serves_any_more_is_forgotten() -> None:
    """Foreign stores do not pile up: one that was left is unknown again when it returns."""
    gate = opened(PROOF)
    for number in range(100):
        gate.received("a", replace(PROOF, store_id=f"x{number}"), 100.02)

    assert len(gate._histories) == 2


# Properties over arbitrary histories -----------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, str, Proof | None, float]]:
    """Events of two targets in the order of an honest clock: what happened, where, the message, when."""
    now, events = 100.0, []
    for _ in range(draw(st.integers(1, 14))):
        now += draw(st.sampled_from([0.0, 0.01, 0.2, 0.7, 3.0]))
        target = draw(st.sampled_from("ab"))
        kind = draw(st.sampled_from(["open", "close", "message", "message", "message"]))
        proven = now - 90.0 + draw(st.sampled_from([-1.0, -0.3, -0.01, 0.0, 0.005, 0.5]))
        stops = draw(st.lists(st.sampled_from(["global", "account/a", "desk/x"]), max_size=2, unique=True))
        proof = Proof(
            store_id=draw(st.sampled_from(["s1", "s1", "s1", "s2", ""])),
            server_instance_id=draw(st.sampled_from(["i1", "i1", "i1", "i2"])),
            revision=draw(st.integers(1, 5)),
            status=draw(st.sampled_from([1, 1, 1, 2, 0, 7])),
            stops=tuple(Stop(scope=scope) for scope in stops),
            proven_uptime=proven,
            sent_uptime=proven + draw(st.sampled_from([-0.1, 0.0, 0.2])),
            lease=draw(st.sampled_from([0.0, 0.5, 1.0, 60.0, math.nan])),
            gate_level=draw(st.sampled_from([1, 1, 1, 2])),
        )
        events.append((kind, target, proof if kind == "message" else None, now))
    return events


@explored(150)
@given(histories())
def test_no_history_opens_a_gate_over_a_stop_that_it_saw(events: list[tuple[str, str, Proof | None, float]]) -> None:
    """While the highest revision seen of the store shows a stop, no check of any order is allowed by the fast path."""
    gate = Gate(["a", "b"])
    stopped: dict[str, set[int]] = {}
    for kind, target, proof, now in events:
        if kind == "open":
            gate.opened(target, now)
        elif kind == "close":
            gate.closed(target)
        elif proof is not None:
            gate.received(target, proof, now)
            if proof.stops or proof.status != 1 or proof.gate_level > 1:
                stopped.setdefault(proof.store_id, set()).add(proof.revision)
        # Of stores that are not followed, only those that targets still serve are remembered.
        stopped = {store: seen for store, seen in stopped.items() if store in {gate.store_id, *gate._histories}}
        if gate.open_until > now:
            assert gate.revision not in stopped.get(gate.store_id, set())
            assert gate.revision >= max(stopped.get(gate.store_id, {0}))


@explored(150)
@given(histories())
def test_no_history_keeps_a_gate_open_for_longer_than_its_lease(
    events: list[tuple[str, str, Proof | None, float]],
) -> None:
    """Nothing is allowed later than 2 s after the last message arrived, nor by a message without a lease."""
    gate = Gate(["a", "b"])
    last, lease = -math.inf, 0.0
    for kind, target, proof, now in events:
        if kind == "open":
            gate.opened(target, now)
        elif kind == "close":
            gate.closed(target)
        elif proof is not None:
            gate.received(target, proof, now)
            last = now
            lease = max(lease, min(proof.lease, 2.0)) if proof.lease > 0 else lease
        assert gate.open_until <= last + 0.99 * lease
        assert gate.verdict(last + 2.0, ("account/b",)).allowed is False


@explored(100)
@given(histories())
def test_fast_path_and_rules_agree(events: list[tuple[str, str, Proof | None, float]]) -> None:
    """Whatever ``open_until`` lets through, the rules allow for every order; revisions of a store never fall."""
    gate = Gate(["a", "b"], store_id="s1")
    revisions = [0]
    for kind, target, proof, now in events:
        if kind == "open":
            gate.opened(target, now)
        elif kind == "close":
            gate.closed(target)
        elif proof is not None:
            gate.received(target, proof, now)
        revisions.append(gate.revision)
        if now < gate.open_until:
            assert gate.verdict(now, ()).allowed
            assert gate.verdict(now, ("account/a",)).allowed

    assert all(earlier <= later for earlier, later in pairwise(revisions))
