"""A project for each test."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.collectors import mariadb
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


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """Start a MariaDB server; return the address of its first database."""
    with tempfile.TemporaryDirectory(prefix="gk-mariadb-") as folder, mariadb.running(Path(folder)) as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server: str) -> str:
    """Return the address of a fresh, empty MariaDB database."""
    name = f"t{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(mariadb_server, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return sa.make_url(mariadb_server).set(database=name).render_as_string(hide_password=False)
