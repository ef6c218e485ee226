"""What a version was trained on is its reference, and what it promised is known: a real MLflow tells both."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from core.errors import DeliveryError
from core.web import fetch
from goalkeeper.jobs.passes import PassResult
from reports.query import Query
from reports.versions import Version, versions
from store.registered import registered
from store.tables import RegisteredRow
from tests.collectors.mlflow_server import PASSWORD, USER, Server, mlflow_server
from tests.goalkeeper import small
from tests.goalkeeper.test_commands import change, printed, run
from tests.goalkeeper.test_own_references import drift, make
from tests.serving import Answer, serving

LOSS, AUC = "performance.log_loss", "performance.roc_auc"
REGISTER = """
import json, sys, mlflow, pandas
made = json.loads(sys.argv[1])
client = mlflow.MlflowClient()
client.create_registered_model(made["name"])
runs = []
for one in made["versions"]:
    with mlflow.start_run() as run:
        for dataset in one.get("datasets", []):
            rows = pandas.read_parquet(dataset["rows"])
            kept = mlflow.data.from_pandas(rows, source=dataset.get("source"), name=run.info.run_id)
            mlflow.log_input(kept, context=dataset.get("context", "training"))
        mlflow.log_metrics(one.get("metrics", {}))
        for path, place in one.get("artifacts", {}).items():
            mlflow.log_artifact(path, place)
    run_id = run.info.run_id
    version = client.create_model_version(made["name"], f"runs:/{run_id}/model", run_id, tags=one.get("tags"))
    for alias in one.get("aliases", []):
        client.set_registered_model_alias(made["name"], alias, version.version)
    if "description" in one:
        client.update_model_version(made["name"], version.version, one["description"])
    runs.append(run_id)
print(json.dumps(runs))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as made:
        yield made


def register(server: Server, name: str, *made: dict[str, Any]) -> list[str]:
    """Register a model with its versions; return their runs."""
    told = server.run(REGISTER, json.dumps({"name": name, "versions": made}))
    runs: list[str] = json.loads(told.splitlines()[-1])
    return runs


def watched(folder: Path, url: str, name: str, **more: Any) -> Path:
    """Write the project of two versions, whose model is registered under a name."""
    folder.mkdir(exist_ok=True)
    path = make(folder)
    change(path, registry={"kind": "mlflow", "url": url, "name": name} | more)
    return path


def collect(path: Path) -> tuple[PassResult, dict[str, RegisteredRow], list[str]]:
    """Run one pass; return it, what is known of versions, and its notes of the registry."""
    _project, store, result = small.collect(path)
    with store.read() as session:
        known = registered(session, "lead")
    store.close()
    assert not result.failed, result
    return result, known, [note for note in result.models[0].notes if note.startswith("registry")]


def drifted(path: Path, version: str) -> list[float]:
    return [point.value.value or 0.0 for point in drift(path, version)]


def shown(path: Path) -> dict[str, Version]:
    project, store = small.opened(path)
    found = versions(
        Query(store=store, project=project), project.models["lead"],
        since=small.START, until=small.NOW, now=small.NOW, most=12,
    )  # fmt: skip
    store.close()
    return {one.version: one for one in found}


