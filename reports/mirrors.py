"""Write a ticket for a tracker: Markdown in which no text from data becomes markup, a link or a mention."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from core.config import Model
from core.dates import local_time
from core.evidence import Evidence
from core.foreign import LONGEST, one_line
from core.markdown import JOINER, escaped
from core.text import gettext as _
from reports import proofs, reasons, wording
from reports.wording import Links
from store.tables import TicketEventRow, TicketRow

_MENTION, _WEB, _REFERENCE, _COMMAND = (
    re.compile(r"@(?=\w)"),
    re.compile(r"(?i)\b(https?|www)(?=[:.])"),
    re.compile(r"[#!~%&$](?=[\w\"'])"),
    re.compile(r"\A/(?=\w)"),
)
"""What a tracker takes for a mention, an address, a reference to something of its own, or a command."""


def markdown(text: object, *, limit: int = LONGEST) -> str:
    """Escape foreign text: it shows letter by letter on one line, pings nobody and links nowhere.

    >>> markdown("**now** @team")
    '\\\\*\\\\*now\\\\*\\\\* @\u2060team'
    """
    line = one_line(text, limit=limit)
    for pattern in (_MENTION, _WEB, _REFERENCE, _COMMAND):
        line = pattern.sub(rf"\g<0>{JOINER}", line)
    return escaped(line)


def title(ticket: TicketRow, model: Model | None) -> str:
    """Return the title: plain text, as trackers show titles letter by letter."""
    shown = model.shown_title if model is not None else ticket.model
    return _MENTION.sub(rf"@{JOINER}", one_line(f"{shown}: {ticket.title}", limit=250))


def body(
    ticket: TicketRow, model: Model | None, steps: Sequence[proofs.Step], links: Links, zone: ZoneInfo
) -> str:
    """Write what a ticket says: what happened, what to look at first, how far the retraining is."""
    evidence = Evidence.model_validate(ticket.evidence)
    lines = []
    if evidence.findings:
        worst = evidence.findings[0]
        lines.append(markdown(" ".join(filter(None, (wording.seen(worst, zone), wording.amount(worst))))))
    if evidence.goal is not None:
        lines.append(markdown(wording.goal_sentence(evidence.goal)))
    lines += [markdown(one) for one in reasons.why(evidence)]
    looks = wording.first_looks(ticket.kind, evidence, links, zone)
    if looks:
        lines.append("**" + _("Look here first") + "**")
        lines.append("\n".join(f"1. {_linked(text, link)}" for text, link in looks))
    if steps:
        lines.append("**" + _("Retraining and proof") + "**")
        lines.append("\n".join(f"- {step.sign} {markdown(step.text, limit=800)}" for step in steps))
    facts = [
        (_("Asks to"), wording.asks_word(ticket.kind)),
        (_("Severity"), wording.severity_word(ticket.severity)),
        (_("Opened"), local_time(ticket.opened_at, zone)),
    ]
    if ticket.acknowledge_by is not None and ticket.acknowledged_at is None:
        facts.append((_("Acknowledge by"), local_time(ticket.acknowledge_by, zone)))
    if model is not None and model.owner:
        facts.append((_("Owner"), str(model.owner)))
    lines.append("\n".join(f"- {label}: {markdown(value)}" for label, value in facts))
    lines.append(_linked(_("Open the ticket"), links.ticket(ticket.id)))
    return "\n\n".join(lines)


def closing(ticket: TicketRow, event: TicketEventRow | None) -> str:
    """Say why a ticket was closed."""
    words = wording.resolution_sentence(ticket.resolution)
    said = "" if event is None else str(event.detail.get("text") or event.detail.get("reason") or "")
    return " ".join(filter(None, (words, markdown(said))))


def _linked(text: str, link: str) -> str:
    address = urlsplit(link)
    if address.scheme not in ("http", "https"):
        return markdown(text)
    return f"[{markdown(text)}]({link.replace('(', '%28').replace(')', '%29')})"
