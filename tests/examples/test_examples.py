"""Every example runs, and does what the documentation says that it does."""

import ast
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.e2e.process import ROOT, ServerProcess, environment

EXAMPLES = ROOT / "examples"
ADDRESS = "127.0.0.1:50051"
RUN_WITHIN = 30.0
SEED = {
    "ess_server.core.system": ["EmergencyStopSystem"],
    "ess_server.core.controller": ["EmergencyStopController"],
    "ess_server.core.model": ["EmergencyState"],
    "ess_server.core.events": ["EmergencyStopEvent", "EmergencyResetEvent"],
    "ess_server.core.ports": [
        "EmergencyConditionEvaluator",
        "PolicyStore",
        "EventBus",
        "MetricsRepository",
        "SystemHealthMonitor",
        "DataFeedMonitor",
    ],
    "ess_server.core.venue_ports": ["ExchangeClient"],
}


def run(path: Path) -> str:
    """Run an example to its end and return what it printed."""
    command = [sys.executable, "-W", "error", path]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=RUN_WITHIN, env=environment(), cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A new, not yet commissioned server process on a port of its own."""
    one = ServerProcess(tmp_path / "data")
    await one.start()
    yield one
    await one.kill()


async def test_the_gate_allows_only_while_nothing_is_stopped(server: ServerProcess, tmp_path: Path) -> None:
    """The gate in five lines denies before the first reset, allows after it, and denies once stopped again."""
    source = (EXAMPLES / "gate.py").read_text()
    assert source.count(ADDRESS) == 1
    copy = tmp_path / "gate.py"
    copy.write_text(source.replace(ADDRESS, server.target))

    assert run(copy).startswith("order denied: STOPPED")
    await server.reset()
    assert run(copy) == "order allowed\n"
    await server.trigger(reason="fat finger")
    assert "fat finger" in run(copy)


def test_in_process_is_tripped_flattened_and_reset() -> None:
    """The system in one process goes from its first stop to a flat venue and back, without network or server."""
    told = run(EXAMPLES / "in_process.py")
    story = ["a new store is stopped: True", "stopped: account main: drawdown 15 %", "venue: 0 orders, 0 positions"]
    found = [told.index(step) for step in (*story, "stopped: False")]
    assert found == sorted(found), told


def test_a_day_with_a_loss_warns_stops_and_starts_anew() -> None:
    """Warnings come first, a deposit moves the marks, one breach of two is not enough, a reset rebaselines."""
    told = run(EXAMPLES / "drawdown.py").splitlines()
    verdicts = [line.split()[2] for line in told if line.startswith("equity")]
    assert verdicts == ["CLEAR", "CLEAR", "CLEAR", "WARN", "CLEAR", "WARN", "TRIP", "TRIP", "CLEAR"]
    assert "equity   14540  TRIP     102% of the limit used" in told
    assert any(line.startswith("STOPPED: account/main FLATTEN: ") and "opened at 15000" in line for line in told)
    assert "the venue shows the account flat" in told


def test_each_evaluator_sees_its_own_catastrophe() -> None:
    """Of five that watch together the right one stops, with its own scope and action."""
    told = run(EXAMPLES / "all_evaluators.py")
    stops = [line[25:].split()[:3] for line in told.splitlines()]
    assert stops == [
        ["drawdown/main", "account/main", "FLATTEN:"],
        ["system_health", "global", "FLATTEN:"],
        ["execution_errors/main", "account/main", "FLATTEN:"],
        ["data_feed/quotes", "global", "CANCEL:"],
        ["manual", "global", "FLATTEN:"],
    ]


def test_in_process_imports_no_transport() -> None:
    """Who uses the core in process needs nothing but the standard library."""
    code = f"import runpy, sys; runpy.run_path({str(EXAMPLES / 'in_process.py')!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=RUN_WITHIN, check=True)
    assert not {"grpc", "google.protobuf", "ccxt", "click", "cattrs"} & set(done.stdout.split())


def test_every_example_is_run_here() -> None:
    """No example in Python is without a test."""
    tests = Path(__file__).parent.glob("test_*.py")
    named = "".join(ast.unparse(ast.parse(test.read_text())) for test in tests)
    missing = [path.name for path in EXAMPLES.glob("*.py") if f"'{path.name}'" not in named]
    assert missing == []


@pytest.mark.parametrize("module", SEED)
def test_the_names_of_the_seed_are_found(module: str) -> None:
    """The names that the first sketch of this product used stand where the documentation says."""
    found = import_module(module)
    assert [name for name in SEED[module] if not isinstance(getattr(found, name, None), type)] == []
