"""A project for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collectors.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return an empty project."""
    made = House(folder=tmp_path)
    yield made
    made.close()
