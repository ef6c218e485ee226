"""The small project, collected once for all that only look, copied for those that change it."""

import shutil
from pathlib import Path

import pytest

from tests.goalkeeper import small


@pytest.fixture(scope="session")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the configuration of the small project after one pass; nobody may change it."""
    path = small.write(tmp_path_factory.mktemp("small"))
    _project, store, result = small.collect(path)
    store.close()
    assert not result.failed, result
    return path


@pytest.fixture
def own(collected: Path, tmp_path: Path) -> Path:
    """Return the configuration of a copy."""
    shutil.copytree(collected.parent, tmp_path / "own")
    return tmp_path / "own" / collected.name
