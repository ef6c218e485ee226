"""`goalkeeper serve`: three processes that live and end together."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from core.config import load
from goalkeeper.clock import OWN
from goalkeeper.serve import API_PORT, Child, free_port
from store import alerts, outbox, requests, settings
from store.database import Store
from store.heartbeats import PASS, last_beat
from tests.goalkeeper import small

HOME = Path(__file__).parents[2]
PATIENCE_S = 60.0


def soon(what: Callable[[], object], told: str) -> object:
    """Wait for something that another process does; give up after a minute."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail(f"it did not happen within {PATIENCE_S:.0f} s: {told}")


class Serving:
    """A running `goalkeeper serve`."""

    def __init__(self, config: Path, output: Path) -> None:
        self.output = output
        self._file: IO[bytes] = output.open("wb")
        port = free_port("127.0.0.1", 18501)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "goalkeeper", "serve", "--config", str(config), "--port", str(port)],
            cwd=HOME, stdout=self._file, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"}, start_new_session=True,
        )  # fmt: skip
        self.parent = psutil.Process(self.process.pid)

    @property
    def said(self) -> str:
        return self.output.read_text()

    def children(self) -> dict[str, psutil.Process]:
        found = {}
        for child in self.parent.children():
            try:
                line = " ".join(child.cmdline())
            except psutil.Error:
                continue
            for name, sign in (
                ("scheduler", "goalkeeper.scheduler"),
                ("api", "api_server"),
                ("dashboard", "streamlit"),
            ):
                if sign in line:
                    found[name] = child
        return found

    def address(self) -> str:
        match = re.search(r"Metrics:\s+(http://127\.0\.0\.1:\d+)/metrics", self.said)
        return match[1] if match else ""

    def healthz(self) -> int:
        """Return the status of /healthz; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.address()}/healthz", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except (OSError, ValueError):
            return 0

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        mine = [] if not self.parent.is_running() else self.parent.children(recursive=True)
        for process in [*mine, self.parent]:
            try:
                process.kill()
            except psutil.Error:
                continue
        self.process.wait(timeout=20)
        self._file.close()


@pytest.fixture
def serving(own: Path, tmp_path: Path) -> Iterator[Serving]:
    running = Serving(own, tmp_path / "serve.txt")
    yield running
    running.end()


def test_it_serves_restarts_refuses_a_second_and_stops_without_orphans(serving: Serving, own: Path) -> None:
    soon(lambda: len(serving.children()) == 3, "three children")
    soon(lambda: serving.healthz() == 200, f"a pass and /healthz\n{serving.said}")

    first = serving.children()["api"]
    first.kill()
    soon(lambda: serving.children().get("api", first).pid != first.pid, "another api")
    soon(lambda: serving.healthz() == 200, "the other api answers")
    assert "api ended with code -9" in serving.said

    second = subprocess.run(
        [sys.executable, "-m", "goalkeeper", "serve", "--config", str(own)],
        cwd=HOME, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert second.returncode == 1
    assert "Another `goalkeeper serve` already works on" in second.stderr
    assert "PostgreSQL" in second.stderr

    everybody = serving.parent.children(recursive=True)
    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.wait(timeout=PATIENCE_S) == 0
    _gone, alive = psutil.wait_procs(everybody, timeout=PATIENCE_S)
    assert alive == []
    assert "Stopped; what was collected is kept." in serving.said


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: only there the kernel tells children")
def test_no_child_outlives_a_killed_parent(serving: Serving) -> None:
    soon(lambda: len(serving.children()) == 3, "three children")
    everybody = serving.parent.children(recursive=True)

    serving.parent.kill()

    _gone, alive = psutil.wait_procs(everybody, timeout=PATIENCE_S)
    assert alive == []


def test_a_replayed_project_is_shown_and_asked_but_not_collected(own: Path, tmp_path: Path) -> None:
    store = Store.open(load(own).store.reveal())
    with store.write() as session:
        settings.put(session, OWN, small.NOW.isoformat())
        asked = requests.ask(session, "collect", {"model": "lead"}, actor="ann", now=small.NOW).id
        before = [row.key for row in outbox.messages(session)], [row.id for row in alerts.alerts(session)]

    def state() -> str:
        with store.read() as session:
            row = requests.request(session, asked)
        assert row is not None
        return row.state

    running = Serving(own, tmp_path / "serve.txt")
    try:
        soon(lambda: state() == "done", "the request is done")
        soon(running.address, "the address of the metrics")
    finally:
        running.end()

    assert "its time stands still at 30 March 2026" in running.said
    assert "goalkeeper init" in running.said
    with store.read() as session:
        after = [row.key for row in outbox.messages(session)], [row.id for row in alerts.alerts(session)]
        assert last_beat(session, PASS) is None
    store.close()
    assert after == before


def test_the_dashboard_alone_ends_with_its_command(own: Path, tmp_path: Path) -> None:
    port, output = free_port("127.0.0.1", 18601), tmp_path / "dashboard.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "goalkeeper", "dashboard", "--config", str(own), "--port", str(port)],
            cwd=HOME, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        soon(lambda: accepts(port), "the dashboard answers")
        assert f"Dashboard: http://127.0.0.1:{port}" in output.read_text()
        process.terminate()
        process.wait(timeout=PATIENCE_S)
        soon(lambda: not accepts(port), "nobody listens any more")
    finally:
        process.kill()


def accepts(port: int) -> bool:
    """Tell whether somebody listens."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def test_a_taken_port_moves_to_the_next() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert port < free_port("127.0.0.1", port) < port + 50


def test_the_api_has_a_port_of_its_own() -> None:
    assert free_port("127.0.0.1", API_PORT) >= API_PORT


def test_a_child_that_dies_at_once_is_started_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("goalkeeper.serve.time.monotonic", lambda: clock[0])
    said: list[str] = []
    child = Child(name="api", command=lambda: [sys.executable, "-c", "raise SystemExit(3)"])

    for _death in range(4):
        child.tend(said.append)
        assert child.process is not None
        child.process.wait(timeout=30)
        child.tend(said.append)
        clock[0] = child.not_before

    assert [line.rpartition(" in ")[2] for line in said] == ["1 s", "3 s", "7 s", "15 s"]
