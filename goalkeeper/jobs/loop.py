"""Move a model's retraining tickets along: the fourth part of a pass, after its rules were judged."""

import logging
from datetime import datetime
from typing import cast

from sqlalchemy.orm import Session

from alerts import proof, retraining
from alerts.escalation import escalate
from alerts.retrain.base import House, Retrain, Run, RunState
from alerts.tickets import find
from core.config import Model, Project
from core.errors import DeliveryError, GoalkeeperError
from core.plugins import PORTS, load
from core.rules import TicketKind, TicketState
from core.text import gettext as _
from core.text import language
from goalkeeper.jobs.brief import brief_of
from store import retrainings, tickets
from store.database import Store
from store.tables import RetrainingRow

log = logging.getLogger("goalkeeper.passes")


def work_on(*, project: Project, name: str, store: Store, now: datetime) -> None:
    """Ask for, start and follow retrainings of a model, look at new versions, remind of what is overdue."""
    model = project.models[name]
    with store.read() as session:
        open_ones = [row for row in tickets.tickets(session, model=name) if row.state != TicketState.CLOSED]
        asking = [row.id for row in open_ones if row.kind == TicketKind.RETRAIN]
    if any(row.acknowledge_by is not None and row.acknowledge_by <= now for row in open_ones):
        with store.write() as session:
            for row in open_ones:
                escalate(session, model, find(session, row.id), now)
    with language(project.language):
        for ticket_id in reversed(asking):
            _work_on(project, model, store, ticket_id, now)


def _work_on(project: Project, model: Model, store: Store, ticket_id: int, now: datetime) -> None:
    with store.write() as session:
        retraining.ask_if_ready(session, project, model, find(session, ticket_id), now)
    with store.read() as session:
        under_way = retrainings.retrainings(session, ticket_id=ticket_id, open_only=True)
    for row in under_way:
        if row.state != "unconfirmed":
            _follow(project, model, store, ticket_id, row, now)
    with store.write() as session:
        proof.advance(session, project, model, find(session, ticket_id), now)


def _follow(
    project: Project, model: Model, store: Store, ticket_id: int, row: RetrainingRow, now: datetime
) -> None:
    """Start what waits; look after what was begun, and start it only where it certainly never was."""
    begun = row.state != "asked"
    if not begun:
        with store.write() as session:
            if not retraining.claim(session, find(session, ticket_id), _row(session, row), now):
                return
    run = _run(project, model, store, ticket_id, row, now, begun=begun)
    if run is None:
        return
    with store.write() as session:
        retraining.follow(session, project, find(session, ticket_id), _row(session, row), run, now)


def _run(
    project: Project, model: Model, store: Store, ticket_id: int, row: RetrainingRow, now: datetime,
    *, begun: bool,
) -> Run | None:  # fmt: skip
    """Return how it stands; None while the other side does not answer."""
    try:
        way = _way(project, model, row)
        found = way.find(row.key, now) if begun else None
        if found is not None:
            return found
        if row.state == "running":  # it was begun: there is no starting it once more
            gone = _("The other side no longer knows of it.")
            return Run(key=row.key, state=RunState.LOST, error=gone)
        with store.read() as session:
            brief = {"key": row.key, **brief_of(session, project, find(session, ticket_id), now)}
        return way.start(row.key, brief, now)
    except DeliveryError as error:
        if error.permanent:
            return Run(key=row.key, state=RunState.FAILED, error=str(error))
        log.warning("%s: %s", row.key, error)
        return None
    except GoalkeeperError as error:
        return Run(key=row.key, state=RunState.FAILED, error=str(error))


def _way(project: Project, model: Model, row: RetrainingRow) -> Retrain:
    settings = model.retrain
    if settings is None or settings.kind != row.kind:
        raise DeliveryError(
            _("The project no longer says how this retraining was begun ({kind}).").format(kind=row.kind),
            permanent=True,
        )
    module = load(PORTS["retrain"], settings.kind, project.plugin_dirs)
    house = House(state_dir=project.state_dir, folder=project.folder)
    return cast(Retrain, module.Retrain(settings.options, house))


def _row(session: Session, row: RetrainingRow) -> RetrainingRow:
    found = session.get(RetrainingRow, row.id)
    assert found is not None
    return found