def test_a_versions_reference_is_its_training_set_without_configuration(
    tmp_path: Path, server: Server
) -> None:
    (tmp_path / "hand").mkdir()
    hand = make(tmp_path / "hand", versions={"v2": {"path": "ref_v2.parquet"}})
    path = watched(tmp_path / "told", server.url, "told")
    rows, other = (str(tmp_path / "told" / f"{name}.parquet") for name in ("ref_v2", "ref"))
    register(
        server, "told", {"metrics": {"test_roc_auc": 0.7}},
        {
            "datasets": [{"rows": other, "source": other, "context": "eval"}, {"rows": rows, "source": rows}],
            "metrics": {"test_roc_auc": 0.81, "train_log_loss": 0.1}, "aliases": ["champion", "blue"],
            "description": "for older\npeople",
        },
    )  # fmt: skip

    _result, known, (note,) = collect(path)
    collect(hand)

    assert "version v1 gets no reference" in note and "logged no input" in note
    assert drifted(path, "v2") == drifted(hand, "v2") and max(drifted(path, "v2")) < 0.15
    assert drifted(path, "v1") == drifted(hand, "v1")
    assert (known["v2"].training, known["v2"].aliases) == (rows, "blue, champion")
    assert (known["v2"].name, known["v2"].description) == ("told", "for older people")
    assert known["v2"].link == f"{server.url}/#/models/told/versions/2"
    assert "it answers" in run(path, "check", "--now", small.NOW.isoformat())
    again, _known, _notes = collect(path)
    assert again.models[0].points == 0, "counted once"
    (reference,) = printed(path, "reference", "show", "--now", small.NOW.isoformat())
    assert [(one["version"], one["rows"]) for one in reference["versions"]] == [
        ("v2", small.DAYS * small.A_DAY // 2)
    ]


def test_what_was_promised_stands_beside_what_came_true(tmp_path: Path, server: Server) -> None:
    path = watched(tmp_path, server.url, "promised")
    register(
        server, "promised", {"metrics": {"roc_auc": 0.7, "train_log_loss": 0.1}},
        {"metrics": {"test_roc_auc": 0.81, "roc_auc": 0.99, "log_loss": 0.4}},
    )  # fmt: skip
    collect(path)

    found = shown(path)

    told = {name: {one.metric.name: one.promised for one in each.promises} for name, each in found.items()}
    assert told == {
        "v1": {AUC: 0.7},
        "v2": {AUC: 0.81, LOSS: 0.4},
    }
    rows = pd.read_parquet(tmp_path / "log.parquet").merge(
        pd.read_parquet(tmp_path / "truth.parquet"), on="id"
    )
    rows = rows[rows["version"] == "v2"]
    came = next(one.since for one in found["v2"].promises if one.metric.name == AUC)
    assert came.value == pytest.approx(roc_auc_score(rows["y"], rows["p"]), abs=2e-3)
    change(path, registry={"kind": "mlflow", "url": server.url, "name": "promised",
                           "metrics": {AUC: "roc_auc"}})  # fmt: skip
    assert [one.promised for one in shown(path)["v2"].promises if one.metric.name == AUC] == [0.99]


def test_data_that_only_the_server_can_read_is_fetched_once(tmp_path: Path, server: Server) -> None:
    path = watched(tmp_path, server.url, "artifact", artifact="data/ref_v2.parquet")
    rows = str(tmp_path / "ref_v2.parquet")
    register(
        server, "artifact", {"datasets": [{"rows": rows}]},
        {"datasets": [{"rows": rows, "source": "/elsewhere/train.parquet"}], "artifacts": {rows: "data"}},
    )  # fmt: skip

    _result, known, (note,) = collect(path)

    kept = Path(known["v2"].training)
    assert kept.is_relative_to(tmp_path / "state") and kept.name == "ref_v2.parquet"
    pd.testing.assert_frame_equal(pd.read_parquet(kept), pd.read_parquet(rows))
    assert max(drifted(path, "v2")) < 0.15
    assert "version v1 gets no reference" in note and "no artifact" in note
    made = kept.stat().st_mtime_ns
    collect(path)
    assert kept.stat().st_mtime_ns == made


@pytest.mark.parametrize("by", ["run", "tag"])
def test_the_log_may_name_versions_otherwise(tmp_path: Path, server: Server, by: str) -> None:
    path = watched(tmp_path, server.url, f"by-{by}", **({"tag": "git sha"} if by == "tag" else {}))
    rows = str(tmp_path / "ref_v2.parquet")
    (run,) = register(
        server, f"by-{by}",
        {"datasets": [{"rows": rows, "source": rows}], "tags": {"git sha": "0ca9dc5"}},
    )  # fmt: skip
    named = run if by == "run" else "0ca9dc5"
    log = pd.read_parquet(tmp_path / "log.parquet")
    log["version"] = log["version"].map({"v1": "' or name='told", "v2": named})
    log.to_parquet(tmp_path / "log.parquet", index=False)

    _result, known, (note,) = collect(path)

    assert set(known) == {named} and max(drifted(path, named)) < 0.15
    assert note == "registry: it knows no version ' or name='told."


def test_what_the_file_says_of_a_version_goes_before_the_registry(tmp_path: Path, server: Server) -> None:
    path = watched(tmp_path, server.url, "said")
    rows = str(tmp_path / "ref_v2.parquet")
    register(server, "said", {}, {"datasets": [{"rows": rows, "source": rows}]})
    change(path, reference={"path": "ref.parquet", "versions": {"v2": {"path": "ref.parquet"}}})

    collect(path)

    assert min(drifted(path, "v2")) > 0.2
    told = shown(path)["v2"].reference
    assert told is not None and told.description.endswith("ref.parquet"), "what it is compared with is told"
    body = yaml.safe_load(path.read_text())
    del body["models"]["lead"]["registry"]
    body["models"]["lead"]["reference"] = {"path": "ref.parquet"}
    path.write_text(yaml.safe_dump(body))
    collect(path)
    assert min(drifted(path, "v2")) > 0.2, "without a registry nothing that it said counts"


def test_what_another_registered_model_said_is_taken_back(tmp_path: Path, server: Server) -> None:
    path = watched(tmp_path, server.url, "other")
    rows = str(tmp_path / "ref_v2.parquet")
    register(server, "other", {}, {"datasets": [{"rows": rows, "source": rows}]})
    register(server, "mine", {})
    collect(path)
    assert max(drifted(path, "v2")) < 0.15
    change(path, registry={"kind": "mlflow", "url": server.url, "name": "mine"})

    _result, known, notes = collect(path)

    assert set(known) == {"v1"} and "registry: it knows no version v2." in notes
    assert min(drifted(path, "v2")) > 0.2 and shown(path)["v2"].reference is None


def test_a_metric_that_is_none_is_told(tmp_path: Path, server: Server) -> None:
    path = watched(tmp_path, server.url, "absent", metrics={"performance.roc_au": "x"})
    _result, _known, notes = collect(path)
    assert any(
        "no metric performance.roc_au; the nearest one is performance.roc_auc" in note for note in notes
    )
    assert "no registered model 'absent'" in run(path, "check", "--now", small.NOW.isoformat(), code=1)


VERSION = {"name": "lead", "version": "1", "creation_timestamp": 1795792285479, "run_id": "a" * 32}
ODD: list[tuple[Any, Any, str]] = [
    ({}, None, "no answer of MLflow"),
    ([], None, "no answer of MLflow"),
    ({"model_version": None}, None, "no answer of MLflow"),
    ({"model_version": VERSION | {"aliases": None, "description": None}}, {"run": None}, "is gone"),
    ({"model_version": VERSION | {"creation_timestamp": None}}, {"run": {}}, "no answer of MLflow"),
    ({"model_version": VERSION}, 404, "is gone"),
    ({"model_version": VERSION | {"run_id": ""}}, None, "no run made it"),
    (
        {"model_version": VERSION},
        {"run": {"data": {"metrics": [{"key": "auc", "value": None}, {"key": "f1", "value": "NaN"}]}}},
        "no input",
    ),
]
ODD += [
    (
        {"model_version": VERSION},
        {"run": {"inputs": {"dataset_inputs": [{"tags": None, "dataset": {"source": source}}]}}},
        why,
    )
    for source, why in (
        ("no json", "says no file"),
        ("null", "says no file"),
        ('["a"]', "says no file"),
        ('{"uri": ["a"]}', "says no file"),
        ('{"uri": "http://[x/t.csv"}', "no answer of MLflow"),
        ('{"uri": "/root/" }', "no ending"),
        ('{"uri": "/' + "x" * 5000 + '.csv"}', "not within reach"),
        ('{"uri": "s3://b/**/*.parquet"}', "a pattern"),
        ('{"uri": "hdfs://b/t.parquet"}', "no source reads"),
        ('{"uri": "/a#b?c/train.csv"}', "a pattern"),
    )
]


@pytest.mark.parametrize(("version", "made", "why"), ODD)
def test_odd_answers_are_notes_of_a_pass_that_goes_on(
    tmp_path: Path, version: Any, made: Any, why: str
) -> None:
    def answering(_method: str, path: str, _headers: Mapping[str, str], _body: bytes) -> Answer:
        if "model-versions/get" in path:
            return 200, version
        return (404, {}) if made == 404 else (200, made)

    with serving(answering) as url:
        result, _known, notes = collect(watched(tmp_path, url, "lead"))

    assert result.models[0].windows >= small.DAYS
    assert len(notes) == 2 and all(why in note for note in notes), notes


def test_one_version_that_is_refused_does_not_hide_the_others(tmp_path: Path) -> None:
    def answering(_method: str, path: str, _headers: Mapping[str, str], _body: bytes) -> Answer:
        if "version=1" in path:
            return 403, {}
        return 200, {"model_version": VERSION | {"version": "2", "run_id": ""}}

    with serving(answering) as url:
        _result, known, notes = collect(watched(tmp_path, url, "lead"))

    assert set(known) == {"v2"}
    assert "version v1" in notes[0] and "403" in notes[0]


def test_a_file_that_breaks_off_is_not_kept(tmp_path: Path) -> None:
    def hang_up(server: socket.socket) -> None:
        client, _address = server.accept()
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\na,b\n1,2\n")
        client.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=hang_up, args=(server,))
        thread.start()
        url, to = f"http://127.0.0.1:{server.getsockname()[1]}/t.csv", tmp_path / "kept" / "t.csv"
        with pytest.raises(DeliveryError, match="broke off"):
            fetch(url, to, {}, timeout=timedelta(seconds=5), most=10_000)
        thread.join(5)

    assert list(to.parent.iterdir()) == []


