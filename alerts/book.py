"""The book of alerts: bring what is stored in line with what the rules say now.

A stored alert is known again by its key and start, else by overlapping in time (a restated window may move
the start by a day); it keeps its start. One that the same test no longer shows is withdrawn with the reason.
A clock that went back changes nothing of what was written later: a ticket must not close because of it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from alerts.defaults import Family
from alerts.timeline import Episode
from core.evidence import Finding
from core.rules import AlertKey, AlertState, TicketKind
from core.text import gettext as _
from store import alerts
from store.tables import AlertRow


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One episode as it is to stand in the book."""

    key: AlertKey
    family: Family
    asks: TicketKind | None
    episode: Episode
    finding: Finding
    only_with: Family | None = None

    @property
    def lasts(self) -> bool:
        """Tell whether it is not over."""
        return self.episode.over is None

    @property
    def reason(self) -> str:
        """Return why it stands as it does."""
        if self.episode.accepted:
            return _("The new level was accepted as normal.")
        return self.finding.reason if self.lasts else _("Back to normal.")


@dataclass(kw_only=True)
class Book:
    """A model's alerts in one transaction; counts what was written."""

    session: Session
    now: datetime
    rows: list[AlertRow]
    raised: int = 0
    recovered: int = 0
    withdrawn: int = 0
    row_of: dict[Entry, AlertRow] = field(default_factory=dict)

    @classmethod
    def open(cls, session: Session, model: str, now: datetime) -> "Book":
        """Read a model's stored alerts."""
        return cls(session=session, now=now, rows=list(alerts.alerts(session, model=model)))

    def write(self, entries: Iterable[Entry], watched: frozenset[str], first: datetime | None) -> None:
        """Write what differs; `watched` are the rules in force, `first` the oldest known window's start."""
        stored: defaultdict[AlertKey, list[AlertRow]] = defaultdict(list)
        for row in self.rows:
            stored[key_of(row)].append(row)
        for entry in entries:
            known = _known_again(entry, stored[entry.key], self.now)
            if known is not None:
                stored[entry.key].remove(known)
                self._change(known, entry)
            self.row_of[entry] = known or self._raise(entry)
        for rest in stored.values():
            for row in rest:
                self._withdraw(row, watched, first)
        self.session.flush()

    def join(self, row: AlertRow, incident_id: int) -> None:
        """Put an alert into an incident."""
        alerts.join_incident(row, incident_id)

    def _raise(self, entry: Entry) -> AlertRow:
        row = alerts.raise_alert(
            self.session,
            entry.key,
            since=entry.episode.since,
            severity=entry.finding.severity,
            reason=entry.finding.reason,
            evidence=entry.finding.model_dump(mode="json"),
            now=self.now,
        )
        self.rows.append(row)
        self.raised += 1
        if not entry.lasts:
            self._over(row, entry)
        return row

    def _change(self, row: AlertRow, entry: Entry) -> None:
        state = AlertState.FIRING if entry.lasts else AlertState.OK
        if row.updated_at > self.now:
            return
        if row.state == state and (entry.lasts or row.until == entry.episode.until):
            return
        if entry.lasts:
            alerts.change_alert(
                self.session, row, AlertState.FIRING, now=self.now, reason=entry.reason, until=None
            )
            self.raised += 1
        else:
            self._over(row, entry)

    def _over(self, row: AlertRow, entry: Entry) -> None:
        until = entry.episode.until
        alerts.change_alert(self.session, row, AlertState.OK, now=self.now, reason=entry.reason, until=until)
        self.recovered += 1

    def _withdraw(self, row: AlertRow, watched: frozenset[str], first: datetime | None) -> None:
        if row.state == AlertState.WITHDRAWN or (first is not None and row.since < first):
            return
        if row.updated_at > self.now:
            return
        if row.rule not in watched:
            if row.state != AlertState.FIRING:
                return
            reason = _("The rule was muted or removed.")
        elif first is None:
            return
        else:
            reason = _("The data was restated; the same test no longer shows it.")
        until = row.until or self.now
        alerts.change_alert(self.session, row, AlertState.WITHDRAWN, now=self.now, reason=reason, until=until)
        self.withdrawn += 1


def key_of(row: AlertRow) -> AlertKey:
    """Return the key of a stored alert."""
    return AlertKey(
        model=row.model, rule=row.rule, version=row.version, segment=row.segment, column=row.column
    )


def _known_again(entry: Entry, rows: list[AlertRow], now: datetime) -> AlertRow | None:
    same_way = [row for row in rows if bool(row.evidence.get("good")) == entry.finding.good]
    since, until = entry.episode.since, entry.episode.until or now
    for row in same_way:
        if row.since == since:
            return row
    for row in same_way:
        if row.state != AlertState.WITHDRAWN and row.since < until and since < (row.until or now):
            return row
    return None
