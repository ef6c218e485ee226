"""Average precision."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import BINARY, Better, Metric, Need, Part, Subject, Unit
from metrics.intervals import logit
from metrics.labels import lacking_scored, score_counts
from metrics.scores import average_precision


def pr_auc(subject: Subject) -> MetricValue:
    """Return the average precision (0–1) with the logit interval.

    >>> from metrics.examples import binary
    >>> round(pr_auc(binary()).value, 3)
    0.691
    """
    missing = lacking_scored(subject)
    if missing is not None:
        return missing
    counts = score_counts(subject.profile.outcomes)
    value, positive = average_precision(counts.positive, counts.negative), int(counts.positive.sum())
    return answer(value, n=positive + int(counts.negative.sum()), limits=logit(value, positive))


METRIC = Metric(
    name="performance.pr_auc",
    title=N_("PR AUC (average precision)"),
    unit=Unit.SCORE,
    better=Better.HIGHER,
    formula=N_("Σ (recallₖ − recallₖ₋₁) · precisionₖ from the highest score bin down"),
    source="Boyd, K., Eng, K. H., Page, C. D. (2013), Area under the precision-recall "
    "curve, ECML PKDD, 451–466",
    misleads=N_(
        "Guessing scores the share of positives, not 0.5, so values of windows with other shares "
        "do not compare."
    ),
    compute=pr_auc,
    part=Part.OUTCOMES,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES}),
    stored=True,
    known_as=("precision_recall_auc", "average_precision", "average_precision_score"),
)
