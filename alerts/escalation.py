"""Tell more people when nobody acknowledges a ticket in time."""

from datetime import datetime

from sqlalchemy.orm import Session

from alerts.tickets import ACTOR, tell_step
from core.config import Model
from core.rules import TicketState
from store import tickets
from store.tables import TicketRow


def escalate(session: Session, model: Model, ticket: TicketRow, now: datetime) -> int:
    """Remind of an open ticket that is overdue, and tell those whom the file names; once for each."""
    due = ticket.acknowledge_by
    if ticket.state != TicketState.OPEN or due is None or now < due:
        return 0
    told = tell_step(
        session, ticket, "overdue", f"{due:%Y%m%dT%H%M}", {"due": due.isoformat()},
        dict.fromkeys([*model.channels(ticket.severity), *model.escalate]), now,
    )  # fmt: skip
    if told:
        detail = {"to": list(model.escalate), "due": due.isoformat()}
        tickets.add_event(session, ticket.id, at=now, actor=ACTOR, action="overdue", detail=detail)
    return told
