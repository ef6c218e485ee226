"""A source that cannot be collected from is one incident, however many models wait for it.

After three passes that failed one after another a ticket opens, under the first of the models that wait; it
closes by itself once none of them is cut off any more. Nothing else can be told of those models meanwhile:
what was not read cannot be judged.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from alerts.defaults import Family
from alerts.escalation import escalate
from alerts.incidents import ACKNOWLEDGE
from alerts.tickets import ACTOR, tell_resolved
from core.config import Model, Project
from core.evidence import Evidence, Finding
from core.foreign import one_line
from core.messages import Severity
from core.rules import Resolution, TicketKind, TicketState
from core.spelling import listed
from core.text import gettext as _
from core.text import ngettext
from store import outbox, runs, tickets
from store.tables import RunRow

PASSES = 3
RULE = "service.source"
PREFIX = "source:"


def watch_sources(session: Session, project: Project, now: datetime) -> int:
    """Open a ticket for each source that is cut off, close it when it is back; return how many opened."""
    waiting = defaultdict[str, dict[str, list[RunRow]]](dict)
    for name, model in project.models.items():
        last = runs.runs(session, name, limit=PASSES)
        if _cut_off(last):
            waiting[place_of(model)][name] = last
    known = {ticket.key: ticket for ticket in tickets.tickets(session) if ticket.key.startswith(PREFIX)}
    lasting = [ticket for ticket in known.values() if ticket.state != TicketState.CLOSED]
    opened = 0
    for ticket in lasting:
        if not any(ticket.key.startswith(f"{PREFIX}{place}:") for place in waiting):
            tickets.close_ticket(session, ticket, resolution=Resolution.RECOVERED, now=now, actor=ACTOR)
            tell_resolved(session, ticket, now)
        elif ticket.model in project.models:
            escalate(session, project.models[ticket.model], ticket, now)
    for place, found in sorted(waiting.items()):
        if any(ticket.key.startswith(f"{PREFIX}{place}:") for ticket in lasting):
            continue
        since = min(last[-1].now for last in found.values())
        key = f"{PREFIX}{place}:{since:%Y%m%dT%H%M}"
        if key not in known:  # somebody closed it though it lasts
            _open(session, project, key, place, found, since, now)
            opened += 1
    return opened


def place_of(model: Model) -> str:
    """Return what several models may share: a connection, a server or bucket, a folder; no secret."""
    told = model.predictions.declared
    if told.get("connection"):
        return str(told["connection"])
    address = str(told.get("url") or told.get("path") or model.predictions.kind)
    parts = urlsplit(address)
    if parts.scheme and parts.hostname:
        return f"{parts.scheme}://{parts.hostname}"
    return str(PurePath(address).parent) if told.get("path") else address


def _cut_off(last: Sequence[RunRow]) -> bool:
    """Tell whether nothing was collected in the last passes.

    A pass that read something, and stumbled over a file or a window, notes its sources.
    """
    return len(last) == PASSES and all(row.state == "failed" and not row.sources for row in last)


def _open(
    session: Session, project: Project, key: str, place: str, found: Mapping[str, Sequence[RunRow]],
    since: datetime, now: datetime,
) -> None:  # fmt: skip
    first = next(iter(found))
    newest = found[first][0]
    severity = Severity.MAJOR
    title = ngettext(
        "{place} cannot be collected from: {n} model waits",
        "{place} cannot be collected from: {n} models wait",
        len(found),
    ).format(place=one_line(place, limit=80), n=len(found))
    reason = _("{title} ({models}). {error}").format(
        title=title, models=listed(found, limit=10), error=one_line(f"{newest.error} {newest.hint}")
    )
    finding = Finding(
        rule=RULE, metric="", title=title, severity=severity, since=since, window_start=since, window_end=now,
        reason=reason,
    )  # fmt: skip
    incident = tickets.open_incident(
        session, model=first, cause=Family.SERVICE.value, severity=severity, since=since, now=now
    )
    ticket = tickets.open_ticket(
        session, key=key, model=first, incident_id=incident.id, kind=TicketKind.FIX_DATA, severity=severity,
        title=title, evidence=Evidence(findings=(finding,), as_of=now).model_dump(mode="json"),
        acknowledge_by=now + ACKNOWLEDGE[severity], now=now, actor=ACTOR,
    )  # fmt: skip
    channels = dict.fromkeys(channel for name in found for channel in project.models[name].channels(severity))
    for channel in channels:
        outbox.enqueue(
            session, key=f"{key}|opened|{channel}", kind="opened", channel=channel, model=first,
            severity=severity, payload={"ticket": ticket.id}, now=now,
        )  # fmt: skip
