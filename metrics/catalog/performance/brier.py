"""Brier score."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import average
from metrics.base import BINARY, Better, Metric, Need, Part, Subject, Unit
from metrics.labels import lacking_scored, sums


def brier(subject: Subject) -> MetricValue:
    """Return the mean squared error of the probability (0–1) with the interval of a mean.

    >>> from metrics.examples import binary
    >>> round(brier(binary()).value, 3)
    0.178
    """
    missing = lacking_scored(subject)
    if missing is not None:
        return missing
    found = sums(subject.profile.outcomes)
    return average(found["brier"], found["brier²"], round(found["n"]))


METRIC = Metric(
    name="performance.brier",
    title=N_("Brier score"),
    unit=Unit.SCORE,
    better=Better.LOWER,
    formula=N_("(1/n) Σ (p − y)²"),
    source="Brier, G. W. (1950), Monthly Weather Review 78, 1–3",
    misleads=N_("With rare positives it is small whatever the model does; compare with share · (1 − share)."),
    compute=brier,
    part=Part.OUTCOMES,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES}),
    stored=True,
    known_as=("brier_score", "brier_score_loss", "brier_loss"),
)
