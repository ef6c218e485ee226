"""Young windows of a KPI as they are likely to be once their outcomes are known."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.grid import Floats
from core.roles import Role
from core.values import MetricPoint, ValueState
from metrics.nowcast import curve, nowcast
from reports.query import Query
from store.normal import maturity_of
from store.profiles import profiles

LEARN = 60
"""Mature windows that are learnt from, the newest ones."""


def with_nowcasts(
    query: Query, points: Sequence[MetricPoint], kpi: str, *, now: datetime
) -> list[MetricPoint]:
    """Return a KPI's points with those whose labels still come in replaced by their nowcast.

    They stay `immature` and are never judged; where it is too early to tell, what is known so far stays.
    """
    young = [point for point in points if point.value.state is ValueState.IMMATURE]
    if not young:
        return list(points)
    first, model = young[0], query.project.models[young[0].model]
    if first.window.grain is not model.grain:
        return list(points)
    since = first.window.start - LEARN * model.grain.length
    sums: dict[datetime, Floats] = {}
    with query.store.read() as session:
        maturity = maturity_of(session, model)
        cells = profiles(
            session, model.name, model.grain, since, young[-1].window.end, segment=first.segment,
            version=first.version or None, part="outcomes",
        )  # fmt: skip
    for key, cell in cells:
        if key.role is not Role.SHADOW and kpi in cell.outcomes.kpis:
            own = cell.outcomes.kpis[kpi]
            sums[key.start] = sums[key.start] + own if key.start in sums else own
    if maturity <= timedelta():
        return list(points)
    windows = {point.window.start for point in young}
    known = curve([found for start, found in sorted(sums.items()) if start not in windows])

    def estimated(point: MetricPoint) -> MetricPoint:
        start, end = point.window.start, point.window.end
        if start not in windows or start not in sums:
            return point
        said = nowcast(
            known, sums[start], youngest=max((now - end) / maturity, 0.0), oldest=(now - start) / maturity
        )
        return point if said.value is None else replace(point, value=said)

    return [estimated(point) for point in points]
