"""A file's first and last time come from its footer, whatever the unit; else from a look at its rows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from collectors.engines import Engines
from collectors.sources.base import Setting
from collectors.sources.parquet import Options, Source

FIRST, LAST = datetime(2026, 3, 1, 5, 6, 7, tzinfo=UTC), datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)


def extent(folder: Path, kind: Any, **more: Any) -> tuple[datetime | None, datetime | None, int]:
    times = pa.array([LAST, None, FIRST], pa.timestamp("us", "UTC")).cast(kind)
    pq.write_table(pa.table({"at": times}), folder / "a.parquet", **more)
    engines = Engines()
    options = Options(path=str(folder / "a.parquet"))
    source = Source(Setting(options=options, engines=engines, use="predictions", time="at"))
    found = source.extent(str(folder / "a.parquet"))
    engines.close()
    return found


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", None])
def test_every_unit_of_time(tmp_path: Path, unit: str, zone: str | None) -> None:
    assert extent(tmp_path, pa.timestamp(unit, zone)) == (FIRST, LAST, 3)


def test_without_statistics_it_looks_at_the_rows(tmp_path: Path) -> None:
    assert extent(tmp_path, pa.timestamp("us", "UTC"), write_statistics=False) == (FIRST, LAST, 3)


def test_old_96_bit_times_are_looked_at(tmp_path: Path) -> None:
    kind = pa.timestamp("us", "UTC")
    assert extent(tmp_path, kind, use_deprecated_int96_timestamps=True) == (FIRST, LAST, 3)


def test_a_time_column_without_any_time(tmp_path: Path) -> None:
    pq.write_table(pa.table({"at": pa.nulls(2, pa.timestamp("us"))}), tmp_path / "a.parquet")
    engines = Engines()
    options = Options(path=str(tmp_path / "a.parquet"))
    source = Source(Setting(options=options, engines=engines, use="predictions", time="at"))
    assert source.extent(str(tmp_path / "a.parquet")) == (None, None, 2)
    engines.close()
