"""F1 averaged over the classes, each counting the same."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import MULTICLASS, Better, Metric, Need, Part, Subject, Unit
from metrics.labels import class_f1, confusion, lacking_classified


def macro_f1(subject: Subject) -> MetricValue:
    """Return the mean F1 of the classes (0–1, no interval).

    >>> from metrics.examples import multiclass
    >>> round(macro_f1(multiclass()).value, 3)
    0.725
    """
    missing = lacking_classified(subject)
    if missing is not None:
        return missing
    cells = confusion(subject.profile.outcomes)
    scores, _labels = class_f1(cells)
    return answer(float(scores.mean()), n=int(cells.sum()))


METRIC = Metric(
    name="performance.macro_f1",
    title=N_("Macro F1"),
    unit=Unit.SCORE,
    better=Better.HIGHER,
    formula=N_("mean of F1 over the classes that occur among labels or predictions"),
    source="Sokolova, M., Lapalme, G. (2009), Information Processing & Management 45, 427–437",
    misleads=N_("A class with five labels weighs as much as one with five thousand, and brings its noise."),
    compute=macro_f1,
    part=Part.OUTCOMES,
    tasks=MULTICLASS,
    needs=frozenset({Need.LABELS, Need.CLASSES}),
    stored=True,
    known_as=("f1_macro",),
)
