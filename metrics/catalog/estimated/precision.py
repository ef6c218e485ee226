"""Expected precision."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, too_few
from metrics.base import BINARY, Better, Metric, Need, Subject, Unit
from metrics.estimation import promise, told


def precision(subject: Subject) -> MetricValue:
    """Return the share of rows said to be positive that are expected to be, with the interval of label noise.

    >>> from metrics.promised import scores
    >>> round(precision(scores()).value, 3)
    0.591
    """
    found = promise(subject)
    if isinstance(found, MetricValue):
        return found
    said, noise = float(found.said[1].sum()), found.noise()
    if said < LEAST_ROWS:
        return too_few(int(said))
    return told(float(found.expected()[1, 1]) / said, float(noise[1]) / said**2, found.n)


METRIC = Metric(
    name="estimated.precision",
    title=N_("Expected precision"),
    unit=Unit.PERCENT,
    better=Better.HIGHER,
    formula=N_("Σ c₁ p / Σ c₁; c₁ rows said to be positive, p their calibrated chance"),
    source="Białek, J. et al. (2024), Estimating model performance under covariate shift without labels",
    misleads=N_(
        "Blind to concept drift: it tells what the scores promise, and stays as it is when inputs and "
        "outcomes no longer belong together. Good only as long as the scores stay calibrated."
    ),
    compute=precision,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES, Need.REFERENCE}),
)
