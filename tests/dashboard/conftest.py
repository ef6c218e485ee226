"""A filled project for each worker, and one server for whoever needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.visits import served as served_by
from tests.dashboard.made import Made, made
from tests.dashboard.watched import Watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BUILD = Path(__file__).resolve().parents[2] / "build"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--screenshots DIR`: where the pictures of the pages go (default: build/screenshots)."""
    parser.addoption("--screenshots", default=None, metavar="DIR", help="where pictures of the pages go")


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest) -> Path:
    folder = Path(request.config.getoption("--screenshots", default=None) or BUILD / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Read only: who writes makes one of their own."""
    return made(tmp_path_factory.mktemp("filled"))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def address(served: Made) -> Iterator[str]:
    """Return the address of the real dashboard of the project `served`."""
    with serve(served) as found:
        yield found


@pytest.fixture
def watched(browser: "Browser", address: str) -> Iterator[Watched]:
    """Open a page of whatever `address` serves."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, locale="en-GB")
    context.set_default_timeout(60_000)
    yield Watched(context.new_page(), address)
    context.close()


@contextmanager
def serve(made: Made) -> Iterator[str]:
    """Start the real dashboard of a project."""
    command = ["goalkeeper", "dashboard", "--config", str(made.path), "--port"]
    with served_by(command, made.path.parent) as at:
        yield f"http://127.0.0.1:{at.port}"
