"""One whole pass: collect, compute, evaluate, deliver; an error in one model leaves the others alone."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from core.config import Project
from core.errors import GoalkeeperError
from core.text import gettext as _
from core.text import language
from goalkeeper import clock
from goalkeeper.progress import Progress
from store import runs
from store.database import Store
from store.leases import LostLeaseError

log = logging.getLogger("goalkeeper.passes")


@dataclass(frozen=True, kw_only=True)
class ModelPass:
    """What a pass did for one model; `error` is empty when it went well.

    `elsewhere`: another process has done it, does it or has taken it over; `error` then says who, if anybody.
    """

    model: str
    windows: int = 0
    rows: int = 0
    points: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True)
class PassResult:
    """What a pass did."""

    models: tuple[ModelPass, ...]
    firing: int
    tickets_opened: int
    messages: int

    @property
    def failed(self) -> bool:
        """Tell whether any model failed."""
        return any(one.error for one in self.models)

    def as_json(self) -> Mapping[str, Any]:
        """Return the result for machines."""
        return asdict(self)


def run_pass(
    *,
    project: Project,
    store: Store,
    now: datetime,
    models: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    deliver: bool = True,
    actor: str = "",
    progress: Progress | None = None,
    explain: Callable[[str], None] | None = None,
    due: Callable[[str], bool] | None = None,
) -> PassResult:
    """Run one pass over `models` as of `now`; `due` is asked about each once its turn has come."""
    from goalkeeper.jobs.evaluate import evaluate_model
    from goalkeeper.jobs.loop import work_on
    from goalkeeper.jobs.measure import collect_and_compute
    from goalkeeper.jobs.turn import BusyError, turn

    done: list[ModelPass] = []
    firing = opened = 0
    for name in models:
        one, problem, elsewhere = ModelPass(model=name), None, False
        try:
            with turn(store, f"model {name}", project.schedule.lease) as held:
                if due is not None and not due(name):  # another process has just done it
                    done.append(replace(one, elsewhere=True))
                    continue
                before = _newest_run(held, name)
                try:
                    one = collect_and_compute(
                        project=project,
                        name=name,
                        store=held,
                        now=now,
                        since=since,
                        until=until,
                        actor=actor,
                        progress=progress,
                        explain=explain,
                    )
                    result = evaluate_model(project=project, name=name, store=held, now=now)
                    firing += result.firing
                    opened += result.tickets_opened
                    work_on(project=project, name=name, store=held, now=now)
                    with held.write() as session:
                        runs.end_run(session, name, finished_at=clock.now())
                except LostLeaseError:
                    raise
                except Exception as error:  # a bug, or a plug-in, of one model must not stop the others
                    problem = _told(name, error)
                    _record(held, name, before, problem)
        except (BusyError, LostLeaseError) as error:
            problem, elsewhere = error, True
        except GoalkeeperError as error:
            problem = error
        if problem is not None:
            told = "\n".join(filter(None, (one.error, str(problem))))
            one = replace(one, error=told, elsewhere=elsewhere)
        done.append(one)
    opened += _watch_sources(project, store, now, any(one.error for one in done))
    sent = 0
    if deliver:
        from goalkeeper.jobs.deliver import deliver_due

        sent = deliver_due(project=project, store=store, now=now)
        if project.trackers:
            from goalkeeper.jobs.mirror import sync

            with suppress(BusyError, LostLeaseError), turn(store, "trackers", project.schedule.lease) as held:
                sync(project=project, store=held, now=now)
    return PassResult(models=tuple(done), firing=firing, tickets_opened=opened, messages=sent)


def _watch_sources(project: Project, store: Store, now: datetime, failed: bool) -> int:
    """Open a ticket for a source that cannot be read for three passes; return how many."""
    from alerts.sources import watch_sources
    from goalkeeper.jobs.turn import BusyError, turn
    from store.tickets import any_open

    with store.read() as session:
        if not failed and not any_open(session, "source:"):
            return 0
    try:
        with (
            turn(store, "sources", project.schedule.lease) as held,
            language(project.language),
            held.write() as session,
        ):
            return watch_sources(session, project, now)
    except (BusyError, LostLeaseError):
        return 0  # another process is at it


def _told(model: str, error: Exception) -> GoalkeeperError:
    if isinstance(error, GoalkeeperError):
        return error
    log.debug("%s", model, exc_info=error)
    return unexpected(error)


def unexpected(error: Exception) -> GoalkeeperError:
    """Say of an exception that nobody foresaw what it was and what can be done."""
    return GoalkeeperError(
        _("Unexpected {kind}: {error}").format(
            kind=type(error).__name__, error=str(error) or _("without a word")
        ),
        hint=_(
            "This is a mistake in the program or in a plug-in: "
            "please report it with what `goalkeeper collect --debug` prints."
        ),
    )


def _newest_run(store: Store, model: str) -> int:
    with store.read() as session:
        return next((row.id for row in runs.runs(session, model, limit=1)), 0)


def _record(store: Store, model: str, before: int, problem: GoalkeeperError) -> None:
    """Note on the run that this pass began, if it got so far, why it failed."""
    try:
        run = _newest_run(store, model)
        if run > before:
            with store.write() as session:
                runs.fail_run(session, run, finished_at=clock.now(), error=problem.message, hint=problem.hint)
    except LostLeaseError:
        raise
    except (SQLAlchemyError, GoalkeeperError) as error:  # the store itself may be what failed: it is told
        log.debug("%s: the run could not be ended", model, exc_info=error)
