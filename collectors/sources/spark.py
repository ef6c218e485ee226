"""A table, query, Parquet or Delta path that Spark reads; statements run on its cluster."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlglot import exp

from collectors.dialects import Spark
from collectors.engines import Engine, Explain
from collectors.sources._tables import TableSource
from collectors.sources.base import ColumnInfo, Kind, Setting
from core.config.secrets import MASK, Secret, Text, mask_url
from core.errors import SourceError
from core.text import N_
from core.text import gettext as _

EXTRA = "spark"
_STEADY = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.ansi.enabled": "false",  # what cannot be read is NULL, as elsewhere
    "spark.sql.variable.substitute": "false",  # a text may hold ${…}
}
_QUIET = {"spark.ui.enabled": "false", "spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false"}
_NUMBERS = ("tinyint", "smallint", "int", "bigint", "decimal", "float", "double")


class Options(BaseModel):
    """A master or a Spark Connect server (`url`), and a `table`, a `query` or a `path` there."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Text
    table: str | None = None
    query: str | None = None
    path: Text | list[Text] | None = None
    delta: bool = False
    conf: Mapping[str, Secret] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one(self) -> "Options":
        if sum(one is not None for one in (self.table, self.query, self.path)) != 1:
            raise ValueError("one of table, query and path is needed")
        if self.delta and self.path is None:
            raise ValueError("delta says how path is read")
        if not re.match(r"(spark|sc|k8s)://|local(\[|$)|yarn$", str(self.url)):
            raise ValueError("url is spark://host:7077, sc://host:15002, yarn, k8s://… or local[2]")
        return self


class SparkEngine(Engine):
    """One session of one cluster."""

    def __init__(self, url: str, conf: Mapping[str, Secret], explain: Explain | None = None) -> None:
        super().__init__(explain)
        self.dialect = Spark()
        self.key = _key(url, conf)
        self.shown = mask_url(url)
        self._secrets = [value.reveal() for value in conf.values()]
        self._views: dict[tuple[str, ...], str] = {}
        with self._told_well():
            self.session = _opened(url, {key: value.reveal() for key, value in conf.items()})

    def run(self, text: str) -> pa.Table:
        """Run SQL text."""
        with self._told_well():
            found: pa.Table = self.session.sql(text).toArrow()
            return found

    def stream(self, query: exp.Expression, rows: int) -> Iterator[pa.Table]:
        """Yield batches as the partitions come."""
        from pyspark.sql.pandas.types import to_arrow_schema

        text = self._told(query)
        with self._told_well():
            frame = self.session.sql(text)
            schema = to_arrow_schema(frame.schema, timezone="UTC")
            part: list[Any] = []
            some = False
            for row in _naive(frame).toLocalIterator():
                part.append(row)
                if len(part) == rows:
                    yield _batch(part, schema)
                    part, some = [], True
            if part or not some:
                yield _batch(part, schema)

    def schema(self, query: exp.Expression) -> list[tuple[str, str]]:
        """Return names and types of a query's columns."""
        with self._told_well():
            fields = self.session.sql(query.sql(self.dialect.name)).schema.fields
            return [(field.name, field.dataType.simpleString()) for field in fields]

    def view(self, paths: Sequence[str], delta: bool) -> str:
        """Return the name of a temporary view over files."""
        key = (str(delta), *paths)
        if key not in self._views:
            with self._told_well():
                reader = self.session.read
                frame = (
                    reader.format("delta").load(paths[0])
                    if delta
                    else reader.option("mergeSchema", "true").parquet(*paths)
                )
                made = f"gk_{len(self._views)}"
                frame.createOrReplaceTempView(made)
            self._views[key] = made
        return self._views[key]

    def tables(self, database: str | None) -> list[str]:
        """List tables and views."""
        with self._told_well():
            return [one.name for one in self.session.catalog.listTables(database)]

    def close(self) -> None:
        """End the session, and with the last one its processes."""
        _closed(self.session)

    @contextmanager
    def _told_well(self) -> Iterator[None]:
        """Say in one line what Spark says in many, without secrets."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            yield
        except (PySparkException, Py4JError, ImportError, OSError) as error:
            said = _said(error)
            for secret in self._secrets:
                said = said.replace(secret, MASK) if len(secret) > 3 else said
            hint = next((_(words) for sign, words in _HINTS if re.search(sign, said)), "")
            raise SourceError(
                _("{database}: {error}").format(database=self.shown, error=said), hint=hint
            ) from error


class Source(TableSource):
    """Rows of one table, query or path."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        assert isinstance(setting.options, Options)
        self._options = setting.options

    @property
    def engine(self) -> SparkEngine:
        """Return the session on the cluster."""
        url, conf = str(self._options.url), self._options.conf
        return self.setting.engines.kept(
            _key(url, conf), SparkEngine, lambda explain: SparkEngine(url, conf, explain)
        )

    def describe(self) -> str:
        """Name the rows and the cluster."""
        path = self._options.path
        paths = path if isinstance(path, list) else [] if path is None else [path]
        what = self._options.table or ", ".join(getattr(one, "shown", one) for one in paths) or _("a query")
        return f"{what} ({mask_url(str(self._options.url))})"

    def described(self, query: exp.Select) -> tuple[ColumnInfo, ...]:
        """Ask Spark."""
        return tuple(_info(one, kind) for one, kind in self.engine.schema(query))

    def kind_of(self, type_: str) -> Kind:
        """Return what a type of Spark means."""
        return _info("", type_).kind

    def rows(self) -> exp.Expression:
        """Return the table, the query, or a view over the files."""
        if self._options.table is not None:
            return self.table(self._options.table)
        if self._options.query is not None:
            return self.query(self._options.query)
        path = self._options.path
        paths = [str(one) for one in path] if isinstance(path, list) else [str(path)]
        return self.table(self.engine.view(paths, self._options.delta))

    def gone(self, error: SourceError) -> SourceError:
        """Say which tables exist where the wanted one does not."""
        wanted = self._options.table
        named = SourceError(f"{self.setting.use}: {error.message}", hint=error.hint)
        if wanted is None or "TABLE_OR_VIEW_NOT_FOUND" not in error.message:
            return named
        database, _dot, bare = wanted.rpartition(".")
        try:
            existing = self.engine.tables(database or None)
        except SourceError:
            return named
        return self.no_table(wanted, bare, existing, self.engine.shown)


