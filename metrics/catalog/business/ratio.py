"""A KPI that is a ratio."""

from core.text import N_
from core.values import MetricValue
from metrics.base import Better, Metric, Part, Per, Subject, Unit
from metrics.kpis import level


def ratio(subject: Subject) -> MetricValue:
    """Return Σ numerator / Σ denominator; Wilson's interval for a share, else the delta method's.

    Kept under the KPI's own name: `business.call_conversion`. A table of the KPI's own may hold sums (a
    day's totals): n is then the denominator where it is whole numbers, and the interval Wilson's where the
    numerator is a part of them. Money in whole units cannot be told from counts. Of a sampled log each row
    counts 1 / share sampled in both sums, and the interval is as wide as the weights make it; n is the rows.

    >>> from metrics.examples import kpi
    >>> ratio(kpi()).value
    0.12
    """
    return level(subject)


METRIC = Metric(
    name="business.ratio",
    title=N_("KPI: a ratio"),
    unit=Unit.PERCENT,
    better=Better.NONE,
    per=Per.KPI,
    formula=N_(
        "Σ numerator / Σ denominator over the rows of the window, all roles but shadow; of a sampled log "
        "each row counts 1 / share sampled"
    ),
    source="Wilson, E. B. (1927), J. Am. Stat. Assoc. 22, 209–212; Cochran, W. G. (1977), Sampling "
    "Techniques, 3rd ed., ch. 6 (intervals)",
    misleads=N_(
        "It moves with the mix of segments as well as with the model; without a control group its move "
        "cannot be credited to the model. Rows of one customer hang together: the true interval is wider."
    ),
    compute=ratio,
    part=Part.OUTCOMES,
    stored=True,
)
