"""Visit the real dashboard as a browser does, by its WebSocket, and time the runs of its scripts."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 60.0


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One run of a page's script: seconds from the question to its last word, and what it drew."""

    seconds: float
    charts: int
    kib: float
    errors: tuple[str, ...]


class Session:
    """One reader: one WebSocket."""

    def __init__(self, port: int) -> None:
        self._socket: ClientConnection = connect(
            f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=[Subprotocol("streamlit")], max_size=None,
            open_timeout=LONGEST,
        )  # fmt: skip

    def visit(self, page: str, query: str) -> Visit:
        """Run a page's script to its end, as an address that is opened does."""
        from streamlit.proto.Alert_pb2 import Alert
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        asked = BackMsg()
        asked.rerun_script.query_string = query
        asked.rerun_script.page_name = page
        begun = time.perf_counter()
        self._socket.send(asked.SerializeToString())
        charts, size, errors = 0, 0, list[str]()
        while True:
            told = self._socket.recv(timeout=LONGEST)
            size += len(told)
            heard = ForwardMsg()
            heard.ParseFromString(told if isinstance(told, bytes) else told.encode())
            kind = heard.WhichOneof("type")
            if kind == "delta" and heard.delta.new_element.WhichOneof("type") == "plotly_chart":
                charts += 1
            if kind == "delta" and heard.delta.new_element.WhichOneof("type") == "exception":
                errors.append(heard.delta.new_element.exception.message)
            if kind == "delta" and heard.delta.new_element.alert.format == Alert.ERROR:
                errors.append(heard.delta.new_element.alert.body)
            if kind == "script_finished":
                seconds = time.perf_counter() - begun
                return Visit(seconds=seconds, charts=charts, kib=size / 1024, errors=tuple(errors))

    def close(self) -> None:
        """Leave."""
        self._socket.close()


@contextmanager
def sessions(port: int, many: int) -> Iterator[list[Session]]:
    """Open sessions."""
    found = [Session(port) for _turn in range(many)]
    try:
        yield found
    finally:
        for one in found:
            one.close()


def together(readers: list[Session], page: str, queries: list[str]) -> list[Visit]:
    """Let every session open the page at once, each with its own query."""
    with ThreadPoolExecutor(len(readers)) as pool:
        return list(pool.map(lambda pair: pair[0].visit(page, pair[1]), zip(readers, queries, strict=True)))


@dataclass(frozen=True, kw_only=True)
class Served:
    """A running dashboard."""

    port: int
    pid: int

    @property
    def rss_mib(self) -> float:
        """Return the memory that it holds now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(command: list[str], folder: Path) -> Iterator[Served]:
    """Serve pages by `command`, to which a free port is added, until the block ends.

    Raises:
        RuntimeError: it did not start; its log, kept in `folder`, is in the message.
    """
    port = free_port()
    log = folder / "dashboard.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, str(port)], cwd=ROOT, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        _wait(port, process, log)
        yield Served(port=port, pid=process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < LONGEST and process.poll() is None:
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
