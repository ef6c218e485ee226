"""How far what happened is from what was expected."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import BINARY, Better, Metric, Need, Part, Subject, Unit
from metrics.intervals import around
from metrics.labels import lacking_scored, sums


def calibration(subject: Subject) -> MetricValue:
    """Return the share of positives − the mean score (−1 … 1, 0 is right); numerator Σy, denominator Σp.

    Interval: normal, variance (Brier − value²) / (n − 1) of the mean of y − p.

    >>> from metrics.examples import binary
    >>> round(calibration(binary()).value, 3)
    -0.1
    """
    missing = lacking_scored(subject)
    if missing is not None:
        return missing
    found = sums(subject.profile.outcomes)
    n = found["n"]
    value = (found["positive"] - found["score"]) / n
    limits = around(value, (found["brier"] / n - value**2) / (n - 1)).within(-1.0, 1.0)
    return answer(value, n=round(n), limits=limits, numerator=found["positive"], denominator=found["score"])


METRIC = Metric(
    name="performance.calibration",
    title=N_("Realised minus expected"),
    unit=Unit.POINTS,
    better=Better.NONE,
    formula=N_("(Σy − Σp) / n"),
    source="Spiegelhalter, D. J. (1986), Probabilistic prediction in patient management and clinical trials, "
    "Statistics in Medicine 5, 421–433",
    misleads=N_(
        "Too high here and too low there cancel out (see the calibration error); a score that is not a "
        "probability is far from 0 by nature, and only its change speaks."
    ),
    compute=calibration,
    part=Part.OUTCOMES,
    tasks=BINARY,
    needs=frozenset({Need.LABELS, Need.SCORES}),
    stored=True,
)
