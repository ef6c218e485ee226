"""Collect a model and compute what changed: the first half of a pass."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from core.config import Model, Project, configuration_hash, declared_parts
from core.errors import GoalkeeperError
from core.spelling import listed
from core.text import gettext as _
from goalkeeper import __version__, clock
from goalkeeper.jobs.compute import compute
from goalkeeper.jobs.experiment import count_experiment
from goalkeeper.jobs.goals import judge_goals
from goalkeeper.jobs.passes import ModelPass
from goalkeeper.jobs.registry import ask_registry
from goalkeeper.jobs.telemetry import ask_telemetry
from goalkeeper.progress import Progress
from store import models, runs
from store.database import Store
from store.marks import add_mark

_NAMED = 4
"""So many changed parts of a configuration are named on the time axis."""


def collect_and_compute(
    *,
    project: Project,
    name: str,
    store: Store,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: str = "",
    progress: Progress | None = None,
    explain: Callable[[str], None] | None = None,
) -> ModelPass:
    """Collect one model, compute its metrics and judge its goals; every pass leaves a row of its own.

    The row is still open afterwards unless something failed: the rules are yet to be judged.

    Raises:
        GoalkeeperError: the log or the reference cannot be read; what was collected before stays.
    """
    from collectors.collect import Collector
    from collectors.engines import Engines
    from collectors.opening import open_sources

    model = project.models[name]
    with store.write() as session:
        runs.end_left(
            session, name, finished_at=clock.now(), error=_("It was ended, or stood still, in the middle."),
            hint=_("The pass after it has done its work."),
        )  # fmt: skip
        run = runs.start_run(
            session, name, started_at=clock.now(), now=now, configuration=configuration_hash(model),
            code=__version__, source=model.predictions.kind, actor=actor,
        ).id  # fmt: skip
        _mark_changes(session, model, now)
    engines = Engines(memory=project.memory_limit, explain=explain)
    try:
        opened = open_sources(project, model, engines)
        with store.read() as session:
            looked = _last_look(session, name)
        collector = Collector(
            project=project, model=model, store=store, opened=opened, now=now, since=since, until=until,
            looked=looked, progress=progress,
        )  # fmt: skip
        found = collector.run()
        unknown = ask_registry(project=project, model=model, store=store, now=now)
        unread = collector.settle_versions()
        points = compute(
            project=project, name=name, store=store, now=now, maturity=collector.maturity, run_id=run,
            progress=progress,
        )  # fmt: skip
        asked, silent = ask_telemetry(project=project, model=model, store=store, now=now, run_id=run)
        judge_goals(project=project, name=name, store=store, now=now)
        count_experiment(
            project=project, name=name, store=store, opened=opened, now=now, maturity=collector.maturity
        )
    except GoalkeeperError as problem:
        with store.write() as session:
            runs.finish_run(
                session,
                run,
                state="failed",
                finished_at=clock.now(),
                error=problem.message,
                hint=problem.hint,
            )
        raise
    finally:
        engines.close()
    notes = [*found.notes, *unknown, *unread, *silent]
    with store.write() as session:
        runs.finish_run(
            session, run, state="failed" if found.error else "running", finished_at=clock.now(),
            windows=found.windows, rows=found.rows, points=points + asked, error=found.error, hint=found.hint,
            sources=dict(found.sources)
            | {"notes": notes, "limited": since is not None or until is not None},
        )  # fmt: skip
    error = f"{found.error}\n→ {found.hint}" if found.hint else found.error
    return ModelPass(
        model=name,
        windows=found.windows,
        rows=found.rows,
        points=points + asked,
        notes=tuple(notes),
        error=error,
    )


def _mark_changes(session: Session, model: Model, now: datetime) -> None:
    """Mark on the time axis what of a model's configuration is no longer as the pass before found it."""
    was, parts = models.declared_parts(session, model.name), declared_parts(model)
    if was is not None:
        changed = sorted(name for name in was.keys() | parts.keys() if was.get(name) != parts.get(name))
        if changed:
            text = _("Configuration: {parts}").format(parts=listed(changed, _NAMED))
            add_mark(session, model=model.name, kind="configuration", start=now, text=text, actor="", now=now)
    models.keep_declared_parts(session, model.name, parts)


def _last_look(session: Session, model: str) -> datetime | None:
    """Return as of when a pass last looked at the whole model; None before the first one."""
    for row in runs.runs(session, model, limit=50):
        if row.state == "done" and not row.sources.get("limited"):
            return row.now
    return None
