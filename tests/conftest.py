"""What holds for every test."""

import gc
import importlib
import pkgutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import coverage
import hypothesis
import pytest

import ess_client
import ess_server.adapters.sqlite_store
import ess_server.core
from tests import exploration

# Coverage is held by the tests of each part. These, and properties that explore, run long or in other processes, where
# tracing costs up to five times the time and adds nothing; a property for which it does is marked ``traced``.
UNTRACED = frozenset({"cli", "e2e", "examples", "fault", "model", "replay", "simulate", "state_machine", "venue"})
# What is covered, see pyproject.toml.
COVERED = (ess_server.core, ess_server.adapters.sqlite_store, ess_client)
COVERED_MODULES = ("ess_server.adapters.latch_file", "ess_server.adapters.memory_store")

exploration.choose()

# A shell that starts a run in the background makes it ignore Ctrl-C, and every process that a test starts would
# inherit that; a handler of our own is not inherited, so they begin as from a terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def untraced() -> Iterator[None]:
    """Measure no coverage meanwhile, if any is measured."""
    measured = coverage.Coverage.current()
    if measured is None:
        yield
        return
    measured.stop()
    try:
        yield
    finally:
        measured.start()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect without tracing and garbage collection, which is half of the time; what is covered is imported before."""
    for package in COVERED:
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    for name in COVERED_MODULES:
        importlib.import_module(name)
    gc.disable()
    try:
        with untraced():
            return (yield)
    finally:
        # What was collected stays to the end: nothing of it is garbage, and no test is to walk it again and again.
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Spare tests that cover nothing more, and their fixtures, the cost of being traced."""
    part = item.path.relative_to(Path(__file__).parent).parts[0]
    explores = hypothesis.is_hypothesis_test(getattr(item, "obj", None)) and not item.get_closest_marker("traced")
    with untraced() if part in UNTRACED or explores else nullcontext():
        return (yield)
