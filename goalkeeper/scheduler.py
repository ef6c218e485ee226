"""The scheduler's process: `python -m goalkeeper.scheduler CONFIG`.

APScheduler only ticks; what is due is derived from the store and taken by leases, so several may run on one
PostgreSQL, and what one has done no other does again. The configuration is read again when its file changes;
an invalid one leaves the old in force.
The time of a replayed store (the demo's) stands still: there only what pages ask for is done.
"""

import logging
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from core.config import ConfigError, Project, Schedule, load
from core.errors import GoalkeeperError
from core.text import gettext as _
from core.text import set_language
from goalkeeper.clock import now, own_time
from goalkeeper.jobs import retention
from goalkeeper.jobs.deliver import deliver_due
from goalkeeper.jobs.due import SCHEDULER, due_models, is_due, ticks_of
from goalkeeper.jobs.mirror import sync
from goalkeeper.jobs.passes import run_pass
from goalkeeper.jobs.requests import work_off
from goalkeeper.jobs.turn import BusyError, turn
from store import settings
from store.database import Store
from store.heartbeats import CONFIG_ERROR, PASS, WORKER, beat

log = logging.getLogger("goalkeeper.scheduler")
REQUESTS = timedelta(seconds=3)
RELOAD = timedelta(seconds=10)
RETAIN = timedelta(minutes=10)
"""How often to look whether the day's rolling up is still to be done."""


@dataclass(kw_only=True)
class Work:
    """The jobs, on the configuration in force."""

    project: Project
    store: Store
    changed: tuple[tuple[str, int, int], ...] = ()

    def __post_init__(self) -> None:
        self.changed = state_of(self.project.path)

    def collect(self) -> None:
        """Run one pass over every model that is due, and leave a sign of life."""
        project, at = self.project, now()
        due = due_models(project, self.store, at)
        if not due and project.models:
            return

        def still_due(name: str) -> bool:
            with self.store.read() as session:
                return is_due(session, project, name, at)

        result = run_pass(
            project=project, store=self.store, now=at, models=due, deliver=False, actor=SCHEDULER,
            due=still_due,
        )  # fmt: skip
        for one in result.models:
            if one.elsewhere:
                log.info("%s: %s", one.model, one.error.partition("\n")[0] or "done by another process")
            elif one.error:
                log.warning("%s: %s", one.model, one.error)
            else:
                log.info("%s: %d windows, %d points", one.model, one.windows, one.points)
        if result.models and all(one.elsewhere for one in result.models):
            return
        with self.store.write() as session:
            beat(session, PASS, now())
        if project.heartbeat_url is not None:
            _ping(project.heartbeat_url.reveal())

    def deliver(self) -> None:
        """Send what is due."""
        deliver_due(project=self.project, store=self.store, now=now())

    def sync(self) -> None:
        """Mirror tickets into trackers, and hear what was done there."""
        if not self.project.trackers:
            return
        with turn(self.store, "trackers", self.project.schedule.lease) as held:
            sync(project=self.project, store=held, now=now())

    def requests(self) -> None:
        """Take up what pages ask for."""
        with self.store.write() as session:
            beat(session, WORKER, now())
        work_off(project=self.project, store=self.store)

    def retain(self) -> None:
        """Roll up what has got old, once on each of the project's days; a model that is busy comes later."""
        for name in self.project.models:
            with self.store.read() as session:
                if not retention.is_due(session, self.project, name, now()):
                    continue
            try:
                with turn(self.store, f"model {name}", self.project.schedule.lease) as held:
                    done = retention.retain(project=self.project, name=name, store=held, now=now())
            except BusyError:
                continue
            for step in done:
                log.info("%s: %d windows of %s rolled up", name, step.windows, step.grain)

    def reload(self) -> bool:
        """Read the configuration again if a file of it changed; True where another one is in force now."""
        path = self.project.path
        changed = state_of(path)
        if changed == self.changed:
            return False
        self.changed = changed
        try:
            fresh, error = load(path), ""
        except ConfigError as problem:
            fresh, error = None, str(problem)
            log.warning("%s is not valid; the old one stays in force:\n%s", path, problem)
        if fresh is not None and fresh.store.reveal() != self.project.store.reveal():
            fresh, error = None, _("`store` has changed: restart `goalkeeper serve` to move there.")
            log.warning("%s", error)
        with self.store.write() as session:
            settings.put(session, CONFIG_ERROR, error)
        if fresh is None:
            return False
        self.project = fresh
        set_language(fresh.language)
        log.info("%s was read again", path)
        return True


