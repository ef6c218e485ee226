"""How each model stands: three lights, its goals, freshness and open work, worst harm first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from core.config.model import Goal, Kpi, Model
from core.messages import Severity
from core.rules import AlertState
from core.text import gettext as _
from core.values import ValueState
from reports.query import Query
from store import alerts, goals, metrics, tickets, windows
from store.tables import GoalRow


class Light(StrEnum):
    """A traffic light, worst first."""

    BAD = "bad"
    WATCH = "watch"
    UNKNOWN = "unknown"
    GOOD = "good"


_LATELY = timedelta(days=30)
_SHOWN = 60
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
    """A goal as last judged; `with_sums` adds the sums over its last judged windows."""

    goal: Goal
    kpi: Kpi
    title: str
    unit: str
    state: str
    value: float | None
    lower: float | None
    upper: float | None
    probability: float | None
    forecast: float | None
    needed: float | None
    reason: str
    numerator: float | None = None
    denominator: float | None = None


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

    @property
    def harm(self) -> tuple[int, int, int, int, str]:
        """Return the order on the overview: the worst first."""
        worst = min((_SEVERITY[Severity(severity)] for _id, severity in self.tickets), default=9)
        lights = [_HARM[signal.light] for signal in (self.goal, self.performance, self.service)]
        return (worst, min(lights), lights[0], sum(lights), self.title.lower())


def standings(query: Query, now: datetime, model: str | None = None) -> list[Standing]:
    """Return how every configured model stands, or the one asked for, worst first.

    A few statements answer for all of them, however many they are.
    """
    models = query.project.models
    asked = models if model is None else {name: models[name] for name in models if name == model}
    answers, judged, work = (defaultdict[str, list[Any]](list) for _each in range(3))
    with query.store.read() as session:
        for answer in alerts.answers(session, model):
            answers[answer.model].append(answer)
        for row in goals.current_goals(session, model):
            judged[row.model].append(row)
        for ticket in tickets.open_tickets(session, model):
            work[ticket.model].append((ticket.id, ticket.severity))
        fresh = windows.newest(session, {name: one.grain for name, one in asked.items()}, now)
    found = []
    for name, config in asked.items():
        standing = tuple(goal_standing(query, config, goal, judged[name]) for goal in config.goals)
        found.append(
            Standing(
                model=name,
                title=config.shown_title,
                owner=config.owner,
                tags=config.tags,
                service=_signal(answers[name], ("service", "quality")),
                performance=_signal(answers[name], ("performance", "drift")),
                goal=_goal_signal(answers[name], standing),
                goals=standing,
                fresh=fresh.get(name),
                tickets=tuple(work[name]),
            )
        )
    return sorted(found, key=lambda standing: standing.harm)


def goal_standing(query: Query, model: Model, goal: Goal, current: Sequence[GoalRow]) -> GoalStanding:
    """Return a goal as last judged; 'unknown' with the reason where it never was."""
    kpi = model.kpis[goal.kpi]
    row = next((row for row in current if row.kpi == goal.kpi), None)
    return GoalStanding(
        goal=goal,
        kpi=kpi,
        title=kpi.title or goal.kpi,
        unit=query.unit(model.name, f"business.{goal.kpi}"),
        state=row.state if row else "unknown",
        reason=row.reason if row else _("It has not been judged yet."),
        **{name: getattr(row, name) if row else None for name in _JUDGED},
    )


def with_sums(query: Query, model: str, standing: GoalStanding, now: datetime) -> GoalStanding:
    """Add what was counted: numerator and denominator over the goal's last judged windows."""
    goal = standing.goal
    points = [
        point
        for point in query.series(
            model, f"business.{goal.kpi}", since=now - goal.over - 3 * _LATELY, until=now, now=now
        )
        if point.value.state is ValueState.OK and point.value.denominator is not None
    ]
    last = [point.value for point in points if point.window.start >= points[-1].window.end - goal.over]
    if not last:
        return standing
    return replace(
        standing,
        numerator=sum(value.numerator or 0.0 for value in last),
        denominator=sum(value.denominator or 0.0 for value in last),
    )


def histories(query: Query, models: Sequence[str], now: datetime) -> dict[str, tuple[float | None, ...]]:
    """Return the last windows of the KPI that each model's first goal (else its first KPI) is about."""
    found = dict[str, tuple[float | None, ...]]()
    with query.store.read() as session:
        for grain in {query.project.models[name].grain for name in models}:
            kpis = {
                name: f"business.{kpi}"
                for name in models
                if (config := query.project.models[name]).grain is grain
                and (kpi := config.goals[0].kpi if config.goals else next(iter(config.kpis), ""))
            }
            since = now - _SHOWN * grain.length
            found |= metrics.recent(session, kpis, grain, since=since, until=now)
    return found


def _signal(states: Sequence[Any], families: tuple[str, ...]) -> Signal:
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


def _goal_signal(states: Sequence[Any], standing: Sequence[GoalStanding]) -> Signal:
    business = _signal(states, ("business",))
    if not standing:
        return business
    worst = min(standing, key=lambda goal: _HARM[_GOAL_LIGHT.get(goal.state, Light.UNKNOWN)])
    light = _GOAL_LIGHT.get(worst.state, Light.UNKNOWN)
    if _HARM[business.light] < _HARM[light] and business.light is not Light.UNKNOWN:
        return business
    return Signal(light=light, reason=worst.reason)
