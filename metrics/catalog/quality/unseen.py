"""Which share of a column's values the reference never held."""

from core.grid import CategoricalGrid
from core.text import N_
from core.values import MetricValue
from metrics.answers import share, too_few
from metrics.base import Better, Kind, Metric, Per, Subject, Unit


def unseen(subject: Subject) -> MetricValue:
    """Return values of unknown levels / values (0–1) with Wilson's interval; missing ones left out.

    >>> from metrics.examples import column
    >>> unseen(column("city")).value
    0.1
    """
    grid = subject.grids.columns.get(subject.column)
    found = subject.profile.inputs.columns.get(subject.column)
    if found is None or not isinstance(grid, CategoricalGrid):
        return too_few(0)
    return share(int(found.counts[grid.unseen]), int(found.counts.sum()))


METRIC = Metric(
    name="quality.unseen",
    title=N_("Values unseen before"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    per=Per.COLUMN,
    kinds=frozenset({Kind.CATEGORICAL}),
    formula=N_("values of levels that the reference does not hold / values"),
    source="Breck, E. et al. (2019), Data validation for machine learning, MLSys",
    misleads=N_(
        "A column of very many levels always brings new ones; another spelling of a known level is "
        "unseen too."
    ),
    compute=unseen,
    stored=True,
)
