"""Collect a model and compute what changed: the first half of a pass."""

from collections.abc import Callable
from datetime import datetime, timedelta

from core.config import Model, Project, configuration_hash
from core.errors import GoalkeeperError
from goalkeeper import __version__, clock
from goalkeeper.jobs.compute import compute
from goalkeeper.jobs.goals import judge_goals
from goalkeeper.jobs.passes import ModelPass
from goalkeeper.progress import Progress
from store import runs, settings
from store.database import Store


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

    Raises:
        GoalkeeperError: the log or the reference cannot be read; what was collected before stays.
    """
    from collectors.collect import Collector
    from collectors.engines import Engines
    from collectors.opening import open_sources

    model = project.models[name]
    with store.write() as session:
        run = runs.start_run(
            session, name, started_at=clock.now(), now=now, configuration=configuration_hash(model),
            code=__version__, source=model.predictions.kind, actor=actor,
        ).id  # fmt: skip
    engines = Engines(memory=project.memory_limit, explain=explain)
    try:
        opened = open_sources(project, model, engines)
        maturity = _maturity(store, model)
        collector = Collector(
            project=project, model=model, store=store, opened=opened, now=now, maturity=maturity, since=since,
            until=until, progress=progress,
        )  # fmt: skip
        found = collector.run()
        points = compute(
            project=project, name=name, store=store, now=now, maturity=maturity, run_id=run, progress=progress
        )
        judge_goals(project=project, name=name, store=store, now=now)
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
    with store.write() as session:
        runs.finish_run(
            session, run, state="failed" if found.error else "done", finished_at=clock.now(),
            windows=found.windows, rows=found.rows, points=points, error=found.error, hint=found.hint,
            sources=dict(found.sources) | {"notes": list(found.notes)},
        )  # fmt: skip
    error = f"{found.error}\n→ {found.hint}" if found.hint else found.error
    return ModelPass(
        model=name, windows=found.windows, rows=found.rows, points=points, notes=found.notes, error=error
    )


def _maturity(store: Store, model: Model) -> timedelta:
    """Return the age at which a label counts as known: as configured, else as learnt."""
    truth = model.ground_truth
    if truth is None:
        return timedelta()
    if truth.maturity is not None:
        return truth.maturity
    with store.read() as session:
        kept = settings.get(session, f"maturity:{model.name}")
    return timedelta(seconds=float(kept)) if kept else timedelta()
