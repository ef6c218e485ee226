"""A project for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collectors.buckets import Buckets, serving
from tests.collectors.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return an empty project."""
    made = House(folder=tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buckets]:
    """Start a server that speaks S3."""
    with serving(tmp_path_factory.mktemp("buckets")) as made:
        yield made
