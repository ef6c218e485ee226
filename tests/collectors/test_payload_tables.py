"""A platform's table counts in its database as its export does; a day that grew is read again."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable
from sqlalchemy.dialects.postgresql import JSONB

from core.config import ConfigError
from core.errors import SourceError
from tests.collectors.formats import databricks, made, vertex
from tests.collectors.house import House, assert_alike
from tests.collectors.test_formats import NOW, house

GENERATIONS = ["legacy", "gateway", "unity"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/tables.db"
    return str(request.getfixturevalue("postgres_url"))


def exported(folder: Path, generation: str) -> pd.DataFrame:
    """Return what was exported of one generation."""
    if generation == "gateway":
        return DeltaTable(folder / generation).to_pandas()
    return pd.read_parquet(folder / f"{generation}.parquet")


def load(url: str, rows: pd.DataFrame, *, append: bool = False) -> None:
    """Put rows into the table `payload`; maps become JSONB, lists arrays, which PostgreSQL alone can hold."""
    kinds: dict[str, Any] = {}
    for column in rows.columns:
        if column == "request_metadata":
            kinds[column], rows = JSONB(), rows.assign(**{column: rows[column].map(dict)})
        elif isinstance(rows[column].iloc[0], np.ndarray):
            kinds[column], rows = sa.ARRAY(sa.Text()), rows.assign(**{column: rows[column].map(list)})
    engine = sa.create_engine(url)
    rows.to_sql("payload", engine, index=False, dtype=kinds, if_exists="append" if append else "fail")
    engine.dispose()


def counts(one: House) -> dict[Any, tuple[int, int]]:
    return {
        (key.start, key.version, key.segment): (cell.inputs.rows, cell.outcomes.labelled)
        for key, cell in one.cells().items()
    }


@pytest.mark.parametrize("generation", GENERATIONS)
def test_an_inference_table_counts_where_it_lies(tmp_path: Path, database: str, generation: str) -> None:
    rows = made.log()
    made.truth(rows).to_parquet(tmp_path / "truth.parquet", index=False)
    databricks.write(rows, tmp_path / "logs")
    held = exported(tmp_path / "logs", generation).drop(columns="logging_error_codes", errors="ignore")
    if "request_metadata" in held and not database.startswith("postgresql"):
        held = held.drop(columns="request_metadata").assign(model_version="7")
    held.to_parquet(tmp_path / "held.parquet", index=False)
    load(database, held)
    common = {"kind": "databricks", **databricks.SAYS, "columns": databricks.USES}
    there = house(tmp_path / "there", common | {"url": database, "table": "payload"}, "output")
    here = house(tmp_path / "here", common | {"path": str(tmp_path / "held.parquet")}, "output")

    there.collect(now=NOW)
    here.collect(now=NOW)

    assert assert_alike(there, here) > 10
    again = there.collect(now=NOW)
    assert again.windows == 0
    there.close()
    here.close()


def test_a_day_that_grew_is_read_again(tmp_path: Path, postgres_url: str) -> None:
    rows = made.log()
    made.truth(rows).to_parquet(tmp_path / "truth.parquet", index=False)
    databricks.write(rows, tmp_path / "logs")
    held = exported(tmp_path / "logs", "gateway").drop(columns="logging_error_codes")
    late = held.index % 7 == 0
    load(postgres_url, held[~late])
    log = {"kind": "databricks", **databricks.SAYS, "columns": databricks.USES}
    there = house(tmp_path / "there", log | {"url": postgres_url, "table": "payload"}, "output")
    whole = house(tmp_path / "whole", log | {"url": postgres_url, "table": "payload"}, "output")

    there.collect(now=NOW)
    load(postgres_url, held[late], append=True)
    assert there.collect(now=NOW).windows > 0
    whole.collect(now=NOW)

    assert counts(there) == counts(whole) and len(counts(whole)) > 10  # bins are made once, of what was there
    there.close()
    whole.close()


def test_request_response_logging_counts_where_it_lies(tmp_path: Path, postgres_url: str) -> None:
    rows = made.log()
    made.truth(rows).to_parquet(tmp_path / "truth.parquet", index=False)
    vertex.write(rows, tmp_path / "logs")
    held = pd.read_parquet(tmp_path / "logs" / "v1.parquet")
    load(postgres_url, held)
    common = {"kind": "vertex", "columns": vertex.USES}
    there = house(tmp_path / "there", common | {"url": postgres_url, "table": "payload"}, vertex.SCORE)
    here = house(tmp_path / "here", common | {"path": str(tmp_path / "logs" / "v1.parquet")}, vertex.SCORE)

    there.collect(now=NOW)
    here.collect(now=NOW)

    assert assert_alike(there, here) > 10
    there.close()
    here.close()


def test_another_table_and_half_a_place_are_told(tmp_path: Path, postgres_url: str) -> None:
    made.truth(made.log()).to_parquet(tmp_path / "truth.parquet", index=False)
    load(postgres_url, pd.DataFrame({"who": ["a"], "what": [1]}))
    log = {"kind": "databricks", "columns": databricks.USES, "url": postgres_url}
    other = house(tmp_path / "other", log | {"table": "payload"}, "output")
    with pytest.raises(SourceError, match="request_date, date, request_time, event_time"):
        other.collect(now=NOW)
    half = house(tmp_path / "half", log, "output")
    with pytest.raises(ConfigError, match="url with table or query"):
        half.collect(now=NOW)
    other.close()
    half.close()