def main(config: str) -> None:
    """Tick until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # that a job still runs is no news
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it ignores comes again as an error of ours
    logging.getLogger("goalkeeper.passes").setLevel(logging.DEBUG)  # where an unexpected error arose
    project = load(Path(config))
    set_language(project.language)
    work = Work(project=project, store=Store.open(project.store.reveal()))
    with work.store.write() as session:
        settings.put(session, CONFIG_ERROR, "")
    ending = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        ending.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    ticking = BackgroundScheduler(timezone="UTC", job_defaults={"max_instances": 1, "coalesce": True})
    _arrange(ticking, work)
    ticking.start()
    while not ending.wait(RELOAD.total_seconds()):
        if work.reload():
            _arrange(ticking, work)
    ticking.shutdown(wait=False)


def _arrange(ticking: BackgroundScheduler, work: Work) -> None:
    """Set every job to the times of the configuration in force; all but rolling up begin at once.

    By the clock a replayed store would be long silent, so it is neither collected nor delivered from.
    """
    schedule, zone = work.project.schedule, work.project.zone
    first = {} if ticking.running else {"next_run_time": now()}
    jobs: list[tuple[str, Callable[[], None], BaseTrigger]] = [
        ("collect", work.collect, _every(ticks_of(schedule.collect))),
        ("deliver", work.deliver, _trigger(schedule.deliver, str(zone))),
        ("sync", work.sync, _trigger(schedule.sync, str(zone))),
        ("retain", work.retain, _every(RETAIN)),
        ("requests", work.requests, _every(REQUESTS)),
    ]
    if own_time(work.store) is not None:
        jobs = jobs[-1:]
    for name, job, trigger in jobs:
        ticking.add_job(
            _guarded(job), trigger, id=name, replace_existing=True, misfire_grace_time=None,
            **({} if name == "retain" else first),
        )  # fmt: skip


def _guarded(job: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            job()
        except BusyError:
            return  # another scheduler is at it
        except GoalkeeperError as problem:
            log.warning("%s", problem)

    return run


def _trigger(schedule: Schedule, zone: str) -> BaseTrigger:
    if schedule.at is not None:
        return CronTrigger(hour=schedule.at.hour, minute=schedule.at.minute, timezone=zone)
    return _every(schedule.interval)


def _every(length: timedelta) -> BaseTrigger:
    return IntervalTrigger(seconds=length.total_seconds())


def state_of(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Return names, times and sizes of a configuration's file and of every YAML file below its folder.

    What is below may be included; a file that is not costs one needless reading.
    """
    files = [path, *(file for folder in _folders(path) for file in sorted(folder.glob("*.y*ml")))]
    found = {}
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        found[str(file)] = (str(file), stat.st_mtime_ns, stat.st_size)
    return tuple(found.values())


def _folders(path: Path) -> list[Path]:
    """Return the folder of a configuration and the ones right below it, hidden ones left out."""
    below = (one for one in path.parent.iterdir() if one.is_dir() and not one.name.startswith("."))
    return [path.parent, *sorted(below)]


def _ping(url: str) -> None:
    """Tell a dead man's switch that a pass has ended; nobody is disturbed where it does not answer."""
    try:
        with urllib.request.urlopen(url, timeout=10):
            pass
    except (urllib.error.URLError, OSError, ValueError) as error:
        log.warning("heartbeat_url does not answer: %s", type(error).__name__)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except GoalkeeperError as problem:
        log.error("%s", problem)
        sys.exit(1)
