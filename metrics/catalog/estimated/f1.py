"""Expected F1."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import LEAST_OF_CLASS, too_few
from metrics.base import BINARY, Better, Metric, Need, Subject, Unit
from metrics.estimation import promise, told


def f1(subject: Subject) -> MetricValue:
    """Return F1 of the expected confusion matrix, with the interval of label noise.

    >>> from metrics.promised import scores
    >>> round(f1(scores()).value, 3)
    0.737
    """
    found = promise(subject)
    if isinstance(found, MetricValue):
        return found
    missed, hit = (float(one) for one in found.expected()[1])
    whole, noise = float(found.said[1].sum()) + hit + missed, found.noise()
    if hit + missed < LEAST_OF_CLASS:
        return too_few(int(hit + missed), LEAST_OF_CLASS)
    by_hit, by_missed = 2 / whole - 2 * hit / whole**2, 2 * hit / whole**2
    variance = by_hit**2 * noise[1] + by_missed**2 * noise[0]
    return told(2 * hit / whole, float(variance), found.n)


METRIC = Metric(
    name="estimated.f1",
    title=N_("Expected F1"),
    unit=Unit.SCORE,
    better=Better.HIGHER,
    formula=N_("2 TP / (2 TP + FP + FN) of the expected confusion matrix"),
    source="Białek, J. et al. (2024), Estimating model performance under covariate shift without labels",
    misleads=N_(
        "Blind to concept drift: it tells what the scores promise, and stays as it is when inputs and "
        "outcomes no longer belong together. Good only as long as the scores stay calibrated."
    ),
    compute=f1,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES, Need.REFERENCE}),
)
