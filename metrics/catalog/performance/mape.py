"""How far predictions are off, as a share of the label."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import REGRESSION, Better, Metric, Need, Part, Subject, Unit
from metrics.residuals import lacking, sums


def mape(subject: Subject) -> MetricValue:
    """Return the mean of |error / label| (1 = 100 %, no interval); labels of 0 are left out.

    >>> from metrics.examples import regression
    >>> round(mape(regression()).value, 3)
    0.17
    """
    missing = lacking(subject, "ratio_n")
    if missing is not None:
        return missing
    found = sums(subject)
    return answer(
        found["ratio"] / found["ratio_n"], n=round(found["ratio_n"]), numerator=found["ratio"],
        denominator=found["ratio_n"],
    )  # fmt: skip


METRIC = Metric(
    name="performance.mape",
    title=N_("Mean absolute percentage error"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    formula=N_("mean of |(prediction − label) / label| over labels ≠ 0"),
    source="Hyndman, R. J., Koehler, A. B. (2006), Int. J. Forecasting 22, 679–688",
    misleads=N_(
        "Labels of 0 are left out and those near 0 carry it; predicting too low is punished less than too "
        "high, so whoever minimises it predicts too low."
    ),
    compute=mape,
    part=Part.OUTCOMES,
    tasks=REGRESSION,
    needs=frozenset({Need.LABELS}),
    stored=True,
    known_as=("mean_absolute_percentage_error",),
)
