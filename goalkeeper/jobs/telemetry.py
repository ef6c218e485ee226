"""Ask a model's telemetry for each of its windows that is complete: the part of a pass after collecting."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from collectors.telemetry.base import Telemetry
from core.config import Gauge, Model, Project
from core.errors import SourceError
from core.plugins import PORTS, load
from core.text import gettext as _
from core.values import MetricPoint, MetricValue
from core.windows import Grain, Window
from metrics.base import Need
from metrics.registry import all_metrics
from store import metrics, windows
from store.database import Store

LATE = timedelta(days=14)
"""Windows that ended longer ago are not asked for: Prometheus keeps 15 days by default."""


def ask_telemetry(
    *, project: Project, model: Model, store: Store, now: datetime, run_id: int
) -> tuple[int, tuple[str, ...]]:
    """Store what telemetry says of windows that it has not said anything of; return how many, and notes.

    What cannot be asked is a note of the pass, which goes on without it.
    """
    if model.telemetry is None:
        return 0, ()
    plugin = load(PORTS["telemetry"], model.telemetry.kind, project.plugin_dirs)
    source = cast(Telemetry, plugin.Telemetry(model.telemetry.options))
    written, notes = 0, list[str]()
    for name, gauge in model.telemetry.metrics.items():
        if _is_told(model, f"service.{name}", project.plugin_dirs):
            notes.append(_("telemetry.metrics.{name}: the log itself tells of it.").format(name=name))
            continue
        for grain in dict.fromkeys([model.service_grain, model.grain]):
            due = _due(store, model, f"service.{name}", grain, now)
            if not due:
                continue
            try:
                found = source.values(gauge.query, due)
            except SourceError as error:
                notes.append(f"telemetry.metrics.{name}: {error.message} {error.hint}".rstrip())
                break
            points = _points(model, name, gauge, due, found, now)
            with store.write() as session:
                written += metrics.save_points(session, points, run_id=run_id, now=now, why="")
    return written, tuple(notes)


def _is_told(model: Model, metric: str, plugin_dirs: Sequence[Path]) -> bool:
    """Tell whether a metric is computed from the log: telemetry may stand in where a column is missing."""
    declared = all_metrics(plugin_dirs).get(metric)
    columns = model.predictions.columns
    lacking = {Need.LATENCY: columns.latency_ms is None, Need.STATUS: columns.status is None}
    return declared is not None and not any(lacking.get(need, False) for need in declared.needs)


def _due(store: Store, model: Model, metric: str, grain: Grain, now: datetime) -> list[Window]:
    """Return the model's complete windows of which nothing is known yet."""
    since = now - LATE
    with store.read() as session:
        kept = windows.windows(session, model.name, grain, since, now)
        told = {
            point.window.start
            for point in metrics.points(session, model.name, metric=metric, since=since, grain=grain)
            if point.value.value is not None
        }
    return [
        Window(start=row.start, end=row.end, grain=grain)
        for row in kept
        if row.end <= now and row.start not in told
    ]


def _points(
    model: Model, name: str, gauge: Gauge, due: Sequence[Window], found: Mapping[Window, float], now: datetime
) -> list[MetricPoint]:
    silent = MetricValue.missing(_("Nothing was measured in this window."))
    return [
        MetricPoint(
            model=model.name, metric=f"service.{name}", window=window,
            value=MetricValue(value=found[window], n=1) if window in found else silent,
        )
        for window in due
    ]  # fmt: skip
