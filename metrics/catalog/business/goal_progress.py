"""How much of the way to the goal is done."""

from core.text import N_
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import Better, Metric, Part, Per, Subject, Unit
from metrics.intervals import Limits
from metrics.kpis import level


def goal_progress(subject: Subject) -> MetricValue:
    """Return (KPI − baseline) / (target − baseline): 0 at the baseline, 1 at the target, below 0 is worse.

    The interval is the KPI's, on this scale. The column names the KPI.

    >>> from metrics.examples import kpi
    >>> round(goal_progress(kpi()).value, 3)
    0.4
    """
    facts = subject.kpi
    if facts is None or facts.baseline is None or facts.target is None:
        return MetricValue.missing(_("No goal hangs on this KPI."))
    found = level(subject)
    if found.value is None:
        return found
    way = facts.target - facts.baseline
    limits = None
    if found.lower is not None and found.upper is not None:
        limits = Limits(lower=found.lower, upper=found.upper).scaled(1 / way, -facts.baseline / way)
    return answer(
        (found.value - facts.baseline) / way,
        n=found.n,
        limits=limits,
        numerator=found.value - facts.baseline,
        denominator=way,
    )


METRIC = Metric(
    name="business.goal_progress",
    title=N_("Progress towards the goal"),
    unit=Unit.PERCENT,
    better=Better.HIGHER,
    per=Per.KPI,
    formula=N_("(KPI − baseline) / (target − baseline)"),
    source="Doran, G. T. (1981), There's a S.M.A.R.T. way to write management's goals, "
    "Management Review 70 (11), 35–36",
    misleads=N_("A short way from baseline to target makes noise look like progress: mind the interval."),
    compute=goal_progress,
    part=Part.OUTCOMES,
)
