"""Area under the ROC curve."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import BINARY, Better, Metric, Need, Part, Subject, Unit
from metrics.intervals import delong
from metrics.labels import lacking_scored, score_counts
from metrics.scores import roc_area


def roc_auc(subject: Subject) -> MetricValue:
    """Return the chance that a positive scores above a negative (0–1) with DeLong's interval.

    >>> from metrics.examples import binary
    >>> round(roc_auc(binary()).value, 3)
    0.817
    """
    missing = lacking_scored(subject)
    if missing is not None:
        return missing
    counts = score_counts(subject.profile.outcomes)
    n = int(counts.positive.sum() + counts.negative.sum())
    limits = delong(counts.positive, counts.negative)
    return answer(roc_area(counts.positive, counts.negative), n=n, limits=limits)


METRIC = Metric(
    name="performance.roc_auc",
    title=N_("ROC AUC"),
    unit=Unit.SCORE,
    better=Better.HIGHER,
    formula=N_("share of pairs (positive, negative) in which the positive scores higher; ties count ½"),
    source="Hanley, J. A., McNeil, B. J. (1982), Radiology 143, 29–36; DeLong, E. R. et al. (1988), "
    "Biometrics 44, 837–845 (interval)",
    misleads=N_(
        "Says nothing of calibration; with rare positives it stays high while most alarms are false; it "
        "falls when the audience becomes more alike although the model is unchanged."
    ),
    compute=roc_auc,
    part=Part.OUTCOMES,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES}),
    stored=True,
    known_as=("roc_auc_score", "auc"),
)
