"""Spark counts on a real cluster exactly as DuckDB and PostgreSQL do, also when a worker dies."""

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from collectors.collect import Collector
from collectors.engines import Engines
from collectors.opening import open_sources
from collectors.sources.base import Setting, Slice
from collectors.sources.spark import Options, Source
from core.errors import SourceError
from core.windows import Grain
from tests.collectors.clusters import Cluster, connect_server, free_port, needed, running
from tests.collectors.house import (
    BERLIN,
    NOW,
    House,
    assert_alike,
    body,
    log_rows,
    truth_rows,
    write,
)  # fmt: skip

SPRING = datetime(2026, 3, 27, tzinfo=BERLIN)  # the 29th has 23 hours
AUTUMN = datetime(2026, 10, 23, tzinfo=BERLIN)  # the 25th has 25 hours
LATER = datetime(2026, 11, 20, tzinfo=UTC)
slow = pytest.mark.slow
pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start one master and two workers; the process itself speaks to them from 127.0.0.1."""
    needed()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        with running(tmp_path_factory.mktemp("spark")) as made:
            yield made


def odd_log(start: datetime, *, zoned: bool, days: int = 4, a_day: int = 250) -> pd.DataFrame:
    """Make a log with everything odd: its values, its columns' names, its times, and a day without rows."""
    rng = np.random.default_rng(7)
    n = days * a_day
    seconds = (np.arange(n) // a_day) * 86_400 + rng.integers(0, 86_400, n)
    seconds = seconds[: 2 * a_day].tolist() + (seconds[2 * a_day :] + 86_400).tolist()  # the third is empty
    wall = pd.Series(pd.Timestamp(start.replace(tzinfo=None)) + pd.to_timedelta(seconds, unit="s"))
    wall += pd.to_timedelta(rng.integers(0, 1_000_000, n), unit="us")
    at = wall.dt.tz_localize(BERLIN, ambiguous=rng.uniform(size=n) < 0.5, nonexistent="shift_forward")
    texts = np.array(
        ["", " ", "Ω≠ß", 'it\'s "odd"', "back\\slash", "new\nline", "日本", "%d {x} ${y}", "NULL"], object
    )
    rows = pd.DataFrame(
        {
            "Call Id": [f"№{i:05d}" for i in range(n)],
            "calledAt": (at.dt.tz_convert("UTC") if zoned else wall).dt.as_unit("us"),
            "Version": rng.choice(["v1", "V1", "v 2"], n),
            "role": rng.choice(["champion", "shadow"], n, p=[0.9, 0.1]),
            "Score": rng.uniform(size=n).round(6),
            "latency ms": np.exp(rng.normal(3, 1, n)).round(3),
            "Status": rng.choice(["200", "503", "ok", ""], n),
            "Größe`x": rng.choice([math.nan, math.inf, -math.inf, -0.0, 0.0, 1e100, -1e-100, 0.1, 5.0], n),
            "select": rng.integers(-(2**40), 2**40, n),
            "a.b": rng.choice(texts, n),
            "Region": rng.choice(["north", "North", ""], n),
            "flag": rng.uniform(size=n) < 0.3,
        }
    )  # fmt: skip
    for i, column in enumerate(("Score", "Größe`x", "a.b", "latency ms", "Status", "Call Id")):
        rows[column] = rows[column].mask(np.random.default_rng(i).uniform(size=n) < 0.04)
    again = rows.iloc[10:30].copy()
    again["calledAt"] += pd.Timedelta(seconds=1)
    return pd.concat([rows, again], ignore_index=True)


def odd_truth(log: pd.DataFrame, *, zoned: bool) -> pd.DataFrame:
    kept = log.dropna(subset=["Call Id"]).drop_duplicates("Call Id").iloc[::2]
    rng = np.random.default_rng(5)
    closed = kept["calledAt"] + pd.to_timedelta(rng.integers(1, 200_000, len(kept)), unit="s")
    labels = rng.choice(["yes", "no", "Yes", ""], len(kept), p=[0.3, 0.6, 0.05, 0.05])
    return pd.DataFrame({"Call Id": kept["Call Id"], "closed At": closed, "Won?": labels})


ODD_COLUMNS = {"id": "Call Id", "time": "calledAt", "version": "Version", "role": "role", "score": "Score",
               "latency_ms": "latency ms", "status": "Status"}  # fmt: skip


def odd_body(
    log: dict[str, Any], truth: dict[str, Any], reference: dict[str, Any], grain: Grain
) -> dict[str, Any]:
    features = {"numeric": ["Größe`x", "select"], "categorical": ["a.b", "flag"]}
    return {
        "predictions": {**log, "columns": ODD_COLUMNS, "features": features, "timezone": "Europe/Berlin"},
        "ground_truth": {
            **truth, "maturity": "2d", "timezone": "Europe/Berlin",
            "columns": {"id": "Call Id", "time": "closed At", "label": "Won?"},
        },
        "reference": reference, "positive_label": "yes", "segments": ["Region"], "service_grain": grain.value,
        "kpis": {"won": {"numerator": "Won?"}, "size": {"mean": "select"}},
    }  # fmt: skip


def to_postgres(rows: pd.DataFrame, url: str, name: str) -> dict[str, Any]:
    plain = rows.astype(object).where(rows.notna(), None)
    types: dict[str, Any] = {}
    for column in rows.columns:
        if rows[column].dtype.kind == "f":
            types[column] = sa.Float(53)
            plain[column] = [None if pd.isna(x) and column != "Größe`x" else x for x in rows[column]]
        elif str(rows[column].dtype).startswith("datetime"):
            types[column] = sa.DateTime(timezone=rows[column].dt.tz is not None)
    engine = sa.create_engine(url)
    plain.to_sql(name, engine, index=False, dtype=types)
    engine.dispose()
    return {"kind": "sql", "url": url, "table": name}


def to_parquet(rows: pd.DataFrame, place: Path) -> str:
    """Write rows as Parquet; a missing number is NULL but for a column that holds NaN too."""
    made = pa.Table.from_pandas(rows, preserve_index=False)
    for i, column in enumerate(rows.columns):
        if column == "Größe`x":
            values = pa.array(rows[column].to_numpy(), from_pandas=False)
            made = made.set_column(i, column, values)
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(made, place)
    return str(place)


@slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("start", "zoned", "service"),
    [(SPRING, False, Grain.DAY), (AUTUMN, False, Grain.HOUR), (AUTUMN, True, Grain.DAY)],
)
def test_it_counts_as_duckdb_and_postgresql_do(
    cluster: Cluster, tmp_path: Path, postgres_url: str, start: datetime, zoned: bool, service: Grain
) -> None:
    log = odd_log(start, zoned=zoned)
    truth = odd_truth(log, zoned=zoned)
    files = {
        name: to_parquet(rows, tmp_path / f"{name}.parquet")
        for name, rows in (("log", log), ("truth", truth), ("reference", odd_log(start, zoned=zoned, days=2)))
    }
    reference = {"path": files["reference"]}
    houses = {kind: House(folder=tmp_path / kind) for kind in ("duckdb", "postgresql", "spark")}
    places = {
        "duckdb": ({"path": files["log"]}, {"path": files["truth"]}),
        "postgresql": (to_postgres(log, postgres_url, "Log"), to_postgres(truth, postgres_url, "Truth")),
        "spark": (cluster.source(path=files["log"]), cluster.source(path=files["truth"])),
    }
    for kind, house in houses.items():
        house.folder.mkdir()
        house.body = odd_body(*places[kind], reference, service)
        assert not house.collect(LATER).error
    for other in ("duckdb", "postgresql"):
        for grain in (Grain.DAY, service):
            assert assert_alike(houses["spark"], houses[other], grain) > 10
    starts = [{row.start for row in house.windows()} for house in houses.values()]
    filled = {key.start for key in houses["spark"].cells()}
    assert starts[0] == starts[1] == starts[2]
    assert len(starts[0] - filled) == 1  # the day without rows
    assert houses["spark"].collect(LATER).windows == 0
    for house in houses.values():
        house.close()


