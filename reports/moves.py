"""What moved a KPI since a day: other cases came, or like cases went otherwise; by each segment column."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.config import Model
from core.units import kpi_unit
from metrics.decomposition import Split
from metrics.sums import ripe_windows, splits, sums_of
from reports.query import Query

MOST = 28
"""Windows before the day that it is compared with."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """A KPI's move between two spans; `splits` by segment column, the one that tells most first.

    `before` and `after` are the first and last moment of each span.
    """

    kpi: str
    title: str
    unit: str
    currency: str
    before: tuple[datetime, datetime]
    after: tuple[datetime, datetime]
    splits: Mapping[str, Split]


def moved(
    query: Query, model: Model, kpi: str, *, since: datetime, until: datetime, now: datetime,
    as_of: datetime | None = None,
) -> Move | None:  # fmt: skip
    """Compare complete windows of [since, until) with as many before, 28 at most.

    None where one of both holds none, or where the KPI is not kept by segment.
    """
    length = model.grain.length
    points = query.stored(
        model.name, metric=f"business.{kpi}", since=since - 2 * MOST * length, until=until, as_of=as_of,
        version="", segment=None, column="", grain=model.grain,
    )  # fmt: skip
    ripe = ripe_windows(points)
    after = sorted(start for start in ripe if start >= since)
    before = sorted(start for start in ripe if start < since)[-min(MOST, max(len(after), 7)) :]
    if not before or not after:
        return None
    told = [sums_of(points, model.segments, set(windows)) for windows in (before, after)]
    found = splits(*told)
    ordered = sorted(found, key=lambda name: (-_telling(found[name]), name))
    unit, currency = kpi_unit(model.kpis[kpi])
    return Move(
        kpi=kpi, title=model.kpis[kpi].title or kpi, unit=unit, currency=currency,
        before=(before[0], before[-1] + length), after=(after[0], after[-1] + length),
        splits={name: found[name] for name in ordered},
    )  # fmt: skip


def _telling(split: Split) -> float:
    """Return by how much the part of one level of the move exceeds its share of the cases."""
    total = split.after - split.before
    if not total:
        return 0.0
    return max((level.effect / total - level.share_before for level in split.levels), default=0.0)
