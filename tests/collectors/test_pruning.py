"""A pass over what is new opens only the files and partitions that may hold it."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from tests.collectors.house import House, write

DAY = timedelta(days=1)
START = datetime(2026, 4, 1, tzinfo=UTC)
COLUMNS = {"id": "id", "time": "at", "score": "score"}
LABELS = {"id": "id", "time": "known_at", "label": "label"}


def day_of(at: int) -> pd.DataFrame:
    """A row every ten minutes, labelled half a day later."""
    times = pd.date_range(START + at * DAY, periods=144, freq="10min")
    ids = [f"{at}-{i}" for i in range(144)]
    return pd.DataFrame({"id": ids, "at": times, "score": 0.5, "known_at": times + pd.Timedelta(hours=12),
                         "label": [i % 3 == 0 for i in range(144)], "x": range(144)})  # fmt: skip


def put(folder: Path, at: int) -> None:
    """Write the day's rows in a folder of its own, and its labels."""
    rows = day_of(at)
    place = folder / "log" / f"day={(START + at * DAY).date()}"
    write(rows[["id", "at", "score", "x"]], "parquet", place, "part")
    write(rows[["id", "known_at", "label"]], "parquet", folder / "truth", f"{at:02}")


def configured(log: dict[str, object], truth: dict[str, object]) -> dict[str, object]:
    return {
        "predictions": {**log, "columns": COLUMNS, "features": {"numeric": ["x"], "categorical": []}},
        "ground_truth": {**truth, "columns": LABELS, "maturity": "2d"},
        "lookback": "1d", "positive_label": "true",
        "reference": {"from": START.date(), "to": (START + 3 * DAY).date()},
    }  # fmt: skip


def test_only_the_new_day_of_a_log_in_folders_is_read(house: House) -> None:
    for at in range(20):
        put(house.folder, at)
    house.body = configured(
        {"path": f"{house.folder}/log/*/*.parquet"}, {"path": f"{house.folder}/truth/*.parquet"}
    )
    house.more = {"timezone": "UTC"}
    house.collect(START + 20 * DAY)
    put(house.folder, 20)

    found = house.collect(START + 21 * DAY)

    assert found.windows >= 25
    counting = [one for one in house.statements if "GROUP BY" in one]
    days = {day for one in counting for day in re.findall(r"log/day=2026-04-(\d\d)/", one)}
    truths = {part for one in counting for part in re.findall(r"truth/(\d\d)\.parquet", one)}
    assert "21" in days and min(days) >= "18"
    assert "20" in truths and min(truths) >= "16"


def test_only_the_new_partition_of_a_table_is_read(house: House, postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE log (id text, at timestamptz, score float8, known_at timestamptz, label bool,"
            " x int) PARTITION BY RANGE (at)"
        )
        for at in range(21):
            day = (START + at * DAY).date()
            connection.exec_driver_sql(
                f"CREATE TABLE log_{day.day:02} PARTITION OF log"
                f" FOR VALUES FROM ('{day}T00:00Z') TO ('{day + DAY}T00:00Z')"
            )
    engine.dispose()
    pd.concat([day_of(at) for at in range(20)]).to_sql("log", postgres_url, index=False, if_exists="append")
    table = {"kind": "sql", "url": postgres_url, "table": "log"}
    house.body = configured(table, {"in": "predictions"})
    house.body["ground_truth"] = {"in": "predictions", "columns": LABELS, "maturity": "2d"}
    house.more = {"timezone": "UTC"}
    house.collect(START + 20 * DAY)
    day_of(20).to_sql("log", postgres_url, index=False, if_exists="append")

    house.collect(START + 21 * DAY)

    counting = [one.rstrip(";") for one in house.statements if "GROUP BY" in one and '"x"' in one]
    assert counting
    with engine.connect() as connection:
        plans = [
            "\n".join(connection.execute(sa.text(f"EXPLAIN {one}".replace(":", r"\:"))).scalars())
            for one in counting
        ]
    for plan in plans:
        read = set(re.findall(r"Scan on log_(\d\d)", plan))
        assert "21" in read and min(read) >= "18"
    engine.dispose()


@pytest.mark.parametrize("days", [5, 40])
def test_a_pass_with_nothing_new_opens_no_file(house: House, days: int) -> None:
    for at in range(days):
        put(house.folder, at)
    house.body = configured(
        {"path": f"{house.folder}/log/*/*.parquet"}, {"path": f"{house.folder}/truth/*.parquet"}
    )
    house.more = {"timezone": "UTC"}
    house.collect(START + (days + 1) * DAY)

    found = house.collect(START + (days + 1) * DAY + timedelta(minutes=5))

    assert found.windows == 0
    assert [one for one in house.statements if "GROUP BY" in one] == []
