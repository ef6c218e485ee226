"""The same metric in each segment over a range: the worst first, small ones marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.config import Model
from core.values import ValueState
from metrics.base import Better
from metrics.intervals import Z95, Limits, around, wilson
from reports.query import Query
from store import metrics
from store.metrics import Sums

LEAST = 200
"""A slice with fewer rows is small: what it shows may be chance."""
STORED = ("service.error_share",)
"""What is kept by segment beside KPIs and the judged performance metric."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A segment over a range. `gap` is its value minus that of all other rows, None where there are none.

    `share` of the rows is in it; `is_clear`: the interval of its value leaves out the value of all others;
    `harm` is the gap the bad way times the share, 0 where it is better or the metric has no bad way.
    """

    segment: str
    value: float
    lower: float | None
    upper: float | None
    n: int
    share: float
    gap: float | None
    harm: float
    is_clear: bool

    @property
    def is_small(self) -> bool:
        """Tell whether it holds too few rows to be told from chance."""
        return self.n < LEAST


def slices(
    query: Query, model: Model, metric: str, *, since: datetime, until: datetime, version: str = ""
) -> list[Slice]:
    """Return every segment with complete windows in [since, until), the one that harms most first.

    Values are those of all its windows together: Σ numerator / Σ denominator, else the mean by rows. Small
    slices come last, whatever they show.
    """
    with query.store.read() as session:
        sums = metrics.sums(
            session, model.name, metric, since=since, until=until, grain=model.grain, version=version,
            state=ValueState.OK,
        )  # fmt: skip
    whole = sums.pop("", None)
    if whole is None or not whole.weight:
        return []
    sign = _bad_way(query, model, metric)
    found = [_slice(name, one, whole, sign) for name, one in sums.items() if one.weight]
    return sorted(found, key=lambda one: (one.is_small, -one.harm, -one.n, one.segment))


def _slice(name: str, own: Sums, whole: Sums, sign: int) -> Slice:
    value = own.total / own.weight
    share = own.n / whole.n if whole.n else 0.0
    rest = whole.weight - own.weight
    gap = value - (whole.total - own.total) / rest if rest > 1e-9 * whole.weight else None
    limits = _limits(own)
    is_clear = bool(limits and gap is not None and not limits.lower <= value - gap <= limits.upper)
    harm = max(sign * gap, 0.0) * share if gap is not None and is_clear else 0.0
    return Slice(
        segment=name, value=value, lower=limits.lower if limits else None,
        upper=limits.upper if limits else None, n=own.n, share=share, gap=gap, harm=harm, is_clear=is_clear,
    )  # fmt: skip


def _limits(own: Sums) -> Limits | None:
    """Return the interval: Wilson's of a share, else that of a mean of independent windows."""
    if own.is_share and 0 <= own.total <= own.weight:
        return wilson(own.total, own.weight)
    if own.squares is None or not own.n:
        return None
    return around(own.total / own.weight, own.squares / (2 * Z95 * own.n) ** 2)


def _bad_way(query: Query, model: Model, metric: str) -> int:
    """Return 1 where more is worse, -1 where less is, 0 where neither."""
    family, _dot, name = metric.partition(".")
    if family == "business":
        goal = next((goal for goal in model.goals if goal.kpi == name), None)
        return 1 if goal is not None and goal.target < goal.baseline else -1
    declared = query.declared().get(metric)
    ways = {Better.HIGHER: -1, Better.LOWER: 1}
    return ways.get(declared.better, 0) if declared is not None else 0


def offered(model: Model, primary: str) -> Sequence[str]:
    """Return the metrics that are kept by segment, KPIs first."""
    return [*(f"business.{kpi}" for kpi in model.kpis), primary, *STORED]
