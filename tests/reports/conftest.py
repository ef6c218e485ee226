"""The small project of the commands' tests, collected once; nobody may change it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import load
from reports.query import Query
from store.database import Store
from tests.goalkeeper import small


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the configuration of the small project after one pass."""
    path = small.write(tmp_path_factory.mktemp("reported"))
    _project, store, result = small.collect(path)
    store.close()
    assert not result.failed, result
    return path


@pytest.fixture
def query(collected: Path) -> Iterator[Query]:
    """Return who answers for it."""
    project = load(collected)
    store = Store.open(project.store.reveal())
    yield Query(store=store, project=project)
    store.close()
