"""Parquet files, read by DuckDB; times of a file come from its footer where they can."""

import json
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from collectors.sources._files import FileOptions, FileSource, quoted_list
from collectors.sources.base import EARLIEST
from collectors.zones import moment

_UNITS = {"milliseconds": (1000, 1), "microseconds": (1, 1), "nanoseconds": (1, 1000)}
"""What makes microseconds of each unit: times, over."""


class Options(FileOptions):
    """`path` alone."""


class Source(FileSource):
    """Parquet files; a column that some files lack is NULL there."""

    def reader(self, files: Sequence[str]) -> str:
        """Read files by the names of their columns."""
        hive = any("=" in part for file in files[:1] for part in file.split("/")[:-1])
        return (
            f"read_parquet({quoted_list(files)}, union_by_name=true, hive_partitioning={str(hive).lower()})"
        )

    def extent(self, path: str) -> tuple[datetime | None, datetime | None, int]:
        """Read the footer; scan where it does not tell."""
        there = self.objects(path)
        key = path if there is None else path.partition("://")[2]
        with pq.ParquetFile(key, filesystem=None if there is None else there.files) as file:
            metadata, schema = file.metadata, file.schema_arrow
        rows = metadata.num_rows
        time = self.setting.time
        if time is None or rows == 0:
            return None, None, rows
        if time not in schema.names:
            return super().extent(path)
        kind = schema.field(time).type
        if not pa.types.is_timestamp(kind) or (kind.tz is None and self.setting.zone is not None):
            return super().extent(path)
        index = next(i for i in range(metadata.num_columns) if metadata.schema.column(i).path == time)
        lows, highs = [], []
        for group in range(metadata.num_row_groups):
            stats = metadata.row_group(group).column(index).statistics
            if stats is None or not stats.has_min_max:
                if metadata.row_group(group).num_rows == 0:
                    continue
                return super().extent(path)
            lows.append(stats.min_raw)
            highs.append(stats.max_raw)
        column = metadata.schema.column(index)
        unit = _UNITS.get(json.loads(column.logical_type.to_json()).get("timeUnit", ""))
        if column.physical_type != "INT64" or unit is None or not lows:
            return super().extent(path)
        low, high = (value * unit[0] // unit[1] for value in (min(lows), max(highs)))
        if moment(low) < EARLIEST:
            return super().extent(path)
        return moment(low), moment(high), rows
