"""What was rolled up: one coarser window stands where finer ones were, their counts added up.

Up to when is kept for each grain. What lies before that is closed: it is neither collected nor judged again,
and a reader finds the coarser windows there. Two things stay behind where they were: windows that do not add
up, because the bins changed among them, and the values that rules learn from.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, delete, func, select
from sqlalchemy.orm import Session

from core.config import Model
from core.config.model import YEAR
from core.profile import Profile, ProfileKey
from core.values import MetricPoint, ValueState
from core.windows import Grain, Window, window_at
from store import settings
from store.metrics import save_points
from store.profiles import save_profiles
from store.tables import MetricRow, ModelRow, ProfileRow, TraceRow, WindowRow
from store.windows import save_windows, windows

LOOK_BACK = {Grain.HOUR: 7 * 24, Grain.DAY: 28, Grain.WEEK: 26, Grain.MONTH: 24}
"""How many windows before the one they judge rules look at, and how many first ones they learn from."""
_COARSER = {Grain.HOUR: Grain.DAY, Grain.DAY: Grain.WEEK}
_METRIC = cast(Table, MetricRow.__table__).c
_CHUNK = 400


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of a range, [since, until), that windows of `grain` tell of."""

    grain: Grain
    since: datetime
    until: datetime


def kept_grains(model: Model) -> tuple[Grain, ...]:
    """Return the grains in which windows of a model may be kept, the finest first."""
    found = [model.service_grain, model.grain]
    while found[-1] in _COARSER:
        found.append(_COARSER[found[-1]])
    return tuple(dict.fromkeys(found))


def coarser(model: Model, grain: Grain) -> Grain | None:
    """Return the grain that windows of `grain` are rolled up to; None for the last one.

    The windows of a service grain that is finer than the model's need not be added up: the model's own hold
    the same rows.
    """
    kept = kept_grains(model)
    at = kept.index(grain) if grain in kept else len(kept)
    return kept[at + 1] if at + 1 < len(kept) else None


def rolled_until(session: Session, model: str) -> dict[Grain, datetime]:
    """Return up to when windows of each grain were rolled up; a grain of which none were is left out."""
    kept = json.loads(settings.get(session, _name(model)) or "{}")
    return {Grain(grain): datetime.fromisoformat(until) for grain, until in kept.items()}


def judged_from(session: Session, model: Model) -> dict[Grain, datetime]:
    """Return from when on rules judge windows of each grain, where any were rolled up.

    They look some windows back, and a moving reference does; a window of which they would find less than when
    it was judged is left as it was.
    """
    return {
        grain: until + LOOK_BACK[grain] * grain.length + reach(model)
        for grain, until in rolled_until(session, model.name).items()
    }


def reach(model: Model) -> timedelta:
    """Return how far before a window its moving reference begins; zero for one that does not move."""
    reference = model.reference
    if reference is None or reference.form not in ("rolling", "same_period"):
        return timedelta()
    return YEAR if reference.rolling is None else reference.rolling


def stretches(
    session: Session, model: Model, grain: Grain, since: datetime, until: datetime
) -> list[Stretch]:
    """Cut a range into what windows of `grain` tell of it and what only coarser ones do, in order of time.

    A stretch of coarser windows begins with the whole window that holds its first moment.
    """
    done = rolled_until(session, model.name)

    def cut(grain: Grain, since: datetime, until: datetime) -> list[Stretch]:
        closed, into = done.get(grain), coarser(model, grain)
        if closed is None or into is None or since >= closed:
            return [Stretch(grain=grain, since=since, until=until)]
        found, at, upto = list[Stretch](), since, min(until, closed)
        for row in windows(session, model.name, grain, since, upto):  # what stayed behind
            if row.start > at:
                found += cut(into, window_at(at, into, model.zone).start, row.start)
            found.append(Stretch(grain=grain, since=row.start, until=row.end))
            at = row.end
        if at < upto:
            found += cut(into, window_at(at, into, model.zone).start, upto)
        if closed < until:
            found.append(Stretch(grain=grain, since=closed, until=until))
        return found

    joined: list[Stretch] = []
    for one in cut(grain, since, until):
        if joined and (joined[-1].grain, joined[-1].until) == (one.grain, one.since):
            joined[-1] = replace(joined[-1], until=one.until)
        else:
            joined.append(one)
    return joined


