"""A KPI that is a mean."""

from core.text import N_
from core.values import MetricValue
from metrics.base import Better, Metric, Part, Per, Subject, Unit
from metrics.kpis import level


def mean(subject: Subject) -> MetricValue:
    """Return Σ value / n with the interval of a mean; kept under the KPI's own name.

    >>> from metrics.examples import kpi
    >>> mean(kpi("mean")).value
    3.0
    """
    return level(subject)


METRIC = Metric(
    name="business.mean",
    title=N_("KPI: a mean"),
    unit=Unit.NONE,
    better=Better.NONE,
    per=Per.KPI,
    formula=N_("Σ value / number of rows with a value, all roles but shadow"),
    source="Cochran, W. G. (1977), Sampling Techniques, 3rd ed., ch. 2 (interval)",
    misleads=N_("A few very large values carry a mean; the interval of a skewed one is too narrow."),
    compute=mean,
    part=Part.OUTCOMES,
    stored=True,
)
