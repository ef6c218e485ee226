"""Take up what pages ask for."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from core.config import Project
from core.errors import GoalkeeperError
from core.text import gettext as _
from goalkeeper.clock import now, own_time
from goalkeeper.jobs.turn import BusyError, turn
from store import requests
from store.database import Store
from store.leases import LostLeaseError
from store.tables import RequestRow

log = logging.getLogger("goalkeeper.scheduler")
Say = Callable[[float], None]
MOST = 20
"""Requests taken up in one go."""


def work_off(*, project: Project, store: Store) -> int:
    """Take up what waits, one after the other; return how many were done."""
    done = 0
    while done < MOST and (row := requests.take(store, now())) is not None:
        run_request(project, store, row)
        done += 1
    return done


def run_request(project: Project, store: Store, row: RequestRow) -> None:
    """Do what one request asks for; its row says how far, what came of it, or why it failed.

    Where another worker has it, or took it over meanwhile, that one says so.
    """
    try:
        with turn(store, f"request {row.id}", project.schedule.lease) as held:
            _run(project, store, held, row)
    except (BusyError, LostLeaseError) as problem:
        log.info("%s", problem.message)


def _run(project: Project, store: Store, held: Store, row: RequestRow) -> None:
    def say(share: float) -> None:
        requests.progress(held, row.id, share, now())

    kinds: Mapping[str, Callable[[Project, Store, RequestRow, datetime, Say], Mapping[str, Any]]] = {
        "collect": _collect,
        "deep_dive": _deep_dive,
    }
    work = kinds.get(row.kind)
    try:
        if work is None:
            raise GoalkeeperError(
                _("Nobody knows how to do '{kind}'.").format(kind=row.kind),
                hint=_("Known: {kinds}.").format(kinds=", ".join(kinds)),
            )
        result = work(project, held if row.kind == "deep_dive" else store, row, own_time(store) or now(), say)
    except LostLeaseError:
        raise
    except GoalkeeperError as problem:
        requests.fail(held, row.id, str(problem), now())
    else:
        requests.done(held, row.id, result, now())


def _collect(project: Project, store: Store, row: RequestRow, at: datetime, say: Say) -> Mapping[str, Any]:
    from goalkeeper.jobs.passes import run_pass

    wanted = row.arguments.get("model")
    models = [name for name in project.models if wanted in (None, "", name)]
    result = run_pass(
        project=project, store=store, now=at, models=models, actor=row.actor,
        progress=lambda what, done, total: say(done / max(total, 1)),
    )  # fmt: skip
    errors = [one.error for one in result.models if one.error]
    if errors:
        raise GoalkeeperError(errors[0])
    return {
        "windows": sum(one.windows for one in result.models),
        "points": sum(one.points for one in result.models),
        "tickets": result.tickets_opened,
    }


def _deep_dive(project: Project, store: Store, row: RequestRow, at: datetime, say: Say) -> Mapping[str, Any]:
    from goalkeeper.jobs.deep_dive import deep_dive

    wanted = row.arguments
    report = deep_dive(
        project=project,
        store=store,
        model=str(wanted.get("model")),
        start=datetime.fromisoformat(str(wanted["start"])),
        end=datetime.fromisoformat(str(wanted["end"])),
        now=at,
        actor=row.actor,
        say=say,
    )
    return {"report": report.id}
