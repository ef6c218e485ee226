"""The values of one column in a window beside the reference's: counts on common bins."""

from dataclasses import dataclass

import numpy as np

from core.errors import NotComparableError
from core.grid import CategoricalGrid, ColumnGrid, Counts, Floats, GridSet, NumericGrid
from core.profile import ColumnSummary, Profile
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, no_reference, too_few
from metrics.base import SCORE, Kind, Subject

COARSE_BINS = 32
"""Segment profiles keep columns on `NumericGrid.coarse(32)`."""

DECILES = np.arange(1, 10) / 10


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A column now and in the reference, counted on the same `grid`."""

    grid: ColumnGrid
    current: ColumnSummary
    reference: ColumnSummary

    @property
    def n(self) -> int:
        """Number of values now, missing ones left out."""
        return int(self.current.counts.sum())

    def shares(self) -> tuple[Floats, Floats]:
        """Return the shares (now, reference) by bin, see `binned`; each sums to 1."""
        now, then = self.binned()
        return now / now.sum(), then / then.sum()

    def binned(self) -> tuple[Counts, Counts]:
        """Return counts (now, reference) on the bins that drift is measured on.

        Numeric: ten bins between the deciles of the reference (each the lowest edge of the grid that has its
        share at or below it; fewer where values repeat), one below the grid and one above it. Categorical:
        the levels, other and unseen.
        """
        if isinstance(self.grid, CategoricalGrid):
            return self.current.counts, self.reference.counts
        starts = _decile_starts(self.reference.counts)
        return (
            np.add.reduceat(self.current.counts, starts),
            np.add.reduceat(self.reference.counts, starts),
        )


def pair(subject: Subject) -> Pair | MetricValue:
    """Return the column with its reference, or the answer why they cannot be compared.

    Raises:
        NotComparableError: they were counted on different grids.
    """
    if subject.reference is None:
        return no_reference()
    if subject.reference.grid_set != subject.profile.grid_set:
        raise NotComparableError(_("The reference was counted on another grid set."))
    grid = grid_of(subject.grids, subject.column, subject.profile)
    current = summary(subject.profile, subject.column, grid)
    reference = summary(subject.reference, subject.column, grid)
    if grid is None or current is None:
        return too_few(0)
    if reference is None:
        return no_reference()
    for one in (current, reference):
        if one.counts.sum() < LEAST_ROWS:
            return too_few(int(one.counts.sum()))
    if isinstance(grid, NumericGrid) and min(len(current.counts), len(reference.counts)) < grid.bins:
        coarse = grid.coarse(COARSE_BINS)
        current, reference = _coarsened(current, grid, coarse), _coarsened(reference, grid, coarse)
        grid = coarse
    if len(current.counts) != grid.bins or len(reference.counts) != grid.bins:
        raise NotComparableError(
            _("Column {column} was counted on other bins.").format(column=subject.column)
        )
    return Pair(grid=grid, current=current, reference=reference)


def grid_of(grids: GridSet, column: str, profile: Profile | None = None) -> ColumnGrid | None:
    """Return a column's grid; for '@score' the score's, or the classes where `profile` counts those only.

    A multiclass model has a score grid for each class's probabilities, but what it says is a class.
    """
    if column != SCORE:
        return grids.columns.get(column)
    said = None if profile is None else profile.inputs.score
    if grids.score is not None and (said is None or said.shape[1] == grids.score.bins):
        return grids.score
    return CategoricalGrid(levels=grids.classes) if grids.classes else None


def kind_of(grids: GridSet, column: str) -> Kind:
    """Return what kind of column it is."""
    if column == SCORE:
        return Kind.SCORE
    return Kind.NUMERIC if isinstance(grids.columns[column], NumericGrid) else Kind.CATEGORICAL


def summary(profile: Profile, column: str, grid: ColumnGrid | None) -> ColumnSummary | None:
    """Return a column's summary, the score's for '@score'; None where the profile has none."""
    inputs = profile.inputs
    if column != SCORE:
        return inputs.columns.get(column)
    if inputs.score is None:
        return None
    if isinstance(grid, NumericGrid):
        counts = inputs.score.sum(axis=0)
    else:
        counts = np.concatenate([inputs.score.sum(axis=1), np.zeros(2, dtype=np.int64)])
    return ColumnSummary(
        counts=counts, missing=inputs.score_missing, total=inputs.score_sum, squares=inputs.score_squares
    )


def _decile_starts(reference: Counts) -> Counts:
    """Return the first fine bin of each coarse one: underflow, between the deciles, overflow."""
    last = len(reference) - 2  # edge j closes bin j; the last edge closes bin `last`
    reached = np.cumsum(reference[: last + 1]) / reference.sum()
    deciles = np.minimum(np.searchsorted(reached, DECILES, side="left"), last)
    closing = np.unique(np.concatenate([[0], deciles, [last]]))
    return np.concatenate([[0], closing + 1]).astype(np.int64)


def _coarsened(column: ColumnSummary, fine: NumericGrid, coarse: NumericGrid) -> ColumnSummary:
    if len(column.counts) != fine.bins:
        return column
    kept = np.searchsorted(fine.edges, coarse.edges)
    counts = np.add.reduceat(column.counts, np.concatenate([[0], kept + 1]))
    return ColumnSummary(
        counts=counts,
        missing=column.missing,
        invalid=column.invalid,
        total=column.total,
        squares=column.squares,
        minimum=column.minimum,
        maximum=column.maximum,
    )
