"""What leaves is what is stored, in each format; and no spreadsheet takes a text for a formula."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.values import MetricPoint, ValueState
from reports.export import BOM, COLUMNS, FORMATS, ExportRow, export_points, export_row, safe_cell, write
from reports.query import Query
from tests.goalkeeper import small

DAY = timedelta(days=1)
NUMBERS = ("value", "lower", "upper", "n", "numerator", "denominator")
TIMES = ("window_start", "window_end", "computed_at", "superseded_at")
Facts = dict[str, Any]


def read_csv(data: bytes) -> list[Facts]:
    text = data.decode("utf-8-sig")
    found: list[Facts] = list(csv.DictReader(io.StringIO(text, newline="")))
    for row in found:
        row |= {name: float(row[name]) if row[name] else None for name in NUMBERS}
        row |= {name: datetime.fromisoformat(row[name]) if row[name] else None for name in TIMES}
    return found


def read_json(data: bytes) -> list[Facts]:
    found: list[Facts] = json.loads(data)
    for row in found:
        row |= {name: datetime.fromisoformat(row[name]) if row[name] else None for name in TIMES}
    return found


def read_parquet(data: bytes) -> list[Facts]:
    found: list[Facts] = pq.read_table(io.BytesIO(data)).to_pylist()
    return found


READ: dict[str, Callable[[bytes], list[Facts]]] = {
    "csv": read_csv, "json": read_json, "parquet": read_parquet,
}  # fmt: skip


def exported(query: Query, **asked: Any) -> list[ExportRow]:
    return export_points(query.store, query.project, models=["lead"], now=small.NOW, **asked)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_stored_value_leaves_as_it_is(query: Query, format_: Any) -> None:
    points = query.stored("lead")
    found = READ[format_](write(exported(query), format_))

    assert len(found) == len(points) > 1000
    for row, point in zip(found, points, strict=True):
        value, origin = point.value, point.origin
        assert origin is not None
        assert [row[name] for name in NUMBERS] == [
            value.value, value.lower, value.upper, value.n, value.numerator, value.denominator
        ]  # fmt: skip
        assert [row[name] for name in TIMES] == [
            point.window.start, point.window.end, point.computed_at, point.superseded_at
        ]  # fmt: skip
        assert (row["model"], row["version"], row["segment"], row["metric"], row["column"]) == (
            "lead", point.version, point.segment, point.metric,
            safe_cell(point.column) if format_ == "csv" else point.column,
        )  # fmt: skip
        assert (row["grain"], row["state"]) == (point.window.grain.value, value.state.value)
        assert row["maturity"] == ("final" if point.final else "provisional")
        assert (row["reason"], row["restated"]) == (value.reason, point.why)
        assert (row["configuration"], row["code"], row["source"]) == (
            origin.configuration, origin.code, origin.source
        )  # fmt: skip
        assert row["unit"] == query.unit("lead", point.metric)


def test_a_range_is_half_open_and_a_metric_can_be_chosen(query: Query) -> None:
    rows = exported(query, metric="business.conversion", since=small.START, until=small.START + 3 * DAY)
    found = read_json(write(rows, "json"))

    assert {row["metric"] for row in found} == {"business.conversion"}
    assert {row["window_start"] for row in found} == {small.START + at * DAY for at in range(3)}
    assert {row["unit"] for row in found} == {"percent"}


def test_what_was_known_earlier_is_not_there_before_it_was_computed(query: Query) -> None:
    before = min(point.computed_at for point in query.stored("lead") if point.computed_at) - DAY
    assert exported(query, as_of=before) == []
    assert exported(query, as_of=before + 2 * DAY) == exported(query)


def test_a_metric_that_is_not_stored_is_computed_for_each_column(query: Query) -> None:
    rows = read_json(
        write(exported(query, metric="drift.psi", since=small.START, until=small.START + 3 * DAY), "json")
    )

    asked = {"since": small.START, "until": small.START + 3 * DAY, "now": small.NOW}
    of_age = query.series("lead", "drift.psi", column="age", **asked)
    assert query.stored("lead", metric="drift.psi") == []
    assert {row["column"] for row in rows} >= {"age", "region", "@score"}
    assert [row["value"] for row in rows if row["column"] == "age"] == [point.value.value for point in of_age]
    assert {row["window_start"] for row in rows} == {small.START + at * DAY for at in range(3)}


def test_csv_is_what_spreadsheets_expect(query: Query) -> None:
    data = write(exported(query)[:3], "csv").decode()

    assert data.startswith(BOM + "model,version,segment,metric,column,grain,window_start,")
    assert data.endswith("\r\n")
    assert data.count("\r\n") == 4
    assert read_csv(data.encode())[0]["window_start"].utcoffset() is not None


@pytest.mark.parametrize("format_", FORMATS)
def test_nothing_to_export_still_names_the_columns(format_: Any) -> None:
    data = write([], format_)
    if format_ == "csv":
        assert data.decode("utf-8-sig").strip().split(",") == list(COLUMNS)
    elif format_ == "parquet":
        assert pq.read_schema(io.BytesIO(data)).names == list(COLUMNS)
    else:
        assert json.loads(data) == []


def test_parquet_types_do_not_depend_on_what_is_in_it(query: Query) -> None:
    full, empty = (pq.read_schema(io.BytesIO(write(rows, "parquet"))) for rows in (exported(query), []))
    assert full.equals(empty)
    assert str(full.field("window_start").type) == "timestamp[us, tz=UTC]"


HOSTILE = [
    "=1+1",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "\t=1+1",
    " =1+1",
    "＝1+1",
    "|calc",
    "a\n=1+1",
    "a;=1+1",
    'a;"=1+1',
]


def parted(cell: str) -> list[str]:
    """Return what spreadsheets may make of a cell: by ';', by tabs, by lines."""
    found = [cell]
    for sign in ";\t\r\n":
        found = [part for one in found for part in one.split(sign)]
    return [part.strip(' "') for part in found]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_looks_like_a_formula_is_none_in_csv_and_stays_itself_elsewhere(
    query: Query, text: str
) -> None:
    (stored, *_rest) = query.stored("lead", metric="business.conversion")
    value = replace(stored.value, state=ValueState.ERROR, reason=text)
    point: MetricPoint = replace(stored, column=text, segment=f"plan={text}", version=text, value=value)
    row = export_row(point, unit="percent", zone=query.project.zone)

    (told,) = csv.DictReader(io.StringIO(write([row], "csv").decode("utf-8-sig"), newline=""))
    for name in ("column", "version", "reason", "segment"):
        for part in parted(told[name]):
            assert part[:1] not in tuple("=+-@|＝＋－＠"), (name, told[name])
    for format_ in ("json", "parquet"):
        assert READ[format_](write([row], format_))[0]["column"] == text


@given(text=st.text(alphabet='a=+-@|;\t\n\r" 1＝', max_size=12))
def test_no_text_ever_begins_a_formula(text: str) -> None:
    cell = str(safe_cell(text))

    assert all(part[:1] not in tuple("=+-@|＝") for part in parted(cell))
    assert cell.replace("'", "") == text


def test_numbers_stay_numbers() -> None:
    assert [safe_cell(one) for one in (-0.5, 3, None)] == [-0.5, 3, ""]
    assert safe_cell(datetime(2026, 4, 29, tzinfo=UTC)) == "2026-04-29T00:00:00+00:00"


def test_rows_come_in_the_order_of_time(query: Query) -> None:
    starts = [row.values[COLUMNS.index("window_start")] for row in exported(query)]
    assert all(a <= b for a, b in pairwise(starts))  # type: ignore[operator]
