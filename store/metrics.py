"""Values of metrics; a restated one keeps its earlier values."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Select, Table, bindparam, case, func, insert, or_, select, update
from sqlalchemy.orm import Session

from core.values import MetricPoint, MetricValue, Origin, ValueState
from core.windows import Grain, Window
from store.tables import MetricRow, RunRow

_TABLE = cast(Table, MetricRow.__table__)
_T = _TABLE.c
_RUN = cast(Table, RunRow.__table__).c
_CHUNK = 400
_STATES = {str(state): state for state in ValueState}
_FACTS = ("value", "lower", "upper", "n", "numerator", "denominator", "state", "reason", "maturity")
"""What makes a value another one."""
_ASKED: Select[Any] = select(
    _T.model, _T.metric, _T.version, _T.segment, _T.column, _T.window_start, _T.window_end, _T.grain,
    _T.value, _T.lower, _T.upper, _T.n, _T.numerator, _T.denominator, _T.state, _T.reason, _T.maturity,
    _T.computed_at, _T.superseded_at, _T.why, _T.run_id,
)  # fmt: skip


def points(
    session: Session,
    model: str,
    *,
    metric: str | None = None,
    metrics: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    version: str | None = "",
    segment: str | None = "",
    column: str | None = "",
    grain: Grain | str | None = None,
    as_of: datetime | None = None,
) -> list[MetricPoint]:
    """Return values by window, metric, version, segment and column; None means any.

    Args:
        since, until: windows that start in [since, until).
        as_of: the values that stood at that time, instead of the current ones.
    """
    query = _ASKED.where(_T.model == model)
    if metric is not None:
        query = query.where(_T.metric == metric)
    if metrics is not None:
        query = query.where(_T.metric.in_(list(metrics)))
    for place, wanted in ((_T.version, version), (_T.segment, segment), (_T.column, column)):
        if wanted is not None:
            query = query.where(place == wanted)
    if grain is not None:
        query = query.where(_T.grain == str(grain))
    if since is not None:
        query = query.where(_T.window_start >= since)
    if until is not None:
        query = query.where(_T.window_start < until)
    query = _standing(query, as_of)
    query = query.order_by(_T.window_start, _T.metric, _T.version, _T.segment, _T.column, _T.id)
    return _points(session, query)


def by_column(
    session: Session, model: str, metric: str, *, since: datetime, until: datetime, grain: Grain,
    version: str = "", segment: str = "", as_of: datetime | None = None,
) -> list[tuple[str, datetime, float | None]]:  # fmt: skip
    """Return a metric's values alone: column, start of the window and value, of every column."""
    query = _standing(select(_T.column, _T.window_start, _T.value), as_of).where(
        _T.model == model, _T.metric == metric, _T.version == version, _T.segment == segment,
        _T.grain == grain.value, _T.window_start >= since, _T.window_start < until,
    )  # fmt: skip
    return [(column, start, value) for column, start, value in session.execute(query.order_by(_T.id))]


