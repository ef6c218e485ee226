"""A table or query of a ClickHouse server, or of a folder that ClickHouse opens inside this process."""

import base64
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, model_validator
from sqlglot import exp

from collectors.dialects import ClickHouse
from collectors.engines import Engine, Explain
from collectors.expressions import string
from collectors.sources._tables import TableSource
from collectors.sources.base import ColumnInfo, Kind, Setting
from core.config.secrets import MASK, Text, mask_url
from core.errors import SourceError
from core.text import gettext as _

EXTRA = "clickhouse"
SETTINGS = {
    "session_timezone": "UTC",
    "join_use_nulls": "1",
    "prefer_column_name_to_alias": "1",
    "precise_float_parsing": "1",
    "max_query_size": str(2**26),
    "max_ast_elements": "5000000",
    "max_expanded_ast_elements": "50000000",
}
"""SQL as elsewhere: a row without a partner is NULL, a name is first of all a column's."""
WAIT = 600
"""Seconds without a word from a server."""
_NUMBERS = ("Int", "UInt", "Float", "Decimal", "BFloat")
_TEXTS = ("String", "FixedString", "Enum", "UUID")


class Options(BaseModel):
    """A server (`url`) or a folder (`path`), and a `table` (with its database) or a `query` there."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Text | None = None
    path: Text | None = None
    table: str | None = None
    query: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "Options":
        if (self.table is None) == (self.query is None):
            raise ValueError("either table or query is needed")
        if (self.url is None) == (self.path is None):
            raise ValueError("either url or path is needed")
        if self.url is not None and not str(self.url).startswith(("http://", "https://")):
            raise ValueError("url is http://user:password@host:8123/database")
        return self


class ClickHouseEngine(Engine):
    """ClickHouse, wherever it runs; `shown` names it without secrets."""

    shown: str

    def __init__(self, explain: Explain | None = None) -> None:
        super().__init__(explain)
        self.dialect = ClickHouse()

    def described(self, query: exp.Expression) -> list[tuple[str, str]]:
        """Return names and types of a query's columns."""
        found = self.run(f"DESCRIBE TABLE ({self.dialect.render(query)})")
        return list(zip(found["name"].to_pylist(), found["type"].to_pylist(), strict=True))

    def failed(self, error: Exception | str, hint: str = "") -> SourceError:
        """Build the error of a failing statement."""
        said = str(error).strip().partition("\n")[0][:500]
        return SourceError(_("{database}: {error}").format(database=self.shown, error=said), hint=hint)


