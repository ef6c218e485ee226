"""Expected share correct."""

from core.text import N_
from core.values import MetricValue
from metrics.base import BINARY, Better, Metric, Need, Subject, Unit
from metrics.estimation import promise, told


def accuracy(subject: Subject) -> MetricValue:
    """Return the share of answers that are expected to be right, with the interval of label noise.

    >>> from metrics.promised import scores
    >>> round(accuracy(scores()).value, 3)
    0.662
    """
    found = promise(subject)
    if isinstance(found, MetricValue):
        return found
    cells, noise = found.expected(), found.noise()
    return told(float(cells[0, 0] + cells[1, 1]) / found.n, float(noise.sum()) / found.n**2, found.n)


METRIC = Metric(
    name="estimated.accuracy",
    title=N_("Expected share correct"),
    unit=Unit.PERCENT,
    better=Better.HIGHER,
    formula=N_(
        "Σ (c₁ p + c₀ (1 − p)) / n; c₁, c₀ rows said to be positive and negative, p their calibrated chance"
    ),
    source="Białek, J. et al. (2024), Estimating model performance under covariate shift without labels",
    misleads=N_(
        "Blind to concept drift: it tells what the scores promise, and stays as it is when inputs and "
        "outcomes no longer belong together. Good only as long as the scores stay calibrated."
    ),
    compute=accuracy,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES, Need.REFERENCE}),
)
