"""Replay the call centre morning by morning: write a day's files, then one whole pass as of that morning."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import func, select

from core.config import Project, load
from core.errors import GoalkeeperError
from core.text import gettext as _
from goalkeeper.clock import OWN
from goalkeeper.demo import story
from goalkeeper.demo.files import write_day, write_reference
from goalkeeper.demo.project import write_project
from goalkeeper.progress import Progress
from store import retrainings
from store.database import Store
from store.heartbeats import PASS, beat
from store.settings import get, put
from store.tables import AlertRow, MetricRow, OutboxRow, TicketRow, WindowRow

REPLAYED = "demo_replayed"
"""The fact of the store that names the last day whose pass has ended."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What lies in the store after a replay; `added` is the number of passes that this call ran."""

    windows: int
    metric_points: int
    alerts: int
    tickets: int
    messages: int
    added: int = 0

    def as_json(self) -> dict[str, int]:
        """Return the figures for machines."""
        figures: dict[str, int] = asdict(self)
        del figures["added"]
        return figures


def replay(
    folder: Path, *, last: date = story.LOG.last, progress: Progress | None = None, say: Callable[[str], None]
) -> Replayed:
    """Bring the demo in `folder` up to `last`; what is there already stays.

    Raises:
        GoalkeeperError: a pass failed, or the folder holds another project.
    """
    path = write_project(folder)
    project = load(path)
    if tuple(project.models) != (story.MODEL,):
        raise GoalkeeperError(
            _("{path} is not the demo's project.").format(path=path),
            hint=_("Choose an empty folder with --dir."),
        )
    store = Store.open(project.store.reveal())
    try:
        return _run(project, store, folder, last, progress, say)
    finally:
        store.close()


def _run(
    project: Project,
    store: Store,
    folder: Path,
    last: date,
    progress: Progress | None,
    say: Callable[[str], None],
) -> Replayed:
    done = replayed_until(store)
    due = [day for day in story.mornings() if day <= last and (done is None or day > done)]
    if not due:
        say(_("The demo is complete; nothing is added."))
        return counts(store)
    if done is not None:
        say(_("Going on after {day}.").format(day=done))
    write_reference(folder)
    for number, day in enumerate(due, start=1):
        for earlier in story.LOG.days():
            if earlier <= day:
                write_day(folder, earlier)
        _pass(project, store, day)
        if progress is not None:
            progress(_("Replaying"), number, len(due))
    return counts(store, added=len(due))


def _pass(project: Project, store: Store, day: date) -> None:
    """Run one morning's pass over everything up to `day`."""
    from goalkeeper.jobs.passes import run_pass

    now = story.morning_after(day)
    with store.write() as session:  # first: nobody may take the clock's time for what is half replayed
        put(session, OWN, now.isoformat())
    result = run_pass(project=project, store=store, now=now, models=tuple(project.models))
    if result.failed:
        raise GoalkeeperError(
            _("The pass of {day} failed: {why}").format(
                day=day, why="; ".join(one.error for one in result.models if one.error)
            ),
            hint=_("Run the same command again: it goes on from there."),
        )
    _wait_for_retraining(project, store, now)
    with store.write() as session:
        beat(session, PASS, now)
        put(session, REPLAYED, day.isoformat())


def _wait_for_retraining(project: Project, store: Store, now: datetime) -> None:
    """Let a retraining that was begun come to its end: simulated mornings are too short for it."""
    from goalkeeper.jobs.loop import work_on

    while True:
        with store.read() as session:
            under_way = [row for row in retrainings.retrainings(session, open_only=True) if row.claimed_at]
        if not any(row.state in ("claimed", "running") for row in under_way):
            return
        time.sleep(0.2)
        work_on(project=project, name=story.MODEL, store=store, now=now)


def replayed_until(store: Store) -> date | None:
    """Return the last day whose pass has ended; None before the first."""
    with store.read() as session:
        kept = get(session, REPLAYED)
    return None if kept is None else datetime.fromisoformat(kept).date()


def counts(store: Store, *, added: int = 0) -> Replayed:
    """Count what lies in the store: windows, current metric points, alerts, tickets, messages."""
    with store.read() as session:

        def rows(table: type[WindowRow | MetricRow | AlertRow | TicketRow | OutboxRow]) -> int:
            return session.scalar(select(func.count()).select_from(table)) or 0

        current = select(func.count()).select_from(MetricRow).where(MetricRow.superseded_at.is_(None))
        return Replayed(
            windows=rows(WindowRow),
            metric_points=session.scalar(current) or 0,
            alerts=rows(AlertRow),
            tickets=rows(TicketRow),
            messages=rows(OutboxRow),
            added=added,
        )
