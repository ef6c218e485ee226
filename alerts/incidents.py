"""Which alerts have one cause, and what their ticket asks for.

An incident is a model's alerts of one family while they overlap in time. Harm that begins within a week
after trouble with the service or the data began, or two days before, joins that incident: it is its effect,
and a model must not be retrained on broken data. Drift never makes an incident; it explains one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.defaults import Family
from core.evidence import Finding
from core.figures import figure
from core.messages import Severity
from core.rules import TicketKind
from core.text import gettext as _
from core.text import ngettext

ORDER = (Family.SERVICE, Family.DATA, Family.OUTCOME)
WORST = {Severity.CRITICAL: 0, Severity.MAJOR: 1, Severity.MINOR: 2, Severity.NOTICE: 3}
ACKNOWLEDGE = {
    Severity.CRITICAL: timedelta(hours=1),
    Severity.MAJOR: timedelta(days=1),
    Severity.MINOR: timedelta(days=5),
}
"""How soon a ticket is to be acknowledged."""
COMES_BACK = timedelta(days=7)
"""Harm that comes back so soon after its ticket recovered opens that ticket again."""
EFFECT_WITHIN = timedelta(days=7)
EFFECT_BEFORE = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Case:
    """An incident as grouping sees it: open ones have an id; new ones have none yet."""

    id: int | None
    family: Family
    since: datetime


def case_for(family: Family, since: datetime, cases: Sequence[Case]) -> Case | None:
    """Return the open case that an alert belongs to; None where it is a new one.

    Every case given still lasts, and so does the alert: they overlap.
    """
    for case in cases:
        if case.family is family:
            return case
    earlier = ORDER[: ORDER.index(family)] if family in ORDER else ORDER
    for case in sorted(cases, key=lambda case: ORDER.index(case.family)):
        if case.family in earlier and case.since - EFFECT_BEFORE <= since <= case.since + EFFECT_WITHIN:
            return case
    return None


def ticket_key(model: str, family: Family, since: datetime) -> str:
    """Return the dedup key: model, family and the start of the harm."""
    return f"ticket:{model}:{family.value}:{since:%Y%m%dT%H%M}"


def asks_for(findings: Sequence[Finding], family: Family) -> TicketKind:
    """Return what the ticket asks for: by family; a retraining where the model itself shows the harm."""
    if family is Family.SERVICE:
        return TicketKind.FIX_SERVICE
    if family is Family.DATA:
        return TicketKind.FIX_DATA
    model = any(finding.rule.startswith("performance.") for finding in findings)
    return TicketKind.RETRAIN if model else TicketKind.INVESTIGATE


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Order findings: by severity, KPIs before others, whole before segments, largest relative effect."""

    def order(finding: Finding) -> tuple[int, bool, bool, float, str, str]:
        size = abs(finding.effect or 0.0) / (abs(finding.expected or 0.0) or 1.0)
        kpi = finding.rule.startswith("business.")
        place = (finding.rule, finding.column)
        return (WORST[finding.severity], not kpi, bool(finding.segment), -size, *place)

    return tuple(sorted(findings, key=order))


def severity_of(findings: Sequence[Finding]) -> Severity:
    """Return the worst severity."""
    return min((finding.severity for finding in findings), key=lambda severity: WORST[severity])


def title_of(findings: Sequence[Finding]) -> str:
    """Say in one line what happened, from the worst finding."""
    worst = findings[0]
    same = [one for one in findings if one.rule == worst.rule and one.column and one.column != worst.column]
    more = len({one.column for one in same})
    if worst.rule.startswith("service.freshness"):
        text = _("No rows have come")
    elif worst.rule.startswith("quality.schema"):
        text = worst.reason or worst.title
    elif worst.effect is None:
        text = worst.title
    else:
        text = _("{title} rose to {value}") if worst.effect > 0 else _("{title} fell to {value}")
        text = text.format(title=worst.title, value=figure(worst.value, worst.unit, currency=worst.currency))
    if more:
        text += " " + ngettext("and {n} more column", "and {n} more columns", more).format(n=more)
    return text