def roll_up(
    session: Session,
    model: str,
    grain: Grain,
    span: Window,
    *,
    into: WindowRow | None,
    cells: Mapping[ProfileKey, Profile],
    points: Sequence[MetricPoint],
    learnt: Sequence[datetime],
    run_id: int | None,
    now: datetime,
) -> None:
    """Put one coarser window in place of those of `grain` that lie in its span.

    Args:
        into: the coarser window, with its profiles and values; None where there is one already, or none. Its
            `computed` lacks the digest yet.
        learnt: from when on people accepted a level as normal: rules learn that from there on.
    """
    if into is not None:
        into.profile_digest = save_profiles(session, model, span.grain, span.start, cells)
        into.computed = into.profile_digest + into.computed
        save_windows(session, [into])
        save_points(session, points, run_id=run_id, now=now, why="")
    _drop_values(session, model, grain, span, learnt)
    for table in (ProfileRow, WindowRow):
        session.execute(
            delete(table).where(
                table.model == model,
                table.grain == str(grain),
                table.start >= span.start,
                table.start < span.end,
            ),
            execution_options={"synchronize_session": False},
        )
    kept_by = session.get(ModelRow, model)
    if kept_by is not None and kept_by.grain == str(grain):
        gone = TraceRow.start >= span.start, TraceRow.start < span.end
        session.execute(
            delete(TraceRow).where(TraceRow.model == model, *gone),
            execution_options={"synchronize_session": False},
        )
    done = rolled_until(session, model)
    if grain not in done or done[grain] < span.end:
        done[grain] = span.end
        kept = {str(one): until.isoformat() for one, until in done.items()}
        settings.put(session, _name(model), json.dumps(kept, sort_keys=True))


def drop_some(session: Session, model: str, most: int = 200) -> int:
    """Drop the first windows of a model with their counts and values, whatever their grain; return how many.

    With the last of them go the values that were kept to be learnt from, and nothing is rolled up any more.
    """
    query = select(WindowRow.grain, WindowRow.start).where(WindowRow.model == model)
    found = session.execute(query.order_by(WindowRow.grain, WindowRow.start).limit(most)).all()
    for grain in {row.grain for row in found}:
        last = max(row.start for row in found if row.grain == grain)
        for table, start in (
            (MetricRow, MetricRow.window_start),
            (ProfileRow, ProfileRow.start),
            (WindowRow, WindowRow.start),
        ):
            gone = delete(table).where(table.model == model, table.grain == grain, start <= last)
            session.execute(gone, execution_options={"synchronize_session": False})
    if len(found) < most:
        for rest in (MetricRow, TraceRow):
            session.execute(
                delete(rest).where(rest.model == model), execution_options={"synchronize_session": False}
            )
        settings.put(session, _name(model), "{}")
    return len(found)


def _drop_values(
    session: Session, model: str, grain: Grain, span: Window, learnt: Sequence[datetime]
) -> None:
    """Delete the values of a span, all but the first ones of each series, which rules learn from.

    Rules leave out holidays, so twice as many are kept as they take.
    """
    most, place = 2 * LOOK_BACK[grain], (_METRIC.metric, _METRIC.segment, _METRIC.column)
    inside = [*_of(model, grain), _METRIC.window_start >= span.start, _METRIC.window_start < span.end]
    anew = any(one < span.end and span.start < one + most * grain.length for one in learnt)
    before = select(*place, func.count()).where(*_judged(model, grain), _METRIC.window_start < span.start)
    counted = {tuple(row[:3]): row[3] for row in session.execute(before.group_by(*place))}
    judged = select(_METRIC.id, *place).where(
        *_judged(model, grain), _METRIC.window_start >= span.start, _METRIC.window_start < span.end
    )
    stay = {
        row.id for row in session.execute(judged) if anew or counted.get(tuple(row[1:]), 0) < most
    }  # fmt: skip
    if not stay:
        session.execute(delete(MetricRow).where(*inside), execution_options={"synchronize_session": False})
        return
    gone = [one for one in session.scalars(select(_METRIC.id).where(*inside)) if one not in stay]
    for at in range(0, len(gone), _CHUNK):
        session.execute(
            delete(MetricRow).where(_METRIC.id.in_(gone[at : at + _CHUNK])),
            execution_options={"synchronize_session": False},
        )


def _of(model: str, grain: Grain) -> list[ColumnElement[Any]]:
    return [_METRIC.model == model, _METRIC.grain == str(grain)]


def _judged(model: str, grain: Grain) -> list[ColumnElement[Any]]:
    """Return what the values that rules can learn from have in common."""
    return [
        *_of(model, grain),
        _METRIC.version == "",
        _METRIC.superseded_at.is_(None),
        _METRIC.state == ValueState.OK.value,
        _METRIC.value.is_not(None),
    ]


def _name(model: str) -> str:
    return f"rolled:{model}"
