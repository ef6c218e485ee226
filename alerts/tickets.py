"""What people do to tickets: every act is checked against the states and written to the audit trail.

`open → acknowledged → (retraining → verifying →) closed`. Each function takes the actor and `now`, writes the
change and its event in the caller's transaction, and raises `TicketError` in words where it does not fit.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.errors import GoalkeeperError
from core.evidence import Evidence, Finding
from core.messages import Severity
from core.rules import WORKING, AlertState, Dismissal, Resolution, TicketKind, TicketState
from core.spelling import listed, nearest_of
from core.text import gettext as _
from core.text import ngettext
from store import alerts, outbox, silences, tickets
from store.tables import AlertRow, TicketEventRow, TicketRow

ACTOR = "goalkeeper"
"""Who does what nobody asked for."""

NEXT: Mapping[TicketState, Sequence[TicketState]] = {
    TicketState.OPEN: (
        TicketState.ACKNOWLEDGED,
        TicketState.RETRAINING,
        TicketState.VERIFYING,
        TicketState.CLOSED,
    ),
    TicketState.ACKNOWLEDGED: (TicketState.RETRAINING, TicketState.VERIFYING, TicketState.CLOSED),
    TicketState.RETRAINING: (
        TicketState.VERIFYING,
        TicketState.UNCONFIRMED,
        TicketState.OPEN,
        TicketState.CLOSED,
    ),
    TicketState.UNCONFIRMED: (
        TicketState.RETRAINING,
        TicketState.VERIFYING,
        TicketState.OPEN,
        TicketState.CLOSED,
    ),
    TicketState.VERIFYING: (TicketState.RETRAINING, TicketState.CLOSED, TicketState.OPEN),
    TicketState.CLOSED: (),
}
"""Where a ticket may go from where it stands; it is reopened when the retraining or the proof fails."""
LONGEST = 4000


class TicketError(GoalkeeperError):
    """An act does not fit the ticket's state, or there is no such ticket."""


def may_become(ticket: TicketRow, state: TicketState) -> bool:
    """Tell whether the ticket may go to `state`; only `retrain` passes through retraining and verifying."""
    if state in WORKING and ticket.kind != TicketKind.RETRAIN:
        return False
    return state in NEXT[TicketState(ticket.state)]


def acknowledge(session: Session, ticket_id: int, *, actor: str, now: datetime) -> TicketRow:
    """Say that somebody is on it: the ticket is no longer overdue; it changes nothing else."""
    ticket = find(session, ticket_id)
    _check(ticket, TicketState.ACKNOWLEDGED)
    tickets.set_state(session, ticket, TicketState.ACKNOWLEDGED, now=now)
    tickets.add_event(session, ticket.id, at=now, actor=actor, action="acknowledged", detail={})
    return ticket


def comment(session: Session, ticket_id: int, text: str, *, actor: str, now: datetime) -> TicketRow:
    """Add words; a closed ticket takes them too."""
    ticket = find(session, ticket_id)
    tickets.add_event(
        session, ticket.id, at=now, actor=actor, action="commented", detail={"text": _text(text)}
    )
    return ticket


def silence(
    session: Session, ticket_id: int, *, rule: str, until: datetime, reason: str, actor: str, now: datetime
) -> TicketRow:
    """Keep a rule of the ticket's model ('' means all of them) quiet until a time; the ticket stays open."""
    ticket, reason = find(session, ticket_id), _text(reason)
    if until <= now:
        raise TicketError(
            _("{until} is over already.").format(until=until.isoformat()),
            hint=_("Name a time in the future."),
        )
    silences.add(
        session, model=ticket.model, rule=rule, segment="", until=until, reason=reason, actor=actor, now=now
    )
    tickets.add_event(
        session, ticket.id, at=now, actor=actor, action="silenced",
        detail={"rule": rule, "until": until.isoformat(), "text": reason},
    )  # fmt: skip
    return ticket


def assign(session: Session, ticket_id: int, assignee: str, *, actor: str, now: datetime) -> TicketRow:
    """Give it to somebody; '' takes it from whoever had it."""
    ticket = find(session, ticket_id)
    _not_closed(ticket)
    before = ticket.assignee
    tickets.set_assignee(session, ticket, assignee.strip()[:200], now=now)
    detail = {"from": before, "to": ticket.assignee}
    tickets.add_event(session, ticket.id, at=now, actor=actor, action="assigned", detail=detail)
    return ticket


def dismiss(
    session: Session, ticket_id: int, why: str, *, text: str = "", actor: str, now: datetime
) -> TicketRow:
    """Close it as a false alarm, a known cause or a duplicate; only the first counts against the budget."""
    ticket = find(session, ticket_id)
    reasons = [reason.value for reason in Dismissal]
    if why not in reasons:
        near = nearest_of(why, reasons)
        raise TicketError(
            _("'{why}' is no reason for a dismissal.").format(why=why),
            hint=(_("Did you mean {nearest}?").format(nearest=near) + " " if near else "")
            + _("Allowed: {allowed}.").format(allowed=listed(reasons)),
        )
    detail = {"why": why, "text": text.strip()[:LONGEST]}
    _close(session, ticket, Resolution.DISMISSED, "dismissed", detail, actor=actor, now=now, dismissal=why)
    return ticket


