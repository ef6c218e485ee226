"""Every platform's files count as the plain Parquet of the same rows does; what does not fit is told."""

import base64
import importlib
import json
import os
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from collectors.sources._payloads import PayloadSource
from core.plugins import PORTS, MissingExtraError, load, names
from tests.collectors import formats
from tests.collectors.formats import made
from tests.collectors.house import House, assert_alike

NOW = made.START + pd.Timedelta(days=made.DAYS, hours=20)
PLATFORMS = {one.name for one in pkgutil.iter_modules(formats.__path__)} - {"made"}


def is_platform(kind: str) -> bool:
    try:
        return issubclass(load(PORTS["source"], kind).Source, PayloadSource)
    except MissingExtraError:  # no reader of payloads needs more than is always installed
        return False


KINDS = [kind for kind in names(PORTS["source"]) if is_platform(kind)]


def test_every_platform_is_written_here() -> None:
    assert set(KINDS) == PLATFORMS


def written(kind: str) -> ModuleType:
    """Return the module that writes a kind's files."""
    return importlib.import_module(f"tests.collectors.formats.{kind}")


def house(folder: Path, log: dict[str, Any], score: str) -> House:
    """Make a project over a log and the common truth."""
    folder.mkdir()
    model = {
        "predictions": log | {"columns": {**log["columns"], "score": score},
                              "features": {"numeric": ["age", "amount"], "categorical": ["plan"]}},
        "ground_truth": {
            "path": str(folder.parent / "truth.parquet"), "maturity": "1d",
            "columns": {"id": "request_id", "row_index": "row_index", "time": "known_at", "label": "label"},
        },
        "segments": ["plan"],
        "kpis": {"conversion": {"numerator": "label"}},
    }  # fmt: skip
    return House(folder=folder, body=model, more={"timezone": "UTC"})


@pytest.mark.parametrize("kind", KINDS)
def test_it_counts_as_the_parquet_of_the_same_rows(kind: str, tmp_path: Path) -> None:
    platform = written(kind)
    rows = made.log()
    made.truth(rows).to_parquet(tmp_path / "truth.parquet", index=False)
    meant = platform.write(rows, tmp_path / "logs")
    meant["amount"] = meant["amount"].astype(float)
    meant.to_parquet(tmp_path / "meant.parquet", index=False)
    score = getattr(platform, "SCORE", "output")
    patterns = load(PORTS["source"], kind).Source.patterns
    log = {"kind": kind, "path": [str(tmp_path / "logs" / one) for one in patterns], **platform.SAYS}
    plain = {"kind": "parquet", "path": str(tmp_path / "meant.parquet")}
    found = house(tmp_path / "found", log | {"columns": platform.USES}, score)
    expected = house(tmp_path / "expected", plain | {"columns": platform.USES}, score)

    found.collect(now=NOW)
    expected.collect(now=NOW)

    assert assert_alike(found, expected) > 10
    assert [one.notes["schema"] for one in found.windows() if "schema" in one.notes] == []
    found.close()
    expected.close()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_blobs_without_a_time_are_dated_by_their_file_and_tell_no_latency(form: str, tmp_path: Path) -> None:
    place, when = tmp_path / "logs", made.START + pd.Timedelta(hours=5)
    place.mkdir()
    for kind, body in (
        ("request", {"instances": [{"age": 30 + at, "amount": 1.5, "plan": "pro"} for at in range(50)]}),
        ("response", {"predictions": [at / 50 for at in range(50)]}),
    ):
        packed = base64.b64encode(json.dumps(body).encode()).decode()
        rows = pd.DataFrame(
            [{"id": "r-1", "bytes": packed, "contentType": "application/json", "reqType": kind}]
        )
        path = place / f"r-1-{kind}.{form}"
        rows.to_csv(path, index=False) if form == "csv" else rows.to_parquet(path, index=False)
        os.utime(path, (when.timestamp(), when.timestamp()))
    made.truth(made.log()).to_parquet(tmp_path / "truth.parquet", index=False)
    log = {"kind": "kserve", "path": str(place / "*"), "columns": written("kserve").USES}
    found = house(tmp_path / "found", log, "output")
    found.collect(now=NOW)
    ((key, one),) = [(key, one) for key, one in found.cells().items() if not key.segment]
    assert (key.start, one.inputs.rows, one.inputs.latency_missing) == (made.START, 50, 50)
    assert one.inputs.statuses == {"ok": 50} and one.inputs.score_missing == 0
    found.close()


def test_times_of_the_otlp_form_are_seconds_since_1970(tmp_path: Path) -> None:
    rows, when = [], made.START + pd.Timedelta(hours=5)
    for at in range(40):
        line = {"age": 30, "amount": 1.5, "plan": "pro", "score": at / 40, "timestamp": when.timestamp() + at}
        rows.append(json.dumps(line | {"request_id": str(at), "trace_id": "1"}))
    place = tmp_path / "logs" / "data"
    place.mkdir(parents=True)
    (place / "data.0.log").write_text("\n".join(rows) + "\n")
    made.truth(made.log()).to_parquet(tmp_path / "truth.parquet", index=False)
    columns = written("bentoml").USES | {"version": None}
    log = {"kind": "bentoml", "path": str(place / "*"), "timezone": "Asia/Kolkata", "columns": columns}
    found = house(tmp_path / "found", log, "score")
    found.collect(now=NOW)
    ((key, one),) = [(key, one) for key, one in found.cells().items() if not key.segment]
    assert (one.inputs.first, one.inputs.rows, key.version) == (when, 40, "unversioned")
    found.close()


def test_features_with_names_of_the_readers_own_keep_apart(tmp_path: Path) -> None:
    odd = ("status", "record_part", "Version", "output", "time_is_exact", "part")
    lines = []
    for at in range(40):
        asked = {"instances": [dict.fromkeys(odd, at % 3)]}
        for kind, body in (("request", asked), ("response", {"predictions": [at / 40]})):
            event = {"id": f"r-{at}", "type": f"org.kubeflow.serving.inference.{kind}", "data": body}
            lines.append(json.dumps(event | {"time": made.stamp(made.START + pd.Timedelta(hours=3))}))
    (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n")
    made.truth(made.log()).to_parquet(tmp_path / "truth.parquet", index=False)
    log = {"kind": "kserve", "path": str(tmp_path / "events.jsonl"), "columns": written("kserve").USES}
    found = house(tmp_path / "found", log, "output")
    found.body["predictions"]["features"] = "auto"
    found.body["segments"] = []
    found.collect(now=NOW)
    ((_key, one),) = found.cells().items()
    assert one.inputs.rows == 40 and one.inputs.statuses == {"ok": 40} and one.inputs.score_missing == 0
    kept = {"status_", "record_part_", "Version_", "output_", "time_is_exact_", "part"}
    assert set(one.inputs.columns) == kept
    found.close()
