"""The letters about tickets: opened, updated, resolved."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from core.config import Model, Project
from core.dates import length_text, local_time
from core.evidence import Evidence, Finding, ProofFact
from core.messages import Picture, Severity
from core.rules import Resolution
from core.text import N_, ngettext
from core.text import gettext as _
from core.values import ValueState
from reports import pictures, proofs, reasons, wording
from reports.mail import Block, Button, Facts, Image, Items, Lead, Letter, Tone, items, web_link
from reports.wording import Links
from store import metrics, retrainings, tickets
from store import proofs as store_proofs
from store.tables import OutboxRow, TicketRow

_WORDS = ("service.freshness", "quality.schema")
"""Rules whose sentence says it all: a picture of their numbers would show nothing."""
LINES = 6
"""Lines that are told of what a retraining printed."""
HISTORY = 60
"""Windows that a picture shows."""


def opened(
    session: Session,
    ticket: TicketRow,
    evidence: Evidence,
    model: Model | None,
    title: str,
    links: Links,
    project: Project,
) -> tuple[Letter, tuple[Picture, ...]]:
    """Tell of a new ticket."""
    zone = project.zone
    worst = evidence.findings[0] if evidence.findings else None
    blocks: list[Block] = []
    images: tuple[Picture, ...] = ()
    if worst is not None:
        blocks.append(Lead(text=" ".join(filter(None, (wording.seen(worst, zone), wording.amount(worst))))))
        dots = _dots(session, ticket.model, worst, evidence, project)
        picture = _picture(dots, worst, evidence, project)
        if picture is not None:
            images = (picture,)
            blocks.append(Image(name=picture.name, text=picture.text, caption=_caption(worst, dots)))
    if evidence.goal is not None:
        blocks.append(Lead(text=_("What it means for the goal: ") + wording.goal_sentence(evidence.goal)))
    if said := reasons.why(evidence):
        blocks.append(Items(title=_("What may explain it"), items=items(said)))
    blocks.append(
        Items(
            title=_("Look here first"),
            items=wording.first_looks(ticket.kind, evidence, links, zone),
            numbered=True,
        )
    )
    if len(evidence.findings) > 1:
        blocks.append(
            Items(
                title=_("Also seen"),
                items=items([wording.seen(one, zone) for one in evidence.findings[1:6]] + _rest(evidence, 6)),
            )
        )
    if said := reasons.different(evidence):
        title_ = (
            _("What looks different, by its weight for the model")
            if reasons.weighed(evidence)
            else _("What looks different, by distance alone: the reference has no score to weigh by")
        )
        blocks.append(Items(title=title_, items=items(said)))
    blocks.append(Facts(rows=_facts(ticket, evidence, model, project), links=_runbook(model)))
    blocks.append(Button(label=_("Open the ticket"), link=links.ticket(ticket.id)))
    letter = Letter(
        tone=wording.severity_tone(ticket.severity),
        word=wording.severity_word(ticket.severity),
        title=ticket.title,
        where=_("{model} · ticket {id}").format(model=title, id=ticket.id),
        preview=preview(blocks),
        blocks=tuple(blocks),
        footer=footer(title),
        language=project.language,
    )
    return letter, images


def _facts(
    ticket: TicketRow, evidence: Evidence, model: Model | None, project: Project
) -> tuple[tuple[str, str], ...]:
    zone = project.zone
    rows = [(_("Asks to"), wording.asks_word(ticket.kind))]
    if evidence.findings:
        first = min(evidence.findings, key=lambda one: one.since)
        rows.append((_("Since"), wording.lasting(first, evidence.as_of, zone)))
    rows += _release(evidence, zone)
    if evidence.reference:
        rows.append((_("Compared with"), evidence.reference))
    if ticket.acknowledge_by is not None:
        rows.append((_("Acknowledge by"), local_time(ticket.acknowledge_by, zone)))
    if model is not None and model.owner:
        rows.append((_("Owner"), str(model.owner)))
    return tuple(rows)


def _release(evidence: Evidence, zone: ZoneInfo) -> tuple[tuple[str, str], ...]:
    if evidence.release is None:
        return ()
    when = local_time(evidence.release.at, zone)
    told = _("{version}, since {when}").format(version=evidence.release.version, when=when)
    return ((_("Last release"), told),)


def _runbook(model: Model | None) -> tuple[tuple[str, str], ...]:
    runbook = web_link(str(model.runbook)) if model is not None else ""
    return ((_("Runbook"), runbook),) if runbook else ()


def _letter(
    ticket: TicketRow, model: str, project: Project, word: str, head: str, blocks: tuple[Block, ...]
) -> Letter:
    """Put what is told later of a ticket into a letter."""
    return Letter(
        tone=wording.severity_tone(ticket.severity),
        word=word,
        title=head,
        where=_("{model} · ticket {id}").format(model=model, id=ticket.id),
        preview=preview(blocks),
        blocks=blocks,
        footer=footer(model),
        language=project.language,
    )


def _of_ticket(
    ticket: TicketRow, links: Links, project: Project, *more: tuple[str, str]
) -> tuple[Block, ...]:
    """Return what every message about a ticket ends with: where to look, what is known, the way to it."""
    evidence = Evidence.model_validate(ticket.evidence)
    severity = (_("Severity"), wording.severity_word(ticket.severity))
    rows = ((_("Ticket"), ticket.title), *more, severity, *_release(evidence, project.zone))
    looks = wording.first_looks(ticket.kind, evidence, links, project.zone)
    return (
        *((Items(title=_("Look here first"), items=looks, numbered=True),) if looks else ()),
        Facts(rows=rows, links=_runbook(project.models.get(ticket.model))),
        Button(label=_("Open the ticket"), link=links.ticket(ticket.id)),
    )


def update(
    ticket: TicketRow, found: Finding, why: Evidence, title: str, links: Links, project: Project
) -> Letter:
    """Tell of an alert that joined a ticket; `why` holds what may explain it."""
    said = reasons.why(why)
    blocks: tuple[Block, ...] = (
        Lead(text=" ".join(filter(None, (wording.seen(found, project.zone), wording.amount(found))))),
        *((Items(title=_("What may explain it"), items=items(said)),) if said else ()),
        *_of_ticket(ticket, links, project, (_("Since"), wording.lasting(found, why.as_of, project.zone))),
    )
    return _letter(
        ticket, title, project, _("update"), _("Also: {title}").format(title=wording.moved(found)), blocks
    )


def back(
    session: Session, ticket: TicketRow, found: Finding, now: datetime, title: str, links: Links,
    project: Project,
) -> Letter:  # fmt: skip
    """Tell that harm which had recovered is back."""
    zone = project.zone
    times = sum(event.action == "back" and event.at <= now for event in tickets.events(session, ticket.id))
    came = ngettext(
        "It had recovered and came back: the ticket is open again.",
        "It came back {n} times: the ticket closes only after a longer calm.",
        times,
    ).format(n=times)
    blocks: tuple[Block, ...] = (
        Lead(text=" ".join(filter(None, (wording.seen(found, zone), wording.amount(found), came)))),
        *_of_ticket(
            ticket, links, project, (_("Opened"), local_time(ticket.opened_at, zone)),
            (_("Since"), wording.lasting(found, now, zone)),
        ),
    )  # fmt: skip
    return _letter(
        ticket, title, project, _("open again"), _("Back: {title}").format(title=wording.moved(found)), blocks
    )


STEPS: Mapping[str, tuple[str, str]] = {
    "approval_asked": (N_("Approve the retraining"), N_("approval")),
    "retraining_failed": (N_("The retraining failed"), N_("failed")),
    "unconfirmed": (N_("It is not known what became of the retraining"), N_("unconfirmed")),
    "reopened": (N_("Open again"), N_("open again")),
    "overdue": (N_("Nobody has acknowledged it"), N_("overdue")),
}
"""What a step is called in a title, and in a word."""


def step(
    session: Session, row: OutboxRow, ticket: TicketRow, title: str, links: Links, project: Project
) -> Letter:
    """Tell of a step of the retraining that a person has to know of, and what to do."""
    name = str(row.payload.get("step"))
    head, word = (_(one) for one in STEPS.get(name, STEPS["reopened"]))
    said = [str(row.payload.get("text") or "")]
    version, due = str(row.payload.get("version") or ""), str(row.payload.get("due") or "")
    if name == "reopened" and version:
        outcome = str(row.payload.get("outcome") or "")
        head = proofs.headline(outcome, version)
        said = [
            proofs.verdict(outcome, version),
            proofs.sentence(ProofFact.model_validate(row.payload["proof"])),
        ]
    todo = {
        "approval_asked": _("Everything is there that a retraining needs. Open the ticket and approve it."),
        "retraining_failed": _(
            "Look at what it printed on the ticket's page, mend it, and ask for it again there."
        ),
        "unconfirmed": _("Look where it ran, and say what came of it: it is never started twice by itself."),
        "overdue": _(
            "It was to be acknowledged by {due}. Open the ticket and say that you are on it."
        ).format(due=local_time(datetime.fromisoformat(due), project.zone) if due else ""),
        "reopened": _(
            "The harm lasts: look at what drifted since, and ask for another retraining, or roll back."
        ),
    }.get(name, "")
    blocks: tuple[Block, ...] = (
        Lead(text=" ".join(filter(None, (*said, todo)))),
        *_log_of(session, ticket, name),
        *_of_ticket(ticket, links, project, (_("Opened"), local_time(ticket.opened_at, project.zone))),
    )
    return _letter(
        ticket, title, project, word, _("{what}: {title}").format(what=head, title=ticket.title), blocks
    )


MOST_TOLD = 40
"""Tickets that a message about many names."""


def bundle(
    session: Session, row: OutboxRow, told: Sequence[OutboxRow], project: Project
) -> tuple[Letter, str]:
    """Tell of many messages in one, and where all of it stands."""
    lists: dict[str, dict[int, tuple[str, str]]] = {"opened": {}, "update": {}, "step": {}, "resolved": {}}
    order = list(Severity)
    for one in sorted(told, key=lambda one: order.index(Severity(one.severity))):
        ticket = tickets.ticket(session, int(one.payload["ticket"]))
        if ticket is None:
            continue
        model = project.models.get(ticket.model)
        title = model.shown_title if model is not None else ticket.model
        links = Links(project.public_url, ticket.model, row.created_at)
        words = f"{wording.severity_word(ticket.severity)} · {title}: {ticket.title}"
        lists[one.kind].setdefault(ticket.id, (words, links.ticket(ticket.id)))
    heads = {
        "opened": ngettext("{n} ticket opened", "{n} tickets opened", len(lists["opened"])),
        "update": ngettext("{n} ticket got worse", "{n} tickets got worse", len(lists["update"])),
        "step": ngettext("{n} ticket needs a person", "{n} tickets need a person", len(lists["step"])),
        "resolved": ngettext("{n} ticket resolved", "{n} tickets resolved", len(lists["resolved"])),
    }
    said = [heads[kind].format(n=len(found)) for kind, found in lists.items() if found]
    models = len({one.model for one in told})
    lead = ngettext("At once, in {n} model.", "At once, in {n} models.", models).format(n=models)
    blocks: list[Block] = [Lead(text=lead)]
    for kind, found in lists.items():
        if found:
            shown = list(found.values())[:MOST_TOLD]
            if len(found) > MOST_TOLD:
                rest = len(found) - MOST_TOLD
                shown.append((ngettext("and {n} more", "and {n} more", rest).format(n=rest), ""))
            blocks.append(Items(title=heads[kind].format(n=len(found)), items=tuple(shown)))
    link = Links(project.public_url, "", row.created_at).overview()
    blocks.append(Button(label=_("Open Goalkeeper"), link=link))
    letter = Letter(
        tone=wording.severity_tone(row.severity) if lists["opened"] or lists["update"] else Tone.CALM,
        word=_("many at once"),
        title=", ".join(said),
        where="Goalkeeper",
        preview=lead,
        blocks=tuple(blocks),
        footer=_("Sent by Goalkeeper as one message because there were many at once."),
        language=project.language,
    )
    return letter, link


def _log_of(session: Session, ticket: TicketRow, name: str) -> tuple[Block, ...]:
    """Return the last lines that a failed retraining printed."""
    if name not in ("retraining_failed", "unconfirmed"):
        return ()
    made = retrainings.retrainings(session, ticket_id=ticket.id)
    lines = made[-1].log.strip().splitlines()[-LINES:] if made else []
    return (Items(title=_("What it printed last"), items=items(lines)),) if lines else ()


def resolved(
    session: Session, row: OutboxRow, ticket: TicketRow, title: str, links: Links, project: Project
) -> Letter:
    """Tell that a ticket is closed, and why."""
    closed = ticket.closed_at or row.created_at
    why = wording.resolution_sentence(ticket.resolution)
    if ticket.resolution == Resolution.VERIFIED:
        tried = [one for one in store_proofs.proofs(session, ticket.id) if one.outcome == "verified"]
        if tried:
            fact = ProofFact.model_validate(tried[-1].result)
            why = f"{proofs.verdict('verified', tried[-1].version)} {proofs.sentence(fact)}"
    lasted = length_text(closed - ticket.opened_at)
    blocks: tuple[Block, ...] = (
        Lead(text=why),
        Facts(
            rows=(
                (_("Ticket"), ticket.title),
                (_("Opened"), local_time(ticket.opened_at, project.zone)),
                (
                    _("Closed"),
                    _("{when}, after {length}").format(when=local_time(closed, project.zone), length=lasted),
                ),
            )
        ),
        Button(label=_("See what it was"), link=links.ticket(ticket.id)),
    )
    return Letter(
        tone=Tone.GOOD,
        word=_("resolved"),
        title=_("Resolved: {title}").format(title=ticket.title),
        where=_("{model} · ticket {id}").format(model=title, id=ticket.id),
        preview=why,
        blocks=blocks,
        footer=footer(title),
        language=project.language,
    )


def _rest(evidence: Evidence, told: int) -> list[str]:
    rest = len(evidence.findings) - told
    return [ngettext("and {n} more", "and {n} more", rest).format(n=rest)] if rest > 0 else []


def preview(blocks: Sequence[Block]) -> str:
    """Return what inboxes show beside the subject."""
    return next((block.text for block in blocks if isinstance(block, Lead)), "")


def footer(title: str) -> str:
    """Return why somebody gets this."""
    return _(
        "Sent by Goalkeeper because you are told of {title}. Links only open pages; they change nothing."
    ).format(title=title)


def _caption(worst: Finding, dots: Sequence[pictures.Dot]) -> str:
    parts = [_("{title}, with its likely range; shaded since the alert began.").format(title=worst.title)]
    if not all(dot.final for dot in dots):
        parts.append(_("Hollow: outcomes are still coming in."))
    return " ".join(parts)


def _dots(
    session: Session, model: str, worst: Finding, evidence: Evidence, project: Project
) -> list[pictures.Dot]:
    """Return the series that fired, up to what was known."""
    config = project.models.get(model)
    if config is None:
        return []
    found = metrics.points(
        session,
        model,
        metric=worst.metric,
        version=worst.version,
        segment=worst.segment,
        column=worst.column,
        grain=config.grain,
        until=evidence.as_of,
    )
    found = sorted(found, key=lambda point: point.window.start)[-HISTORY:]
    return [
        pictures.Dot(
            day=point.window.local_day(project.zone),
            value=point.value.value,
            lower=point.value.lower,
            upper=point.value.upper,
            final=point.value.state is not ValueState.IMMATURE,
        )
        for point in found
        if point.value.state is not ValueState.OPEN
    ]


def _picture(
    dots: Sequence[pictures.Dot], worst: Finding, evidence: Evidence, project: Project
) -> Picture | None:
    """Draw it; None for what is no series."""
    if len(dots) < 3 or worst.expected is None or worst.rule in _WORDS or not pictures.can_draw():
        return None
    goal = evidence.goal
    target = goal.target if goal is not None and worst.metric == f"business.{goal.kpi}" else None
    first, last = worst.since.astimezone(project.zone).date(), dots[-1].day
    text = _("Chart of {title} over {n} windows: {before} before, {value} at worst.").format(
        title=worst.title,
        n=len(dots),
        before=wording.shown(worst, worst.expected),
        value=wording.shown(worst, worst.value),
    )
    return pictures.trend(
        "trend",
        dots,
        text=text,
        percent=worst.unit in ("percent", "points"),
        target=target,
        normal=worst.expected,
        spans=[pictures.Span(first=max(first, dots[0].day), last=last)] if first <= last else [],
        language=project.language,
    )
