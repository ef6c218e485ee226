"""Hellinger distance."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import Better, Metric, Need, Per, Subject, Unit
from metrics.columns import pair
from metrics.distances import hellinger as distance


def hellinger(subject: Subject) -> MetricValue:
    """Return the Hellinger distance to the reference (0–1, no interval).

    >>> from metrics.examples import column
    >>> round(hellinger(column("city")).value, 3)
    0.229
    """
    found = pair(subject)
    if isinstance(found, MetricValue):
        return found
    return answer(distance(*found.shares()), n=found.n)


METRIC = Metric(
    name="drift.hellinger",
    title=N_("Hellinger distance"),
    unit=Unit.SCORE,
    better=Better.LOWER,
    per=Per.COLUMN,
    formula=N_(
        "√(½ Σ (√a − √b)²) over ten bins between the reference's deciles, one below and one above it "
        "(categorical: the levels, other, unseen)"
    ),
    source="Hellinger, E. (1909), J. reine angew. Math. 136, 210–271; Le Cam, L., Yang, G. L. (2000), "
    "Asymptotics in Statistics, 2nd ed., ch. 3",
    misleads=N_(
        "Never 0 for two samples: small windows look drifted. A shift that stays inside one bin is not seen."
    ),
    compute=hellinger,
    needs=frozenset({Need.REFERENCE}),
)
