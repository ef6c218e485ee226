"""Which share of a column lies outside the reference's range."""

from core.grid import NumericGrid
from core.text import N_
from core.values import MetricValue
from metrics.answers import share, too_few
from metrics.base import Better, Kind, Metric, Per, Subject, Unit


def out_of_range(subject: Subject) -> MetricValue:
    """Return values below or above the grid / values (0–1) with Wilson's interval; missing ones left out.

    >>> from metrics.examples import column
    >>> out_of_range(column()).value
    0.1
    """
    found = subject.profile.inputs.columns.get(subject.column)
    if found is None or not isinstance(subject.grids.columns.get(subject.column), NumericGrid):
        return too_few(0)
    return share(int(found.counts[0] + found.counts[-1]), int(found.counts.sum()))


METRIC = Metric(
    name="quality.out_of_range",
    title=N_("Values out of range"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    per=Per.COLUMN,
    kinds=frozenset({Kind.NUMERIC}),
    formula=N_("values below the smallest or above the largest of the reference / values"),
    source="Breck, E. et al. (2019), Data validation for machine learning, MLSys",
    misleads=N_("A column that grows by itself (an age, a running number) leaves its range sooner or later."),
    compute=out_of_range,
)
