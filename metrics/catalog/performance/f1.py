"""F1 score of the positive class."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import BINARY, Better, Metric, Need, Part, Subject, Unit
from metrics.intervals import ratio
from metrics.labels import lacking_classified, table


def f1(subject: Subject) -> MetricValue:
    """Return the harmonic mean of precision and recall (0–1) with the delta method's interval.

    >>> from metrics.examples import binary
    >>> round(f1(binary()).value, 3)
    0.7
    """
    missing = lacking_classified(subject)
    if missing is not None:
        return missing
    cells = table(subject.profile.outcomes)
    n, twice, wrong = cells.tp + cells.fp + cells.fn + cells.tn, 2 * cells.tp, cells.fp + cells.fn
    # a ratio of sums over rows: a hit adds 2 to both, a miss or false alarm 1 to the denominator
    limits = ratio(twice, twice + wrong, (2 * twice, 2 * twice + wrong, 2 * twice), n).within(0.0, 1.0)
    return answer(twice / (twice + wrong), n=n, limits=limits, numerator=twice, denominator=twice + wrong)


METRIC = Metric(
    name="performance.f1",
    title=N_("F1"),
    unit=Unit.SCORE,
    better=Better.HIGHER,
    formula=N_("2 · true positives / (2 · true positives + false positives + false negatives)"),
    source="van Rijsbergen, C. J. (1979), Information Retrieval, 2nd ed., ch. 7; Takahashi, K. et al. "
    "(2022), Applied Intelligence 52, 4961–4972 (interval)",
    misleads=N_(
        "Weighs a miss like a false alarm, which business seldom does; moves with the share of positives and "
        "with the threshold."
    ),
    compute=f1,
    part=Part.OUTCOMES,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.CLASSES}),
    stored=True,
    known_as=("f1_score",),
)
