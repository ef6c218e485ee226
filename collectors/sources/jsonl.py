"""JSON Lines (.gz and .zst too), read by DuckDB; every value is read as text and its meaning tried."""

from collections.abc import Sequence

from collectors.expressions import string
from collectors.sources._files import FileOptions, FileSource, quoted_list


class Options(FileOptions):
    """`path` alone."""


class Source(FileSource):
    """One JSON object a line; nested values are kept as their JSON text."""

    loose = True

    def reader(self, files: Sequence[str]) -> str:
        """Read the keys as text."""
        names = [column.name for column in self.columns()] if self._slices else self._keys(files)
        columns = ", ".join(f"{string(name).sql('duckdb')}: 'VARCHAR'" for name in names)
        return f"read_json({quoted_list(files)}, format='newline_delimited', columns={{{columns}}})"

    def typed_reader(self, files: Sequence[str]) -> str:
        """Let DuckDB guess keys and types."""
        return f"read_json({quoted_list(files)}, format='newline_delimited', union_by_name=true)"

    def _keys(self, files: Sequence[str]) -> list[str]:
        found = self.engine.run(f"DESCRIBE SELECT * FROM {self.typed_reader(files)}").to_pydict()
        return [str(name) for name in found["column_name"]]
