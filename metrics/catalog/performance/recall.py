"""Which share of the actual positives was found."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import LEAST_OF_CLASS, share
from metrics.base import BINARY, Better, Metric, Need, Part, Subject, Unit
from metrics.labels import lacking_classified, table


def recall(subject: Subject) -> MetricValue:
    """Return found / actual positives (0–1) with Wilson's interval.

    >>> from metrics.examples import binary
    >>> recall(binary()).value
    0.7
    """
    missing = lacking_classified(subject)
    if missing is not None:
        return missing
    cells = table(subject.profile.outcomes)
    return share(cells.tp, cells.tp + cells.fn, minimum=LEAST_OF_CLASS)


METRIC = Metric(
    name="performance.recall",
    title=N_("Recall"),
    unit=Unit.PERCENT,
    better=Better.HIGHER,
    formula=N_("true positives / actual positives"),
    source="van Rijsbergen, C. J. (1979), Information Retrieval, 2nd ed., ch. 7",
    misleads=N_(
        "Saying 'yes' to all makes it 1. Where only accepted cases get a label, the missed ones are "
        "not counted."
    ),
    compute=recall,
    part=Part.OUTCOMES,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.CLASSES}),
    stored=True,
    known_as=("recall_score",),
)
