"""CSV files (.gz and .zst too), read by DuckDB; every value is read as text and its meaning tried."""

from collections.abc import Sequence

from collectors.expressions import string
from collectors.sources._files import FileOptions, FileSource, quoted_list


class Options(FileOptions):
    """`path`, and what DuckDB's sniffer cannot find out by itself."""

    delimiter: str | None = None
    quote: str | None = None
    encoding: str = "utf-8"


class Source(FileSource):
    """CSV files with a header; an empty value is missing."""

    loose = True

    def reader(self, files: Sequence[str]) -> str:
        """Read everything as text."""
        return self._read(files, "all_varchar=true")

    def typed_reader(self, files: Sequence[str]) -> str:
        """Let DuckDB guess the types."""
        return self._read(files, "sample_size=20480")

    def _read(self, files: Sequence[str], more: str) -> str:
        options = self.setting.options
        assert isinstance(options, Options)
        parts = [quoted_list(files), "header=true", "union_by_name=true", more]
        if options.delimiter is not None:
            parts.append(f"delim={string(options.delimiter).sql('duckdb')}")
        if options.quote is not None:
            parts.append(f"quote={string(options.quote).sql('duckdb')}")
        if options.encoding.lower() not in ("utf-8", "utf8"):
            parts.append(f"encoding={string(options.encoding).sql('duckdb')}")
        return f"read_csv({', '.join(parts)})"
