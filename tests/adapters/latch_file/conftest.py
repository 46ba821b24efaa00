"""A place for the file."""

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path in an empty directory."""
    return tmp_path / "latch"
