"""Jensen–Shannon distance."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import Better, Metric, Need, Per, Subject, Unit
from metrics.columns import pair
from metrics.distances import jensen_shannon as distance


def jensen_shannon(subject: Subject) -> MetricValue:
    """Return the Jensen–Shannon distance to the reference in base 2 (0–1, no interval).

    The distance, not the divergence: its square is the divergence in bits. Equals
    `scipy.spatial.distance.jensenshannon(a, b, base=2)` on the shares by bin.

    >>> from metrics.examples import column
    >>> round(jensen_shannon(column("city")).value, 3)
    0.231
    """
    found = pair(subject)
    if isinstance(found, MetricValue):
        return found
    return answer(distance(*found.shares()), n=found.n)


METRIC = Metric(
    name="drift.jensen_shannon",
    title=N_("Jensen–Shannon distance"),
    unit=Unit.SCORE,
    better=Better.LOWER,
    per=Per.COLUMN,
    formula=N_(
        "√(½ Σ a log₂(a / m) + ½ Σ b log₂(b / m)), m = (a + b) / 2, over ten bins between the reference's "
        "deciles, one below and one above it (categorical: the levels, other, unseen)"
    ),
    source="Lin, J. (1991), Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37, "
    "145–151; Endres, D. M., Schindelin, J. E. (2003), IEEE Trans. Inf. Theory 49, 1858–1860",
    misleads=N_(
        "Never 0 for two samples: with n rows now it is about √((bins − 1) / (5.5 n)) without any drift. A "
        "shift that stays inside one bin is not seen."
    ),
    compute=jensen_shannon,
    needs=frozenset({Need.REFERENCE}),
    stored=True,
)
