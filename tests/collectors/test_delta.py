"""Of a folder that is a Delta table what counts is the table as it is now, not every file that lies there."""

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from collectors.engines import Engines
from collectors.sources import parquet
from collectors.sources.base import Setting
from core.errors import SourceError
from tests.collectors.buckets import Buckets
from tests.collectors.house import NOW

ROWS = pd.DataFrame(
    {
        "at": pd.date_range("2026-03-02", periods=96, freq="h", tz="UTC"),
        "region": ["north shore", "südwest"] * 48, "amount": range(96),
    }
)  # fmt: skip


def write(place: str | Path, storage: dict[str, str] | None = None) -> pd.DataFrame:
    """Write a table by and by, delete from it and compact it; return the rows that it holds."""
    for part in (ROWS[:40], ROWS[40:80], ROWS[80:]):
        table = pa.Table.from_pandas(part, preserve_index=False)
        write_deltalake(place, table, mode="append", partition_by=["region"], storage_options=storage)
    made = DeltaTable(place, storage_options=storage)
    made.delete("amount < 10")
    made.optimize.compact()
    return ROWS[ROWS["amount"] >= 10]


def read(path: str, **options: Any) -> pd.DataFrame:
    """Return what a source of Parquet files reads."""
    engines = Engines()
    made = parquet.Options(path=path, **options)
    source = parquet.Source(Setting(options=made, engines=engines, use="predictions", time="at"))
    source.slices({}, NOW)
    table = source.sample((None, None), ["at", "region", "amount"], 1000)
    engines.close()
    return table.to_pandas().sort_values("amount", ignore_index=True)


def alike(found: pd.DataFrame, rows: pd.DataFrame) -> None:
    assert found["amount"].tolist() == rows["amount"].tolist()
    assert found["region"].tolist() == rows["region"].tolist()


@pytest.mark.parametrize("pattern", ["table", "table/**/*.parquet", "*/**/*.parquet"])
def test_only_files_of_the_newest_version_are_read(tmp_path: Path, pattern: str) -> None:
    rows = write(tmp_path / "table")

    assert len(list((tmp_path / "table").glob("**/*.parquet"))) > len(
        DeltaTable(tmp_path / "table").file_uris()
    )
    alike(read(str(tmp_path / pattern)), rows)


def test_a_table_in_a_bucket_is_named_as_a_folder(buckets: Buckets) -> None:
    bucket = f"gk-{uuid.uuid4().hex[:12]}"
    buckets.put(f"{bucket}/other.txt", b"")
    storage = {
        "AWS_ACCESS_KEY_ID": buckets.key, "AWS_SECRET_ACCESS_KEY": buckets.secret, "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": buckets.endpoint, "AWS_ALLOW_HTTP": "true", "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
    }  # fmt: skip
    rows = write(f"s3://{bucket}/lake/table", storage)

    alike(read(f"s3://{bucket}/lake/table", **buckets.options()), rows)


def test_what_is_no_plain_parquet_is_told_with_the_way_out(tmp_path: Path) -> None:
    write(tmp_path / "table")
    first = tmp_path / "table" / "_delta_log" / f"{0:020}.json"
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    for line in lines:
        if "protocol" in line:
            line["protocol"] = {
                "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
                "writerFeatures": ["deletionVectors"],
            }  # fmt: skip
    first.write_text("\n".join(map(json.dumps, lines)))

    with pytest.raises(SourceError, match="deletionVectors") as refused:
        read(str(tmp_path / "table"))

    assert "Spark" in refused.value.hint


def test_without_the_package_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "table")
    monkeypatch.setitem(sys.modules, "deltalake", None)

    with pytest.raises(SourceError, match="Delta table") as refused:
        read(str(tmp_path / "table" / "*" / "*.parquet"))

    assert "goalkeeper[delta]" in refused.value.hint
