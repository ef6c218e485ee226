"""What a rule would have done: judge the stored past by it, with other knobs, without writing anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from alerts.defaults import Watch, rules_of, with_knobs
from alerts.reading import read_known
from alerts.series import judge_all
from core.config import Model, Project
from core.errors import GoalkeeperError
from core.spelling import listed, nearest_of
from core.text import gettext as _
from store.marks import marks
from store.normal import maturity_of

INCIDENT = "incident"
"""The kind of mark that says when something was really wrong."""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """An alert that the rule would have raised.

    It would have been told at `told`: the window's end, its settling and, for outcomes, the labels' maturity
    later. `until` is None where it would last. `late` counts windows from the marked incident to it, None
    where no incident is marked there.
    """

    column: str
    segment: str
    since: datetime
    raised: datetime
    told: datetime
    until: datetime | None
    good: bool
    reason: str
    incident: str = ""
    late: int | None = None


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """A rule over the past of one model: `missed` are marked incidents that raised nothing."""

    model: str
    rule: Watch
    windows: int
    alerts: Sequence[Replayed]
    missed: Sequence[str]


def backtest(
    session: Session,
    project: Project,
    model: Model,
    now: datetime,
    *,
    rule: str,
    knobs: Mapping[str, object] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Backtest:
    """Judge a model's stored past by one rule, changed by `knobs`; alerts raised in [since, until) count.

    Raises:
        GoalkeeperError: there is no such rule, or a knob does not fit.
    """
    watch = with_knobs(model, _rule(model, rule), knobs or {})
    known = read_known(session, project, model, [watch], min(now, until or now))
    judged = judge_all(known, [watch])
    later = model.settle_of(model.grain) + (maturity_of(session, model) if watch.outcomes else timedelta())
    incidents = [
        (row.start, row.end, row.text)
        for row in marks(session, model.name)
        if row.kind == INCIDENT and (since is None or (row.end or row.start) >= since)
    ]
    found = [
        _with_incident(
            Replayed(
                column=one.key.column, segment=one.key.segment, since=episode.since, raised=episode.raised,
                told=episode.raised + later, until=episode.until, good=episode.good,
                reason=episode.first.reason,
            ),
            incidents,
            model.grain.length,
        )
        for one in judged
        for episode in one.line.episodes
        if since is None or episode.raised >= since
    ]  # fmt: skip
    counted = {
        each.window
        for one in judged
        for each in one.judgements
        if since is None or each.window.start >= since
    }
    seen = {one.incident for one in found}
    return Backtest(
        model=model.name,
        rule=watch,
        windows=len(counted),
        alerts=sorted(found, key=lambda one: (one.raised, one.column, one.segment)),
        missed=[text for _start, _end, text in incidents if text not in seen],
    )


def _rule(model: Model, name: str) -> Watch:
    rules = {watch.id: watch for watch in rules_of(model)}
    if name not in rules:
        near = nearest_of(name, rules)
        raise GoalkeeperError(
            _("{model}: there is no rule '{rule}'.").format(model=model.name, rule=name),
            hint=(_("Did you mean {nearest}?").format(nearest=near) + " " if near else "")
            + _("Known rules: {known}.").format(known=listed(rules)),
        )
    return replace(rules[name], muted=False)


def _with_incident(
    alert: Replayed, incidents: Sequence[tuple[datetime, datetime | None, str]], length: timedelta
) -> Replayed:
    """Say of which marked incident an alert tells: one that had begun and was not long over when it did."""
    for start, end, text in incidents:
        if start < alert.raised and (end is None or alert.since < end):
            return replace(alert, incident=text, late=max(0, round((alert.raised - start) / length) - 1))
    return alert
