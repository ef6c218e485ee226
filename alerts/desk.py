"""Incidents, tickets and messages of one model in one evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from alerts import why
from alerts.book import Book, Entry, key_of
from alerts.defaults import Family
from alerts.findings import evidence_of
from alerts.incidents import (
    ACKNOWLEDGE,
    COMES_BACK,
    WORST,
    Case,
    asks_for,
    case_for,
    severity_of,
    ticket_key,
    title_of,
    worst_first,
)
from alerts.rules.base import RECOVERY
from alerts.series import Judged, Known
from alerts.tickets import ACTOR, tell_resolved
from core.config import Project
from core.evidence import Finding
from core.messages import Severity
from core.rules import WORKING, AlertState, Resolution, TicketKind, TicketState
from store import outbox, tickets
from store.tables import AlertRow, IncidentRow, TicketRow


@dataclass(kw_only=True)
class Desk:
    """Opens and closes; queues what is to be told, in the caller's transaction."""

    session: Session
    project: Project
    known: Known
    judged: Sequence[Judged]
    book: Book
    incidents: list[IncidentRow]
    opened: list[TicketRow] = field(default_factory=list)
    closed: list[TicketRow] = field(default_factory=list)
    back: list[tuple[TicketRow, Finding]] = field(default_factory=list)
    updated: list[tuple[TicketRow, Finding, dict[str, Any]]] = field(default_factory=list)
    messages: int = 0

    @classmethod
    def open(
        cls, session: Session, project: Project, known: Known, judged: Sequence[Judged], book: Book
    ) -> "Desk":
        """Read the model's open incidents."""
        found = list(tickets.incidents(session, model=known.model.name, open_only=True))
        return cls(session=session, project=project, known=known, judged=judged, book=book, incidents=found)

    def close_what_is_over(self) -> None:
        """Close each incident none of whose alerts fires any more, and its ticket with it."""
        for incident in list(self.incidents):
            own = [row for row in self.book.rows if row.incident_id == incident.id]
            if any(row.state == AlertState.FIRING and row.severity != Severity.NOTICE for row in own):
                continue  # drift that explains an incident does not keep it open
            if self._is_worked_on(incident):
                continue  # the proof of the new version closes it, or opens it again
            if self._is_held(incident, own):
                continue
            self.incidents.remove(incident)
            tickets.close_incident(self.session, incident, now=self.known.now)
            withdrawn = bool(own) and all(row.state == AlertState.WITHDRAWN for row in own)
            resolution = Resolution.WITHDRAWN if withdrawn else Resolution.RECOVERED
            for ticket in tickets.tickets(self.session, model=self.known.model.name):
                if ticket.incident_id == incident.id and ticket.state != TicketState.CLOSED:
                    tickets.close_ticket(
                        self.session, ticket, resolution=resolution, now=self.known.now, actor=ACTOR
                    )
                    self.closed.append(ticket)

    def _is_worked_on(self, incident: IncidentRow) -> bool:
        found = tickets.tickets(self.session, model=self.known.model.name)
        return any(one.incident_id == incident.id and one.state in WORKING for one in found)

    def _is_held(self, incident: IncidentRow, own: Sequence[AlertRow]) -> bool:
        """Tell whether an incident that came back before has to be calm for longer, each time by as much."""
        over = max((row.until for row in own if row.until is not None), default=None)
        back = sum(
            event.action == "back"
            for ticket in tickets.tickets(self.session, model=self.known.model.name)
            if ticket.incident_id == incident.id
            for event in tickets.events(self.session, ticket.id)
        )
        if over is None or not back:
            return False
        grain = self.known.model.grain
        return self.known.now - over < (1 + back) * RECOVERY[grain] * grain.length

    def open_what_lasts(self, entries: Sequence[Entry]) -> None:
        """Put every live alert into an incident; open one ticket for each new incident.

        Moves in the good direction are told elsewhere; drift only joins; what is silenced, or needs an alert
        of another family beside it, waits.
        """
        families = {entry.family for entry in entries if not entry.finding.good}
        loose = [
            entry
            for entry in entries
            if not entry.finding.good
            and not entry.finding.silenced
            and (entry.only_with is None or entry.only_with in families)
            and self.book.row_of[entry].incident_id is None
        ]
        for family in Family:
            fresh = [entry for entry in loose if entry.family is family]
            if family is Family.DRIFT:
                self._explain(fresh)
                continue
            asking = [entry for entry in fresh if entry.asks is not None]
            joining: dict[int, list[Entry]] = {}
            new: list[Entry] = []
            for entry in asking:
                case = case_for(family, entry.episode.since, self._cases())
                if case is None or case.id is None:
                    new.append(entry)
                else:
                    joining.setdefault(case.id, []).append(entry)
            for incident_id, group in joining.items():
                self._join(incident_id, group)
            if new:
                self._open(family, new)

    def tell(self) -> None:
        """Queue the messages of what was opened, joined and closed."""
        for ticket in self.opened:
            self._queue(ticket.key, "opened", ticket.severity, {"ticket": ticket.id})
        for ticket, finding in self.back:
            again = {"ticket": ticket.id, "back": finding.model_dump(mode="json")}
            self._queue(
                ticket.key, "opened", ticket.severity, again, name=f"opened:{self.known.now:%Y%m%dT%H%M}"
            )
        for ticket, finding, detail in self.updated:
            kind = f"update:{finding.rule}:{finding.column}:{finding.segment}:{finding.since:%Y%m%d}"
            self._queue(ticket.key, "update", ticket.severity, {"ticket": ticket.id, **detail}, name=kind)
        for ticket in self.closed:
            self.messages += tell_resolved(self.session, ticket, self.known.now)

    def tell_of_the_past(self, entries: Sequence[Entry], span: tuple[datetime, datetime, int] | None) -> None:
        """Queue one summary of a first pass, if there is anything to tell."""
        if span is None or not entries:
            return
        first, last, windows = span
        past = [entry for entry in entries if entry.family is not Family.DRIFT and not entry.finding.good]
        lasting = worst_first([entry.finding for entry in past if entry.lasts])
        severity = severity_of(lasting) if lasting else Severity.NOTICE
        summary = {
            "first": first.isoformat(),
            "last": last.isoformat(),
            "windows": windows,
            "harm": len(past),
            "notices": sum(entry.family is Family.DRIFT for entry in entries),
            "good": sum(entry.finding.good for entry in entries),
            "lasting": [finding.model_dump(mode="json") for finding in lasting],
            "tickets": [ticket.id for ticket in self.opened],
        }
        self._queue(f"summary:{self.known.model.name}", "summary", severity, {"summary": summary})

    def _cases(self) -> list[Case]:
        return [Case(id=row.id, family=Family(row.cause), since=row.since) for row in self.incidents]

    def _explain(self, fresh: Sequence[Entry]) -> None:
        for entry in fresh:
            for incident in self.incidents:
                self.book.join(self.book.row_of[entry], incident.id)
                break

    def _join(self, incident_id: int, group: Sequence[Entry]) -> None:
        now = self.known.now
        incident = next(row for row in self.incidents if row.id == incident_id)
        for entry in group:
            self.book.join(self.book.row_of[entry], incident_id)
        found = worst_first([entry.finding for entry in group])
        for ticket in tickets.tickets(self.session, model=self.known.model.name):
            if ticket.incident_id != incident_id or ticket.state == TicketState.CLOSED:
                continue
            known = {finding["rule"] for finding in ticket.evidence.get("findings", ())}
            known |= {
                event.detail["finding"]["rule"]
                for event in tickets.events(self.session, ticket.id)
                if event.action == "joined"
            }
            for finding in found:
                detail: dict[str, Any] = {"finding": finding.model_dump(mode="json")}
                split, carrier = why.split(self.session, self.known, finding)
                for name, fact in (("split", split), ("carrier", carrier)):
                    if fact is not None:
                        detail[name] = fact.model_dump(mode="json")
                tickets.add_event(
                    self.session, ticket.id, at=now, actor=ACTOR, action="joined", detail=detail
                )
                worse = WORST[finding.severity] < WORST[Severity(ticket.severity)]
                if worse:
                    tickets.set_severity(
                        self.session, ticket, finding.severity, title=title_of([finding]), now=now
                    )
                if asks_for([finding], Family(incident.cause)) is TicketKind.RETRAIN:
                    tickets.set_kind(self.session, ticket, TicketKind.RETRAIN, now=now)
                if worse or finding.rule not in known:
                    known.add(finding.rule)
                    self.updated.append((ticket, finding, detail))

    def _open(self, family: Family, entries: Sequence[Entry]) -> None:
        now, model = self.known.now, self.known.model
        findings = worst_first([entry.finding for entry in entries])
        severity = severity_of(findings)
        since = min(entry.episode.since for entry in entries)
        before = self._recovered_lately(family, entries)
        if before is not None:
            self._open_again(before, entries, findings)
            return
        incident = tickets.open_incident(
            self.session, model=model.name, cause=family.value, severity=severity, since=since, now=now
        )
        self.incidents.append(incident)
        for entry in entries:
            self.book.join(self.book.row_of[entry], incident.id)
        evidence = evidence_of(self.session, self.known, self.judged, findings)
        due = ACKNOWLEDGE.get(severity)
        ticket = tickets.open_ticket(
            self.session,
            key=self._free_key(family, since),
            model=model.name,
            incident_id=incident.id,
            kind=asks_for(findings, family),
            severity=severity,
            title=title_of(findings),
            evidence=evidence.model_dump(mode="json"),
            acknowledge_by=None if due is None else now + due,
            now=now,
            actor=ACTOR,
        )
        self.opened.append(ticket)

    def _recovered_lately(self, family: Family, entries: Sequence[Entry]) -> TicketRow | None:
        """Return the ticket that the same harm had and that recovered a short time ago, if there is one."""
        name, keys = self.known.model.name, {entry.key for entry in entries}
        causes = {row.id: row.cause for row in tickets.incidents(self.session, model=name)}
        told = {row.incident_id for row in self.book.rows if key_of(row) in keys}
        for ticket in tickets.tickets(self.session, model=name):
            if (
                ticket.resolution == Resolution.RECOVERED
                and ticket.incident_id in told
                and causes[ticket.incident_id] == family
                and ticket.closed_at is not None
                and timedelta() <= self.known.now - ticket.closed_at <= COMES_BACK
            ):
                return ticket
        return None

    def _open_again(self, ticket: TicketRow, entries: Sequence[Entry], findings: Sequence[Finding]) -> None:
        now, severity = self.known.now, severity_of(findings)
        due = ACKNOWLEDGE.get(severity)
        incident = tickets.open_again(
            self.session, ticket, acknowledge_by=None if due is None else now + due, now=now, actor=ACTOR,
            detail={"text": findings[0].reason},
        )  # fmt: skip
        if incident is not None:
            self.incidents.append(incident)
        for entry in entries:
            self.book.join(self.book.row_of[entry], ticket.incident_id)
        for finding in findings:
            detail = {"finding": finding.model_dump(mode="json")}
            tickets.add_event(self.session, ticket.id, at=now, actor=ACTOR, action="joined", detail=detail)
        if severity != ticket.severity:
            tickets.set_severity(self.session, ticket, severity, title=title_of(findings), now=now)
        self.back.append((ticket, findings[0]))

    def _free_key(self, family: Family, since: datetime) -> str:
        """Return the dedup key; a second incident of the same start gets a number."""
        key = ticket_key(self.known.model.name, family, since)
        taken = {ticket.key for ticket in tickets.tickets(self.session, model=self.known.model.name)}
        count = 1
        while (free := key if count == 1 else f"{key}:{count}") in taken:
            count += 1
        return free

    def _queue(
        self, thing: str, kind: str, severity: str, payload: dict[str, Any], *, name: str = ""
    ) -> None:
        for channel in self.known.model.channels(severity):
            self.messages += outbox.enqueue(
                self.session,
                key=f"{thing}|{name or kind}|{channel}",
                kind=kind,
                channel=channel,
                model=self.known.model.name,
                severity=severity,
                payload=payload,
                now=self.known.now,
            )
