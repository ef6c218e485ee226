"""Expected log loss."""

import numpy as np

from core.text import N_
from core.values import MetricValue
from metrics.base import BINARY, Better, Metric, Need, Subject, Unit
from metrics.estimation import promise, told


def log_loss(subject: Subject) -> MetricValue:
    """Return the log loss that is to be expected (≥ 0), with the interval of label noise.

    >>> from metrics.promised import scores
    >>> round(log_loss(scores()).value, 3)
    0.636
    """
    found = promise(subject)
    if isinstance(found, MetricValue):
        return found
    everything, score = found.said.sum(axis=0), found.score
    loss = found.chance * np.log(score) + (1 - found.chance) * np.log1p(-score)
    step = np.log(score) - np.log1p(-score)
    variance = (everything * found.chance * (1 - found.chance) * step**2).sum()
    value = -float((everything * loss).sum()) / found.n
    return told(value, float(variance) / found.n**2, found.n, high=float("inf"))


METRIC = Metric(
    name="estimated.log_loss",
    title=N_("Expected log loss"),
    unit=Unit.SCORE,
    better=Better.LOWER,
    formula=N_("−(1/n) Σ c (p ln s + (1 − p) ln(1 − s)); s the score, p its calibrated chance"),
    source="Białek, J. et al. (2024), Estimating model performance under covariate shift without labels",
    misleads=N_(
        "Blind to concept drift: it tells what the scores promise, and stays as it is when inputs and "
        "outcomes no longer belong together. Good only as long as the scores stay calibrated."
    ),
    compute=log_loss,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES, Need.REFERENCE}),
    stored=True,
)
