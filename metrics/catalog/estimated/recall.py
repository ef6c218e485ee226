"""Expected recall."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import LEAST_OF_CLASS, too_few
from metrics.base import BINARY, Better, Metric, Need, Subject, Unit
from metrics.estimation import promise, told


def recall(subject: Subject) -> MetricValue:
    """Return the share of expected positives that are said to be, with the interval of label noise.

    >>> from metrics.promised import scores
    >>> round(recall(scores()).value, 3)
    0.979
    """
    found = promise(subject)
    if isinstance(found, MetricValue):
        return found
    missed, hit = (float(one) for one in found.expected()[1])
    if hit + missed < LEAST_OF_CLASS:
        return too_few(int(hit + missed), LEAST_OF_CLASS)
    value, noise = hit / (hit + missed), found.noise()
    variance = ((1 - value) ** 2 * noise[1] + value**2 * noise[0]) / (hit + missed) ** 2
    return told(value, float(variance), found.n)


METRIC = Metric(
    name="estimated.recall",
    title=N_("Expected recall"),
    unit=Unit.PERCENT,
    better=Better.HIGHER,
    formula=N_(
        "Σ c₁ p / Σ (c₁ + c₀) p; c₁, c₀ rows said to be positive and negative, p their calibrated chance"
    ),
    source="Białek, J. et al. (2024), Estimating model performance under covariate shift without labels",
    misleads=N_(
        "Blind to concept drift: it tells what the scores promise, and stays as it is when inputs and "
        "outcomes no longer belong together. Good only as long as the scores stay calibrated."
    ),
    compute=recall,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES, Need.REFERENCE}),
)
