"""Tell more people when nobody acknowledges a ticket in time."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.config import Model
from core.rules import TicketState
from store import outbox, tickets
from store.tables import TicketRow

ACTOR = "goalkeeper"


def escalate(session: Session, model: Model, ticket: TicketRow, now: datetime) -> int:
    """Remind of an open ticket that is overdue, and tell those whom the file names; once for each."""
    due = ticket.acknowledge_by
    if ticket.state != TicketState.OPEN or due is None or now < due:
        return 0
    told = sum(
        outbox.enqueue(
            session, key=f"{ticket.key}|step:overdue:{due:%Y%m%dT%H%M}|{channel}", kind="step",
            channel=channel, model=ticket.model, severity=ticket.severity,
            payload={"ticket": ticket.id, "step": "overdue", "due": due.isoformat()}, now=now,
        )
        for channel in dict.fromkeys([*model.channels(ticket.severity), *model.escalate])
    )  # fmt: skip
    if told:
        detail = {"to": list(model.escalate), "due": due.isoformat()}
        tickets.add_event(session, ticket.id, at=now, actor=ACTOR, action="overdue", detail=detail)
    return told
