"""How far predictions are off, on average."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import average
from metrics.base import REGRESSION, Better, Metric, Need, Part, Subject, Unit
from metrics.residuals import sums


def mae(subject: Subject) -> MetricValue:
    """Return the mean absolute error in the label's unit (≥ 0) with the interval of a mean.

    >>> from metrics.examples import regression
    >>> round(mae(regression()).value, 3)
    1.5
    """
    found = sums(subject)
    return average(found["absolute"], found["squared"], round(found["n"]))


METRIC = Metric(
    name="performance.mae",
    title=N_("Mean absolute error"),
    unit=Unit.NONE,
    better=Better.LOWER,
    formula=N_("(1/n) Σ |prediction − label|"),
    source="Willmott, C. J., Matsuura, K. (2005), Climate Research 30, 79–82",
    misleads=N_("Grows with the level of the label: a busy month looks worse than a quiet one."),
    compute=mae,
    part=Part.OUTCOMES,
    tasks=REGRESSION,
    needs=frozenset({Need.LABELS}),
    stored=True,
    known_as=("mean_absolute_error",),
)
