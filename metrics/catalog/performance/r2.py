"""Which share of the labels' variance the predictions explain."""

from core.text import N_
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import REGRESSION, Better, Metric, Need, Part, Subject, Unit
from metrics.residuals import lacking, sums


def r2(subject: Subject) -> MetricValue:
    """Return 1 − squared errors / squared deviations of the label (≤ 1, no interval).

    >>> from metrics.examples import regression
    >>> round(r2(regression()).value, 3)
    0.75
    """
    missing = lacking(subject)
    if missing is not None:
        return missing
    found = sums(subject)
    n = found["n"]
    spread = found["label²"] - found["label"] ** 2 / n
    if spread <= 1e-12 * found["label²"]:  # below what a sum of squares can tell from zero
        return MetricValue.missing(_("All labels are the same: there is no variance to explain."), n=round(n))
    return answer(1 - found["squared"] / spread, n=round(n), numerator=found["squared"], denominator=spread)


METRIC = Metric(
    name="performance.r2",
    title=N_("R² (explained variance)"),
    unit=Unit.SCORE,
    better=Better.HIGHER,
    formula=N_("1 − Σ (prediction − label)² / Σ (label − mean label)²"),
    source="Kvålseth, T. O. (1985), The American Statistician 39, 279–285",
    misleads=N_(
        "Falls when the labels become more alike although the errors stay the same; below 0 the mean "
        "would be better."
    ),
    compute=r2,
    part=Part.OUTCOMES,
    tasks=REGRESSION,
    needs=frozenset({Need.LABELS}),
    stored=True,
    known_as=("r2_score",),
)
