"""Schedulers that share one PostgreSQL: a project of three models, and what is left of each run."""

import os
import re
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import psutil
import pytest
import sqlalchemy as sa
import yaml

from bench.soak import BEFORE, DAYS, State, rows_told, write_days
from core.config import load
from goalkeeper.jobs.deliver import deliver_due
from goalkeeper.jobs.passes import run_pass
from store import outbox, runs
from store.database import Store
from store.heartbeats import WORKER, last_beat
from store.tables import OutboxRow, RunRow
from tests.conftest import fresh

HOME = Path(__file__).parents[2]
MODELS = ("east", "north", "west")
LEASE = timedelta(seconds=2)
EVERY = timedelta(seconds=4)
PATIENCE_S = 60.0
NOISE = re.compile(r"WARNING|ERROR(?!.*address already in use)|Traceback|Exception")


def soon(what: Callable[[], object], told: Callable[[], str]) -> None:
    """Wait for something that other processes do."""
    until = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > until:
            pytest.fail(f"it did not happen within {PATIENCE_S:.0f} s: {told()}")
        time.sleep(0.05)


@dataclass(kw_only=True)
class Scheduling:
    """A running scheduler, alone or under `goalkeeper serve`."""

    process: subprocess.Popen[bytes]
    output: Path
    file: IO[bytes]

    @property
    def said(self) -> str:
        """Return its log."""
        return self.output.read_text()

    @property
    def scheduler(self) -> psutil.Process:
        """Return the process that works: itself, or its child under `goalkeeper serve`."""
        own = psutil.Process(self.process.pid)
        return next((one for one in own.children() if "goalkeeper.scheduler" in one.cmdline()), own)

    @property
    def passed(self) -> Counter[str]:
        """Return how many passes it made over each model."""
        return Counter(re.findall(r"INFO (\w+): \d+ windows", self.said))

    def healthy(self) -> str:
        """Return the newest address of the api under `goalkeeper serve`, once it answers that all is well."""
        found = re.findall(r"Metrics: +(http://127\.0\.0\.1:\d+)/metrics", self.said)
        try:
            with urllib.request.urlopen(f"{found[-1]}/healthz", timeout=5):
                return str(found[-1])
        except (IndexError, OSError):
            return ""

    def stand_still(self) -> None:
        """Stop it as a suspended machine would."""
        self.scheduler.suspend()

    def wake(self) -> None:
        """Let it go on."""
        self.scheduler.resume()

    def end(self) -> int:
        """Ask it to end; return its code."""
        self.wake()
        self.process.terminate()
        try:
            return self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            self.process.wait()
            self.file.close()


