"""How far a retraining ticket is, in words: what it waits for, what runs, how the new version stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from core.config import Model
from core.dates import length_text, local_time
from core.evidence import LevelOf, ProofFact
from core.figures import figure, points
from core.rules import WAITING, Check, TicketKind
from core.text import gettext as _
from core.text import ngettext
from store import proofs, retrainings
from store.tables import ProofRow, RetrainingRow, TicketRow

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the way: `sign` ✓ done, ● under way, ◆ waits or failed; `log` what a retraining printed."""

    sign: str
    text: str
    log: str = ""
    proof: ProofFact | None = None


def progress(
    session: Session, ticket: TicketRow, model: Model | None, checks: Sequence[Check], zone: ZoneInfo
) -> list[Step]:
    """Return the way of a ticket that asks for a retraining; nothing for others.

    Args:
        checks: what a retraining waits for.
    """
    if ticket.kind != TicketKind.RETRAIN:
        return []
    made = retrainings.retrainings(session, ticket_id=ticket.id)
    found = [_retraining(row, zone) for row in made]
    found += [_proof(row, zone) for row in proofs.proofs(session, ticket.id)]
    waiting = ticket.state in WAITING
    if waiting and not made:
        found += [Step(sign="✓" if one.ok else "◆", text=one.text) for one in checks]
    if waiting and (model is None or model.retrain is None):
        words = _("No `retrain:` is configured: retrain by hand; a new version in the log starts the proof.")
        found.append(Step(sign="◆", text=words))
    return found


def sentence(fact: ProofFact) -> str:
    """Say how a new version stands beside the level that the ticket was opened at."""
    if fact.new is None or fact.old is None or fact.change is None:
        return fact.waits

    def shown(value: float | None) -> str:
        return figure(value, fact.unit, currency=fact.currency)

    def span(level: LevelOf) -> str:
        return ngettext("{n} window", "{n} windows", level.windows).format(n=level.windows)

    words = (
        _("{title}: {new} with {version} beside {old} with the old one in the same {windows}")
        if fact.beside
        else _("{title}: {new} with {version} over {windows}, {old} before it")
    )
    told = words.format(
        title=fact.title, new=shown(fact.new.value), version=fact.version, old=shown(fact.old.value),
        windows=span(fact.new),
    )  # fmt: skip
    assert fact.lower is not None and fact.upper is not None
    limits = _("a change of {change}, likely {lower} to {upper}").format(
        change=points(fact.change, fact.unit, currency=fact.currency),
        lower=points(fact.lower, fact.unit, currency=fact.currency),
        upper=points(fact.upper, fact.unit, currency=fact.currency),
    )
    ended = limits if limits.endswith(".") else f"{limits}."  # a unit may end with a full stop
    return f"{told}: {ended} " + _("Before the harm it was {before}.").format(before=shown(fact.before))


def verdict(outcome: str, version: str) -> str:
    """Say in a few words what came of a version."""
    return {
        "": _("{version} is being looked at."),
        "verified": _("{version} is proven better."),
        "worse": _("{version} is worse: think of rolling it back."),
        "no_effect": _("{version} is not proven better by the deadline."),
        "not_enough_data": _("There was not enough data to judge {version} by the deadline."),
        "replaced": _("{version} was replaced before it could be judged."),
    }[outcome].format(version=version)


def headline(outcome: str, version: str) -> str:
    """Say the same in the words of a subject."""
    return {
        "worse": _("{version} is worse"),
        "no_effect": _("{version} has not helped"),
        "not_enough_data": _("Too little is known of {version}"),
    }.get(outcome, "{version}").format(version=version)


def _retraining(row: RetrainingRow, zone: ZoneInfo) -> Step:
    if row.state == "asked":
        if not row.actor:
            return Step(sign="◆", text=_("A retraining waits for approval."))
        return Step(sign="●", text=_("A retraining waits for the next pass."))
    began = local_time(row.claimed_at or row.asked_at, zone)
    if row.state == "done":
        took = (row.ended_at or row.asked_at) - (row.claimed_at or row.asked_at)
        lasted = length_text(took) if took >= MINUTE else _("less than a minute")
        words = _("Retrained by {kind} on {began}, which took {length}.")
        told = words.format(kind=row.kind, began=began, length=lasted)
        if row.version:
            told += " " + _("It made {version}.").format(version=row.version)
        return Step(sign="✓", text=told, log=row.log)
    if row.state == "failed":
        words = _("The retraining begun {began} failed: {why}").format(began=began, why=row.error)
        return Step(sign="◆", text=words, log=row.log)
    if row.state == "unconfirmed":
        words = _("It is not known what became of the retraining begun {began}: {why}").format(
            began=began, why=row.error
        )
        return Step(sign="◆", text=words, log=row.log)
    words = _("A retraining ({kind}) runs since {began}.").format(kind=row.kind, began=began)
    return Step(sign="●", text=words, log=row.log)


def _proof(row: ProofRow, zone: ZoneInfo) -> Step:
    fact = ProofFact.model_validate(row.result) if row.result else None
    words = verdict(row.outcome, row.version)
    if fact is not None and (said := sentence(fact)):
        words = f"{words} {said}"
    if not row.outcome:
        deadline = local_time(row.deadline, zone)
        words += " " + _("It is told by {deadline} at the latest.").format(deadline=deadline)
    sign = {"verified": "✓", "": "●", "replaced": "●"}.get(row.outcome, "◆")
    return Step(sign=sign, text=words, proof=fact)
