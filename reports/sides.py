"""Two sides of a comparison: what a range holds, and what it is held against, on the same grids."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from core.config import Model
from core.errors import NotComparableError
from core.grid import CategoricalGrid, Floats, GridSet, NumericGrid
from core.profile import ColumnSummary, Profile, ProfileKey, merge_all
from core.roles import SERVED, Role
from core.text import gettext as _
from core.values import MetricValue
from core.windows import Window
from metrics.base import Metric, Per, Subject
from metrics.columns import kind_of, pair
from reports.query import Part, Query
from store.grids import grid_set

BEFORE = "before"
BESIDE = {f"role:{role}": role for role in (Role.CHALLENGER, Role.SHADOW)}
"""What a range is held against: '' its reference, `BEFORE` the stretch of equal length before it, one of
`BESIDE` (the champion beside whoever answers in that role), or one of the versions."""
QUANTILES = (0.1, 0.5, 0.9)
_NEWS = 0.001
"""A level came or went where its share crosses this."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """Both profiles, None where nothing is known; `reason` says why they cannot be compared."""

    now: Profile | None
    then: Profile | None
    grids: GridSet
    reason: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bin:
    """One bin of both distributions: its bounds (None: open) or its level, and its shares."""

    lower: float | None
    upper: float | None
    level: str
    now: float
    then: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """One column on both sides.

    `measures` by name of the metric; `quantiles` (share, now, then) of a numeric column; `came` and `gone`
    are levels, `unseen` is the share of values that the grid does not know. `missing` are the shares without
    a value, now and then.
    """

    column: str
    bins: tuple[Bin, ...]
    numeric: bool
    n: tuple[int, int]
    missing: tuple[float, float]
    measures: Mapping[str, MetricValue]
    quantiles: tuple[tuple[float, float, float], ...]
    came: tuple[str, ...]
    gone: tuple[str, ...]
    unseen: float


def sides(
    query: Query, model: Model, *, since: datetime, until: datetime, version: str = "", segment: str = "",
    against: str | None = "", part: Part = "both",
) -> Sides:  # fmt: skip
    """Return what [since, until) holds, and what it is held against; None: against nothing.

    Only the `part` of the profiles that is asked for is read; a reference is always read whole.
    """

    def merged(begin: datetime, end: datetime, version: str) -> Mapping[ProfileKey, Profile]:
        return query.merged(
            model.name, since=begin, until=end, version=version or None, segment=segment, part=part
        )

    cells = merged(since, until, version)
    last = max(cells, key=lambda key: key.start, default=None)
    if last is None:
        return Sides(now=None, then=None, grids=GridSet(columns={}), reason=_("Nothing is known of it."))
    with query.store.read() as session:
        grids = grid_set(session, last.grid_set)
    role = BESIDE.get(against or "")
    now = _pooled(cells, last.grid_set, SERVED if role is None else {Role.CHAMPION})
    window = Window(start=since, end=until, grain=model.grain)
    if against is None:
        return Sides(now=now, then=None, grids=grids)
    if role is not None:
        then = _pooled(cells, last.grid_set, {role})
        why = _("Nobody answered in that role here.")
    elif not against:
        then = query.normal(model, window, last.grid_set, version=version, segment=segment)
        why = _("There is no reference yet.")
    else:
        span = (since - (until - since), since) if against == BEFORE else (since, until)
        own = version if against == BEFORE else against
        then = _pooled(merged(*span, own), last.grid_set)
        why = _("Nothing comparable is known of the other side.")
    if then is not None and then.grid_set != last.grid_set:
        then, why = None, _("The other side was counted on another grid set: not comparable.")
    return Sides(now=now, then=then, grids=grids, reason="" if then is not None else why)


def compared(found: Sides, column: str, declared: Mapping[str, Metric]) -> Compared | str:
    """Return one column on both sides with every measure of drift, or why it cannot be compared."""
    if found.now is None or found.then is None:
        return found.reason
    subject = Subject(profile=found.now, grids=found.grids, reference=found.then, column=column)
    try:
        both = pair(subject)
    except NotComparableError as error:
        return error.message
    if isinstance(both, MetricValue):
        return both.reason
    kind = kind_of(found.grids, column)
    measures = {
        name: metric.compute(subject)
        for name, metric in sorted(declared.items())
        if metric.family == "drift" and metric.per is Per.COLUMN and kind in metric.kinds
    }
    now, then = both.current, both.reference
    shares = (now.counts / max(now.counts.sum(), 1), then.counts / max(then.counts.sum(), 1))
    numeric = isinstance(both.grid, NumericGrid)
    bins = _bins(both.grid, shares)
    levels = set(both.grid.levels) if isinstance(both.grid, CategoricalGrid) else set()
    return Compared(
        column=column, bins=bins, numeric=numeric, n=(int(now.counts.sum()), int(then.counts.sum())),
        missing=(_missing(now), _missing(then)),
        measures=measures,
        quantiles=_quantiles(both.grid, shares) if isinstance(both.grid, NumericGrid) else (),
        came=tuple(one.level for one in bins if one.level in levels and one.now >= _NEWS > one.then),
        gone=tuple(one.level for one in bins if one.level in levels and one.then >= _NEWS > one.now),
        unseen=0.0 if numeric else float(shares[0][-1]),
    )  # fmt: skip


def _pooled(
    cells: Mapping[ProfileKey, Profile], grids: str, roles: Set[Role] = SERVED
) -> Profile | None:  # fmt: skip
    ours = [cell for key, cell in cells.items() if key.role in roles and key.grid_set == grids]
    return merge_all(ours, grid_set=grids) if ours else None


def _missing(column: ColumnSummary) -> float:
    return column.missing / max(column.missing + int(column.counts.sum()), 1)


def _bins(grid: NumericGrid | CategoricalGrid, shares: tuple[Floats, Floats]) -> tuple[Bin, ...]:
    now, then = shares
    if isinstance(grid, CategoricalGrid):
        names = [*grid.levels, _("other"), _("unseen before")]
        return tuple(
            Bin(lower=None, upper=None, level=name, now=float(a), then=float(b))
            for name, a, b in zip(names, now, then, strict=True)
            if a > 0 or b > 0
        )
    bounds = [None, *grid.edges.tolist(), None]
    return tuple(
        Bin(lower=bounds[at], upper=bounds[at + 1], level="", now=float(a), then=float(b))
        for at, (a, b) in enumerate(zip(now, then, strict=True))
    )


def _quantiles(grid: NumericGrid, shares: tuple[Floats, Floats]) -> tuple[tuple[float, float, float], ...]:
    """Return for some shares the value below which so much lies, now and then, to the grid's edges."""

    def at(share: float, counts: Floats) -> float:
        reached = np.cumsum(counts)
        return float(grid.edges[min(int(np.searchsorted(reached, share)), len(grid.edges) - 1)])

    return tuple((share, at(share, shares[0]), at(share, shares[1])) for share in QUANTILES)


def thinned(bins: tuple[Bin, ...], most: int) -> tuple[Bin, ...]:
    """Join neighbouring bins of a numeric column until there are `most` at most; open ends stay alone."""
    inner = [one for one in bins if one.lower is not None and one.upper is not None]
    size = -(-len(inner) // most)
    joined = []
    for at in range(0, len(inner), size):
        part = inner[at : at + size]
        joined.append(
            replace(
                part[0], upper=part[-1].upper, now=sum(one.now for one in part),
                then=sum(one.then for one in part),
            )
        )  # fmt: skip
    return (bins[0], *joined, bins[-1]) if len(bins) > 1 else bins
