"""`goalkeeper init` writes a file that loads, guesses what columns are for, and harms nothing there."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from core.config import ConfigError, Task, load
from core.errors import GoalkeeperError
from goalkeeper.cli import app
from goalkeeper.init import add_model, propose, render

N = 400


def binary_log() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "call_id": [f"c{i:06d}" for i in range(N)],
            "customer_id": rng.integers(0, 300, N),
            "called_at": pd.Timestamp("2026-03-01 08:00") + pd.to_timedelta(np.arange(N), unit="min"),
            "model_version": rng.choice(["v1", "v2"], N),
            "p_convert": rng.uniform(0, 1, N).round(6) + 1e-7,
            "latency_ms": rng.exponential(50, N).round(2),
            "status": "ok",
            "region": rng.choice(["north", "south", "west"], N),
            "age": rng.integers(18, 90, N),
            "note": [f"a note of its own, number {i}" for i in range(N)],
        }
    )


def write_parquet(rows: pd.DataFrame, folder: Path) -> Path:
    rows.to_parquet(folder / "log.parquet", index=False)
    return folder / "log.parquet"


def write_csv(rows: pd.DataFrame, folder: Path) -> Path:
    rows.to_csv(folder / "log.csv.gz", index=False)
    return folder / "log.csv.gz"


def write_jsonl(rows: pd.DataFrame, folder: Path) -> Path:
    with gzip.open(folder / "log.jsonl.gz", "wt") as file:
        for row in rows.to_dict("records"):
            file.write(json.dumps(row, default=str) + "\n")
    return folder / "log.jsonl.gz"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["init", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("write", [write_parquet, write_csv, write_jsonl])
def test_it_finds_what_the_columns_of_a_log_are_for(
    write: Callable[[pd.DataFrame, Path], Path], tmp_path: Path
) -> None:
    sample = write(binary_log(), tmp_path)
    config = tmp_path / "goalkeeper.yaml"

    run("--from", str(sample), "--model", "leads", "--config", str(config))

    model = load(config).models["leads"]
    columns = model.predictions.columns
    assert (columns.id, columns.time, columns.version) == ("call_id", "called_at", "model_version")
    assert (columns.score, columns.latency_ms, columns.status) == ("p_convert", "latency_ms", "status")
    assert columns.label is None
    assert model.task is Task.BINARY
    assert model.segments == (("region",),)
    assert "note: more than half of its values are distinct" in config.read_text()


@pytest.mark.parametrize(
    "id_", ["20261120-{:04d}", "20261120{:04d}-01", "2026-11-20-{:04d}", "2026-11-20_{:02d}00"]
)
def test_ids_that_begin_with_a_day_are_no_times(id_: str, tmp_path: Path) -> None:
    rows = binary_log()[:24].assign(call_id=[id_.format(i) for i in range(24)])

    found = propose(write_parquet(rows, tmp_path))

    assert (found.uses["id"], found.uses["time"]) == ("call_id", "called_at")


@pytest.mark.parametrize("time", ["%Y-%m-%d %H:%M:%S", "%Y%m%dT%H%M%S", "%Y-%m-%dT%H:%M:%S.000Z"])
def test_times_written_as_text_are_times(time: str, tmp_path: Path) -> None:
    rows = binary_log()
    rows["called_at"] = rows["called_at"].dt.strftime(time)

    assert propose(write_parquet(rows, tmp_path)).uses["time"] == "called_at"


def test_it_writes_a_path_as_seen_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    sample = write_parquet(binary_log(), tmp_path / "logs")

    run("--from", str(sample), "--output", str(tmp_path / "gk.yaml"))

    assert "path: logs/log.parquet " in (tmp_path / "gk.yaml").read_text()


def test_a_label_in_the_log_becomes_the_truth_and_a_kpi(tmp_path: Path) -> None:
    rows = binary_log()
    rows["y"] = np.where(np.arange(N) % 10 == 0, "yes", "no")
    text = render(propose(write_parquet(rows, tmp_path)), "m", tmp_path)
    (tmp_path / "gk.yaml").write_text(text)

    model = load(tmp_path / "gk.yaml").models["m"]

    assert model.ground_truth is not None
    assert model.ground_truth.in_predictions
    assert model.ground_truth.columns.label == "y"
    assert model.positive_label == "yes"
    assert model.kpis["conversion"].numerator == "y"
    assert "baseline: 0.1," in text


def test_a_number_as_prediction_is_a_regression(tmp_path: Path) -> None:
    rows = binary_log().drop(columns="p_convert")
    rows["predicted_price"] = np.random.default_rng(2).normal(100, 20, N)

    found = propose(write_parquet(rows, tmp_path))

    assert found.task is Task.REGRESSION
    assert found.uses["prediction"] == "predicted_price"


def test_scores_of_three_classes_are_a_mapping(tmp_path: Path) -> None:
    rows = binary_log().drop(columns="p_convert")
    shares = np.random.default_rng(3).dirichlet([1, 1, 1], N)
    for i, name in enumerate(("cat", "dog", "bird")):
        rows[f"p_{name}"] = shares[:, i]
    rows["label"] = np.array(["cat", "dog", "bird"])[np.arange(N) % 3]
    (tmp_path / "gk.yaml").write_text(render(propose(write_parquet(rows, tmp_path)), "m", tmp_path))

    model = load(tmp_path / "gk.yaml").models["m"]

    assert model.task is Task.MULTICLASS
    assert model.predictions.columns.score == {"cat": "p_cat", "dog": "p_dog", "bird": "p_bird"}


def test_a_file_without_time_and_score_still_gives_a_file_that_loads(tmp_path: Path) -> None:
    sample = write_parquet(pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]}), tmp_path)
    (tmp_path / "gk.yaml").write_text(render(propose(sample), "m", tmp_path))

    assert load(tmp_path / "gk.yaml").models["m"].predictions.columns.time == "time_column"


@pytest.mark.parametrize(
    "name", ["a: b", "x # y", "two\nlines", "${HOME}", "- [", "yes", "Ω 1", "line\u2028end"]
)
def test_odd_names_of_columns_stay_themselves(name: str, tmp_path: Path) -> None:
    rows = binary_log().rename(columns={"p_convert": "score", "region": f"{name} region"})
    rows[f"{name}_version"] = "v1"
    rows = rows.drop(columns="model_version")
    (tmp_path / "gk.yaml").write_text(render(propose(write_parquet(rows, tmp_path)), "m", tmp_path))

    columns = load(tmp_path / "gk.yaml", environ={}).models["m"].predictions.columns

    assert columns.time == "called_at"
    assert columns.version in (f"{name}_version", None)


def test_without_a_sample_it_writes_a_template_that_loads(tmp_path: Path) -> None:
    run("--output", str(tmp_path / "gk.yaml"))

    assert list(load(tmp_path / "gk.yaml").models) == ["my-model"]


EXISTING = """\
# ours
store: sqlite:///x.db   # kept
models:      # all of them
    first:   # the oldest
        predictions: {path: a.parquet, columns: {time: t, score: s}}  # its log
        # a word on rules

    # and the second
    second:
        predictions: {path: b.parquet, columns: {time: t, score: s}}
        # the end of second
