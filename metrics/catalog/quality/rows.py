"""How many rows the models that decide produced."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer, too_few
from metrics.base import Better, Metric, Subject, Unit


def rows(subject: Subject) -> MetricValue:
    """Count the rows of champion and challenger (a count ≥ 1, no interval).

    >>> from metrics.examples import served
    >>> rows(served()).value
    200.0
    """
    count = subject.profile.inputs.rows
    return answer(count, n=count) if count else too_few(0, 1)


METRIC = Metric(
    name="quality.rows",
    title=N_("Rows"),
    unit=Unit.COUNT,
    better=Better.NONE,
    formula=N_("number of rows of champion and challenger"),
    source="Breck, E. et al. (2019), Data validation for machine learning, MLSys",
    misleads=N_("Business has its weekdays and seasons; repeated rows make up for lost ones."),
    compute=rows,
    stored=True,
    minimum=1,
)
