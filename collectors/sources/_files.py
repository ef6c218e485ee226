"""What the kinds of files share: globs, hive partitions, slices by size and time, bad files left out."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
from sqlglot import exp

from collectors.delta import LOG, active_files, is_table, without_leftovers
from collectors.expressions import (
    call,
    either,
    name,
    null,
    raw,
    select,
    string,
    whole,
    within,
)  # fmt: skip
from collectors.objects import SCHEMES, ObjectFiles, ObjectOptions, ObjectStore, has_signs
from collectors.parsing import parse_expression, star
from collectors.sources.base import (
    EARLIEST,
    ColumnInfo,
    Kind,
    Setting,
    Slice,
    Source,
    Span,
    between,
    said_early,
)  # fmt: skip
from collectors.zones import micros, moment
from core.config.secrets import Masked, Text
from core.errors import SourceError
from core.text import gettext as _

if TYPE_CHECKING:
    from collectors.engines import DuckEngine

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "FLOAT", "DOUBLE", "UTINYINT",
            "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")  # fmt: skip


class FileOptions(ObjectOptions):
    """Files: a path or several, patterns (`*`, `**`) and hive partitions (`day=2026-03-01/`) allowed."""

    path: Text | list[Text]


class FileSource(Source):
    """Files that DuckDB reads in this process."""

    loose: ClassVar[bool] = False  # values are read as text, so that one odd value spoils no file

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        options = setting.options
        assert isinstance(options, FileOptions)
        paths = options.path if isinstance(options.path, list) else [options.path]
        self._patterns = paths
        self._slices: dict[str, Slice] = {}
        self._bad: dict[str, str] = {}
        self._early: dict[str, int] = {}
        self._columns: tuple[ColumnInfo, ...] | None = None

    @property
    def engine(self) -> "DuckEngine":
        """Return DuckDB."""
        return self.setting.engines.duck()

    @abstractmethod
    def reader(self, files: Sequence[str]) -> str:
        """Return the table function that reads some files."""

    def describe(self) -> str:
        """Name the patterns."""
        return ", ".join(path.shown if isinstance(path, Masked) else path for path in self._patterns)

    def skipped(self) -> Mapping[str, str]:
        """Return bad files."""
        return self._bad

    def remarks(self) -> Sequence[str]:
        """Tell of new files with rows from clocks that were not set."""
        return [
            said_early(self.setting.use, path.rpartition("/")[2], count)
            for path, count in self._early.items()
        ]

    def columns(self) -> tuple[ColumnInfo, ...]:
        """Ask DuckDB what the files hold."""
        if self._columns is None:
            found = self.described(self._good((None, None)))
            self._columns = tuple(self._info(one, kind) for one, kind in found.items())
        return self._columns

    def described(self, files: Sequence[str]) -> dict[str, str]:
        """Return the types of some files' columns by name."""
        found = self.engine.run(
            f"DESCRIBE SELECT * FROM {self.typed_reader(self._inside(files))}"
        ).to_pydict()
        return dict(zip(found["column_name"], found["column_type"], strict=True))

    def typed_reader(self, files: Sequence[str]) -> str:
        """Return a reader that guesses types, where `reader` does not."""
        return self.reader(files)

    def slices(
        self, known: Mapping[str, Slice], now: datetime, since: datetime | None = None
    ) -> tuple[Slice, ...]:
        """List the files; read times of new and changed ones only."""
        marks = self._list({path: one.mark for path, one in known.items()}, now)
        if not marks:
            far = any("://" in pattern for pattern in self._patterns)
            raise SourceError(
                _("{use}: no file matches {pattern}.").format(use=self.setting.use, pattern=self.describe()),
                hint=_("The bucket is there: look at what follows it.")
                if far
                else _("Paths start from the folder of goalkeeper.yaml."),
            )
        self._early = {}
        looked = []
        for path, mark in marks.items():
            old = known.get(path)
            kept = old is not None and old.mark == mark and not (old.error and old.columns)
            looked.append(old if old is not None and kept else self._look(path, mark))
        found = self._timed(looked)
        self._bad = {one.name: one.error for one in found if one.error}
        self._slices = {one.name: one for one in found}
        self._columns = None
        if len(self._bad) == len(found):
            path, error = next(iter(self._bad.items()))
            raise SourceError(
                _("{use}: none of the {n} files of {pattern} can be read.").format(
                    use=self.setting.use, n=len(found), pattern=self.describe()
                ),
                hint=f"{path}: {error}",
            )
        return tuple(found)

    def relation(self, span: Span = (None, None)) -> exp.Expression:
        """Read the good files that touch `span`."""
        files = self._good(span)
        return self.picked(self._alike(raw(self.reader(self._inside(files))), files))

    def picked(self, query: exp.Expression) -> exp.Expression:
        """Leave out the rows that `where` does."""
        if self.setting.where:
            condition = parse_expression(f"{self.setting.use}.where", self.setting.where, "duckdb")
            query = within(star(query, condition), "rows")
        return query

    def _alike(self, query: exp.Expression, files: Sequence[str]) -> exp.Expression:
        """Give some files the columns and types that all files have together."""
        if self.loose:
            return self._with(query, {info.name for info in self.columns()} - self._held(files), {})
        types = {info.name: info.type for info in self.columns()}
        held = self._held(files)
        several: dict[str, set[str]] = {}
        for one in self._slices.values():
            for column, kind in one.columns.items():
                several.setdefault(column, set()).add(kind)
        odd = {
            column: types[column] for column, kinds in several.items() if len(kinds) > 1 and column in held
        }
        return self._with(query, types.keys() - held, odd)

    def _held(self, files: Sequence[str]) -> set[str]:
        known = [self._slices[file].columns for file in files]
        if not all(known):
            return {info.name for info in self.columns()}
        return {column for columns in known for column in columns}

    def _with(self, query: exp.Expression, absent: Set[str], odd: Mapping[str, str]) -> exp.Expression:
        if not absent and not odd:
            return query
        types = {info.name: "VARCHAR" if self.loose else info.type for info in self.columns()}
        changed = ", ".join(f"CAST({_quoted(one)} AS {kind}) AS {_quoted(one)}" for one, kind in odd.items())
        added = [f"CAST(NULL AS {types[one]}) AS {_quoted(one)}" for one in sorted(absent)]
        everything = f"* REPLACE ({changed})" if changed else "*"
        text = ", ".join([everything, *added])
        return raw(f"(SELECT {text} FROM {query.sql('duckdb')}) AS files")

    def recheck(self) -> bool:
        """Read every good file to its end."""
        found = False
        for path in self._good((None, None)):
            try:
                self.engine.run(f"SELECT count(COLUMNS(*)) FROM {self.reader(self._inside([path]))}")
            except SourceError as error:
                self._bad[path] = error.message
                self._slices[path] = Slice(name=path, mark=self._slices[path].mark, error=error.message)
                found = True
        return found

    def sample(self, span: Span, columns: Sequence[str], limit: int) -> pa.Table:
        """Choose by the hash of the id (without one: of the whole row)."""
        order = call("hash", name(self.setting.id)) if self.setting.id else call("hash", raw("rows"))
        query = exp.select(*[name(one) for one in columns]).from_(within_rows(self.relation(span)))
        if self.setting.time and any(span):
            info = self.column(self.setting.time)
            at = self.engine.dialect.micros(name(self.setting.time), info, self.setting.zone)
            query = query.where(between(at, span))
        return self.engine.fetch(query.order_by(order).limit(limit))

    def _ensure(self) -> None:
        self.slices({}, datetime.max.replace(tzinfo=UTC))

    def _good(self, span: Span) -> list[str]:
        if not self._slices:
            self._ensure()
        start, end = span
        good = [one for one in self._slices.values() if one.name not in self._bad]
        touching = [
            one.name
            for one in good
            if (end is None or one.first is None or one.first < end)
            and (start is None or one.last is None or one.last >= start)
        ]
        return touching or [good[0].name]

    def objects(self, address: str) -> ObjectFiles | None:
        """Return the object store that an address lies in; None for a file on this machine.

        Raises:
            SourceError: nothing can be read from addresses of this kind.
        """
        scheme, mark, rest = address.partition("://")
        if not mark:
            return None
        if scheme not in SCHEMES:
            raise SourceError(
                _("{use}: nothing is read from {scheme}://.").format(use=self.setting.use, scheme=scheme),
                hint=_("Known: {known}.").format(known=", ".join(f"{one}://" for one in SCHEMES)),
            )
        options = self.setting.options
        said = {key: getattr(options, key) for key in ObjectOptions.model_fields}
        store = ObjectStore(scheme=scheme, bucket=rest.partition("/")[0], options=ObjectOptions(**said))
        try:
            return self.engine.mount(store)
        except SourceError as error:
            raise self._named(error) from error

    def _named(self, error: SourceError) -> SourceError:
        return SourceError(f"{self.setting.use}: {error.message}", hint=error.hint)

    def _inside(self, files: Sequence[str]) -> list[str]:
        """Return the names that DuckDB opens some files by."""
        return [file if (there := self.objects(file)) is None else there.inside(file) for file in files]

    def _list(self, known: Mapping[str, str], now: datetime) -> dict[str, str]:
        marks: dict[str, str] = {}
        for pattern in self._patterns:
            text = str(pattern)
            there = self.objects(text)
            try:
                marks |= _here(text) if there is None else _there(text, there, known, now)
            except SourceError as error:
                raise self._named(error) from error
        return dict(sorted(marks.items()))

    def _look(self, path: str, mark: str) -> Slice:
        try:
            first, last, rows = self.extent(path)
            columns = self.described([path])
        except (SourceError, pa.ArrowException, OSError, ValueError) as error:
            return Slice(name=path, mark=mark, error=str(error).partition("\n")[0])
        return Slice(name=path, mark=mark, first=first, last=last, rows=rows, columns=columns)

    def _timed(self, found: Sequence[Slice]) -> list[Slice]:
        """Leave out files without the time column that others have: nobody knows where their rows belong."""
        time = self.setting.time
        if time is None or not any(time in one.columns for one in found):
            return list(found)
        said = _("it has no column '{column}', which holds the time").format(column=time)
        return [
            replace(one, error=said) if not one.error and one.columns and time not in one.columns else one
            for one in found
        ]

    def extent(self, path: str) -> tuple[datetime | None, datetime | None, int]:
        """Return first and last time and number of rows of one file, from a scan."""
        time = self.setting.time
        reader = self.reader(self._inside([path]))
        rows: list[tuple[exp.Expression, str]] = [(raw("count(*)"), "n")]
        if time is not None:
            kinds = self.described([path])
            if time in kinds:
                at = self.engine.dialect.micros(name(time), self._info(time, kinds[time]), self.setting.zone)
                floor = whole(micros(EARLIEST))
                good = either([(exp.GTE(this=at, expression=floor), at.copy())], null())
                early = either([(exp.LT(this=at.copy(), expression=floor.copy()), whole(1))], null())
                rows += [(call("min", good), "first"), (call("max", good.copy()), "last")]
                rows.append((call("count", early), "early"))
        found = self.engine.run(select(rows, raw(reader)).sql("duckdb")).to_pylist()[0]
        first, last = found.get("first"), found.get("last")
        if found.get("early"):
            if found["early"] == found["n"]:
                raise SourceError(
                    _("all of its rows are dated before {year}: was a clock not set?").format(
                        year=EARLIEST.year
                    )
                )
            self._early[path] = found["early"]
        return (
            None if first is None else moment(first),
            None if last is None else moment(last),
            found["n"],
        )

    def kind_of(self, type_: str) -> Kind:
        """Return what a type of DuckDB means."""
        base = type_.partition("(")[0]
        if base in _NUMBERS:
            return "numeric"
        if base == "BOOLEAN":
            return "boolean"
        if base == "VARCHAR" or base.startswith("ENUM") or base == "UUID":
            return "categorical"
        return "time" if base.startswith(("TIMESTAMP", "DATE")) else "other"

    def _info(self, one: str, kind: str) -> ColumnInfo:
        base, meaning = kind.partition("(")[0], self.kind_of(kind)
        loose = self.loose
        return ColumnInfo(
            name=one,
            type=kind,
            kind="categorical" if loose and meaning == "time" else meaning,
            is_text=loose or base == "VARCHAR",
            aware=("WITH TIME ZONE" in kind or kind.startswith("TIMESTAMPTZ")) and not loose,
            may_be_nan=base in ("FLOAT", "DOUBLE"),
        )


