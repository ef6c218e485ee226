"""Whether retraining can help now: what a ticket says before it asks for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from alerts.defaults import Family, primary_metric, rules_of
from core.config import Model
from core.dates import length_text
from core.evidence import Evidence
from core.figures import figure
from core.messages import Severity
from core.rules import WAITING, AlertState, Check, TicketKind
from core.spelling import listed
from core.text import gettext as _
from core.text import ngettext
from core.values import ValueState
from store import alerts, metrics, proofs, retrainings, tickets
from store.normal import maturity_of
from store.tables import TicketRow

MONTH = timedelta(days=30)
LEAST_COOL_DOWN = timedelta(days=7)


def readiness(session: Session, model: Model | None, ticket: TicketRow, now: datetime) -> list[Check]:
    """Return every check, in the order in which a person would ask; none where nothing waits for them."""
    if model is None or ticket.kind != TicketKind.RETRAIN or ticket.state not in WAITING:
        return []
    found = [_source(session, model), _labels(session, model, ticket), *_others(session, model, ticket, now)]
    return [check for check in found if check is not None]


def harm_since(ticket: TicketRow) -> datetime:
    """Return when the harm of a ticket began."""
    found = Evidence.model_validate(ticket.evidence).findings
    return min((one.since for one in found), default=ticket.opened_at)


def _source(session: Session, model: Model) -> Check:
    """Tell whether the data itself is at fault: a model must not be retrained on broken data."""
    broken = {
        watch.id
        for watch in rules_of(model)
        if watch.family in (Family.SERVICE, Family.DATA) and watch.severity != Severity.NOTICE
    }
    firing = [
        row
        for row in alerts.alerts(session, model=model.name)
        if row.state == AlertState.FIRING and row.rule in broken and not row.evidence.get("good")
    ]
    if not firing:
        return Check(name="source", ok=True, text=_("Log and truth are sound."))
    named = listed(dict.fromkeys(f"{row.rule} {row.column}".strip() for row in firing))
    text = _("The data is broken ({rules}): mend the source first, a model learns from it.")
    return Check(name="source", ok=False, text=text.format(rules=named))


def _labels(session: Session, model: Model, ticket: TicketRow) -> Check:
    if model.ground_truth is None:
        text = _("The project knows no ground truth: there is nothing to learn from.")
        return Check(name="labels", ok=False, text=text)
    since = harm_since(ticket)
    found = metrics.points(session, model.name, metric=primary_metric(model), grain=model.grain, since=since)
    known = sum(
        point.value.n for point in found if point.value.state in (ValueState.OK, ValueState.NOT_ENOUGH_DATA)
    )
    least = model.retrain.least_labels if model.retrain is not None else 1000
    text = ngettext(
        "{n} mature label since the harm began; {least} are wanted.",
        "{n} mature labels since the harm began; {least} are wanted.",
        known,
    ).format(n=figure(known, "count"), least=figure(least, "count"))
    return Check(name="labels", ok=known >= least, text=text)


def _others(session: Session, model: Model, ticket: TicketRow, now: datetime) -> Sequence[Check]:
    """Return what former retrainings of the model say: running, too soon, still being looked at, budget."""
    before = retrainings.retrainings(session, model=model.name)
    checks = []
    running = [row for row in before if row.state in retrainings.OPEN and row.ticket_id != ticket.id]
    if running:
        text = _("Another retraining of the model is under way (ticket {id}).").format(
            id=running[0].ticket_id
        )
        checks.append(Check(name="running", ok=False, text=text))
    ended = [row.ended_at for row in before if row.ended_at is not None]
    wait = (model.retrain and model.retrain.cool_down) or max(maturity_of(session, model), LEAST_COOL_DOWN)
    if ended and now - max(ended) < wait:
        text = _("The last retraining ended {ago} ago; {wait} lie between two.").format(
            ago=length_text(now - max(ended)), wait=length_text(wait)
        )
        checks.append(Check(name="cool_down", ok=False, text=text))
    for other in tickets.tickets(session, model=model.name):
        tried = [row for row in proofs.proofs(session, other.id) if not row.outcome]
        if tried and other.id != ticket.id:
            text = _("{version} has not had time to act yet (ticket {id}).").format(
                version=tried[-1].version, id=other.id
            )
            checks.append(Check(name="proof", ok=False, text=text))
            break
    most = model.retrain.per_month if model.retrain is not None else None
    lately = [row for row in before if row.claimed_at is not None and now - row.claimed_at < MONTH]
    if most is not None and len(lately) >= most:
        text = ngettext(
            "{n} retraining in the last 30 days; no more are allowed.",
            "{n} retrainings in the last 30 days; no more are allowed.",
            len(lately),
        ).format(n=len(lately))
        checks.append(Check(name="budget", ok=False, text=text))
    return checks