class Server(ClickHouseEngine):
    """A server, spoken to over HTTP; it is told to change nothing."""

    def __init__(self, url: str, explain: Explain | None = None) -> None:
        super().__init__(explain)
        self.key, self.shown = url, mask_url(url)
        parts = urllib.parse.urlsplit(url)
        asked = {**SETTINGS, "readonly": "2", "wait_end_of_query": "1", "default_format": "ArrowStream"}
        if parts.path.strip("/"):
            asked["database"] = parts.path.strip("/")
        place = parts.netloc.rpartition("@")[2]
        asked |= dict(urllib.parse.parse_qsl(parts.query))
        self._url = f"{parts.scheme}://{place}/?{urllib.parse.urlencode(asked)}"
        user = urllib.parse.unquote(parts.username or "default")
        self._password = urllib.parse.unquote(parts.password or "")
        login = base64.b64encode(f"{user}:{self._password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Content-Type": "text/plain; charset=utf-8"}

    def run(self, text: str) -> pa.Table:
        """Run SQL text."""
        with self._asked(text) as reader:
            return reader.read_all()

    def stream(self, query: exp.Expression, rows: int) -> Iterator[pa.Table]:
        """Yield blocks as the server sends them, cut to size."""
        with self._asked(self._told(query)) as reader:
            yield from _parts(reader, rows)

    def close(self) -> None:
        """Do nothing: each statement has a connection of its own."""

    @contextmanager
    def _asked(self, text: str) -> Iterator[pa.RecordBatchReader]:
        request = urllib.request.Request(self._url, data=text.encode(), headers=self._headers)
        try:
            with urllib.request.urlopen(request, timeout=WAIT) as answer:
                yield pa.ipc.open_stream(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace") or str(error)
            raise self.failed(self._masked(said)) from error
        except (OSError, pa.ArrowInvalid) as error:
            hint = _("Look at the url and whether the server runs.")
            raise self.failed(self._masked(str(getattr(error, "reason", error))), hint) from error

    def _masked(self, said: str) -> str:
        return said.replace(self._password, MASK) if len(self._password) > 3 else said


_lock = threading.Lock()
"""The library inside this process answers one at a time."""


class Embedded(ClickHouseEngine):
    """ClickHouse in this process (chdb) over a folder; a process opens one folder at a time."""

    def __init__(self, path: str, explain: Explain | None = None) -> None:
        super().__init__(explain)
        self.key = self.shown = path
        try:
            from chdb import session
        except ImportError as error:
            raise self.failed(error, _("pip install 'goalkeeper[{extra}]'").format(extra=EXTRA)) from error
        library: Any = session
        with self._alone():
            self._session = library.Session(path)
        for key, value in SETTINGS.items():
            self._asked(f"SET {key} = {string(value).sql(self.dialect.name)}")

    def run(self, text: str) -> pa.Table:
        """Run SQL text."""
        return self._asked(text)

    def stream(self, query: exp.Expression, rows: int) -> Iterator[pa.Table]:
        """Yield batches."""
        text = self._told(query)
        with self._alone(), self._session.send_query(text, "Arrow") as sent:
            yield from _parts(sent.record_batch(rows_per_batch=rows), rows)

    def close(self) -> None:
        """Close the folder, so that another one may be opened."""
        self._session.close()

    def _asked(self, text: str) -> pa.Table:
        with self._alone():
            found: pa.Table = self._session.query(text, "ArrowTable")
            return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with _lock:
            try:
                yield
            except RuntimeError as error:
                busy = "already initialized with path" in str(error) or "Cannot lock file" in str(error)
                hint = _("One process opens one folder, and a folder is open in one process at a time.")
                raise self.failed(error, hint if busy else "") from error


class Source(TableSource):
    """Rows of one table or query."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        assert isinstance(setting.options, Options)
        self._options = setting.options

    @property
    def engine(self) -> ClickHouseEngine:
        """Return the server, or the library over the folder."""
        url, path = self._options.url, self._options.path
        if url is not None:
            return self.setting.engines.kept(str(url), Server, lambda explain: Server(str(url), explain))
        return self.setting.engines.kept(str(path), Embedded, lambda explain: Embedded(str(path), explain))

    def describe(self) -> str:
        """Name the table and its place, the password masked."""
        place = self._options.path or mask_url(str(self._options.url))
        return (self._options.table or _("a query")) + f" ({place})"

    def described(self, query: exp.Select) -> tuple[ColumnInfo, ...]:
        """Ask ClickHouse."""
        return tuple(_info(one, kind) for one, kind in self.engine.described(query))

    def kind_of(self, type_: str) -> Kind:
        """Return what a type of ClickHouse means."""
        return _info("", type_).kind

    def rows(self) -> exp.Expression:
        """Return the table or query."""
        if self._options.table is not None:
            return self.table(self._options.table)
        return self.query(str(self._options.query))

    def gone(self, error: SourceError) -> SourceError:
        """Say which tables exist where the wanted one does not."""
        wanted = self._options.table
        if wanted is None or "UNKNOWN_TABLE" not in error.message:
            return error
        database, _dot, bare = wanted.rpartition(".")
        place = string(database.strip('"`')).sql("clickhouse") if database else "currentDatabase()"
        existing = self.engine.run(f"SELECT name FROM system.tables WHERE database = {place} ORDER BY name")
        return self.no_table(wanted, bare, existing["name"].to_pylist(), self.engine.shown)


def _info(column: str, kind: str) -> ColumnInfo:
    bare = kind
    for wrapper in ("LowCardinality(", "Nullable("):
        bare = bare[len(wrapper) : -1] if bare.startswith(wrapper) else bare
    meaning: Kind = "other"
    if bare.startswith(_NUMBERS):
        meaning = "numeric"
    elif bare == "Bool":
        meaning = "boolean"
    elif bare.startswith(_TEXTS):
        meaning = "categorical"
    elif bare.startswith("Date"):
        meaning = "time"
    return ColumnInfo(
        name=column, type=kind, kind=meaning, is_text=bare.startswith(("String", "FixedString")),
        aware=bare.startswith("DateTime") and "'" in bare, may_be_nan="Float" in bare,
    )  # fmt: skip


def _parts(batches: pa.RecordBatchReader, rows: int) -> Iterator[pa.Table]:
    """Yield tables of at most `rows`; one without rows where there are none."""
    some = False
    for batch in batches:
        whole = pa.Table.from_batches([batch])
        for start in range(0, whole.num_rows, rows):
            some = True
            yield whole.slice(start, rows)
    if not some:
        yield batches.schema.empty_table()
