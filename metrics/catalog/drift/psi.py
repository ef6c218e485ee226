"""Population stability index."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import Better, Metric, Need, Per, Subject, Unit
from metrics.columns import pair
from metrics.distances import stability_index


def psi(subject: Subject) -> MetricValue:
    """Return the population stability index against the reference (≥ 0, no interval).

    >>> from metrics.examples import column
    >>> round(psi(column("city")).value, 3)
    0.708
    """
    found = pair(subject)
    if isinstance(found, MetricValue):
        return found
    return answer(stability_index(*found.shares()), n=found.n)


METRIC = Metric(
    name="drift.psi",
    title=N_("Population stability index"),
    unit=Unit.SCORE,
    better=Better.LOWER,
    per=Per.COLUMN,
    formula=N_(
        "Σ (a − b) ln(a / b) over ten bins between the reference's deciles, one below and one above it "
        "(categorical: the levels, other, unseen); shares below 0.0001 count as 0.0001"
    ),
    source="Siddiqi, N. (2006), Credit Risk Scorecards, Wiley; Yurdakul, B. (2018), Statistical Properties "
    "of Population Stability Index, Western Michigan University",
    misleads=N_(
        "Its noise is about (bins − 1) · (1/n + 1/m), so small windows look drifted; a bin that was empty in "
        "the reference dominates it. The limits 0.1 and 0.25 are custom, not a test."
    ),
    compute=psi,
    needs=frozenset({Need.REFERENCE}),
)
