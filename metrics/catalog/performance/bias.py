"""Whether predictions are too high or too low."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import average
from metrics.base import REGRESSION, Better, Metric, Need, Part, Subject, Unit
from metrics.residuals import sums


def bias(subject: Subject) -> MetricValue:
    """Return the mean of prediction − label in the label's unit (0 is right) with the interval of a mean.

    >>> from metrics.examples import regression
    >>> round(bias(regression()).value, 3)
    -0.5
    """
    found = sums(subject)
    return average(found["error"], found["squared"], round(found["n"]))


METRIC = Metric(
    name="performance.bias",
    title=N_("Bias"),
    unit=Unit.NONE,
    better=Better.NONE,
    formula=N_("(1/n) Σ (prediction − label)"),
    source="Walther, B. A., Moore, J. L. (2005), Ecography 28, 815–829",
    misleads=N_("Too high here and too low there cancel out; look at it by segment."),
    compute=bias,
    part=Part.OUTCOMES,
    tasks=REGRESSION,
    needs=frozenset({Need.LABELS}),
    stored=True,
)