@dataclass(kw_only=True)
class Shared:
    """A project on one database, whose models each have a ticket to open and a mail to send."""

    config: Path
    url: str
    begun: datetime
    all: list[Scheduling] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store.open(self.url)

    def start(self, *command: str) -> Scheduling:
        """Start a scheduler, or another command of the same project."""
        words = command or ("goalkeeper.scheduler", str(self.config))
        output = self.config.with_name(f"said-{len(self.all)}.txt")
        file = output.open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=HOME, stdout=file, stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"}, start_new_session=True,
        )  # fmt: skip
        self.all.append(Scheduling(process=process, output=output, file=file))
        return self.all[-1]

    def said(self) -> str:
        """Return what all of them said."""
        return "\n---\n".join(one.said for one in self.all)

    def collect(self, now: datetime | None = None) -> None:
        """Pass over every model, in this process, and leave the messages in the outbox."""
        now = now or datetime.now(UTC)
        done = run_pass(project=load(self.config), store=self.store, now=now, models=MODELS, deliver=False)
        assert not done.failed, done

    def deliver(self) -> int:
        """Send the messages, from this process; return how many."""
        return deliver_due(project=load(self.config), store=self.store, now=datetime.now(UTC))

    def runs(self, model: str) -> list[RunRow]:
        """Return the schedulers' passes over a model, in their order."""
        with self.store.read() as session:
            return [row for row in runs.runs(session, model) if row.actor == "scheduler"][::-1]

    def messages(self) -> list[OutboxRow]:
        """Return the messages."""
        with self.store.read() as session:
            return outbox.messages(session)

    def is_collected(self) -> bool:
        """Tell whether every model was passed over."""
        return all(any(row.state == "done" for row in self.runs(name)) for name in MODELS)

    def is_done(self) -> bool:
        """Tell whether every model was passed over and every message sent."""
        states = [row.state for row in self.messages()]
        return self.is_collected() and states == ["sent"] * len(MODELS)

    def wait(self, what: Callable[[], object]) -> None:
        """Wait for something; show the logs where it does not happen."""
        soon(what, self.said)

    def wait_for_worker(self) -> None:
        """Wait for a sign of life that is given after this."""
        asked = datetime.now(UTC)

        def is_alive() -> bool:
            with self.store.read() as session:
                last = last_beat(session, WORKER)
            return last is not None and last > asked

        self.wait(is_alive)

    def left(self) -> State:
        """Return every row that tells of the models, as texts; times by the clock are alike."""
        return Counter(rows_told(self.url, self.begun))

    @contextmanager
    def locked(self, table: str, mode: str) -> Iterator[None]:
        """Keep a table from whoever asks for it; the block begins once somebody waits."""
        waits = sa.text(
            "SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
            " WHERE NOT granted AND relname = :table"
        )
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as holding, engine.connect() as looking:
            holding.execute(sa.text(f'LOCK TABLE "{table}" IN {mode} MODE'))
            started = self.start()
            self.wait(lambda: looking.scalar(waits, {"table": table}))
            started.stand_still()
            yield
            holding.rollback()
        engine.dispose()

    def end(self) -> None:
        """Leave nothing behind."""
        for one in self.all:
            if one.process.poll() is None:
                one.end()
        self.store.close()


@dataclass(kw_only=True)
class Ground:
    """A store that was passed over once, to be copied; `begun` is when this run of tests began."""

    folder: Path
    server: str
    begun: datetime
    ready: str = ""

    @classmethod
    def laid(cls, folder: Path, server: str) -> "Ground":
        """Write the data, up to yesterday, and pass over all but its last days."""
        begun = datetime.now(UTC)
        ground = cls(folder=folder, server=server, begun=begun)
        start = begun.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
        (folder / "data").mkdir(parents=True)
        write_days(folder / "data", 0, BEFORE, start)
        shared = ground.copy(port=9)
        ground.ready = shared.url
        shared.collect(start + timedelta(days=BEFORE, hours=6))
        shared.end()
        write_days(folder / "data", BEFORE, DAYS, start)
        return ground

    def copy(self, *, port: int) -> Shared:
        """Return a project on a copy of the store; its mails go to a server at `port`."""
        start = (self.begun - timedelta(days=DAYS)).date()
        folder = self.folder / uuid.uuid4().hex[:8]
        folder.mkdir()
        template = str(sa.make_url(self.ready).database) if self.ready else ""
        url = fresh(self.server, template=template)
        model = {
            "notify": ["owners"], "segments": ["region"], "service_grain": "1d",
            "predictions": {
                "path": f"{self.folder}/data/log-*.parquet",
                "columns": {
                    "id": "id", "time": "at", "version": "version", "score": "p", "latency_ms": "ms",
                    "status": "status",
                },
            },
            "ground_truth": {
                "path": f"{self.folder}/data/truth-*.parquet", "maturity": "1d",
                "columns": {"id": "id", "time": "known_at", "label": "y"},
            },
            "reference": {"from": start, "to": start + timedelta(days=23)},
        }  # fmt: skip
        body = {
            "store": url, "state_dir": "state",
            "smtp": {"host": "127.0.0.1", "port": port, "tls": "none", "from": "gk@example.com"},
            "channels": {"owners": {"kind": "email", "to": ["growth@example.com"]}},
            "schedule": {
                "collect": f"every {EVERY.seconds}s", "deliver": "every 1s", "lease": f"{LEASE.seconds}s",
            },
            "models": {name: {"title": name.title(), **model} for name in MODELS},
        }  # fmt: skip
        config = folder / "goalkeeper.yaml"
        config.write_text(yaml.safe_dump(body, sort_keys=False))
        return Shared(config=config, url=url, begun=self.begun)
