"""Spark counts whole logs on a real cluster exactly as DuckDB does, also when a worker dies in the middle."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
import yaml

from bench import made
from collectors.collect import Collector
from collectors.engines import Engines
from collectors.expressions import name, select, span_of, within
from collectors.opening import open_sources
from collectors.sources.base import Setting, Slice
from collectors.sources.spark import Options, Source, SparkEngine
from core.errors import SourceError
from core.windows import Grain
from goalkeeper.demo import files, story
from goalkeeper.demo.project import CONFIG
from tests.collectors.clusters import Cluster, connect_server, free_port, needed, running
from tests.collectors.house import NOW, House, assert_alike, body, log_rows, truth_rows, write

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


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Collect plain rows with DuckDB."""
    folder = tmp_path_factory.mktemp("near")
    log = log_rows(a_day=100)
    house = House(folder=folder)
    house.body = body(
        write(log, "parquet", folder, "log"), write(truth_rows(log), "parquet", folder, "truth"),
        write(log_rows(seed=9, days=3), "parquet", folder, "reference"),
        kpis={"basket": {"numerator": "amount", "denominator": "visits"}}, service_grain="1d",
    )  # fmt: skip
    house.collect()
    yield house
    house.close()


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


def assert_counted_alike(
    cluster: Cluster, folder: Path, said: Mapping[str, Any], places: Mapping[str, Path], now: datetime
) -> int:
    """Collect a model by kind `parquet`, then its log, truth and reference through the cluster.

    `places` are files, or folders of files, by key of `said`. Returns how many rows both counted.
    """
    houses = []
    for kind in ("parquet", "spark"):
        house = House(folder=folder / kind, more={"timezone": "Europe/Moscow"})
        house.folder.mkdir(parents=True)
        house.body = {key: value for key, value in said.items() if key not in ("notify", "rules")}
        for key, place in places.items():
            kept = {one: value for one, value in said[key].items() if one != "path"}
            near = {"kind": "parquet", "path": str(place if place.is_file() else place / "*.parquet")}
            house.body[key] = {**kept, **(cluster.source(path=str(place)) if kind == "spark" else near)}
        assert not house.collect(now).error
        houses.append(house)
    near, far = houses
    for grain in (Grain.DAY, Grain.HOUR):
        assert assert_alike(far, near, grain)
    assert [(row.start, row.notes) for row in far.windows()] == [
        (row.start, row.notes) for row in near.windows()
    ]
    found = sum(profile.inputs.rows for key, profile in far.cells().items() if not key.segment)
    assert far.collect(now).windows == 0  # nothing changed
    for house in houses:
        house.close()
    return found


@slow
@pytest.mark.timeout(900)
def test_the_demo_counts_alike(cluster: Cluster, tmp_path: Path) -> None:
    days = story.Span(first=date(2026, 2, 24), last=date(2026, 3, 9)).days()  # errors, a release
    for day in days:
        files.write_day(tmp_path, day)
    files.write_reference(tmp_path)
    logs, reference = tmp_path / "logs", tmp_path / "reference.parquet"
    places = {"predictions": logs / "predictions", "ground_truth": logs / "outcomes", "reference": reference}
    said = yaml.safe_load(CONFIG)["models"][story.MODEL]
    rows = assert_counted_alike(cluster, tmp_path, said, places, story.morning_after(days[-1]))
    assert rows == sum(pq.read_metadata(one).num_rows for one in places["predictions"].iterdir())


@slow
@pytest.mark.timeout(900)
def test_a_larger_log_counts_alike(cluster: Cluster, tmp_path: Path) -> None:
    log = made.make(tmp_path, 300_000, days=6, numeric=6, categorical=2)
    said = yaml.safe_load(made.CONFIG.format(data=log.folder))["models"]["bench"]
    places = {"predictions": log.folder / "predictions", "ground_truth": log.folder / "truth",
              "reference": log.folder / "reference"}  # fmt: skip
    assert assert_counted_alike(cluster, tmp_path, said, places, log.now) == log.rows


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
    dead, over = threading.Event(), threading.Event()
    after: list[str] = []

    def kill() -> None:
        while not over.wait(0.02):
            if executors_at_work() == 2:
                worker.kill()  # this one process, by its id; its executor ends with it
                worker.wait()
                dead.set()
                return

    def told(statement: str) -> None:
        if dead.is_set():
            after.append(statement)
        elif "INLINE(" in statement.upper() and not killer.is_alive():
            killer.start()

    killer = threading.Thread(target=kill)
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
        over.set()
        engines.close()
        cluster.work()
    assert not summary.error
    assert after  # it was not the last statement
    assert assert_alike(house, near) > 20
    near.close()
    house.close()


def executors_at_work() -> int:
    """Return how many executors have a task now."""
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is None:
        return 0
    found = context._jsc.sc().statusTracker().getExecutorInfos()
    return sum(one.numRunningTasks() > 0 for one in found)


@slow
@pytest.mark.timeout(300)
def test_the_hours_of_two_months_are_told_apart(cluster: Cluster) -> None:
    bounds = [hour * 3600 for hour in range(62 * 24 + 1)]
    targets = [None if hour == 700 else hour for hour in range(62 * 24)]
    engine = SparkEngine(cluster.url, Options(url=cluster.url, table="none", conf=cluster.conf).conf)
    rows = sqlglot.parse_one("SELECT id AS t FROM range(-9, 5400000, 1799) UNION ALL SELECT NULL", "spark")
    found = engine.fetch(
        select([(name("t"), "t"), (span_of("t", bounds, targets), "w")], within(rows, "rows"))
    )
    engine.close()
    known = dict(enumerate(targets))
    assert found["w"].to_pylist() == [
        None if t is None else known.get(t // 3600) for t in found["t"].to_pylist()
    ]
    assert found["w"].null_count > 3  # before, after, the hour that is none, and no time at all


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
