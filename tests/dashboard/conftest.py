"""A filled project for each worker, and one server and one browser for whoever needs them."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.made import Made, made

if TYPE_CHECKING:
    pass

ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--screenshots DIR`: where the pictures of the pages go (default: pytest's own folder)."""
    parser.addoption("--screenshots", default=None, metavar="DIR", help="where pictures of the pages go")


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = request.config.getoption("--screenshots", default=None)
    folder = Path(asked) if asked else tmp_path_factory.mktemp("screenshots")
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


@contextmanager
def serve(served: Made) -> Iterator[str]:
    """Start the real dashboard of a project."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "goalkeeper",
        "dashboard",
        "--config",
        str(served.path),
        "--port",
        str(port),
    ]
    log = served.path.parent / "dashboard.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    raise RuntimeError(f"the dashboard did not start: {log.read_text()}")
