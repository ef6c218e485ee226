"""How each model stands: three lights, its goals, freshness and open work, worst harm first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from core.config.model import Goal, Kpi, Model
from core.messages import Severity
from core.rules import AlertState, TicketState
from core.text import gettext as _
from core.values import ValueState
from reports.query import Query
from store import alerts, goals, tickets, windows
from store.tables import GoalRow, RuleStateRow


class Light(StrEnum):
    """A traffic light, worst first."""

    BAD = "bad"
    WATCH = "watch"
    UNKNOWN = "unknown"
    GOOD = "good"


_LATELY = timedelta(days=30)
_JUDGED = ("value", "lower", "upper", "probability", "forecast", "needed")
_HARM = {Light.BAD: 0, Light.WATCH: 1, Light.UNKNOWN: 2, Light.GOOD: 3}
_SEVERITY = {Severity.CRITICAL: 0, Severity.MAJOR: 1, Severity.MINOR: 2, Severity.NOTICE: 3}
_GOAL_LIGHT = {
    "reached": Light.GOOD,
    "on track": Light.GOOD,
    "at risk": Light.WATCH,
    "off track": Light.BAD,
    "missed": Light.BAD,
}


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One light with the word that stands beside it and why."""

    light: Light
    reason: str


@dataclass(frozen=True, kw_only=True)
class GoalStanding:
    """A goal as last judged; numerator and denominator are the sums over its last judged windows."""

    goal: Goal
    kpi: Kpi
    title: str
    unit: str
    state: str
    value: float | None
    lower: float | None
    upper: float | None
    numerator: float | None
    denominator: float | None
    probability: float | None
    forecast: float | None
    needed: float | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One model on the overview. `fresh` is the end of its newest window with data, None without any."""

    model: str
    title: str
    owner: str
    tags: tuple[str, ...]
    service: Signal
    performance: Signal
    goal: Signal
    goals: tuple[GoalStanding, ...]
    fresh: datetime | None
    tickets: tuple[tuple[int, str], ...]
    history: tuple[float | None, ...]

    @property
    def harm(self) -> tuple[int, int, int, int, str]:
        """Return the order on the overview: the worst first."""
        worst = min((_SEVERITY[Severity(severity)] for _id, severity in self.tickets), default=9)
        lights = [_HARM[signal.light] for signal in (self.goal, self.performance, self.service)]
        return (worst, min(lights), lights[0], sum(lights), self.title.lower())


def standings(query: Query, now: datetime) -> list[Standing]:
    """Return every configured model's standing, worst first."""
    with query.store.read() as session:
        states = alerts.rule_states(session)
        judged = goals.current_goals(session)
        work = [row for row in tickets.tickets(session) if row.state != TicketState.CLOSED]
        found = []
        for name, model in query.project.models.items():
            answers = [row for row in states if row.model == name]
            current = [row for row in judged if row.model == name]
            standing = tuple(goal_standing(query, model, goal, current, now) for goal in model.goals)
            found.append(
                Standing(
                    model=name,
                    title=model.shown_title,
                    owner=model.owner,
                    tags=model.tags,
                    service=_signal(answers, ("service", "quality")),
                    performance=_signal(answers, ("performance", "drift")),
                    goal=_goal_signal(answers, standing),
                    goals=standing,
                    fresh=_fresh(session, model, now),
                    tickets=tuple((row.id, row.severity) for row in work if row.model == name),
                    history=_history(query, model, now),
                )
            )
    return sorted(found, key=lambda standing: standing.harm)


def goal_standing(
    query: Query, model: Model, goal: Goal, current: Sequence[GoalRow], now: datetime
) -> GoalStanding:
    """Return a goal as last judged; 'unknown' with the reason where it never was."""
    kpi = model.kpis[goal.kpi]
    row = next((row for row in current if row.kpi == goal.kpi), None)
    points = [
        point
        for point in query.series(
            model.name, f"business.{goal.kpi}", since=now - goal.over - 3 * _LATELY, until=now, now=now
        )
        if point.value.state is ValueState.OK and point.value.denominator is not None
    ]
    last = [point for point in points if point.window.start >= points[-1].window.end - goal.over]
    facts = {name: getattr(row, name) if row else None for name in _JUDGED}
    return GoalStanding(
        goal=goal,
        kpi=kpi,
        title=kpi.title or goal.kpi,
        unit=query.unit(model.name, f"business.{goal.kpi}"),
        state=row.state if row else "unknown",
        numerator=sum(point.value.numerator or 0.0 for point in last) if last else None,
        denominator=sum(point.value.denominator or 0.0 for point in last) if last else None,
        reason=row.reason if row else _("It has not been judged yet."),
        **facts,
    )


def _fresh(session: Session, model: Model, now: datetime) -> datetime | None:
    """Return the end of the newest window with data; only where there is none of late all are read."""
    for since in (now - _LATELY, None):
        rows = windows.windows(session, model.name, model.grain, since, now)
        found = max((row.end for row in rows if row.state == "ok"), default=None)
        if found is not None:
            return found
    return None


def _history(query: Query, model: Model, now: datetime) -> tuple[float | None, ...]:
    """Return the last 60 windows of the KPI that the first goal (else the first KPI) is about."""
    kpi = model.goals[0].kpi if model.goals else next(iter(model.kpis), "")
    if not kpi:
        return ()
    points = query.series(
        model.name, f"business.{kpi}", since=now - 60 * model.grain.length, until=now, now=now
    )
    return tuple(point.value.value for point in points if point.value.state is not ValueState.OPEN)


def _signal(states: Sequence[RuleStateRow], families: tuple[str, ...]) -> Signal:
    ours = [row for row in states if row.rule.partition(".")[0] in families]
    firing = sorted(
        (row for row in ours if row.state == AlertState.FIRING),
        key=lambda row: _SEVERITY[Severity(row.severity)],
    )
    if firing:
        bad = firing[0].severity in (Severity.CRITICAL, Severity.MAJOR)
        return Signal(light=Light.BAD if bad else Light.WATCH, reason=firing[0].reason or firing[0].rule)
    if any(row.state == AlertState.OK for row in ours):
        return Signal(light=Light.GOOD, reason="")
    reason = next((row.reason for row in ours if row.reason), _("Nothing has been judged yet."))
    return Signal(light=Light.UNKNOWN, reason=reason)


def _goal_signal(states: Sequence[RuleStateRow], standing: Sequence[GoalStanding]) -> Signal:
    business = _signal(states, ("business",))
    if not standing:
        return business
    worst = min(standing, key=lambda goal: _HARM[_GOAL_LIGHT.get(goal.state, Light.UNKNOWN)])
    light = _GOAL_LIGHT.get(worst.state, Light.UNKNOWN)
    if _HARM[business.light] < _HARM[light] and business.light is not Light.UNKNOWN:
        return business
    return Signal(light=light, reason=worst.reason)
