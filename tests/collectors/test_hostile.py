"""What a payload may hold to do harm: it is refused with a reason, and everything beside it is counted."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from collectors import payloads
from collectors.payloads import MisfitError, answers_of, body_of, decoded, features_of
from core.errors import SourceError
from store import quarantine
from tests.collectors.formats import made, sagemaker
from tests.collectors.house import House
from tests.collectors.test_formats import NOW, house

GOOD = 200
DEEP = "[" * 100_000 + "]" * 100_000
TWICE = '{"age": 1, "age": 2}'
LARGE = json.dumps({"age": "x" * (10 * 2**20)})
BOMB = base64.b64encode(gzip.compress(b" " * 2**27)).decode()
WIDE = json.dumps({"instances": [{f"c{at}": at for at in range(5000)}]})
BODIES = {
    "ten megabytes in one row": (LARGE, "JSON", "larger than"),
    "deep nesting": (DEEP, "JSON", "nested too deeply"),
    "a key twice": (TWICE, "JSON", "stands twice"),
    "a number of five thousand digits": ('{"age": ' + "9" * 5000 + "}", "JSON", "no JSON"),
    "no JSON": ("{", "JSON", "no JSON"),
    "no base64": ("%%%", "BASE64", "no base64"),
    "a bomb in base64": (BOMB, "BASE64", "larger than"),
    "bytes": (base64.b64encode(b"\xff\xfe\x00").decode(), "BASE64", "binary"),
    "thousands of columns": (WIDE, "JSON", "more than 1000 columns"),
    "an unknown encoding": ("1", "ROT13", "encoding"),
    "another number of answers": (json.dumps([[1, 2, "a"], [3, 4, "b"]]), "JSON", "answers 1 rows where 2"),
    "tensors of no shape": (
        json.dumps({"inputs": [{"name": "age", "shape": [9, 9], "data": [1]}]}), "JSON", "shape",
    ),
}  # fmt: skip


def line(data: Any, encoding: str, at: int = 0, **about: Any) -> str:
    """Write a capture whose request is `data`."""
    said = {"observedContentType": "application/json", "mode": "INPUT", "data": data, "encoding": encoding}
    told = {"observedContentType": "text/csv", "mode": "OUTPUT", "data": "0.5", "encoding": "CSV"}
    inner = {"eventId": f"e-{at}", "inferenceTime": f"2026-03-02T10:{at % 60:02d}:00Z", **about}
    capture = {"endpointInput": said, "endpointOutput": told}
    return json.dumps({"captureData": capture, "eventMetadata": inner, "eventVersion": "0"})


def good(at: int) -> str:
    return line(json.dumps([20 + at % 60, 1.5, "basic"]), "JSON", at)


def collected(
    folder: Path, lines: list[str], name: str = "part-0.jsonl", **more: Any
) -> tuple[House, int, list[Any]]:
    """Collect some lines; return the project, the rows that were counted and what is in the quarantine."""
    place = folder / "logs" / "e" / "v1" / "2026" / "03" / "02" / "10"
    place.mkdir(parents=True)
    (place / name).write_text("\n".join(lines) + "\n")
    pd.DataFrame(
        {"request_id": ["e-0"], "row_index": [0], "known_at": [made.START], "label": [1]}
    ).to_parquet(folder / "truth.parquet", index=False)
    log = {"kind": "sagemaker", "path": str(folder / "logs" / "**" / "*.jsonl"), **sagemaker.SAYS}
    found = house(folder / "project", log | {"columns": sagemaker.USES}, "output")
    found.body |= more
    found.collect(now=NOW)
    rows = sum(one.inputs.rows for key, one in found.cells().items() if not key.segment)
    with found.store.read() as session:
        kept = [(one.reason, one.count, one.row) for one in quarantine.quarantined(session, "m")]
    return found, rows, kept


RECORDS = {
    "x" * (5 * 2**20): "larger than",
    "[1, 2]": "not shaped like",
    '{"eventMetadata": 7, "captureData": []}': "not shaped like",
    '"\\ud800"': "not shaped like",
    line("1", "CSV", inferenceTime="soon"): "its time cannot be read",
    line("1", "CSV", inferenceTime="1970-01-01T00:00:00Z"): "was a clock not set",
    line("1", "CSV", inferenceTime=10**30): "its time cannot be read",
} | {line(data, encoding, 7): why for data, encoding, why in BODIES.values()}
"""Each line that is no record, and a part of the reason."""


def test_hostile_records_are_refused_with_a_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = list(RECORDS)
    lines = [one for at in range(GOOD) for one in ([good(at), bad[at]] if at < len(bad) else [good(at)])]
    found, rows, kept = collected(tmp_path, lines)

    assert rows == GOOD
    assert sum(count for _reason, count, _row in kept) == len(bad)
    for why in RECORDS.values():
        assert any(why in reason and reason.startswith("part-0.jsonl: ") for reason, _n, _row in kept), why
    assert all(len(str(row)) < 400 for _reason, _n, row in kept)
    assert {one.start: one.notes.get("refused", 0) for one in found.windows()} == {made.START: len(bad)}
    found.close()


def test_rows_that_may_not_leave_are_counted_without_an_example(tmp_path: Path) -> None:
    lines = [*(good(at) for at in range(GOOD)), "{"]
    _found, _rows, ((_reason, _n, shown),) = collected(tmp_path / "allow", lines)
    _found, _rows, ((_reason, _n, hidden),) = collected(tmp_path / "deny", lines, raw_rows="deny")

    assert shown == {"record": "{\n"}
    assert hidden == {}


@pytest.mark.parametrize("name", ["a\\b ..%2f..%2fetc '; DROP TABLE x;-- ü\n.jsonl"])
def test_an_odd_name_of_a_file_is_a_name(name: str, tmp_path: Path) -> None:
    found, rows, kept = collected(tmp_path, [good(at) for at in range(GOOD)], name)

    assert (rows, kept) == (GOOD, [])
    found.close()


def test_a_file_that_grows_without_end_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.sources._payloads._FREE", 2**20)
    place = tmp_path / "logs" / "bomb.jsonl.gz"
    place.parent.mkdir()
    place.write_bytes(gzip.compress(b"\n" * 2**24))
    found, rows, _kept = collected(tmp_path / "beside", [good(at) for at in range(GOOD)])
    path = found.body["predictions"]["path"]
    found.body["predictions"]["path"] = [path, str(place)]
    summary = found.collect(now=NOW + pd.Timedelta(hours=1))

    assert rows == GOOD
    assert any("bomb.jsonl.gz" in note and "times its size" in note for note in summary.notes)
    found.close()


def test_a_later_pass_counts_the_files_that_stayed_as_they_were(tmp_path: Path) -> None:
    body = json.dumps([{"age": 30, "amount": 1.5, "plan": "pro", "more": 1}])
    found, rows, _kept = collected(tmp_path, [good(at) for at in range(GOOD)])
    ages = {key: one.inputs.columns["age"].total for key, one in found.cells().items() if not key.segment}
    place = next((tmp_path / "logs").rglob("*.jsonl"))
    place.with_name("part-1.jsonl").write_text(line(body, "JSON", 999) + "\n")
    found.collect(now=NOW + pd.Timedelta(hours=1))

    again = {key: one.inputs for key, one in found.cells().items() if not key.segment}
    assert sum(one.rows for one in again.values()) == rows + 1 == GOOD + 1
    assert {key: one.columns["age"].total - 30 for key, one in again.items()} == ages
    found.close()


def test_what_was_read_of_a_file_that_breaks_off_is_not_counted(tmp_path: Path) -> None:
    found, rows, _kept = collected(tmp_path, [good(at) for at in range(GOOD)])
    place = next((tmp_path / "logs").rglob("*.jsonl"))
    half = gzip.compress("\n".join(good(at) for at in range(5000)).encode())[:-9]
    place.with_name("part-1.jsonl.gz").write_bytes(half)
    found.body["predictions"]["path"] += "*"
    summary = found.collect(now=NOW + pd.Timedelta(hours=1))

    assert rows == sum(one.inputs.rows for key, one in found.cells().items() if not key.segment) == GOOD
    assert any("part-1.jsonl.gz was left out" in note for note in summary.notes)
    found.close()


def test_times_without_a_zone_are_asked_for_one(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="BentoML writes local times without a zone") as refused:
        house(
            tmp_path / "project", {"kind": "bentoml", "path": "x", "columns": sagemaker.USES}, "p"
        ).collect()
    assert "timezone: Europe/Berlin" in refused.value.hint


def test_not_a_number_is_a_missing_value_and_infinity_one_of_its_kind() -> None:
    assert decoded('{"a": NaN, "b": -Infinity}') == {"a": None, "b": float("-inf")}


def test_a_path_in_a_columns_name_stays_a_name() -> None:
    (row,) = features_of({"instances": [{"../../etc/passwd": 1, "a'; DROP TABLE x": 2}]})
    assert row == {"../../etc/passwd": 1, "a'; DROP TABLE x": 2}


@pytest.mark.parametrize(
    "body", [None, 7, "x", [], {}, {"inputs": []}, {"data": {"tensor": {"shape": [-1]}}}]
)
def test_any_body_gives_rows_or_a_reason(body: Any) -> None:
    for read in (lambda: features_of(body), lambda: answers_of(body, 2), lambda: answers_of(body, None)):
        try:
            assert all(isinstance(row, dict) for row in read())
        except MisfitError as error:
            assert str(error)


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonlines; charset=utf-8"])
def test_a_body_of_lines_is_read_line_by_line(kind: str) -> None:
    assert body_of(b'{"a": 1}\n\n{"a": 2}\n', kind) == [{"a": 1}, {"a": 2}]


def test_a_gzipped_body_is_unpacked() -> None:
    assert body_of(gzip.compress(b'{"a": 1}'), "application/json") == {"a": 1}


def test_lines_are_cut_with_their_places_and_long_ones_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one\n" + b"y" * 50 + b"\nthree")
    with path.open("rb") as file:
        assert list(payloads.lines_of(file, most=10)) == [(0, b"one\n"), (4, None), (55, b"three")]
