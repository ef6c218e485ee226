"""Mirror tickets into trackers, and take up what people did there: `schedule.sync`."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy.orm import Session

from alerts import tickets as desk
from alerts.readiness import readiness
from alerts.tickets import TicketError
from alerts.trackers.base import Heard, Mirrored, Tracker
from core.config import Project
from core.errors import DeliveryError, GoalkeeperError
from core.plugins import PORTS, load
from core.rules import TicketState
from core.text import gettext as _
from core.text import language
from notify.sender import PAUSES
from reports import mirrors as written
from reports.proofs import progress
from reports.wording import Links
from store import mirrors, tickets
from store.database import Store
from store.tables import MirrorRow, TicketRow

log = logging.getLogger("goalkeeper.scheduler")
CLOSED_FOR = timedelta(days=14)
"""So long after a ticket was closed, what is said over there is still heard."""
LAST = "closed:"
"""Begins the mark of a mirror that shows its ticket closed."""


def sync(*, project: Project, store: Store, now: datetime) -> int:
    """Bring every mirror up to date and hear what was done there; return how many mirrors were written.

    A tracker that does not answer is tried again after growing pauses; the others go on.
    """
    count = 0
    with language(project.language):
        for name in project.trackers:
            if project.trackers[name].kind == "builtin":
                continue
            with store.read() as session:
                found = [row for row in tickets.tickets(session) if _is_mirrored(project, row, name)]
            for ticket in reversed(found):
                count += _sync(project, store, name, ticket.id, now)
    return count


def _is_mirrored(project: Project, ticket: TicketRow, tracker: str) -> bool:
    model = project.models.get(ticket.model)
    return model is not None and (model.trackers is None or tracker in model.trackers)


def _sync(project: Project, store: Store, name: str, ticket_id: int, now: datetime) -> int:
    with store.read() as session:
        ticket = desk.find(session, ticket_id)
        row = mirrors.mirror(session, ticket_id, name)
        over = ticket.closed_at is not None and now - ticket.closed_at > CLOSED_FOR
        if over and (row is None or row.mark.startswith(LAST)):
            return 0
        if row is not None and row.error and now < row.not_before:
            return 0
        shown = _shown(session, project, ticket, now)
    mark = hashlib.sha256(json.dumps(asdict(shown), sort_keys=True).encode()).hexdigest()[:16]
    mark = f"{LAST if shown.closed else ''}{mark}"
    try:
        tracker = _tracker(project, name)
        wrote = 0
        if row is None or row.mark != mark:
            again = row is not None and row.mark.startswith(LAST) and not shown.closed
            shown = replace(shown, back=again)
            row = _write(store, tracker, name, ticket_id, shown, row, mark, now)
            wrote = 1
        if row is not None and row.handle:
            heard = tracker.heard(row.handle, row.heard_until)
            with store.write() as session:
                _take_up(session, name, ticket_id, heard, now)
                if row.error:
                    mirrors.keep_mirror(session, ticket_id, name, now, attempts=0, error="")
    except GoalkeeperError as error:
        _failed(store, name, ticket_id, error, now)
        return 0
    return wrote


def _write(
    store: Store, tracker: Tracker, name: str, ticket_id: int, shown: Mirrored, row: MirrorRow | None,
    mark: str, now: datetime,
) -> MirrorRow | None:  # fmt: skip
    place = tracker.mirror(shown, row.handle if row is not None else "", now)
    if place is None:
        return None
    with store.write() as session:
        return mirrors.keep_mirror(
            session,
            ticket_id,
            name,
            now,
            handle=place.handle,
            link=place.link,
            mark=mark,
            attempts=0,
            error="",
        )


def _shown(session: Session, project: Project, ticket: TicketRow, now: datetime) -> Mirrored:
    model = project.models.get(ticket.model)
    closed = ticket.state == TicketState.CLOSED
    steps = progress(session, ticket, model, readiness(session, model, ticket, now), project.zone)
    links = Links(project.public_url, ticket.model, ticket.opened_at)
    trail = tickets.events(session, ticket.id) if closed else []
    ended = [event for event in trail if event.action != "commented"]
    return Mirrored(
        key=ticket.key,
        title=written.title(ticket, model),
        text=written.body(ticket, model, steps, links, project.zone),
        severity=ticket.severity,
        kind=ticket.kind,
        closed=closed,
        link=links.ticket(ticket.id),
        said=written.closing(ticket, ended[-1] if ended else None) if closed else "",
    )


def _take_up(session: Session, name: str, ticket_id: int, heard: Sequence[Heard], now: datetime) -> None:
    """Write down what was done over there, each once: the trail and how far was heard are one transaction."""
    row = mirrors.mirror(session, ticket_id, name)
    if row is None:
        return
    known = set(row.heard)
    fresh = [one for one in heard if one.id not in known]
    for one in fresh:
        _do(session, name, ticket_id, one, now)
    if fresh:
        until = max(one.at for one in heard)
        kept = {one.id: 1 for one in heard if one.at >= until - timedelta(seconds=2)}
        mirrors.keep_mirror(
            session, ticket_id, name, now, heard_until=until - timedelta(seconds=1), heard=kept
        )


def _do(session: Session, name: str, ticket_id: int, one: Heard, now: datetime) -> None:
    actor = f"{one.actor} ({name})"
    ticket = desk.find(session, ticket_id)
    if one.comment.strip():
        desk.comment(session, ticket_id, one.comment, actor=actor, now=now)
    if one.assignee is not None and ticket.state != TicketState.CLOSED and one.assignee != ticket.assignee:
        desk.assign(session, ticket_id, one.assignee, actor=actor, now=now)
    if one.closed and ticket.state != TicketState.CLOSED:
        try:
            with session.begin_nested():
                words = _("Closed in {tracker}.").format(tracker=name)
                desk.close(session, ticket_id, text=words, actor=actor, now=now)
        except TicketError as error:
            words = _("Closed in {tracker}, but it stays open here: {why}").format(
                tracker=name, why=error.message
            )
            desk.comment(session, ticket_id, words, actor=actor, now=now)
            if ticket.state == TicketState.OPEN:
                desk.acknowledge(session, ticket_id, actor=actor, now=now)


def _failed(store: Store, name: str, ticket_id: int, error: GoalkeeperError, now: datetime) -> None:
    log.warning("%s: %s", name, error.message)
    permanent = isinstance(error, DeliveryError) and error.permanent
    with store.write() as session:
        row = mirrors.mirror(session, ticket_id, name)
        attempts = 0 if row is None else row.attempts
        pause = PAUSES[-1] if permanent else PAUSES[min(attempts, len(PAUSES) - 1)]
        mirrors.keep_mirror(
            session, ticket_id, name, now, attempts=attempts + 1, not_before=now + pause, error=str(error)
        )


def _tracker(project: Project, name: str) -> Tracker:
    settings = project.trackers[name]
    module = load(PORTS["tracker"], settings.kind, project.plugin_dirs)
    return cast(Tracker, module.Tracker(settings.options))
