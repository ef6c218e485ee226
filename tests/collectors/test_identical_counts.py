"""Every engine counts the odd log as DuckDB counts it over Parquet: all profiles, value by value."""

import math
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import collectors.dialects
from tests.collectors import clusters
from tests.collectors.clusters import Cluster
from tests.collectors.house import House, assert_alike
from tests.collectors.odd import odd_body, odd_log, odd_truth, to_chdb, to_parquet, to_sql

LATER = datetime(2026, 11, 20, tzinfo=UTC)
APRIL, OCTOBER = datetime(2026, 4, 5, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)
NUMBERS = ["1", " 2 ", "1d", "0x1p3", "", " ", "x", "1e5", "NaN", ".5", "5.", "+7", "1_000", "١", None]
TIMES = ["2026-03-27 10:00:00", "2026-03-27T10:00:00Z", "2026-03-27 10:00:00+05:30", "2026-03-29 02:30:00",
         "2026-03-28", "12:00", "", "never", None, "2026-03-27 10:00:00.123456", "2026-03-28 23:59:59+00",
         "2026-03-29 10:00:00-03:30", "2026-03-29 11:00", "2026-02-30 10:00:00"]  # fmt: skip
Put = Callable[[pa.Table, str], Mapping[str, Any]]
pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")


@dataclass(frozen=True, kw_only=True)
class Place:
    """An engine to count in: `put` keeps a table there and says how it is configured.

    `held` is the log as it can hold it.
    """

    put: Put
    held: Callable[[pa.Table], pa.Table] = lambda rows: rows


def without_infinities(rows: pa.Table) -> pa.Table:
    """Return what MariaDB can hold: neither NaN nor infinities, so they are missing."""
    for i, column in enumerate(rows.schema):
        if pa.types.is_floating(column.type):
            values = [None if x is None or not math.isfinite(x) else x for x in rows[i].to_pylist()]
            rows = rows.set_column(i, column.name, pa.array(values, pa.float64()))
    return rows


def duckdb(request: pytest.FixtureRequest, folder: Path) -> Place:
    return Place(put=lambda rows, name: to_parquet(rows, folder, name))


def postgresql(request: pytest.FixtureRequest, folder: Path) -> Place:
    url = request.getfixturevalue("postgres_url")
    return Place(put=lambda rows, name: to_sql(rows, url, name))


def sqlite(request: pytest.FixtureRequest, folder: Path) -> Place:
    """Have NaN become NULL, as SQLite does by itself, and write truths as words: it knows only 0 and 1."""
    return Place(put=lambda rows, name: to_sql(rows, f"sqlite:///{folder}/log.db", name))


def mysql(request: pytest.FixtureRequest, folder: Path) -> Place:
    url = request.getfixturevalue("mariadb_url")
    return Place(put=lambda rows, name: to_sql(without_infinities(rows), url, name), held=without_infinities)


def clickhouse(request: pytest.FixtureRequest, folder: Path) -> Place:
    pytest.importorskip("chdb", reason="left out: chdb is not installed (make test-all installs it)")
    return Place(put=lambda rows, name: to_chdb(rows, folder / "chdb", name))


def spark(request: pytest.FixtureRequest, folder: Path) -> Place:
    cluster: Cluster = request.getfixturevalue("cluster")
    return Place(put=lambda rows, name: cluster.source(**to_parquet(rows, folder, name)))


RUN = [duckdb, postgresql, sqlite, mysql, clickhouse, spark]
RENDERED = ["bigquery", "snowflake", "trino"]
"""Engines that no test here runs: test_rendered.py."""


def test_every_engine_is_counted_or_named() -> None:
    known = {one.name for one in pkgutil.iter_modules(collectors.dialects.__path__)} - {"base"}
    assert known == {one.__name__ for one in RUN} | set(RENDERED)


