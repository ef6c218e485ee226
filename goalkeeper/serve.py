"""Run scheduler, api and dashboard as child processes until stopped; restart one that dies."""

import ctypes
import fcntl
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType

from core.config import Project
from core.dates import local_day
from core.errors import GoalkeeperError
from core.text import gettext as _
from dashboard.options import streamlit_flags
from goalkeeper.clock import now, own_time

API_PORT = 8502
DASHBOARD_PORT = 8501
LOOPBACK = "127.0.0.1"
PAGE = Path(__file__).with_name("page.py")
WATCH_S = 60.0
_PDEATHSIG = 1
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None  # looked up before any fork


@dataclass(kw_only=True)
class Child:
    """One process that is kept alive; a quick death makes the next start wait longer (at most a minute).

    `command` is asked for at each start: a port that was free may be taken by now.
    """

    name: str
    command: Callable[[], Sequence[str]]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    not_before: float = field(default=0.0)

    def start(self) -> None:
        """Start it in a process group of its own, so that one Ctrl-C reaches the parent alone."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command(), start_new_session=True, preexec_fn=_end_with_parent)

    def tend(self, say: Callable[[str], None]) -> None:
        """Start it again if it has died and its pause is over."""
        if self.process is None:
            if time.monotonic() >= self.not_before:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.deaths = 0 if time.monotonic() - self.started > 60 else self.deaths + 1
        pause = min(60.0, 2.0**self.deaths - 1)
        say(
            _("{name} ended with code {code}; starting it again in {pause:.0f} s").format(
                name=self.name, code=code, pause=pause
            )
        )
        self.not_before = time.monotonic() + pause
        self.process = None

    def stop(self) -> None:
        """Ask it to end, and end it after ten seconds."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, so that no child lives on alone (Linux)."""
    if _PRCTL is not None:
        _PRCTL(_PDEATHSIG, int(signal.SIGTERM))


def free_port(host: str, wanted: int, tries: int = 50) -> int:
    """Return `wanted`, or the next port that nobody listens on."""
    for port in range(wanted, wanted + tries):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise GoalkeeperError(
        _("No free port from {first} to {last} on {host}.").format(
            first=wanted, last=wanted + tries - 1, host=host
        ),
        hint=_("End what listens there, or choose with --port."),
    )


@contextmanager
def only_one(project: Project) -> Iterator[None]:
    """Hold the right to serve this project's SQLite store; PostgreSQL is shared by leases instead."""
    if not project.store.reveal().startswith("sqlite"):
        yield
        return
    project.state_dir.mkdir(parents=True, exist_ok=True)
    with (project.state_dir / "serve.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise GoalkeeperError(
                _("Another `goalkeeper serve` already works on {store}.").format(store=project.store),
                hint=_("End it first, or move to PostgreSQL, which several may share."),
            ) from None
        yield


def _stop(children: Sequence[Child]) -> None:
    """Ask all of them to end at once, then wait for each."""
    for child in children:
        if child.process is not None and child.process.poll() is None:
            child.process.terminate()
    for child in reversed(children):
        child.stop()


def _watch(project: Project, ending: threading.Event) -> None:
    """Look for signs of life every minute."""
    from goalkeeper.jobs.dead_man import DeadMan
    from store.database import Store

    watching: DeadMan | None = None
    started = now()
    while not ending.wait(WATCH_S):
        try:
            if watching is None:
                store = Store.open(project.store.reveal())
                watching = DeadMan(project=project, store=store, started=started)
            watching.watch(now())
        except Exception:  # the watch must outlive whatever goes wrong
            logging.getLogger("goalkeeper.serve").exception("the watch for signs of life failed")


def _own_time(project: Project) -> datetime | None:
    """Open the store, so that what is wrong with it is told before anything starts; return its own time."""
    from store.database import Store

    store = Store.open(project.store.reveal())
    try:
        return own_time(store)
    finally:
        store.close()


def dashboard_command(config: Path, *, host: str, port: int) -> list[str]:
    """Return the command that starts the dashboard."""
    return [
        sys.executable, "-m", "streamlit", "run", str(PAGE),
        "--server.address", host, "--server.port", str(port), *streamlit_flags(),
        "--", "--config", str(config), "--host", host,
    ]  # fmt: skip


def serve(
    project: Project,
    *,
    host: str = LOOPBACK,
    port: int = DASHBOARD_PORT,
    say: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM; everything binds to `host`, loopback unless said otherwise.

    The time of a replayed store stands still: there the scheduler does only what pages ask for, and nobody
    looks for signs of life.
    """
    config = project.path
    replayed = _own_time(project)
    with only_one(project):
        page, metrics = free_port(host, port), free_port(LOOPBACK, API_PORT)
        module = [sys.executable, "-m"]

        def tell_page(wanted: int) -> None:
            if page != wanted:
                say(_("Port {port} is taken; the dashboard moves to {page}.").format(port=wanted, page=page))
            say(_("Dashboard: http://{host}:{port}").format(host=host, port=page))

        def tell_metrics() -> None:
            say(
                _("Metrics:   http://{host}:{port}/metrics · health: /healthz").format(
                    host=LOOPBACK, port=metrics
                )
            )

        def scheduler() -> Sequence[str]:
            return [*module, "goalkeeper.scheduler", str(config)]

        def api() -> Sequence[str]:
            nonlocal metrics
            before, metrics = metrics, free_port(LOOPBACK, metrics)
            if metrics != before:
                tell_metrics()
            return [*module, "goalkeeper.api_server", str(config), str(metrics)]

        def dashboard() -> Sequence[str]:
            nonlocal page
            before, page = page, free_port(host, page)
            if page != before:
                tell_page(before)
            return dashboard_command(config, host=host, port=page)

        children = [Child(name=one.__name__, command=one) for one in (scheduler, api, dashboard)]
        stopping = False

        def stop(signum: int, frame: FrameType | None) -> None:
            nonlocal stopping
            stopping = True

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        if replayed is not None:
            say(
                _(
                    "A replayed project: its time stands still at {when}, so nothing is collected by itself;"
                    " `goalkeeper init` in another folder begins to watch a live model."
                ).format(when=local_day(replayed, project.zone, year=True))
            )
        tell_page(port)
        tell_metrics()
        say(_("Stop with Ctrl-C."))
        ending = threading.Event()
        if replayed is None:
            threading.Thread(target=_watch, args=(project, ending), daemon=True, name="dead man").start()
        try:
            while not stopping:
                for child in children:
                    child.tend(say)
                time.sleep(0.3)
        finally:
            ending.set()
            _stop(children)
        say(_("Stopped; what was collected is kept."))