def _here(pattern: str) -> dict[str, str]:
    """Return the files on this machine that fit a pattern; of a Delta table those that it consists of now."""
    place = Path(pattern)
    if is_table(place):
        place = place / "**" / "*.parquet"
    root = Path(place.anchor)
    files = [place] if place.is_file() else sorted(root.glob(str(place.relative_to(root))))
    marks = {}
    for file in without_leftovers(one for one in files if one.is_file()):
        state = file.stat()
        marks[str(file)] = f"{state.st_size}-{state.st_mtime_ns}"
    return marks


def _there(pattern: str, there: ObjectFiles, known: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Return the objects that fit a pattern; of a Delta table, named as a folder, those of it now."""
    folder = pattern.rstrip("/")
    bare = "." not in folder.rpartition("/")[2] and not has_signs(pattern)
    if not bare or not there.listed(f"{folder}/{LOG}/*", {}, now):
        return there.listed(pattern, known, now)
    active = active_files(folder, there.store.for_delta())
    marks = there.listed(f"{folder}/**/*.parquet", known, now)
    return {path: mark for path, mark in marks.items() if path in active}


def within_rows(relation: exp.Expression) -> exp.Expression:
    """Name a relation `rows`, so that a whole row can be hashed."""
    if isinstance(relation, exp.Subquery):
        return relation
    return within(star(relation), "rows")


def _quoted(column: str) -> str:
    return exp.to_identifier(column, quoted=True).sql("duckdb")


def quoted_list(files: Sequence[str]) -> str:
    """Write file names as a list of DuckDB."""
    return "[" + ", ".join(string(file).sql("duckdb") for file in files) + "]"
