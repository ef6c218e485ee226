"""Whether a reference still stands for what is normal, and which quiet days might take its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from core.config import Model
from core.dates import length_text, local_day
from core.messages import Severity
from core.rules import AlertState
from core.text import gettext as _
from core.text import ngettext
from core.windows import Window
from metrics.base import SCORE
from metrics.measure import stage_of
from reports.query import Query
from store import alerts, models, references, windows
from store.normal import is_moving, maturity_of, window_of
from store.tables import AlertRow, ReferenceRow

DISTANCE = "drift.jensen_shannon"
WINDOWS = 28
LEAST = 14
OLD = timedelta(days=180)
_DRIFT = "drift."


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Days of the log, [since, until), that might become the reference.

    `windows` of them are quiet and mature; `distances` tells by column how far they lie from the reference in
    force (Jensen–Shannon, 0 to 1), None where that cannot be said. Without days `reason` says why.
    """

    since: date | None = None
    until: date | None = None
    windows: int = 0
    distances: Mapping[str, float | None]
    present: ReferenceRow | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Stale:
    """Why a reference may no longer stand for what is normal, and since when."""

    since: datetime
    text: str


def propose(query: Query, model: Model, now: datetime, *, wanted: int = WINDOWS) -> Proposal:
    """Look for the last `wanted` mature windows in a row in which nothing but drift fired.

    Drift is left out because it is measured against the reference that is to be replaced. Where there are not
    that many in a row, the longest row of at least 14 is proposed.
    """
    with query.store.read() as session:
        present = references.current_reference(session, model.name)
        known = models.model(session, model.name)
        quiet = _quiet(session, model, now)
    if is_moving(model):
        return Proposal(
            distances={}, present=present, reason=_("It moves by itself: there is nothing to set.")
        )
    if known is None or present is None:
        return Proposal(
            distances={}, present=None, reason=_("There is no reference yet: run `goalkeeper collect`.")
        )
    length = max(wanted, int(wanted * timedelta(days=1) / model.grain.length))
    run = _last_run(quiet, length)
    zone = query.project.zone
    days = _whole_days(run, query) if len(run) >= min(LEAST, wanted) else None
    if days is None:
        reason = ngettext(
            "Of the quiet, mature windows at most {n} lies in a row; {least} are needed.",
            "Of the quiet, mature windows at most {n} lie in a row; {least} are needed.",
            len(run),
        )
        return Proposal(
            distances={}, present=present, reason=reason.format(n=len(run), least=min(LEAST, wanted))
        )
    since, until = (datetime.combine(day, time(), tzinfo=zone) for day in days)
    columns = [*known.features.get("columns", {}), SCORE]
    distances = {
        column: query.value(
            model.name, DISTANCE, since=since, until=until, now=now, column=column
        ).value.value
        for column in columns
    }  # fmt: skip
    ordered = sorted(distances.items(), key=lambda one: (-1.0 if one[1] is None else -one[1] - 1, one[0]))
    return Proposal(since=days[0], until=days[1], windows=len(run), distances=dict(ordered), present=present)


def stale(query: Query, model: Model, now: datetime) -> list[Stale]:
    """Return why the reference in force may be stale: it is old, or most columns left it long ago."""
    if is_moving(model):
        return []
    with query.store.read() as session:
        row = references.current_reference(session, model.name)
        known = models.model(session, model.name)
        if row is None or known is None:
            return []
        final = _mature(session, model, now)[-WINDOWS:]
        drifting = [one for one in alerts.alerts(session, model.name) if _is_drift(one)]
    found = []
    day = row.last or row.created_at
    if now - day > OLD:
        text = _("The reference is more than {length} old: it ends on {day}.").format(
            length=length_text(OLD), day=local_day(day, query.project.zone, year=True)
        )
        found.append(Stale(since=day + OLD, text=text))
    watched = set(known.features.get("columns", {}))
    left: dict[str, datetime] = {}
    for one in drifting:
        if one.column in watched:
            left[one.column] = min(one.since, left.get(one.column, one.since))
    most = sorted(left.values())[: len(watched) // 2 + 1]
    if len(final) == WINDOWS and len(most) > len(watched) / 2 and most[-1] <= final[0].start:
        text = ngettext(
            "More than half of the columns have drifted from the reference for {n} window: {k} of {all}.",
            "More than half of the columns have drifted from the reference for {n} windows: {k} of {all}.",
            WINDOWS,
        )
        long = sum(since <= final[0].start for since in left.values())
        found.append(
            Stale(
                since=most[-1] + WINDOWS * model.grain.length,
                text=text.format(n=WINDOWS, k=long, all=len(watched)),
            )
        )
    return found


def _is_drift(row: AlertRow) -> bool:
    return row.rule.startswith(_DRIFT) and row.state == AlertState.FIRING and not row.segment


def _mature(session: Session, model: Model, now: datetime) -> list[Window]:
    maturity = maturity_of(session, model)
    found = [window_of(row) for row in windows.windows(session, model.name, model.grain) if row.state == "ok"]
    return [one for one in found if stage_of(one, model, maturity, now) == "final"]


def _quiet(session: Session, model: Model, now: datetime) -> list[Window]:
    """Return the mature windows in which no alert of harm fired, by time."""
    loud = [
        (one.since, one.until)
        for one in alerts.alerts(session, model.name)
        if one.state != AlertState.WITHDRAWN
        and one.severity != Severity.NOTICE
        and not one.evidence.get("good")
    ]
    return [
        window
        for window in _mature(session, model, now)
        if not any(since < window.end and (until is None or until > window.start) for since, until in loud)
    ]


def _last_run(quiet: Sequence[Window], length: int) -> list[Window]:
    """Return the last `length` windows in a row; where there are none, the longest row, the later of two."""
    runs: list[list[Window]] = []
    for window in quiet:
        if runs and runs[-1][-1].end == window.start:
            runs[-1].append(window)
        else:
            runs.append([window])
    long = [run for run in runs if len(run) >= length]
    return long[-1][-length:] if long else max(reversed(runs), key=len, default=[])


def _whole_days(run: Sequence[Window], query: Query) -> tuple[date, date] | None:
    """Return the local days that lie wholly inside some windows, the last one excluded."""
    first, last = (moment.astimezone(query.project.zone) for moment in (run[0].start, run[-1].end))
    since = first.date() if first.time() == time() else first.date() + timedelta(days=1)
    return (since, last.date()) if since < last.date() else None
