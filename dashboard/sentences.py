"""Say in plain words how a goal stands."""

import html
import re
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from core.config import Kpi
from core.foreign import one_line
from core.text import gettext as _
from core.values import MetricValue
from dashboard import text
from reports.standing import GoalStanding, Light, Standing
from reports.weeks import Week

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_NAME = re.compile(r"[^\W\d]\w*")


def goal_sentence(standing: GoalStanding, last: str = "") -> str:
    """Write the goal as one paragraph of markdown: where the KPI stands, the goal, and what is to come.

    `last` is what was said of its last week (`week_sentence`) and goes first. Every foreign word in it is
    escaped.
    """
    return " ".join(part for part in (last, _kpi(standing, is_first=not last), _goal(standing)) if part)


def week_sentence(week: Week | None, standing: GoalStanding, zone: ZoneInfo) -> str:
    """Write the last complete week of a goal's KPI as a sentence of markdown; '' where it is not known."""
    if week is None or week.value.value is None:
        return ""
    last = week.until - timedelta(seconds=1)
    return _("**{title}** in the week to {day}: **{value}**{details}.").format(
        title=text.markdown(standing.title, limit=60), day=text.date(last.astimezone(zone).date()),
        value=text.number(week.value.value, standing.unit),
        details=_details(week.value, standing.unit, standing.kpi),
    )  # fmt: skip


def money_sentence(week: Week | None, standing: GoalStanding) -> str:
    """Say what the week was worth, and what it would be at the target; '' where no value is configured.

    Numerator × amount, and target × denominator × amount.
    """
    money = standing.kpi.value
    if week is None or money is None or week.value.numerator is None or not week.value.denominator:
        return ""
    worth = week.value.numerator * money.amount
    at_target = standing.goal.target * week.value.denominator * money.amount

    def shown(value: float) -> str:
        return text.number(value, "currency", currency=money.currency)

    words = (
        _("That week was worth {worth}; at the target it would be {at_target}, {gap} more.")
        if at_target >= worth
        else _("That week was worth {worth}; at the target it would be {at_target}, {gap} less.")
    )
    return words.format(worth=shown(worth), at_target=shown(at_target), gap=shown(abs(at_target - worth)))


def goal_html(standing: GoalStanding) -> str:
    """Write the goal in one short line of HTML for an overview, with the forecast where there is one."""
    title = html.escape(one_line(standing.title, limit=60)).replace("*", "&#42;")
    return _BOLD.sub(r"<b>\1</b>", _goal_line(standing, title))


def _goal_line(standing: GoalStanding, title: str) -> str:
    unit = standing.unit
    if standing.value is None:
        return _("**{title}** is not known yet · goal {target} by {by}").format(
            title=title,
            target=text.number(standing.goal.target, unit),
            by=_date(standing.goal.by),
        )
    line = _("**{title}** {value} in {days} days · goal {target} by {by}: **{state}**").format(
        title=title,
        days=standing.goal.over.days,
        value=text.number(standing.value, unit),
        target=text.number(standing.goal.target, unit),
        by=_date(standing.goal.by),
        state=state_word(standing.state),
    )
    if standing.forecast is None or standing.state in ("reached", "missed", "unknown"):
        return line
    return _("{line}, at this pace {forecast} by then").format(
        line=line, forecast=text.number(standing.forecast, unit)
    )


def state_word(state: str) -> str:
    """Translate a goal's state."""
    return {
        "reached": _("reached"),
        "on track": _("on track"),
        "at risk": _("at risk"),
        "off track": _("off track"),
        "missed": _("missed"),
        "unknown": _("unknown"),
    }.get(state, text.markdown(state))


def light_word(light: Light) -> str:
    """Say a light in one word."""
    return {
        Light.GOOD: _("fine"),
        Light.WATCH: _("watch"),
        Light.BAD: _("in trouble"),
        Light.UNKNOWN: _("unknown"),
    }[light]