# about digests
language: en  # last
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_it_adds_a_model_and_keeps_every_line_that_was_there(newline: str, tmp_path: Path) -> None:
    config = tmp_path / "goalkeeper.yaml"
    config.write_bytes(EXISTING.replace("\n", newline).encode())

    add_model(config, "third", propose(write_parquet(binary_log(), tmp_path)))

    text = config.read_bytes().decode()
    lines = text.split(newline)
    kept = iter(lines)
    assert all(line in kept for line in EXISTING.split("\n")), text
    assert list(load(config).models) == ["first", "second", "third"]
    assert lines.index("    third:") > lines.index("        # the end of second")


@pytest.mark.parametrize("models", ["", "models:\n", "models: {}  # none yet\n"])
def test_it_adds_the_first_model(models: str, tmp_path: Path) -> None:
    config = tmp_path / "goalkeeper.yaml"
    config.write_text(f"language: en\n{models}")

    add_model(config, "first", None)

    assert list(load(config).models) == ["first"]


def test_it_refuses_a_name_that_is_taken_and_leaves_the_file(tmp_path: Path) -> None:
    config = tmp_path / "goalkeeper.yaml"
    config.write_text(EXISTING)

    with pytest.raises(GoalkeeperError, match="has a model 'first' already") as caught:
        add_model(config, "first", None)

    assert "--model" in caught.value.hint
    assert config.read_text() == EXISTING


def test_it_leaves_the_file_where_the_new_name_cannot_stand_in_it(tmp_path: Path) -> None:
    config = tmp_path / "goalkeeper.yaml"
    config.write_text(EXISTING)

    with pytest.raises(ConfigError, match="A model's name is made of"):
        add_model(config, "no good name", None)

    assert config.read_text() == EXISTING


def test_a_secret_that_is_not_set_here_keeps_no_model_out(tmp_path: Path) -> None:
    config = tmp_path / "goalkeeper.yaml"
    config.write_text("smtp: {host: h, from: a@example.com, password: ${GK_NOT_SET_HERE}}\n" + EXISTING)

    add_model(config, "third", None)

    assert "    third:" in config.read_text().splitlines()


@pytest.mark.parametrize(
    ("name", "told"), [("log.txt", "what kind of file"), ("gone.parquet", "There is no file")]
)
def test_it_says_what_is_wrong_with_the_sample(name: str, told: str, tmp_path: Path) -> None:
    if name == "log.txt":
        (tmp_path / name).write_text("a\n1\n")

    with pytest.raises(GoalkeeperError, match=told):
        propose(tmp_path / name)


def test_it_never_writes_over_a_file(tmp_path: Path) -> None:
    config = tmp_path / "goalkeeper.yaml"
    config.write_text(EXISTING)

    with pytest.raises(GoalkeeperError, match="exists already and stays as it is"):
        CliRunner().invoke(app, ["init", "--config", str(config)], catch_exceptions=False)

    assert config.read_text() == EXISTING