def accept(
    session: Session, ticket_id: int, *, since: datetime, reason: str, actor: str, now: datetime
) -> TicketRow:
    """Close it and take the level from `since` on as the new normal of every alert in it."""
    ticket = find(session, ticket_id)
    if since > now:
        raise TicketError(
            _("{since} lies in the future.").format(since=since.isoformat()),
            hint=_("Name the day from which the level is normal."),
        )
    keys = [
        {"rule": row.rule, "version": row.version, "segment": row.segment, "column": row.column}
        for row in alerts_of(session, ticket)
    ]
    detail = {"from": since.isoformat(), "reason": _text(reason), "keys": keys}
    _close(session, ticket, Resolution.ACCEPTED, "accepted", detail, actor=actor, now=now)
    return ticket


def close(session: Session, ticket_id: int, *, text: str = "", actor: str, now: datetime) -> TicketRow:
    """Close what is mended; refused while one of its alerts still fires."""
    ticket = find(session, ticket_id)
    own = [row for row in alerts_of(session, ticket) if row.severity != Severity.NOTICE]
    firing = [row for row in own if row.state == AlertState.FIRING]
    if firing and ticket.state != TicketState.CLOSED:
        count = len({(row.rule, row.column, row.segment) for row in firing})
        told = ngettext("{n} of its alerts still fires", "{n} of its alerts still fire", count).format(
            n=count
        )
        raise TicketError(
            _("Ticket {id} cannot be closed: {told} ({rules}).").format(
                id=ticket.id, told=told, rules=listed(row.rule for row in firing)
            ),
            hint=_("Wait for recovery, accept the level as the new normal, or dismiss it with a reason."),
        )
    detail = {"text": text.strip()[:LONGEST]}
    _close(session, ticket, Resolution.RECOVERED, "closed", detail, actor=actor, now=now)
    return ticket


def find(session: Session, ticket_id: int) -> TicketRow:
    """Return a ticket.

    Raises:
        TicketError: there is none of this number.
    """
    ticket = tickets.ticket(session, ticket_id)
    if ticket is None:
        raise TicketError(
            _("There is no ticket {id}.").format(id=ticket_id), hint=_("See `goalkeeper tickets list`.")
        )
    return ticket


def findings_of(ticket: TicketRow, trail: Iterable[TicketEventRow]) -> list[Finding]:
    """Return what a ticket was opened with, and what joined it later."""
    joined = [Finding.model_validate(one.detail["finding"]) for one in trail if one.action == "joined"]
    return [*Evidence.model_validate(ticket.evidence).findings, *joined]


def alerts_of(session: Session, ticket: TicketRow) -> list[AlertRow]:
    """Return the alerts of a ticket's incident, drift that explains it included."""
    return [
        row for row in alerts.alerts(session, model=ticket.model) if row.incident_id == ticket.incident_id
    ]


def _close(
    session: Session,
    ticket: TicketRow,
    resolution: Resolution,
    action: str,
    detail: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
    dismissal: str = "",
) -> None:
    _check(ticket, TicketState.CLOSED)
    tickets.close_ticket(
        session, ticket, resolution=resolution, dismissal=dismissal, now=now, actor=actor, action=action,
        detail=dict(detail),
    )  # fmt: skip
    tell_resolved(session, ticket, now)


def tell_step(
    session: Session, ticket: TicketRow, step: str, name: str, detail: Mapping[str, Any],
    channels: Iterable[str], now: datetime,
) -> int:  # fmt: skip
    """Queue the message of a step that a person has to know of; `name` tells it from the same step later."""
    return sum(
        outbox.enqueue(
            session, key=f"{ticket.key}|step:{step}:{name}|{channel}", kind="step", channel=channel,
            model=ticket.model, severity=ticket.severity,
            payload={"ticket": ticket.id, "step": step, **detail}, now=now,
        )
        for channel in channels
    )  # fmt: skip


def tell_resolved(session: Session, ticket: TicketRow, now: datetime) -> int:
    """Queue the resolve on every channel that was told of the ticket, so that a pager closes."""
    own = [
        row for row in outbox.messages(session, model=ticket.model) if row.key.startswith(f"{ticket.key}|")
    ]
    told = dict.fromkeys(row.channel for row in own if row.kind != "resolved")
    name = f"resolved:{now:%Y%m%dT%H%M}" if any(row.kind == "resolved" for row in own) else "resolved"
    return sum(
        outbox.enqueue(
            session,
            key=f"{ticket.key}|{name}|{channel}",
            kind="resolved",
            channel=channel,
            model=ticket.model,
            severity=ticket.severity,
            payload={"ticket": ticket.id},
            now=now,
        )
        for channel in told
    )


def _check(ticket: TicketRow, state: TicketState) -> None:
    _not_closed(ticket)
    if not may_become(ticket, state):
        raise TicketError(
            _("Ticket {id} is {now}; it cannot become {then}.").format(
                id=ticket.id, now=ticket.state, then=state.value
            ),
            hint=_("From here it may become: {allowed}.").format(
                allowed=listed(each.value for each in TicketState if may_become(ticket, each))
            ),
        )


def _not_closed(ticket: TicketRow) -> None:
    if ticket.state == TicketState.CLOSED:
        raise TicketError(
            _("Ticket {id} is closed ({how}).").format(id=ticket.id, how=ticket.resolution),
            hint=_("A closed ticket takes comments only; new harm opens a new one."),
        )


def _text(text: str) -> str:
    text = text.strip()
    if not text:
        raise TicketError(_("There is nothing written."), hint=_("Say it in a few words."))
    return text[:LONGEST]