HEAVY = {clickhouse, spark}
"""Half a gigabyte each to install, so these are left to the slow tier."""
SLOW = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a Spark master and two workers; this process speaks to them from 127.0.0.1."""
    clusters.needed()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        with clusters.running(tmp_path_factory.mktemp("spark")) as made:
            yield made


@pytest.fixture(
    params=[pytest.param(one, marks=SLOW if one in HEAVY else ()) for one in RUN],
    ids=[one.__name__ for one in RUN],
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    make: Callable[[pytest.FixtureRequest, Path], Place] = request.param
    return make(request, tmp_path)


@pytest.fixture(params=[False, True], ids=["naive", "zoned"])
def zoned(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


Wanted = Callable[[Place, bool], House]


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wanted]:
    """Collect what DuckDB counts over Parquet, once for each log."""
    made: dict[tuple[bool, bool], House] = {}

    def collected(place: Place, zoned: bool) -> House:
        key = (zoned, place.held is without_infinities)
        if key not in made:
            folder = tmp_path_factory.mktemp("wanted")
            log = odd_log(zoned=zoned)
            files = [to_parquet(place.held(log), folder, "log"),
                     to_parquet(odd_truth(log, zoned=zoned), folder, "truth"),
                     to_parquet(odd_log(zoned=zoned, seed=9), folder, "reference")]  # fmt: skip
            made[key] = House(folder=folder)
            made[key].body = odd_body(*files)
            collect(made[key])
        return made[key]

    yield collected
    for house in made.values():
        house.close()


def collect(house: House) -> int:
    """Collect the days around both changes of the clock; return how many windows were due."""
    found = [house.collect(LATER, until=APRIL), house.collect(LATER, since=OCTOBER)]
    assert not any(one.error for one in found)
    return sum(one.windows for one in found)


def test_it_counts_as_duckdb_does(place: Place, zoned: bool, house: House, wanted: Wanted) -> None:
    expected = wanted(place, zoned)
    log = odd_log(zoned=zoned)
    house.body = odd_body(
        place.put(log, "Log"), place.put(odd_truth(log, zoned=zoned), "Truth"), expected.body["reference"]
    )
    collect(house)
    assert assert_alike(house, expected) > 100
    windows = [{row.start: row.notes for row in one.windows()} for one in (house, expected)]
    assert windows[0] == windows[1]
    assert {(row.end - row.start).total_seconds() / 3600 for row in house.windows()} == {23, 24, 25}
    assert windows[0].keys() - {key.start for key in house.cells()}  # days without rows
    assert collect(house) == 0  # nothing changed


def test_a_reference_may_lie_there_too(place: Place, house: House) -> None:
    log = place.held(odd_log(zoned=True, a_day=60))
    house.body = odd_body(
        place.put(log, "Log"), place.put(odd_truth(log, zoned=True), "Truth"),
        place.put(odd_log(zoned=True, seed=9, a_day=300), "Before"),
    )  # fmt: skip
    collect(house)
    whole = [profile for key, profile in house.cells().items() if not key.segment]
    assert sum(profile.inputs.rows for profile in whole) == log.num_rows
    row, reference = house.reference()
    assert row is not None
    assert sum(p.inputs.rows for k, p in reference.items() if not k.segment) == 6 * 300 + 20
    assert house.grids().columns["a.b"].levels


def test_texts_are_read_alike(place: Place, house: House, tmp_path: Path) -> None:
    pairs = [(at, x) for at in TIMES for x in NUMBERS]
    rows = pa.table(
        {
            "id": pa.array([str(i) for i in range(len(pairs))]),
            "s": pa.array([0.5] * len(pairs)),
            "at": pa.array([at for at, _x in pairs], pa.string()),
            "x": pa.array([x for _at, x in pairs], pa.string()),
        }
    )
    file = to_parquet(rows, tmp_path / "files", "texts")
    near = House(folder=tmp_path / "near")
    near.folder.mkdir()
    for one, where in ((near, file), (house, place.put(rows, "Texts"))):
        columns, features = {"id": "id", "time": "at", "score": "s"}, {"numeric": ["x"]}
        predictions = {**where, "columns": columns, "features": features, "timezone": "Europe/Berlin"}
        one.body = {"predictions": predictions, "reference": file, "service_grain": "1d"}
        assert not one.collect(LATER, until=APRIL).error
    assert assert_alike(house, near) == 3
    assert [row.notes for row in house.windows()] == [row.notes for row in near.windows()]
    near.close()
