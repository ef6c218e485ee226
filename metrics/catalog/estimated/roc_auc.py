"""Expected area under the ROC curve."""

import numpy as np

from core.text import N_
from core.values import MetricValue
from metrics.answers import LEAST_OF_CLASS, too_few_of_class
from metrics.base import BINARY, Better, Metric, Need, Subject, Unit
from metrics.estimation import promise, told


def roc_auc(subject: Subject) -> MetricValue:
    """Return the area under the ROC curve of the expected labels (0–1).

    Interval: delta method; a positive more in a bin, and a negative less, moves the area by its placements.

    >>> from metrics.promised import scores
    >>> round(roc_auc(scores()).value, 3)
    0.781
    """
    found = promise(subject)
    if isinstance(found, MetricValue):
        return found
    rows = found.said.sum(axis=0)
    positive, negative = rows * found.chance, rows * (1 - found.chance)
    m, n = float(positive.sum()), float(negative.sum())
    if min(m, n) < LEAST_OF_CLASS:
        return too_few_of_class(int(n), int(m))
    below = (np.cumsum(negative) - negative / 2) / n
    above = 1 - (np.cumsum(positive) - positive / 2) / m
    area = float((positive * below).sum() / m)
    step = (below - area) / m - (above - area) / n
    return told(area, float((positive * (1 - found.chance) * step**2).sum()), found.n)


METRIC = Metric(
    name="estimated.roc_auc",
    title=N_("Expected ROC AUC"),
    unit=Unit.SCORE,
    better=Better.HIGHER,
    formula=N_("P(a positive scores higher), c p positives and c (1 − p) negatives in a bin, ties half"),
    source="Białek, J. et al. (2024), Estimating model performance under covariate shift without labels",
    misleads=N_(
        "Blind to concept drift: it tells what the scores promise, and stays as it is when inputs and "
        "outcomes no longer belong together. Good only as long as the scores stay calibrated."
    ),
    compute=roc_auc,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES, Need.REFERENCE}),
    stored=True,
)
