"""The values of each model's reference, as they were measured."""

import json
import zlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, Window
from store.new_rows import put_row
from store.tables import BaselineRow

_GRAINS = {grain.value: grain for grain in Grain}
_STATES = {state.value: state for state in ValueState}


def kept(session: Session, model: str, mark: str) -> list[MetricPoint] | None:
    """Return the values that were kept under a mark; None where there are none."""
    query = select(BaselineRow.points).where(BaselineRow.model == model, BaselineRow.mark == mark)
    found = session.scalar(query)
    if found is None:
        return None
    windows: dict[tuple[str, str, str], Window] = {}
    points = []
    for metric, segment, column, start, end, grain, *numbers, state, reason, final in json.loads(
        zlib.decompress(found)
    ):
        span = (start, end, grain)
        if span not in windows:
            windows[span] = Window(
                start=datetime.fromisoformat(start), end=datetime.fromisoformat(end), grain=_GRAINS[grain]
            )
        value, lower, upper, n, numerator, denominator = numbers
        points.append(
            MetricPoint(
                model=model, metric=metric, segment=segment, column=column, window=windows[span], final=final,
                value=MetricValue(
                    value=value, lower=lower, upper=upper, n=n, numerator=numerator,
                    denominator=denominator, state=_STATES[state], reason=reason,
                ),
            )
        )  # fmt: skip
    return points


def keep(session: Session, model: str, mark: str, points: Iterable[MetricPoint]) -> None:
    """Keep a model's values, versions pooled, in place of those of another mark."""
    if session.scalar(select(BaselineRow.mark).where(BaselineRow.model == model)) == mark:
        return
    rows = [
        [
            point.metric, point.segment, point.column, point.window.start.isoformat(),
            point.window.end.isoformat(), point.window.grain.value, *map(_plain, _numbers(point.value)),
            point.value.state.value, point.value.reason, point.final,
        ]
        for point in points
    ]  # fmt: skip
    written = zlib.compress(json.dumps(rows, ensure_ascii=False, allow_nan=False).encode(), 1)
    put_row(session, BaselineRow, ("model",), {"model": model, "mark": mark, "points": written})


def _numbers(value: MetricValue) -> tuple[float | None, ...]:
    return (value.value, value.lower, value.upper, value.n, value.numerator, value.denominator)


def _plain(number: float | None) -> float | None:
    return None if number is None else int(number) if isinstance(number, int) else float(number)
