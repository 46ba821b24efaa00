"""The conformance suite of gates, run by the Python gate. ``docs/gate.md`` describes the format."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ess_client._gate import Gate
from ess_client._model import Proof, Stop

CASES = json.loads(Path(__file__).with_name("gate.json").read_text())["cases"]


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _proof(message: dict[str, Any]) -> Proof:
    return Proof(
        store_id=message["store_id"],
        server_instance_id=message["server_instance_id"],
        revision=message["revision"],
        status=message["status"],
        stops=tuple(Stop(scope=scope) for scope in message["stops"]),
        proven_uptime=_number(message["proven_uptime"]),
        sent_uptime=_number(message["sent_uptime"]),
        lease=_number(message["lease"]),
        gate_level=message["gate_level"],
    )


def _accept(gate: Gate, store_id: str | None) -> str | None:
    try:
        return gate.accept_store(store_id)
    except ValueError:
        return None


def _run(gate: Gate, step: dict[str, Any]) -> tuple[object, object]:
    """Do one step; what came of it, and what should have."""
    match step["do"]:
        case "open":
            gate.opened(step["target"], step["t0"])
        case "message":
            return gate.received(step["target"], _proof(step["message"]), step["now"]), step["keep"]
        case "acknowledged":
            sent_uptime = _number(step["sent_uptime"])
            gate.acknowledged(step["target"], step["server_instance_id"], sent_uptime, step["sent_at"])
        case "close":
            gate.closed(step["target"])
        case "accept_store":
            return _accept(gate, step["store_id"]), step["accepted"]
        case "rearm":
            gate.rearm()
        case "check":
            verdict = gate.verdict(step["now"], step["scopes"], reduce_only=step["reduce_only"])
            hot = step["reduce_only"] or not step["now"] < gate.open_until or verdict.allowed
            return (verdict.allowed, verdict.reason, hot), (step["allow"], step["reason"], True)
        case unknown:
            pytest.fail(f"unknown step {unknown}")
    return None, None


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case_is_judged_as_the_suite_says(case: dict[str, Any]) -> None:
    """Every step of a case comes out as the suite says, and the fast path never allows what the rules deny."""
    gate = Gate(case["gate"]["targets"], store_id=case["gate"]["store_id"], rearm=case["gate"]["rearm"])
    for number, step in enumerate(case["steps"]):
        actual, expected = _run(gate, step)

        assert (number, actual) == (number, expected), f"step {number} of {case['name']}: {step}"


def test_names_are_unique_and_the_suite_is_not_cut() -> None:
    """The file was read whole: enough cases, each with a name of its own and at least one check."""
    assert len({case["name"] for case in CASES}) == len(CASES) > 100
    assert all(any(step["do"] == "check" for step in case["steps"]) for case in CASES)
