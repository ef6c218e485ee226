"""Which share of the decisions was right."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import share
from metrics.base import CLASSIFIERS, Better, Metric, Need, Part, Subject, Unit
from metrics.labels import confusion, lacking_classified


def accuracy(subject: Subject) -> MetricValue:
    """Return right / all classified labels (0–1) with Wilson's interval.

    >>> from metrics.examples import binary
    >>> accuracy(binary()).value
    0.76
    """
    missing = lacking_classified(subject)
    if missing is not None:
        return missing
    cells = confusion(subject.profile.outcomes)
    return share(int(cells.trace()), int(cells.sum()))


METRIC = Metric(
    name="performance.accuracy",
    title=N_("Accuracy"),
    unit=Unit.PERCENT,
    better=Better.HIGHER,
    formula=N_("predictions of the actual class / labelled predictions"),
    source="Sokolova, M., Lapalme, G. (2009), Information Processing & Management 45, 427–437",
    misleads=N_("With 1 % positives, saying 'no' to all is 99 % accurate."),
    compute=accuracy,
    part=Part.OUTCOMES,
    tasks=CLASSIFIERS,
    needs=frozenset({Need.LABELS, Need.CLASSES}),
    stored=True,
    known_as=("accuracy_score",),
)
