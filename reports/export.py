"""Write metric rows for others: CSV for spreadsheets, JSON for programs, Parquet for analysis."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from core.config import Project
from core.values import MetricPoint
from reports.query import Query
from store import windows
from store.database import Store
from store.retention import kept_grains

Format = Literal["csv", "json", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "json", "parquet")
BOM = "\ufeff"
_BREAKS = ("\t", "\r", "\n")
_SIGNS = "=+-@|＝＋－＠"
_FORMULA = re.compile(rf'[\s"]*[{re.escape(_SIGNS)}]')
_INNER = re.compile(rf'([;\t\r\n][\s"]*)(?=[{re.escape(_SIGNS)}])')
"""Where a spreadsheet that parts cells by ';' or a tab would see a formula begin inside of a text."""
_NUMBERS = ("value", "lower", "upper", "numerator", "denominator")
_TIMES = ("window_start", "window_end", "computed_at", "superseded_at")
COLUMNS = (
    "model",
    "version",
    "segment",
    "metric",
    "column",
    "grain",
    "window_start",
    "window_end",
    "value",
    "lower",
    "upper",
    "n",
    "numerator",
    "denominator",
    "state",
    "maturity",
    "computed_at",
    "superseded_at",
    "reason",
    "restated",
    "configuration",
    "code",
    "source",
    "unit",
)
"""In this order in every format; '' as version or segment means all."""


@dataclass(frozen=True, kw_only=True)
class ExportRow:
    """One metric row as it leaves; `values` stand in the order of COLUMNS."""

    values: tuple[str | int | float | datetime | None, ...]


def export_row(point: MetricPoint, *, unit: str, zone: ZoneInfo) -> ExportRow:
    """Lay a point out in COLUMNS; times get the offset of `zone`."""
    value, window, origin = point.value, point.window, point.origin

    def local(moment: datetime | None) -> datetime | None:
        return None if moment is None else moment.astimezone(zone)

    return ExportRow(
        values=(
            point.model,
            point.version,
            point.segment,
            point.metric,
            point.column,
            window.grain.value,
            local(window.start),
            local(window.end),
            value.value,
            value.lower,
            value.upper,
            value.n,
            value.numerator,
            value.denominator,
            value.state.value,
            "final" if point.final else "provisional",
            local(point.computed_at),
            local(point.superseded_at),
            value.reason,
            point.why,
            origin.configuration if origin else "",
            origin.code if origin else "",
            origin.source if origin else "",
            unit,
        )
    )


def export_points(
    store: Store,
    project: Project,
    *,
    models: Sequence[str],
    now: datetime,
    metric: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    as_of: datetime | None = None,
) -> list[ExportRow]:
    """Return the current row of each value (or the one known `as_of` a time), with its unit.

    `since` and `until` bound the start of windows, half-open. A `metric` that is not stored is computed as of
    `now`, for all versions and rows, each column; of an earlier time only stored values are known.
    """
    query = Query(store=store, project=project)
    rows = []
    for model in models:
        found = query.stored(model, metric=metric, since=since, until=until, as_of=as_of)
        if metric is not None and not found and as_of is None:
            found = _computed(query, model, metric, since, until, now)
        units = {name: query.unit(model, name) for name in {point.metric for point in found}}
        rows += [export_row(point, unit=units[point.metric], zone=project.zone) for point in found]
    return rows


def _computed(
    query: Query, model: str, metric: str, since: datetime | None, until: datetime | None, now: datetime
) -> list[MetricPoint]:
    config = query.project.models[model]
    with query.store.read() as session:
        rows = [
            row
            for grain in kept_grains(config)
            if grain.length >= config.grain.length
            for row in windows.windows(session, model, grain, since, until)
        ]
    if not rows:
        return []
    first, last = min(row.start for row in rows), max(row.end for row in rows)
    return query.series(model, metric, since=first, until=last, now=now, column=None, grain=config.grain)


def write(rows: Iterable[ExportRow], format_: Format) -> bytes:
    """Write rows as a file's bytes.

    CSV: UTF-8 with BOM, ISO times with offset, '' for no value, and a text that a spreadsheet would take for
    a formula begins with an apostrophe. JSON: a list of objects. Parquet: typed, times in UTC.
    """
    if format_ == "csv":
        return to_csv(COLUMNS, (row.values for row in rows))
    if format_ == "json":
        body = [dict(zip(COLUMNS, map(_plain, row.values), strict=True)) for row in rows]
        return json.dumps(body, ensure_ascii=False, indent=1, allow_nan=False).encode()
    return _parquet(list(rows))


def to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Write a table for a spreadsheet: UTF-8 with BOM, safe against formulas."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe_cell(name) for name in header])
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return (BOM + out.getvalue()).encode()


def safe_cell(value: object) -> str | int | float:
    """Return a cell that no spreadsheet takes for a formula: numbers stay, such texts get an apostrophe.

    Spreadsheets of some countries part cells by ';', so what stands behind one is looked at too.

    >>> safe_cell("=1+1"), safe_cell(-0.5), safe_cell(" @sum"), safe_cell("north"), safe_cell("a;=1+1")
    ("'=1+1", -0.5, "' @sum", 'north', "a;'=1+1")
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    text = _INNER.sub(r"\1'", text.replace("\x00", ""))
    return f"'{text}" if text[:1] in _BREAKS or _FORMULA.match(text) else text


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _parquet(rows: list[ExportRow]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def kind(name: str) -> Any:
        if name in _NUMBERS:
            return pa.float64()
        if name in _TIMES:
            return pa.timestamp("us", tz="UTC")
        return pa.int64() if name == "n" else pa.string()

    arrays = []
    for at, name in enumerate(COLUMNS):
        column = [row.values[at] for row in rows]
        if name in _TIMES:
            column = [value.astimezone(UTC) if isinstance(value, datetime) else None for value in column]
        arrays.append(pa.array(column, type=kind(name)))
    out = io.BytesIO()
    pq.write_table(pa.table(arrays, names=list(COLUMNS)), out, compression="zstd")
    return out.getvalue()
