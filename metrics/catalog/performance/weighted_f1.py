"""F1 averaged over the classes by their number of labels."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import MULTICLASS, Better, Metric, Need, Part, Subject, Unit
from metrics.labels import class_f1, confusion, lacking_classified


def weighted_f1(subject: Subject) -> MetricValue:
    """Return the mean F1 of the classes, weighted by labels (0–1, no interval).

    >>> from metrics.examples import multiclass
    >>> round(weighted_f1(multiclass()).value, 3)
    0.754
    """
    missing = lacking_classified(subject)
    if missing is not None:
        return missing
    cells = confusion(subject.profile.outcomes)
    scores, labels = class_f1(cells)
    return answer(float((scores * labels).sum() / labels.sum()), n=int(cells.sum()))


METRIC = Metric(
    name="performance.weighted_f1",
    title=N_("Weighted F1"),
    unit=Unit.SCORE,
    better=Better.HIGHER,
    formula=N_("mean of F1 over the classes, weighted by the number of labels of each"),
    source="Sokolova, M., Lapalme, G. (2009), Information Processing & Management 45, 427–437",
    misleads=N_("A rare class may fail entirely without being seen here."),
    compute=weighted_f1,
    part=Part.OUTCOMES,
    tasks=MULTICLASS,
    needs=frozenset({Need.LABELS, Need.CLASSES}),
    stored=True,
    known_as=("f1_weighted",),
)
