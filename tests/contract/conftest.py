"""A clock for the contracts that depend on time."""

import pytest

from ess_server.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """A clock at noon."""
    return FakeClock()
