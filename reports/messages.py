"""Write messages when they are sent, from the facts that were frozen when they were queued.

`payload` of an outbox row names what it is about: `{"ticket": id}` for opened, resolved, update (with
`finding`, `split` and `carrier`) and step (with `step` and what came of it); `{"summary": …}` for a first
pass; `{"day": …}` for a digest; nothing for a test.
"""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from core.config import Project
from core.dates import local_day
from core.errors import GoalkeeperError
from core.evidence import Evidence, Finding
from core.figures import figure
from core.messages import Message, Picture, Severity
from core.text import gettext as _
from core.text import language, ngettext
from reports import letters, wording
from reports.letters import footer
from reports.mail import (
    Block,
    Button,
    Items,
    Lead,
    Letter,
    Tone,
    items,
    lay_out,
    plain,
)
from reports.wording import Links
from store import outbox, tickets
from store.database import Store
from store.tables import OutboxRow, TicketRow


class Summary(BaseModel):
    """What a first pass over a long past found; counts of alerts that are over, and tickets it opened."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    first: datetime
    last: datetime
    windows: int
    harm: int = 0
    notices: int = 0
    good: int = 0
    lasting: tuple[Finding, ...] = ()
    tickets: tuple[int, ...] = ()


def render(store: Store, row: OutboxRow, project: Project) -> Message:
    """Write the message of an outbox row in the project's language.

    Raises:
        GoalkeeperError: what it is about is gone.
    """
    with language(project.language):
        if row.kind in ("opened", "update", "step", "resolved"):
            with store.read() as session:
                ticket = tickets.ticket(session, int(row.payload["ticket"]))
                if ticket is None:
                    raise GoalkeeperError(_("Ticket {id} is gone.").format(id=row.payload["ticket"]))
                return _ticket(session, row, ticket, project)
        if row.kind == "bundle":
            with store.read() as session:
                return _bundle(session, row, project)
        if row.kind == "summary":
            return _summary(row, Summary.model_validate(row.payload["summary"]), project)
        if row.kind == "test":
            return _test(row, project)
        if row.kind == "digest":
            from reports.digest import render_digest

            return render_digest(store, row, project)
        raise GoalkeeperError(_("There is no message of kind '{kind}'.").format(kind=row.kind))


def thing_of(key: str) -> str:
    """Return what an outbox key is about: the key without kind and channel."""
    return key.split("|", 1)[0]


def _ticket(session: Session, row: OutboxRow, ticket: TicketRow, project: Project) -> Message:
    evidence = Evidence.model_validate(ticket.evidence)
    model = project.models.get(ticket.model)
    title = model.shown_title if model is not None else ticket.model
    links = Links(project.public_url, ticket.model, row.created_at)
    images: tuple[Picture, ...] = ()
    if row.kind == "resolved":
        letter = letters.resolved(session, row, ticket, title, links, project)
    elif row.kind == "step":
        letter = letters.step(session, row, ticket, title, links, project)
    elif row.kind == "update":
        found = Finding.model_validate(row.payload["finding"])
        told = {name: row.payload.get(name) for name in ("split", "carrier")}
        why = Evidence.model_validate({"as_of": row.created_at, **told})
        letter = letters.update(ticket, found, why, title, links, project)
    elif row.payload.get("back"):
        found = Finding.model_validate(row.payload["back"])
        letter = letters.back(session, ticket, found, row.created_at, title, links, project)
    else:
        letter, images = letters.opened(session, ticket, evidence, model, title, links, project)
    text, html = lay_out(letter)
    return Message(
        key=thing_of(row.key),
        kind=row.kind,  # type: ignore[arg-type]  # one of four, see render
        severity=Severity(row.severity),
        subject=plain(f"{letter.tone.sign} {title}: {letter.title}"),
        text=text,
        html=html,
        link=links.ticket(ticket.id),
        pictures=images,
    )


def _bundle(session: Session, row: OutboxRow, project: Project) -> Message:
    """Tell of many messages in one: what opened, what is new, what is resolved, the worst first."""
    found = [outbox.message(session, int(number)) for number in row.payload["messages"]]
    letter, link = letters.bundle(session, row, [one for one in found if one is not None], project)
    text, html = lay_out(letter)
    return Message(
        key=thing_of(row.key), kind="bundle", severity=Severity(row.severity),
        subject=plain(f"{letter.tone.sign} Goalkeeper: {letter.title}"), text=text, html=html, link=link,
    )  # fmt: skip


def _summary(row: OutboxRow, summary: Summary, project: Project) -> Message:
    model = project.models.get(row.model)
    title = model.shown_title if model is not None else row.model
    links = Links(project.public_url, row.model, row.created_at)
    zone = project.zone
    past = _("{windows} windows from {first} to {last} were looked through.").format(
        windows=figure(summary.windows, "count"),
        first=local_day(summary.first, zone, year=True),
        last=local_day(summary.last - timedelta(microseconds=1), zone, year=True),
    )
    harm = ngettext("{n} alert of harm", "{n} alerts of harm", summary.harm).format(n=summary.harm)
    notices = ngettext("{n} notice", "{n} notices", summary.notices).format(n=summary.notices)
    good = ngettext("{n} move the good way", "{n} moves the good way", summary.good).format(n=summary.good)
    told = _(
        "They hold {harm}, {notices} and {good}; they are kept as history, and nobody was sent a message."
    )
    blocks: list[Block] = [Lead(text=f"{past} {told.format(harm=harm, notices=notices, good=good)}")]
    if summary.lasting:
        blocks.append(
            Items(
                title=_("What lasts until now"),
                items=items([wording.seen(one, zone) for one in summary.lasting[:8]]),
            )
        )
    else:
        blocks.append(Lead(text=_("Nothing of it lasts until now.")))
    if summary.tickets:
        link = links.ticket(summary.tickets[0])
        label = _("Open the ticket") if len(summary.tickets) == 1 else _("Open the first ticket")
        blocks.append(Button(label=label, link=link))
    else:
        link = links.model()
        blocks.append(Button(label=_("See the model"), link=link))
    count = len(summary.tickets)
    opened = ngettext("{n} ticket opened", "{n} tickets opened", count).format(n=count)
    letter = Letter(
        tone=wording.severity_tone(row.severity),
        word=_("first look"),
        title=_("The past has been read: {opened}").format(opened=opened),
        where=title,
        preview=past,
        blocks=tuple(blocks),
        footer=footer(title),
        language=project.language,
    )
    text, html = lay_out(letter)
    return Message(
        key=thing_of(row.key),
        kind="summary",
        severity=Severity(row.severity),
        subject=plain(f"{letter.tone.sign} {title}: {letter.title}"),
        text=text,
        html=html,
        link=link,
    )


def _test(row: OutboxRow, project: Project) -> Message:
    links = Links(project.public_url, "", row.created_at)
    letter = Letter(
        tone=Tone.CALM,
        word=_("test"),
        title=_("This channel works"),
        where="Goalkeeper",
        preview=_("A test message; nothing has happened."),
        blocks=(
            Lead(
                text=_("A test message of the channel '{channel}'; nothing has happened.").format(
                    channel=row.channel
                )
            ),
            Button(label=_("Open Goalkeeper"), link=links.overview()),
        ),
        footer=_("Sent by Goalkeeper because somebody asked for it."),
        language=project.language,
    )
    text, html = lay_out(letter)
    return Message(
        key=thing_of(row.key), kind="test", severity=Severity.NOTICE,
        subject=plain(f"Goalkeeper: {letter.title}"), text=text, html=html, link=links.overview(),
    )  # fmt: skip
