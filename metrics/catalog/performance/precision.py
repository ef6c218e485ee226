"""Which share of the positive decisions was right."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import LEAST_OF_CLASS, share
from metrics.base import BINARY, Better, Metric, Need, Part, Subject, Unit
from metrics.labels import lacking_classified, table


def precision(subject: Subject) -> MetricValue:
    """Return true / all predicted positives (0–1) with Wilson's interval; asks for 10 predicted positives.

    >>> from metrics.examples import binary
    >>> precision(binary()).value
    0.7
    """
    missing = lacking_classified(subject)
    if missing is not None:
        return missing
    cells = table(subject.profile.outcomes)
    return share(cells.tp, cells.tp + cells.fp, minimum=LEAST_OF_CLASS)


METRIC = Metric(
    name="performance.precision",
    title=N_("Precision"),
    unit=Unit.PERCENT,
    better=Better.HIGHER,
    formula=N_("true positives / predicted positives"),
    source="van Rijsbergen, C. J. (1979), Information Retrieval, 2nd ed., ch. 7",
    misleads=N_(
        "Falls with the share of positives though the model is the same; says nothing of what it missed."
    ),
    compute=precision,
    part=Part.OUTCOMES,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.CLASSES}),
    stored=True,
    known_as=("precision_score",),
)