def test_training_data_that_went_bad_leaves_the_rest_alone(tmp_path: Path, server: Server) -> None:
    path = watched(tmp_path, server.url, "bad")
    bad = tmp_path / "bad.parquet"
    rows = str(tmp_path / "ref_v2.parquet")
    bad.write_bytes(b"PAR1 no more")
    delta = {"rows": rows, "source": str(tmp_path / "table")}
    (tmp_path / "table").mkdir()
    register(server, "bad", {"datasets": [delta]}, {"datasets": [{"rows": rows, "source": str(bad)}]})

    result, _known, notes = collect(path)

    assert result.models[0].windows >= small.DAYS
    assert any("version v1 gets no reference" in note and "no ending" in note for note in notes)
    assert any("what version v2 was trained on cannot be read" in note for note in notes)
    assert min(drifted(path, "v2")) > 0.2, "compared with the model's reference"


def test_a_registry_that_is_down_is_a_note_and_what_it_said_stays(tmp_path: Path, server: Server) -> None:
    path = watched(tmp_path, server.url, "down")
    rows = str(tmp_path / "ref_v2.parquet")
    register(server, "down", {}, {"datasets": [{"rows": rows, "source": rows}]})
    collect(path)
    before = drifted(path, "v2")
    change(path, registry={"kind": "mlflow", "url": "http://127.0.0.1:9", "name": "down"})

    _result, known, (note,) = collect(path)

    assert "cannot be reached" in note and "registry.url" in note
    assert set(known) == {"v1", "v2"} and drifted(path, "v2") == before


def test_it_is_let_in_with_a_password_that_is_never_shown(tmp_path: Path) -> None:
    made = tmp_path / "server"
    made.mkdir()
    with mlflow_server(made, "--app-name", "basic-auth") as server:
        path = watched(tmp_path / "project", server.url, "guarded")
        refused = run(path, "check", "--now", small.NOW.isoformat(), code=1)
        _result, _known, (note,) = collect(path)
        change(path, registry={"kind": "mlflow", "url": server.url, "name": "guarded", "user": USER,
                               "password": PASSWORD})  # fmt: skip
        let_in = run(path, "check", "--now", small.NOW.isoformat(), code=1)
        _result, _known, notes = collect(path)
    assert "401" in refused and "401" in note
    assert "no registered model 'guarded'" in let_in and PASSWORD not in let_in
    assert notes == [f"registry: it knows no version {version}." for version in ("v1", "v2")]
