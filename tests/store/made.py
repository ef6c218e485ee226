"""Rows and values that the tests of the store write."""

from datetime import UTC, datetime, timedelta
from typing import Any

from core.values import MetricPoint, MetricValue, Origin
from core.windows import Grain, Window
from store.tables import GoalRow, ModelRow, ReferenceRow, SliceRow, WindowRow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 2, 1, tzinfo=UTC)


def day(at: int) -> Window:
    """The day number `at`."""
    return Window(start=START + at * DAY, end=START + (at + 1) * DAY, grain=Grain.DAY)


def point(
    at: int = 0, value: float | None = 0.5, metric: str = "performance.roc_auc", **more: Any
) -> MetricPoint:
    """A value of a day."""
    facts = {name: more.pop(name) for name in ("n", "state", "reason", "lower", "upper") if name in more}
    return MetricPoint(
        model=more.pop("model", "lead"), metric=metric, window=more.pop("window", day(at)),
        value=MetricValue(value=value, **{"n": 100, **facts}), **more,
    )  # fmt: skip


def model(name: str = "lead", **more: Any) -> ModelRow:
    """A model."""
    facts = {
        "name": name, "title": name.title(), "task": "binary", "timezone": "UTC", "grain": "1d",
        "configuration": "c0ffee", "features": {"age": "numeric"}, "grid_set": None, "reference_id": None,
        "first_seen": START, "removed_at": None,
    }  # fmt: skip
    return ModelRow(**(facts | more))


def window(at: int = 0, **more: Any) -> WindowRow:
    """A collected day."""
    facts = {
        "model": "lead", "grain": "1d", "start": day(at).start, "end": day(at).end, "grid_set": "g",
        "inputs_mark": "i", "outcomes_mark": "o", "profile_digest": "d", "computed": "", "stage": "open",
        "state": "ok", "reason": "", "notes": {}, "collected_at": NOON,
    }  # fmt: skip
    return WindowRow(**(facts | more))


def reference(**more: Any) -> ReferenceRow:
    """A reference of two weeks."""
    facts = {
        "model": "lead", "kind": "file", "description": "reference.parquet", "fingerprint": "f",
        "grid_set": "g", "windows": 14, "rows": 1000, "first": START, "last": START + 14 * DAY,
        "created_at": NOON,
    }  # fmt: skip
    return ReferenceRow(**(facts | more))


def slice_of(name: str, **more: Any) -> SliceRow:
    """A file as last seen."""
    facts = {
        "model": "lead", "source": "predictions", "name": name, "mark": "m", "first": START, "last": NOON,
        "rows": 10, "columns": {"age": "bigint"}, "error": "", "seen_at": NOON,
    }  # fmt: skip
    return SliceRow(**(facts | more))


def goal(**more: Any) -> GoalRow:
    """How a goal stands."""
    facts = {
        "model": "lead", "kpi": "conversion", "as_of": NOON, "state": "on track", "value": 0.12,
        "lower": 0.11, "upper": 0.13, "probability": 0.8, "forecast": 0.15, "needed": 0.01, "reason": "",
    }  # fmt: skip
    return GoalRow(**(facts | more))


RUN: dict[str, Any] = {
    "started_at": NOON, "now": NOON, "configuration": "c0ffee", "code": "0.1.0", "source": "logs/*.parquet",
    "actor": "me",
}  # fmt: skip
ORIGIN = Origin(configuration="c0ffee", code="0.1.0", source="logs/*.parquet")