def recent(
    session: Session, metrics: Mapping[str, str], grain: Grain, *, since: datetime, until: datetime
) -> dict[str, tuple[float | None, ...]]:
    """Return the current values of one metric of each model, of all rows, in order of time."""
    found = defaultdict[str, list[float | None]](list)
    if not metrics:
        return {}
    query = select(_T.model, _T.metric, _T.value).where(
        _T.model.in_(list(metrics)), _T.metric.in_(sorted(set(metrics.values()))), _T.version == "",
        _T.segment == "", _T.column == "", _T.grain == grain.value, _T.window_start >= since,
        _T.window_start < until, _T.superseded_at.is_(None), _T.state != ValueState.OPEN.value,
    )  # fmt: skip
    for model, metric, value in session.execute(query.order_by(_T.model, _T.window_start)):
        if metrics[model] == metric:
            found[model].append(value)
    return {model: tuple(values) for model, values in found.items()}


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Values of several windows added up: `total` / `weight` is the value of all of them together.

    `is_share`: numerators and denominators are counts, the first within the second. `squares` is
    Σ (n · width)² of the windows' intervals, None where one says none.
    """

    total: float
    weight: float
    n: int
    is_share: bool
    squares: float | None


def sums(
    session: Session, model: str, metric: str, *, since: datetime, until: datetime, grain: Grain,
    version: str = "", state: ValueState = ValueState.OK,
) -> dict[str, Sums]:  # fmt: skip
    """Add up the current values of a metric by segment ('' is all rows) over windows of one state."""
    width = (_T.upper - _T.lower) * _T.n
    by_sums = _T.numerator.is_not(None) & (_T.denominator > 0)
    query = select(
        _T.segment, func.sum(_T.n),
        func.sum(case((by_sums, _T.numerator), else_=_T.value * _T.n)),
        func.sum(case((by_sums, _T.denominator), else_=_T.n)),
        func.min(case((by_sums & (_T.numerator <= _T.denominator) & (_T.denominator == _T.n), 1), else_=0)),
        func.sum(width * width), func.count(_T.lower), func.count(),
    ).where(
        _T.model == model, _T.metric == metric, _T.version == version, _T.column == "",
        _T.grain == grain.value, _T.window_start >= since, _T.window_start < until,
        _T.superseded_at.is_(None), _T.state == state.value, _T.value.is_not(None),
    )  # fmt: skip
    found = {}
    for segment, n, total, weight, shares, squares, known, many in session.execute(
        query.group_by(_T.segment)
    ):
        found[segment] = Sums(
            total=float(total or 0), weight=float(weight or 0), n=int(n or 0), is_share=bool(shares),
            squares=float(squares) if known == many else None,
        )  # fmt: skip
    return found


def starts(
    session: Session, model: str, metrics: Sequence[str], grain: Grain
) -> dict[tuple[str, str, str], datetime]:
    """Return the start of the first window of each metric, segment and column, versions pooled."""
    place = (_T.metric, _T.segment, _T.column)
    query = select(*place, func.min(_T.window_start)).where(
        _T.model == model, _T.metric.in_(list(metrics)), _T.version == "", _T.grain == grain.value
    )
    return {(row[0], row[1], row[2]): row[3] for row in session.execute(query.group_by(*place))}


def rows_by_state(
    session: Session, model: str, metrics: Sequence[str], grain: Grain, until: datetime
) -> dict[tuple[str, ValueState], int]:
    """Sum up `n` by metric and state over the windows that ended by `until`: all rows, versions pooled."""
    query = select(_T.metric, _T.state, func.sum(_T.n)).where(
        _T.model == model, _T.metric.in_(list(metrics)), _T.grain == grain.value, _T.version == "",
        _T.segment == "", _T.superseded_at.is_(None), _T.window_end <= until,
    )  # fmt: skip
    rows = session.execute(query.group_by(_T.metric, _T.state))
    return {(row[0], _STATES[row[1]]): int(row[2] or 0) for row in rows}


def history(
    session: Session,
    model: str,
    metric: str,
    window: Window,
    *,
    version: str = "",
    segment: str = "",
    column: str = "",
) -> list[MetricPoint]:
    """Return every value that one place ever had, the first one first."""
    query = _ASKED.where(
        _T.model == model, _T.metric == metric, _T.version == version, _T.segment == segment,
        _T.column == column, _T.grain == str(window.grain), _T.window_start == window.start,
    )  # fmt: skip
    return _points(session, query.order_by(_T.id))


def every(
    session: Session, model: str, metric: str, *, since: datetime, until: datetime, grain: Grain
) -> list[MetricPoint]:
    """Return every value that the windows of a range ever had, of all rows, the first one first."""
    query = _ASKED.where(
        _T.model == model, _T.metric == metric, _T.version == "", _T.segment == "", _T.column == "",
        _T.grain == grain.value, _T.window_start >= since, _T.window_start < until,
    )  # fmt: skip
    return _points(session, query.order_by(_T.window_start, _T.id))


def save_points(
    session: Session, points: Iterable[MetricPoint], *, run_id: int | None, now: datetime, why: str
) -> int:
    """Write the values that differ from those that stand; return how many were written.

    A value that stood is kept with the time at which it was superseded; the new one says `why`.
    """
    groups: defaultdict[tuple[str, Grain], dict[tuple[Any, ...], MetricPoint]] = defaultdict(dict)
    for point in points:
        place = (point.window.start, point.metric, point.version, point.segment, point.column)
        groups[point.model, point.window.grain][place] = point
    return sum(
        _save(session, model, grain, found, run_id, now, why) for (model, grain), found in groups.items()
    )


def _save(
    session: Session, model: str, grain: Grain, points: Mapping[tuple[Any, ...], MetricPoint],
    run_id: int | None, now: datetime, why: str,
) -> int:  # fmt: skip
    standing = _current(session, model, grain, sorted({place[0] for place in points}))
    new: list[dict[str, Any]] = []
    old: list[int] = []
    for place, point in points.items():
        facts = _facts(point)
        row = standing.get(place)
        if row is not None and row[1] == tuple(facts.values()):
            continue
        if row is not None:
            old.append(row[0])
        facts |= {
            "model": model, "grain": grain.value, "window_start": point.window.start,
            "window_end": point.window.end, "metric": point.metric, "version": point.version,
            "segment": point.segment, "column": point.column, "computed_at": now, "superseded_at": None,
            "why": "" if row is None else why, "run_id": run_id,
        }  # fmt: skip
        new.append(facts)
    if old:
        statement = update(_TABLE).where(_T.id == bindparam("of")).values(superseded_at=bindparam("at"))
        session.connection().execute(statement, [{"of": one, "at": now} for one in old])
    if new:
        session.connection().execute(insert(_TABLE), new)
    return len(new)


def _facts(point: MetricPoint) -> dict[str, Any]:
    value = point.value
    return {
        "value": _number(value.value), "lower": _number(value.lower), "upper": _number(value.upper),
        "n": int(value.n), "numerator": _number(value.numerator), "denominator": _number(value.denominator),
        "state": value.state.value,
        "reason": value.reason, "maturity": "final" if point.final else "provisional",
    }  # fmt: skip


def _number(value: float | None) -> float | None:
    """Return a plain number as every database gives it back; NaN is none."""
    return None if value is None or value != value else float(value)


def _current(
    session: Session, model: str, grain: Grain, starts: Sequence[datetime]
) -> dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]]:
    found = {}
    place = (_T.window_start, _T.metric, _T.version, _T.segment, _T.column)
    facts = tuple(_T[name] for name in _FACTS)
    for at in range(0, len(starts), _CHUNK):
        query = select(_T.id, *place, *facts).where(
            _T.model == model,
            _T.grain == grain.value,
            _T.window_start.in_(starts[at : at + _CHUNK]),
            _T.superseded_at.is_(None),
        )
        for row in session.execute(query):
            found[tuple(row[1:6])] = (row[0], tuple(row[6:]))
    return found


def _standing(query: Select[Any], as_of: datetime | None) -> Select[Any]:
    if as_of is None:
        return query.where(_T.superseded_at.is_(None))
    return query.where(_T.computed_at <= as_of, or_(_T.superseded_at.is_(None), _T.superseded_at > as_of))


def _points(session: Session, query: Select[Any]) -> list[MetricPoint]:
    """Read values; those of one window share it, and those of one run their origin."""
    held: dict[tuple[Any, ...], Window] = {}
    found = []
    rows = session.execute(query).all()
    origins = _origins(session, {row.run_id for row in rows if row.run_id is not None})
    for (
        model, metric, version, segment, column, start, end, grain, value, lower, upper, n, numerator,
        denominator, state, reason, maturity, computed_at, superseded_at, why, run_id,
    ) in rows:  # fmt: skip
        span = (start, end, grain)
        if span not in held:
            held[span] = Window(start=start, end=end, grain=Grain(grain))
        found.append(
            MetricPoint(
                model=model, metric=metric, version=version, segment=segment, column=column,
                window=held[span],
                value=MetricValue(
                    value=value, lower=lower, upper=upper, n=n, numerator=numerator, denominator=denominator,
                    state=_STATES[state], reason=reason,
                ),
                final=maturity == "final", computed_at=computed_at, superseded_at=superseded_at, why=why,
                origin=origins.get(run_id),
            )
        )  # fmt: skip
    return found


def _origins(session: Session, runs: Set[int]) -> dict[int, Origin]:
    """Return what the values of some runs came from; each run is one pass, so there may be one a window."""
    found: dict[int, Origin] = {}
    wanted = sorted(runs)
    for at in range(0, len(wanted), _CHUNK):
        query = select(_RUN.id, _RUN.configuration, _RUN.code, _RUN.source)
        for row in session.execute(query.where(_RUN.id.in_(wanted[at : at + _CHUNK]))):
            found[row.id] = Origin(configuration=row.configuration, code=row.code, source=row.source)
    return found
