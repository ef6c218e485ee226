"""Which share of the rows repeats an id."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import share
from metrics.base import Better, Metric, Need, Subject, Unit


def duplicate_ids(subject: Subject) -> MetricValue:
    """Return rows whose id was there before in the window / rows (0–1) with Wilson's interval.

    >>> from metrics.examples import served
    >>> duplicate_ids(served()).value
    0.01
    """
    inputs = subject.profile.inputs
    return share(inputs.duplicates, inputs.rows)


METRIC = Metric(
    name="quality.duplicate_ids",
    title=N_("Repeated ids"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    formula=N_("rows beyond the first of each id (and row index) within a version / rows"),
    source="Breck, E. et al. (2019), Data validation for machine learning, MLSys",
    misleads=N_("An id repeated in another window is not seen here; retries of a client repeat ids rightly."),
    compute=duplicate_ids,
    needs=frozenset({Need.IDS}),
    stored=True,
)
