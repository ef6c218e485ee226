"""Expected calibration error."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer, too_few
from metrics.base import BINARY, Better, Metric, Need, Part, Subject, Unit
from metrics.labels import lacking_scored, score_counts
from metrics.scores import calibration_error


def ece(subject: Subject) -> MetricValue:
    """Return the mean gap between score and share of positives over ten bands (0–1, no interval).

    >>> from metrics.examples import binary
    >>> round(ece(binary()).value, 3)
    0.1
    """
    missing = lacking_scored(subject)
    if missing is not None:
        return missing
    if subject.grids.score is None:
        return too_few(0)
    counts = score_counts(subject.profile.outcomes)
    n = int(counts.positive.sum() + counts.negative.sum())
    return answer(calibration_error(counts.positive, counts.negative, subject.grids.score), n=n)


METRIC = Metric(
    name="performance.ece",
    title=N_("Calibration error (ECE)"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    formula=N_(
        "Σ n_b/n · |share of positives in band b − mean score in it|, ten bands between 0 and 1 cut at the "
        "edges of the score grid nearest to 0.1, 0.2, …"
    ),
    source="Naeini, M. P., Cooper, G. F., Hauskrecht, M. (2015), AAAI, 2901–2907; Guo, C. et al. (2017), "
    "On calibration of modern neural networks, ICML, 1321–1330",
    misleads=N_(
        "Never 0 for a sample: noise adds about √(band / n). Where all scores are small, one band holds them "
        "all and hides what goes on in it."
    ),
    compute=ece,
    part=Part.OUTCOMES,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES}),
    stored=True,
)