def _info(column: str, kind: str) -> ColumnInfo:
    base = kind.partition("(")[0]
    meaning: Kind = "other"
    if base in _NUMBERS:
        meaning = "numeric"
    elif base == "boolean":
        meaning = "boolean"
    elif base in ("string", "varchar", "char", "void"):
        meaning = "categorical"
    elif base in ("timestamp", "timestamp_ntz", "date"):
        meaning = "time"
    return ColumnInfo(
        name=column, type=kind, kind=meaning, is_text=meaning == "categorical",
        aware=base == "timestamp", may_be_nan=base in ("float", "double"),
    )  # fmt: skip


def _key(url: str, conf: Mapping[str, Secret]) -> str:
    return url + "".join(f";{key}={value.reveal()}" for key, value in sorted(conf.items()))


_HINTS = (
    (r"JAVA_GATEWAY_EXITED|JAVA_HOME|UnsupportedClassVersion",
     N_("Spark needs Java 17 or newer: set JAVA_HOME.")),
    (r"[Mm]asters are unresponsive|Failed to connect|[Cc]onnection refused|UNAVAILABLE",
     N_("Look at the url and whether the cluster runs.")),
    (r"grpc|PACKAGE_NOT_INSTALLED", N_("Spark Connect needs more: pip install 'pyspark[connect]'")),
    (r"DATA_SOURCE_NOT_FOUND",
     N_("The session has no Delta: name its package as spark.jars.packages under conf.")),
    (r"TIMESTAMP\(NANOS", N_("Spark reads times in Parquet down to microseconds; write them so.")),
)  # fmt: skip


def _said(error: BaseException) -> str:
    """Return the first line of the cause that is worth reading."""
    java = getattr(error, "java_exception", None)
    text = str(error) if java is None else str(java.getMessage() or java.toString())
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _naive(frame: Any) -> Any:
    """Write moments as UTC's wall times: rows would come in this process's zone."""
    columns = []
    for field in frame.schema.fields:
        column = "`" + field.name.replace("`", "``") + "`"
        moment = field.dataType.simpleString() == "timestamp"
        columns.append(f"CAST({column} AS TIMESTAMP_NTZ) AS {column}" if moment else column)
    return frame.selectExpr(*columns)


def _batch(rows: Sequence[Any], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = []
    for field, values in zip(schema, columns, strict=True):
        zoned = pa.types.is_timestamp(field.type) and field.type.tz is not None
        array = pa.array(values, pa.timestamp("us") if zoned else field.type, from_pandas=False)
        arrays.append(array.cast(field.type) if zoned else array)
    return pa.Table.from_arrays(arrays, names=schema.names)


_lock = threading.Lock()
_open: list[Any] = []
"""Sessions in use: a process has one Spark context, which ends with the last of them."""


def _opened(url: str, conf: Mapping[str, str]) -> Any:
    """Return a session of its own.

    Raises:
        SourceError: this process already speaks to another cluster.
    """
    if url.startswith("sc://"):  # not by the common builder: it would keep masters out of this process
        from pyspark.sql.connect.session import SparkSession as Remote

        session: Any = Remote.builder.remote(url).create()
        settings = {**conf, **_STEADY}
    else:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.appName("goalkeeper")
        with _lock:
            for key, value in {**_QUIET, **conf}.items():
                builder = builder.config(key, value)
            first = builder.master(url).getOrCreate()
            spoken = first.sparkContext.master or ""
            if spoken != url:
                raise SourceError(
                    _("This process already speaks to the Spark cluster {master}.").format(
                        master=mask_url(spoken)
                    ),
                    hint=_("Use one master for all sources, or Spark Connect (sc://) for the others."),
                )
            session = first.newSession()
            _open.append(session)
        settings = dict(_STEADY)
    for key, value in settings.items():
        session.conf.set(key, value)
    return session


def _closed(session: Any) -> None:
    with _lock:
        mine = session in _open
        if mine:
            _open.remove(session)
            if _open:
                return
    session.stop()
