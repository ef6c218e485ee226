"""What a prediction brings, or costs."""

from core.text import N_
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, answer, too_few
from metrics.base import Better, Metric, Part, Per, Subject, Unit
from metrics.intervals import mean
from metrics.kpis import totals


def value_per_prediction(subject: Subject) -> MetricValue:
    """Return amount · Σ numerator / predictions in the KPI's currency with the interval of a mean.

    The column names the KPI. A cost is a negative amount. Of a KPI from a table of its own the rows are not
    the predictions': there it has no interval. Of a sampled log both sums are weighted, without an interval.

    >>> from metrics.examples import kpi
    >>> value_per_prediction(kpi()).value
    108.0
    """
    found, n, weight = totals(subject), subject.profile.outcomes.rows, subject.profile.outcomes.weight
    amount = None if subject.kpi is None else subject.kpi.amount
    if amount is None:
        return MetricValue.missing(_("The KPI does not say what one is worth (value: {amount, currency})."))
    if n < LEAST_ROWS or found.rows == 0:
        return too_few(n if found.rows else 0)
    limits, whole = None, max(weight, float(n))
    if not found.summed and weight <= n:
        limits = mean(found.numerator, found.numerator_squares, n).scaled(amount)
    worth = amount * found.numerator
    return answer(worth / whole, n=n, limits=limits, numerator=worth, denominator=whole)


METRIC = Metric(
    name="business.value_per_prediction",
    title=N_("Value of a prediction"),
    unit=Unit.CURRENCY,
    better=Better.HIGHER,
    per=Per.KPI,
    formula=N_("amount · Σ numerator / number of predictions joined, a repeated id counting once"),
    source="Elkan, C. (2001), The foundations of cost-sensitive learning, IJCAI, 973–978",
    misleads=N_("What would have come without the model is not taken off: that needs a control group."),
    compute=value_per_prediction,
    part=Part.OUTCOMES,
)
