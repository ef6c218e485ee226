"""Retrainings of a ticket: asked for by the rules or by a person, claimed, followed, told of.

The automatic one is the first of a ticket, once it can help (alerts.readiness); every further one a person
asks for. What was claimed and cannot be known is `unconfirmed`, and a person says what came of it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from alerts import tickets as desk
from alerts.incidents import ACKNOWLEDGE
from alerts.readiness import readiness
from alerts.retrain.base import Run, RunState
from alerts.tickets import ACTOR, TicketError
from core.config import Model, Project
from core.messages import Severity
from core.rules import WAITING, TicketKind, TicketState
from core.text import gettext as _
from store import retrainings, tickets
from store.tables import RetrainingRow, TicketRow


def ask_if_ready(session: Session, project: Project, model: Model, ticket: TicketRow, now: datetime) -> None:
    """Ask for the first retraining of a ticket once it can help; a person approves where the file says so."""
    if model.retrain is None or ticket.kind != TicketKind.RETRAIN or ticket.state not in WAITING:
        return
    if retrainings.retrainings(session, ticket_id=ticket.id):
        return
    if not all(check.ok for check in readiness(session, model, ticket, now)):
        return
    row = _ask(session, model, ticket, "" if model.retrain.approval else ACTOR, now)
    if row is not None and model.retrain.approval:
        tickets.add_event(session, ticket.id, at=now, actor=ACTOR, action="approval_asked", detail={})
        tell(session, project, ticket, "approval_asked", row.key, {}, now)


def ask(session: Session, project: Project, ticket_id: int, *, actor: str, now: datetime) -> RetrainingRow:
    """Ask for a retraining, or approve the one that waits: a person's word, whatever the checks say.

    Raises:
        TicketError: the ticket asks for something else, no way to retrain is configured, or one is under way.
    """
    ticket = desk.find(session, ticket_id)
    model = project.models.get(ticket.model)
    if ticket.kind != TicketKind.RETRAIN:
        raise TicketError(
            _("Ticket {id} does not ask for a retraining.").format(id=ticket.id),
            hint=_("It asks for: {kind}.").format(kind=ticket.kind),
        )
    if ticket.state == TicketState.CLOSED:
        raise TicketError(_("Ticket {id} is closed ({how}).").format(id=ticket.id, how=ticket.resolution))
    if model is None or model.retrain is None:
        raise TicketError(
            _("{model} names no way to retrain.").format(model=ticket.model),
            hint=_(
                "Add `retrain: {kind: command, run: …}`, or do it by hand: a new version starts the proof."
            ),
        )
    for row in retrainings.retrainings(session, model=ticket.model, open_only=True):
        if row.ticket_id == ticket.id and row.state == "asked" and not row.actor:
            retrainings.change(session, row, "asked", actor=actor)
            tickets.add_event(session, ticket.id, at=now, actor=actor, action="approved", detail={})
            return row
        raise TicketError(
            _("A retraining of {model} is under way (ticket {id}, {state}).").format(
                model=ticket.model, id=row.ticket_id, state=row.state
            ),
            hint=_("If it is lost, say so: `goalkeeper tickets retrained {id} --failed`.").format(
                id=row.ticket_id
            ),
        )
    asked = _ask(session, model, ticket, actor, now)
    if asked is None:
        raise TicketError(
            _("Somebody else asked for it at this moment."), hint=_("Look at the ticket again.")
        )
    tickets.add_event(session, ticket.id, at=now, actor=actor, action="retraining_asked", detail={})
    return asked


def said(
    session: Session, project: Project, ticket_id: int, *, version: str = "", failed: str = "", actor: str,
    now: datetime,
) -> RetrainingRow:  # fmt: skip
    """Say what came of a retraining that cannot be followed: the version it made, or why it failed.

    Raises:
        TicketError: none is under way.
    """
    ticket = desk.find(session, ticket_id)
    found = [
        row
        for row in retrainings.retrainings(session, ticket_id=ticket.id, open_only=True)
        if row.state != "asked"
    ]
    if not found:
        raise TicketError(
            _("No retraining of ticket {id} is under way.").format(id=ticket.id),
            hint=_("`goalkeeper tickets retrain {id}` starts one.").format(id=ticket.id),
        )
    state = RunState.FAILED if failed else RunState.DONE
    run = Run(key=found[-1].key, state=state, version=version.strip()[:200], error=failed.strip()[:500])
    follow(session, project, ticket, found[-1], run, now, actor=actor)
    return found[-1]


def claim(session: Session, ticket: TicketRow, row: RetrainingRow, now: datetime) -> bool:
    """Take a retraining before it starts; False where it is not to start, or somebody else has it."""
    if not row.actor or ticket.state == TicketState.CLOSED or not retrainings.claim(session, row, now):
        return False
    tickets.set_state(session, ticket, TicketState.RETRAINING, now=now)
    detail = {"key": row.key, "kind": row.kind, "for": row.actor}
    tickets.add_event(session, ticket.id, at=now, actor=ACTOR, action="retraining", detail=detail)
    return True


def follow(
    session: Session, project: Project, ticket: TicketRow, row: RetrainingRow, run: Run, now: datetime,
    *, actor: str = ACTOR,
) -> None:  # fmt: skip
    """Write down how a retraining stands, and move its ticket along."""
    if run.state is RunState.STARTING:
        return
    facts = {"handle": run.handle or row.handle, "log": run.log or row.log}
    if run.state is RunState.RUNNING:
        if row.state != "running" or any(getattr(row, name) != value for name, value in facts.items()):
            retrainings.change(session, row, "running", **facts)
        return
    if run.state is RunState.LOST:
        if row.state == "unconfirmed":
            return
        retrainings.change(session, row, "unconfirmed", error=run.error, **facts)
        _move(session, ticket, TicketState.UNCONFIRMED, "unconfirmed", {"text": run.error}, actor, now)
        tell(session, project, ticket, "unconfirmed", row.key, {"text": run.error}, now)
        return
    failed = run.state is RunState.FAILED
    retrainings.change(
        session,
        row,
        "failed" if failed else "done",
        ended_at=now,
        version=run.version,
        error=run.error,
        **facts,
    )
    if failed:
        detail = {"text": run.error}
        reopen(session, ticket, "retraining_failed", detail, actor, now)
        tell(session, project, ticket, "retraining_failed", row.key, detail, now)
    else:
        detail = {"version": run.version}
        _move(session, ticket, TicketState.VERIFYING, "retrained", detail, actor, now)


def reopen(
    session: Session, ticket: TicketRow, action: str, detail: Mapping[str, Any], actor: str, now: datetime
) -> None:
    """Put a ticket back to where a person has to act, with a new time to acknowledge."""
    due = ACKNOWLEDGE.get(Severity(ticket.severity))
    ticket.acknowledge_by = None if due is None else now + due
    ticket.acknowledged_at = None
    _move(session, ticket, TicketState.OPEN, action, detail, actor, now)


def tell(
    session: Session, project: Project, ticket: TicketRow, step: str, name: str, detail: Mapping[str, Any],
    now: datetime,
) -> None:  # fmt: skip
    """Queue the message of a step to those who are told of the ticket."""
    model = project.models.get(ticket.model)
    if model is not None:
        desk.tell_step(session, ticket, step, name, detail, model.channels(ticket.severity), now)


def _ask(
    session: Session, model: Model, ticket: TicketRow, actor: str, now: datetime
) -> RetrainingRow | None:
    assert model.retrain is not None
    number = len(retrainings.retrainings(session, ticket_id=ticket.id)) + 1
    return retrainings.ask(
        session, key=f"{ticket.key}:retraining-{number}", ticket_id=ticket.id, model=model.name,
        kind=model.retrain.kind, actor=actor, now=now,
    )  # fmt: skip


def _move(
    session: Session, ticket: TicketRow, state: TicketState, action: str, detail: Mapping[str, Any],
    actor: str, now: datetime,
) -> None:  # fmt: skip
    if desk.may_become(ticket, state):
        tickets.set_state(session, ticket, state, now=now)
    tickets.add_event(session, ticket.id, at=now, actor=actor, action=action, detail=detail)