def next_step(standing: Standing | None) -> str:
    """Say what to do next where no ticket asks for anything."""
    if standing is None or standing.fresh is None:
        return _("Collect: nothing is known yet.")
    states = {goal.state for goal in standing.goals}
    if states & {"off track", "missed"}:
        return _(
            "No alert asks for work, yet at this pace the goal is missed: compare segments and versions"
            " below, and see what holds the KPI down."
        )
    if "at risk" in states:
        return _("No alert asks for work; the goal is at risk: look at it again in a week.")
    lights = (standing.service.light, standing.performance.light, standing.goal.light)
    if Light.BAD in lights or Light.WATCH in lights:
        return _("No ticket is open; look at the part that is not fine above.")
    if Light.UNKNOWN in lights:
        return _("Nothing for now: some of it is not known yet, the reasons are in the signs above.")
    return _("Nothing: service, model and goal are fine.")


def _kpi(standing: GoalStanding, *, is_first: bool) -> str:
    title, days = text.markdown(standing.title, limit=60), standing.goal.over.days
    if standing.value is None:
        return _("**{title}** in the last {days} days is not known yet.").format(title=title, days=days)
    words = (
        _("**{title}** in the last {days} days: **{value}**{details}.")
        if is_first
        else _("In the last {days} days: **{value}**{details}.")
    )
    return words.format(
        title=title, days=days, value=text.number(standing.value, standing.unit),
        details=_details(standing, standing.unit, standing.kpi),
    )  # fmt: skip


def _details(known: GoalStanding | MetricValue, unit: str, kpi: Kpi) -> str:
    """Say of how many, and the likely range, in brackets; '' where nothing is known of either."""
    details = []
    if known.numerator is not None and known.denominator:
        details.append(
            _("{numerator} of {denominator}{what}").format(
                numerator=f"{known.numerator:,.0f}", denominator=f"{known.denominator:,.0f}",
                what=_counted(kpi),
            )
        )  # fmt: skip
    if known.lower is not None and known.upper is not None:
        details.append(
            _("likely {lower} to {upper}").format(
                lower=_bare(known.lower, unit), upper=_bare(known.upper, unit)
            )
        )
    return f" ({'; '.join(details)})" if details else ""


def _goal(standing: GoalStanding) -> str:
    unit, goal = standing.unit, standing.goal
    head = _("Goal **{target}** by {by}: **{state}**").format(
        target=text.number(goal.target, unit), by=_date(goal.by), state=state_word(standing.state)
    )
    if standing.state == "unknown":
        reason = text.markdown(standing.reason).removesuffix("\\.")
        return f"{head}. {reason}." if reason else f"{head}."
    if standing.state in ("reached", "missed"):
        return f"{head}."
    tail = []
    if standing.forecast is not None:
        tail.append(
            _("at this pace it will be {forecast} by then").format(
                forecast=text.number(standing.forecast, unit)
            )
        )
    if standing.probability is not None:
        tail.append(_("chance of meeting it {chance}").format(chance=_chance(standing.probability)))
    if standing.needed:
        tail.append(_("needed: {change} a month").format(change=_change(standing.needed, unit)))
    return f"{head}; {', '.join(tail)}." if tail else f"{head}."


def _counted(kpi: Kpi) -> str:
    name = kpi.denominator
    if name is None:
        return " " + _("predictions") if kpi.source is None else ""
    return f" {text.markdown(name.replace('_', ' '), limit=40)}" if _NAME.fullmatch(name) else ""


def _bare(value: float, unit: str) -> str:
    return text.number(value, unit).removesuffix(f"{text.NBSP}%")


def _change(value: float, unit: str) -> str:
    if unit in ("percent", "points"):
        return _("{points} points").format(points=f"{100 * value:+.1f}")
    return f"{value:+,.3g}"


def _chance(probability: float) -> str:
    if probability < 0.01:
        return _("under 1{space}%").format(space=text.NBSP)
    if probability > 0.99:
        return _("over 99{space}%").format(space=text.NBSP)
    return f"{100 * probability:.0f}{text.NBSP}%"


def _date(value: date) -> str:
    return text.date(value)
