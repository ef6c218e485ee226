"""How far predictions are off, large errors weighing more."""

import math

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import REGRESSION, Better, Metric, Need, Part, Subject, Unit
from metrics.intervals import around
from metrics.residuals import lacking, squared_error_variance, sums


def rmse(subject: Subject) -> MetricValue:
    """Return the root mean squared error in the label's unit (≥ 0).

    Interval: delta method, with Σe⁴ from the error grid (none where there is no such grid).

    >>> from metrics.examples import regression
    >>> round(rmse(regression()).value, 3)
    1.581
    """
    missing = lacking(subject)
    if missing is not None:
        return missing
    found = sums(subject)
    n, squared = round(found["n"]), found["squared"] / found["n"]
    value, variance = math.sqrt(squared), squared_error_variance(subject)
    limits = None if variance is None or value == 0 else around(value, variance / n / (4 * squared))
    return answer(
        value, n=n, limits=None if limits is None else limits.within(0.0, math.inf), denominator=n,
        numerator=found["squared"],
    )  # fmt: skip


METRIC = Metric(
    name="performance.rmse",
    title=N_("Root mean squared error"),
    unit=Unit.NONE,
    better=Better.LOWER,
    formula=N_("√((1/n) Σ (prediction − label)²)"),
    source="Hyndman, R. J., Koehler, A. B. (2006), Int. J. Forecasting 22, 679–688",
    misleads=N_(
        "A few large errors carry it: beside the mean absolute error it tells whether a few or all are off."
    ),
    compute=rmse,
    part=Part.OUTCOMES,
    tasks=REGRESSION,
    needs=frozenset({Need.LABELS}),
    stored=True,
    known_as=("root_mean_squared_error",),
)
