"""A Feast repository is read as it stands: its saved datasets, its views, the features of its services."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from collectors.engines import Engines
from collectors.sources import feast
from collectors.sources.base import Setting
from core.config import ConfigError, load
from core.errors import SourceError
from store import metrics
from tests.collectors.feast_repository import apply_feast, write_repository
from tests.goalkeeper import small
from tests.goalkeeper.test_commands import change

TOLD = Path(__file__).with_name("feast_registry.json")
"""What Feast 0.67 told of the repository, without when; the slow test asks Feast again."""


def told(path: Path) -> Any:
    """Return a dump without when it was made, and by which folders."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(one) for key, one in value.items() if key not in ("meta", "infra")}
        return [bare(one) for one in value] if isinstance(value, list) else value

    return bare(json.loads(path.read_text()))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Write the small project with a repository whose training data is its first half."""
    path = small.write(tmp_path)
    rows = pd.read_parquet(tmp_path / "log.parquet").merge(
        pd.read_parquet(tmp_path / "truth.parquet"), on="id"
    )
    rows = rows[rows["at"] < "2026-03-16"].rename(columns={"at": "made_at"})
    write_repository(tmp_path / "repo", rows)
    trained = rows.rename(columns={"made_at": "event_timestamp"})[
        ["id", "event_timestamp", "y", "age", "region"]
    ]
    trained.to_parquet(tmp_path / "repo" / "data" / "training.parquet", index=False)
    full = trained.rename(columns={"age": "person__age", "region": "place__region"})
    full.to_parquet(tmp_path / "repo" / "data" / "named_in_full.parquet", index=False)
    trained.rename(columns={"event_timestamp": "at"}).to_parquet(tmp_path / "plain.parquet", index=False)
    shutil.copy(TOLD, tmp_path / "repo" / "registry.json")
    return path


def source(folder: Path, **options: Any) -> feast.Source:
    made = feast.Options(path=str(folder / "repo" / "registry.json"), **options)
    return feast.Source(Setting(options=made, engines=Engines(), use="reference", time="at", id="id"))


def drifted(path: Path, reference: dict[str, Any]) -> dict[tuple[str, Any], Any]:
    """Collect with a reference; return every value of drift."""
    (path.parent / "gk.db").unlink(missing_ok=True)
    change(path, reference=reference)
    _project, store, result = small.collect(path)
    assert not result.failed, result
    with store.read() as session:
        found = metrics.points(session, "lead", metric="drift.jensen_shannon", column=None)
    store.close()
    return {(point.column, point.window.start): point.value for point in found}


@pytest.mark.parametrize("dataset", ["training", "named_in_full"])
def test_a_saved_dataset_is_a_reference_as_the_plain_file_is(project: Path, dataset: str) -> None:
    plain = drifted(project, {"path": "plain.parquet"})

    found = drifted(project, {"kind": "feast", "path": "repo/registry.json", "dataset": dataset})

    assert {column for (column, _at), value in plain.items() if value.value is not None} == {"age", "region"}
    assert found == plain


def test_a_view_is_narrowed_to_what_the_service_uses(project: Path) -> None:
    everything = source(project.parent, view="person")
    used = source(project.parent, view="person", service="lead_v2")

    assert [info.name for info in everything.columns()] == ["id", "at", "age", "shoe"]
    assert [info.name for info in used.columns()] == ["id", "at", "age"]
    (part,) = used.slices({}, small.NOW)
    kept = pd.read_parquet(project.parent / "repo" / "data" / "person.parquet")
    assert (part.rows, part.first, part.last) == (len(kept), kept["made_at"].min(), kept["made_at"].max())


def test_views_of_other_sorts_and_mapped_names_are_understood(project: Path) -> None:
    kept = project.parent / "repo" / "registry.json"
    body = json.loads(kept.read_text())
    view = next(one["spec"] for one in body["featureViews"] if one["spec"]["name"] == "person")
    view["batchSource"]["fieldMapping"] = {"shoe": "shoe_size"}
    body["streamFeatureViews"] = [{"spec": view | {"name": "person_stream"}}]
    body["onDemandFeatureViews"] = [{"spec": {"name": "ratio", "features": [{"name": "shoe_size"}]}}]
    service = body["featureServices"][0]["spec"]
    service["features"].append({"featureViewName": "ratio", "featureColumns": [{"name": "shoe_size"}]})
    service["features"].append({"featureViewName": "gone", "featureColumns": None})
    body["savedDatasets"] = None
    kept.write_text(json.dumps(body))

    for name in ("person", "person_stream"):
        made = source(project.parent, view=name, service="lead_v2")
        assert [info.name for info in made.columns()] == ["id", "at", "age", "shoe_size"]


def test_another_service_makes_the_reference_anew(project: Path) -> None:
    kept = project.parent / "repo" / "registry.json"
    reference = {"kind": "feast", "path": "repo/registry.json", "dataset": "training", "service": "lead_v2"}
    before = drifted(project, reference)
    body = json.loads(kept.read_text())
    body["featureServices"][0]["spec"]["features"].pop(0)
    left = body["featureServices"][0]["spec"]["features"][0]["featureColumns"][0]["name"]
    body["featureServices"][0]["spec"]["features"][0]["featureColumns"].clear()
    kept.write_text(json.dumps(body))
    _project, store, result = small.collect(project)
    with store.read() as session:
        found = metrics.points(session, "lead", metric="drift.jensen_shannon", column=left)
    store.close()

    assert not result.failed and result.models[0].points > 0
    assert any(value.value is not None for (column, _at), value in before.items() if column == left)
    assert all(point.value.value is None for point in found)


def test_a_folder_of_parts_is_read_as_a_whole(project: Path) -> None:
    whole = project.parent / "repo" / "data" / "training.parquet"
    rows = pd.read_parquet(whole)
    whole.unlink()
    (whole / "day=1").mkdir(parents=True)
    rows[:500].to_parquet(whole / "part-0.parquet", index=False)
    rows[500:].to_parquet(whole / "day=1" / "part-1.parquet", index=False)

    assert sum(part.rows for part in source(project.parent, dataset="training").slices({}, small.NOW)) == len(
        rows
    )


def test_what_feast_does_not_tell_is_said_with_what_to_do(project: Path) -> None:
    kept = project.parent / "repo" / "registry.json"
    body = json.loads(kept.read_text())
    with pytest.raises(SourceError, match="no dataset 'trainin'") as unknown:
        source(project.parent, dataset="trainin")
    assert "Did you mean training?" in unknown.value.hint
    with pytest.raises(SourceError, match="no service 'lead_v1'"):
        source(project.parent, dataset="training", service="lead_v1")
    del body["featureViews"][0]["spec"]["batchSource"]["fileOptions"]
    body["featureViews"][0]["spec"]["batchSource"]["type"] = "BATCH_BIGQUERY"
    kept.write_text(json.dumps(body))
    with pytest.raises(SourceError, match="BATCH_BIGQUERY") as elsewhere:
        source(project.parent, view=body["featureViews"][0]["spec"]["name"])
    assert "table" in elsewhere.value.hint
    for odd in (b"\x0a\x05leads\xff", b"[]", b"{}"):
        kept.write_bytes(odd)
        with pytest.raises(SourceError, match="registry-dump") as foreign:
            source(project.parent, dataset="training")
        assert "feast registry-dump > registry.json" in foreign.value.hint
    change(project, reference={"kind": "feast", "path": "repo/registry.json"})
    with pytest.raises(ConfigError, match="saved dataset or a feature view"):
        load(project)


@pytest.mark.slow
def test_feast_itself_tells_what_is_kept_here(project: Path) -> None:
    folder = project.parent / "repo"
    figures = drifted(project, {"kind": "feast", "path": "repo/registry.json", "dataset": "training"})
    for name in ("training", "named_in_full"):
        (folder / "data" / f"{name}.parquet").unlink()

    apply_feast(folder)

    assert told(folder / "registry.json") == json.loads(TOLD.read_text())
    for name in ("training", "named_in_full"):
        made = drifted(project, {"kind": "feast", "path": "repo/registry.json", "dataset": name})
        assert made == figures