@slow
@pytest.mark.timeout(600)
def test_texts_are_read_as_the_others_read_them(cluster: Cluster, tmp_path: Path) -> None:
    numbers = (
        "1",
        " 2 ",
        "1d",
        "0x1p3",
        "",
        " ",
        "x",
        "1e5",
        "-inf",
        "NaN",
        "Infinity",
        ".5",
        "5.",
        "+7",
        None,
    )
    times = (
        "2026-03-27 10:00:00", "2026-03-27T10:00:00Z", "2026-03-27 10:00:00+05:30", "2026-03-29 02:30:00",
        "2026-03-28", "12:00", "", "never", None, "2026-03-27 10:00:00.123456", "2026-03-28 23:59:59+00",
        "2026-03-29 10:00:00", "2026-03-29 11:00:00", "2026-03-29 12:00:00", "2026-03-29 13:00:00",
    )  # fmt: skip
    pairs = [(at, x) for at in times for x in numbers]
    rows = pd.DataFrame(
        {
            "id": [str(i) for i in range(len(pairs))], "s": 0.5,
            "at": pd.Series([at for at, _x in pairs], dtype="string"),
            "x": pd.Series([x for _at, x in pairs], dtype="string"),
        }
    )  # fmt: skip
    path = to_parquet(rows, tmp_path / "log.parquet")
    houses = []
    for kind, log in (("duckdb", {"path": path}), ("spark", cluster.source(path=path))):
        house = House(folder=tmp_path / kind)
        house.folder.mkdir()
        columns, features = {"id": "id", "time": "at", "score": "s"}, {"numeric": ["x"]}
        predictions = {**log, "columns": columns, "features": features, "timezone": "Europe/Berlin"}
        house.body = {"predictions": predictions, "reference": {"path": path}, "service_grain": "1d"}
        assert not house.collect().error
        houses.append(house)
    assert assert_alike(houses[1], houses[0]) > 1
    for house in houses:
        house.close()


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Collect plain rows with DuckDB."""
    folder = tmp_path_factory.mktemp("near")
    log = log_rows(a_day=100)
    made = House(folder=folder)
    made.body = body(
        write(log, "parquet", folder, "log"), write(truth_rows(log), "parquet", folder, "truth"),
        write(log_rows(seed=9, days=3), "parquet", folder, "reference"),
        kpis={"basket": {"numerator": "amount", "denominator": "visits"}}, service_grain="1d",
    )  # fmt: skip
    made.collect()
    yield made
    made.close()


def micros(rows: pd.DataFrame, place: Path) -> str:
    made = rows.assign(amount=rows["amount"].astype("float64")) if "amount" in rows else rows
    pq.write_table(pa.Table.from_pandas(made, preserve_index=False), place, coerce_timestamps="us")
    return str(place)


def beside(near: House, house: House, log: dict[str, Any] | None, truth: dict[str, Any] | None) -> House:
    """Configure the model of `near` with its log or its truth elsewhere."""
    said = {key: value for key, value in near.body.items() if key not in ("predictions", "ground_truth")}
    house.body = said
    for key, other in (("predictions", log), ("ground_truth", truth)):
        kept = {one: value for one, value in near.body[key].items() if one not in ("kind", "path")}
        mine = {one: near.body[key][one] for one in ("kind", "path")}
        house.body[key] = {**kept, **(other or mine)}
    return house


@slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", ["log", "truth"])
def test_the_other_side_may_lie_elsewhere(cluster: Cluster, near: House, house: House, side: str) -> None:
    log = log_rows(a_day=100)
    rows = log if side == "log" else truth_rows(log)
    there = cluster.source(path=micros(rows, house.folder / "there.parquet"))
    beside(near, house, there if side == "log" else None, there if side == "truth" else None)
    assert not house.collect().error
    assert assert_alike(house, near) > 20


@slow
@pytest.mark.timeout(900)
def test_spark_connect_counts_alike(cluster: Cluster, near: House, house: House) -> None:
    pytest.importorskip("grpc", reason="left out: pyspark[connect] is not installed")
    path = micros(log_rows(a_day=100), house.folder / "there.parquet")
    with connect_server(cluster) as url:
        beside(near, house, {"kind": "spark", "url": url, "path": path}, None)
        assert not house.collect().error
    assert assert_alike(house, near) > 20


@slow
@pytest.mark.timeout(900)
def test_a_worker_that_dies_in_the_middle_changes_no_count(cluster: Cluster, tmp_path: Path) -> None:
    days, a_day = 4, 250_000
    log = log_rows(days=days, a_day=a_day)
    folder = tmp_path / "log"
    folder.mkdir()
    for i in range(8):
        micros(log.iloc[i::8], folder / f"part-{i}.parquet")
    reference = write(log_rows(seed=9, days=3), "parquet", tmp_path, "reference")
    near, house = House(folder=tmp_path / "near"), House(folder=tmp_path / "far")
    for one, place in ((near, {"path": f"{folder}/*.parquet"}), (house, cluster.source(path=str(folder)))):
        one.folder.mkdir()
        one.body = body(place, None, reference, service_grain="1d")
    assert not near.collect().error
    worker = cluster.workers[-1]
    dead = threading.Event()

    def kill() -> None:
        worker.kill()  # this one process, by its id
        worker.wait()
        dead.set()

    def told(statement: str) -> None:
        if "INLINE(" in statement.upper() and not timer.is_alive() and not dead.is_set():
            timer.start()

    timer = threading.Timer(2.0, kill)
    project = house.project
    model = project.models["m"]
    engines = Engines(explain=told)
    try:
        summary = Collector(
            project=project, model=model, store=house.store, opened=open_sources(project, model, engines),
            now=NOW,
        ).run()  # fmt: skip
        assert dead.is_set()
    finally:
        engines.close()
        cluster.work()
    assert not summary.error
    assert assert_alike(house, near) > 20
    near.close()
    house.close()


@slow
@pytest.mark.timeout(600)
def test_errors_say_what_is_there(cluster: Cluster, tmp_path: Path) -> None:
    path = micros(log_rows(a_day=20), tmp_path / "log.parquet")
    engines = Engines()

    def source(**more: Any) -> Source:
        said = cluster.source(**more)
        said.pop("kind")
        said["conf"] = {**said["conf"], "spark.hadoop.fs.s3a.secret.key": "the-secret"}
        options = Options(**said)
        return Source(Setting(options=options, engines=engines, use="predictions", time="at", id="id"))

    good = source(path=path)
    assert "the-secret" not in repr(good.setting.options) + good.setting.options.model_dump_json()
    good.engine.session.sql(f"CREATE TABLE calls AS SELECT * FROM parquet.`{path}`")
    assert len(source(table="calls").slices({}, NOW)) == 4
    assert source(table="default.calls").sample((None, None), ["id", "at"], 3).num_rows == 3
    assert source(query="SELECT id, at FROM calls WHERE region = 'north'").columns()[0].name == "id"
    with pytest.raises(SourceError) as missing:
        source(table="call").columns()
    assert missing.value.message == f"predictions: there is no table 'call' in {cluster.url}."
    assert missing.value.hint == "Did you mean calls? There are: calls."
    with pytest.raises(SourceError, match="PATH_NOT_FOUND"):
        source(path=str(tmp_path / "none")).columns()
    with pytest.raises(SourceError, match="DATA_SOURCE_NOT_FOUND") as delta:
        source(path=path, delta=True).columns()
    assert "spark.jars.packages" in delta.value.hint
    with pytest.raises(SourceError, match="there is no column 'when'") as column:
        replace_time(good, "when").slices({}, NOW)
    assert "It has: " in column.value.hint
    other = Options(url=f"spark://127.0.0.1:{free_port()}", table="calls")
    with pytest.raises(SourceError, match="already speaks to the Spark cluster"):
        Source(Setting(options=other, engines=engines, use="predictions")).columns()
    engines.close()


def replace_time(source: Source, column: str) -> Source:
    return Source(replace(source.setting, time=column))


@slow
@pytest.mark.timeout(600)
def test_unchanged_days_keep_their_marks(cluster: Cluster, tmp_path: Path) -> None:
    log = log_rows(a_day=50)
    engines = Engines()
    marks: list[dict[str, Slice]] = []
    for i, rows in enumerate((log, log.sample(frac=1, random_state=1), log.iloc[:-1])):
        said = cluster.source(path=micros(rows, tmp_path / f"{i}.parquet"))
        said.pop("kind")
        setting = Setting(options=Options(**said), engines=engines, use="predictions", time="at", id="id")
        marks.append({one.name: one for one in Source(setting).slices({}, NOW)})
    engines.close()
    assert marks[0] == marks[1]
    assert [day for day in marks[0] if marks[0][day] != marks[2][day]] == [
        log["at"].iloc[-1].date().isoformat()
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"url": "spark://host:7077"}, "one of table, query and path is needed"),
        ({"url": "local", "table": "a", "path": "b"}, "one of table, query and path is needed"),
        ({"url": "local", "table": "a", "delta": True}, "delta says how path is read"),
        ({"url": "postgresql://host/db", "table": "a"}, "url is spark://host:7077"),
    ],
)
def test_options_that_do_not_fit_are_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Options(**said)


def test_settings_of_a_session_are_shown_masked() -> None:
    options = Options(url="sc://host:15002/;token=abc", table="a", conf={"spark.x.password": "hidden"})
    setting = Setting(options=options, engines=Engines(), use="predictions")
    assert "hidden" not in repr(options) + options.model_dump_json()
    assert Source(setting).describe() == "a (sc://host:15002/;token=********)"
