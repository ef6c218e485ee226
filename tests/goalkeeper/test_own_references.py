"""A version that brings its own reference is compared with that; all others with the model's."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from core.config import ConfigError, load
from core.values import MetricPoint
from reports.query import Query
from store import metrics
from tests.goalkeeper import small
from tests.goalkeeper.test_commands import change, printed, run

METRIC = "drift.jensen_shannon"
NOW = small.NOW.isoformat()


def make(folder: Path, **reference: Any) -> Path:
    """Write the small project; in its second half v2, made for older people, takes over."""
    path = small.write(folder)
    log = pd.read_parquet(folder / "log.parquet")
    second = log["at"] >= pd.Timestamp("2026-03-16", tz="UTC")
    log.loc[second, "version"] = "v2"
    log.loc[second, "age"] += 30
    log.to_parquet(folder / "log.parquet", index=False)
    log[~second].to_parquet(folder / "ref.parquet", index=False)
    log[second].drop(columns=["id", "at", "version"]).to_parquet(folder / "ref_v2.parquet", index=False)
    change(path, reference={"path": "ref.parquet"} | reference, goals=[])
    return path


def drift(path: Path, version: str, grain: str = "1d") -> list[MetricPoint]:
    project, store = small.opened(path)
    query = Query(store=store, project=project)
    found = query.series(
        "lead", METRIC, since=small.START, until=small.NOW, now=small.NOW, version=version, column="age",
        grain=project.models["lead"].grain if grain == "1d" else None,
    )  # fmt: skip
    store.close()
    return [point for point in found if point.value.value is not None]


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make(tmp_path_factory.mktemp("without"))
    _project, store, result = small.collect(path)
    store.close()
    assert not result.failed, result
    return path


@pytest.mark.parametrize(
    "own", [{"path": "ref_v2.parquet"}, {"from": "2026-03-16", "to": "2026-03-30"}], ids=["file", "range"]
)
def test_a_version_drifts_from_the_models_reference_but_not_from_its_own(
    tmp_path: Path, without: Path, own: dict[str, str]
) -> None:
    path = make(tmp_path, versions={"v2": own})
    _project, store, result = small.collect(path)
    assert not result.failed, result
    with store.read() as session:
        pooled, v1, v2 = (
            metrics.points(session, "lead", metric=METRIC, column="age", version=version)
            for version in ("", "v1", "v2")
        )
    store.close()
    assert min(point.value.value or 0 for point in drift(without, "v2")) > 0.2
    assert max(point.value.value or 0 for point in v2) < 0.15
    assert [point.value for point in v1] == [point.value for point in drift(without, "v1")]
    assert [point.value for point in pooled] == [point.value for point in drift(without, "")]
    asked = [point.value for point in drift(path, "v2")]
    assert asked == [point.value for point in v2]


def test_what_is_not_stored_is_compared_with_its_own_too(tmp_path: Path, without: Path) -> None:
    path = make(tmp_path, versions={"v2": {"path": "ref_v2.parquet"}})
    small.collect(path)[1].close()
    project, store = small.opened(path)
    other = small.opened(without)[1]
    for kept, least, most in ((store, 0.0, 0.2), (other, 1.0, 99.0)):
        value = Query(store=kept, project=project if kept is store else load(without)).value(
            "lead", "drift.psi", since=small.START, until=small.NOW, now=small.NOW, version="v2", column="age"
        )
        assert least <= (value.value.value or 0) <= most
        kept.close()


def test_a_reference_named_later_is_only_compared_anew(tmp_path: Path) -> None:
    path = make(tmp_path)
    small.collect(path)[1].close()
    body = yaml.safe_load(path.read_text())
    body["models"]["lead"]["reference"]["versions"] = {"v2": {"path": "ref_v2.parquet"}}
    path.write_text(yaml.safe_dump(body))
    (plan,) = printed(path, "plan")
    assert (plan["does"], plan["windows"]) == ("compute", small.DAYS)
    assert "`reference.versions.v2.path`: — → ref_v2.parquet" in plan["changes"]
    assert "counted by the next pass" in run(path, "reference", "show", "--now", NOW)
    _project, store, result = small.collect(path)
    store.close()
    assert (result.models[0].windows, result.models[0].points > 0) == (0, True)
    assert max(point.value.value or 0 for point in drift(path, "v2")) < 0.15
    (shown,) = printed(path, "reference", "show", "--now", NOW)
    (own,) = shown["versions"]
    assert (own["version"], own["rows"]) == ("v2", small.DAYS * small.A_DAY // 2)
    assert own["description"].endswith("ref_v2.parquet") and own["grid_set"] == shown["grid_set"]
    _project, store, again = small.collect(path)
    store.close()
    assert again.models[0].points == 0, "counted once"
    check = printed(path, "check", "--now", NOW)
    assert "reference.versions.v2" in {one["name"] for one in check["models"][0]["sources"]}


def test_training_data_without_ids_times_and_versions_may_be_the_reference(tmp_path: Path) -> None:
    path = make(tmp_path, path="ref_v2.parquet")
    _project, store, result = small.collect(path)
    store.close()
    assert not result.failed, result
    assert max(point.value.value or 0 for point in drift(path, "v2")) < 0.15


def test_another_file_of_a_version_is_counted_anew(tmp_path: Path) -> None:
    path = make(tmp_path, versions={"v2": {"path": "ref_v2.parquet"}})
    small.collect(path)[1].close()
    rows = pd.read_parquet(tmp_path / "ref.parquet").drop(columns=["id", "at", "version"])
    rows.to_parquet(tmp_path / "ref_v2.parquet", index=False)
    small.collect(path)[1].close()
    assert min(point.value.value or 0 for point in drift(path, "v2")) > 0.2


@pytest.mark.parametrize(
    ("own", "key", "line", "says"),
    [
        ("{path: ref_v2.parquet, rolling: 7d}", "reference.versions.v2.rolling", 14, "no such key"),
        ("{from: 2026-03-16}", "reference.versions.v2", 14, "both from and to"),
        ("{from: 2026-03-16, to: 2026-03-01}", "reference.versions.v2.to", 14, "ends before it starts"),
        ("{path: ref_v2.xls}", "reference.versions.v2.path", 14, "kind of source is not said"),
        ("{}", "reference.versions.v2", 14, ""),
        ("ref_v2.parquet", "reference.versions.v2", 14, "mapping"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, own: str, key: str, line: int, says: str) -> None:
    path = small.write(tmp_path)
    text = path.read_text()
    old = "    reference: {from: 2026-03-02, to: 2026-03-20}\n"
    assert old in text
    path.write_text(
        text.replace(
            old,
            f"    reference:\n      from: 2026-03-02\n      to: 2026-03-20\n      versions: {{v2: {own}}}\n",
        )
    )
    number = path.read_text()[: path.read_text().index("versions:")].count("\n") + 1
    with pytest.raises(ConfigError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert (problem.key, problem.line) == (f"models.lead.{key}", number)
    assert says in problem.message
