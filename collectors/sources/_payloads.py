"""What readers of payloads share: records of a platform's own format become rows that DuckDB sums up.

A reader says how a file is cut into records and what rows one holds. A record that does not fit is refused
with its reason and counted; the next one goes on.
"""

import io
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, cast
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from collectors.landing import OWN, Landing, common_type, looks_in, types_of
from collectors.payloads import MisfitError, is_output, lines_of, too_large
from collectors.sources._files import FileOptions, FileSource, quoted_list
from collectors.sources.base import EARLIEST, ColumnInfo, Refusal, Setting, Slice
from core.errors import SourceError
from core.text import gettext as _

PART, EXACT = "record_part", "time_is_exact"
"""What a reader says of a row for itself alone: which part it is of, and whether its record told the time."""
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
_BOMB, _FREE = 200, 2**28
"""A file that grows by more than that when it is unpacked, beyond some size, is none of a log's."""
_SHOWN = 200
_SHAPES_KEPT = 1000
_TIMES = ("event_time", "source_uri")
_TOLD = ("row_index", "latency_ms", "sampled")
"""What is no text and tells, where any row has it, that there is a use for it."""
_SHAPES = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What code that walks a payload raises where the payload is of another shape."""


class PayloadOptions(FileOptions):
    """`path`, and what the payloads do not say.

    `feature_names` and `output_names` are the columns of a request and of an answer, in their order;
    `sampled` is the share of the requests that is logged (0 < share ≤ 1).
    """

    feature_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    sampled: float | None = Field(None, gt=0, le=1)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a record stands: the file's address and when it was changed last."""

    path: str
    changed: datetime

    @property
    def folders(self) -> tuple[str, ...]:
        """Return the names of the folders above the file."""
        return tuple(self.path.split("/")[:-1])


@dataclass(kw_only=True)
class Landed:
    """What a file came to: by part the Parquet files that hold its rows and the columns that it named.

    `columns` are types by name, `first` … `last` the times that its rows tell of.
    """

    files: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    refused: dict[tuple[str, datetime], Refusal] = field(default_factory=dict)
    error: str = ""


class PayloadSource(FileSource):
    """Files of one platform's format; its rows have the names of `collectors.landing.OWN`."""

    loose = True
    patterns: ClassVar[tuple[str, ...]] = ()
    """Which files of a folder are a log of this kind, below the folder that is named."""
    local_times: ClassVar[bool] = False  # its times name no zone

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._landed: dict[str, Landed] = {}
        self._landings: dict[str, Landing] = {}
        self._spelled: dict[str, str] = {}
        self._shapes: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._spoiled: set[str] = set()
        self._told: set[str] = set()

    @property
    def options(self) -> PayloadOptions:
        """Return what is configured of it."""
        assert isinstance(self.setting.options, PayloadOptions)
        return self.setting.options

    @classmethod
    @abstractmethod
    def knows(cls, head: bytes, path: str) -> bool:
        """Tell by its beginning and its name whether a file is of this kind."""

    @classmethod
    def holds_labels(cls, head: bytes) -> bool:
        """Tell whether a file of this kind holds labels and no predictions."""
        return False

    @abstractmethod
    def rows(self, record: Any, place: Place) -> Iterable[Mapping[str, Any]]:
        """Return the rows of a record: their own columns, and what was asked and answered.

        Raises:
            MisfitError: it is no record of this kind.
        """

    def records(self, file: BinaryIO, place: Place) -> Iterator[tuple[int, Any]]:
        """Cut a file into records, each with its place in the file; by default its lines.

        A record of None is one that is too long.
        """
        return lines_of(file)

    def uses(self) -> Mapping[str, str]:
        """Return which of the columns are used for what, as far as the format itself says it."""
        said = {"id": "request_id", "time": "event_time"}
        optional = {"row_index", "version", "latency_ms", "status", "sampled"}
        texts = {name for landed in self._landed.values() for name, kind in landed.columns.items() if kind}
        return said | {name: name for name in sorted(optional & (texts | self._told))}

    # ---- as files

    def reader(self, files: Sequence[str]) -> str:
        """Read what the files came to."""
        return self.reader_of(files, "row")

    def reader_of(self, files: Sequence[str], part: str) -> str:
        """Read one part of what some files came to."""
        made: dict[str, None] = {}
        for path in files:
            made |= dict.fromkeys(self._land(path).files.get(part, ()))
        for landing in self._landings.values():
            landing.flush()
        if not made:
            nothing = ", ".join(f"NULL::{_SQL[str(kind)]} AS {name}" for name, kind in OWN.items())
            return f"(SELECT {nothing} LIMIT 0)"
        read = f"read_parquet({quoted_list(list(made))}, union_by_name=true)"
        if not self._spoiled:
            return read
        spoiled = quoted_list(sorted(self._spoiled))
        return f"(SELECT * FROM {read} WHERE NOT list_contains({spoiled}, source_uri))"

    def described(self, files: Sequence[str]) -> dict[str, str]:
        """Return the types of columns, by how many rows look like them."""
        weights: dict[str, Counter[str]] = {}
        for path in files:
            known = self._slices.get(path)
            if known is None or not known.columns:
                continue
            for column, kind in known.columns.items():
                weights.setdefault(column, Counter())[kind] += max(known.rows, 1)
        types = {name: common_type(found) for name, found in weights.items()}
        return {name: _SQL[str(kind)] for name, kind in self._own().items()} | {
            name: kind or "JSON" for name, kind in types.items() if name not in OWN
        }

    def refused(self) -> Sequence[Refusal]:
        """Return the records that were no rows, of the files that were read."""
        return [one for landed in self._landed.values() for one in landed.refused.values()]

    def _own(self) -> Mapping[str, pa.DataType]:
        return dict(OWN) | ({"event_time": pa.timestamp("us")} if self.local_times else {})

    def _info(self, one: str, kind: str) -> ColumnInfo:
        if one not in OWN:
            return replace(super()._info(one, kind), own=is_output(one))
        text = kind == "VARCHAR"
        return ColumnInfo(
            name=one, type=kind, kind=self.kind_of(kind), is_text=text, own=True,
            aware="WITH TIME ZONE" in kind, may_be_nan=kind == "DOUBLE",
        )  # fmt: skip

    def _inside(self, files: Sequence[str]) -> list[str]:
        return list(files)

    def _held(self, files: Sequence[str]) -> set[str]:
        """Return what the Parquet files hold that these came to, with what others put into them."""
        parts = [self._land(path).files.get("row", ()) for path in files]
        return {*OWN, *(name for file in {*chain(*parts)} for name in pq.read_schema(file).names)}

    def _look(self, path: str, mark: str) -> Slice:
        return self._slice(path, mark, self._land(path))

    def slices(
        self, known: Mapping[str, Slice], now: datetime, since: datetime | None = None
    ) -> tuple[Slice, ...]:
        """List the files; a column that a file has no value of is told as one without values."""
        super().slices(known, now, since)
        self._type()
        names = {name for one in self._slices.values() for name in one.columns}
        blank = dict.fromkeys(sorted(names), "")
        for path, one in self._slices.items():
            if one.columns and len(one.columns) < len(names):
                self._slices[path] = replace(one, columns=blank | dict(one.columns))
        return tuple(self._slices.values())

    def _type(self) -> None:
        """Find out what the columns of new files look like, from all that lies in a Parquet file together."""
        fresh = {path: self._landed[path] for path in self._slices if path in self._landed}
        paths: dict[str, list[str]] = {}
        for path, landed in fresh.items():
            for file in (file for files in landed.files.values() for file in files):
                paths.setdefault(file, []).append(path)
        for landing in self._landings.values():
            landing.flush()
        weights: dict[str, dict[str, Counter[str]]] = {path: {} for path in fresh}
        for file, inside in paths.items():
            names = [one for one in pq.read_schema(file).names if one not in _TIMES]
            texts = [one for one in names if OWN.get(one, pa.string()) == pa.string()]
            asked = looks_in(f"read_parquet({quoted_list([file])})", texts)
            types = types_of(self.engine.run(asked.sql("duckdb")).to_pylist()[0], texts)
            for path in inside:
                for name, kind in types.items():
                    if name in OWN or any(name in held for held in fresh[path].names.values()):
                        weights[path].setdefault(name, Counter())[kind] += max(fresh[path].rows, 1)
        for path, landed in fresh.items():
            if not landed.error:
                landed.columns = {name: common_type(found) for name, found in weights[path].items()}
                self._slices[path] = self._slice(path, self._slices[path].mark, landed)

    def _slice(self, path: str, mark: str, landed: Landed) -> Slice:
        if landed.error:
            return Slice(name=path, mark=mark, error=landed.error)
        own = {name: _SQL[str(kind)] for name, kind in self._own().items()}
        return Slice(
            name=path, mark=mark, first=landed.first, last=landed.last, rows=landed.rows,
            columns=own | {name: kind for name, kind in landed.columns.items() if name not in {*OWN, EXACT}},
        )  # fmt: skip

    # ---- from records to rows

    def _land(self, path: str) -> Landed:
        """Return what a file came to; it is read once."""
        if path not in self._landed:
            try:
                self._landed[path] = self._read(path)
            except (OSError, pa.ArrowException, MisfitError, EOFError, SourceError) as error:
                self._landed[path] = Landed(error=str(error).partition("\n")[0] or type(error).__name__)
                self._spoiled.add(path)  # its first rows may lie among those of others
        return self._landed[path]

    def _read(self, path: str) -> Landed:
        landed = Landed()
        size, changed, opened = self._opened(path)
        place = Place(path=path, changed=changed)
        with opened as file:
            at: datetime | None = None
            for offset, record in self.records(file, place):
                if offset > max(_FREE, _BOMB * size):
                    raise MisfitError(_("it grows to more than {n} times its size").format(n=_BOMB))
                try:
                    if record is None:
                        raise MisfitError(too_large())
                    found = [self._fitting(row) for row in self.rows(record, place)]
                except MisfitError as error:
                    self._refuse(landed, place, str(error), at or changed, record)
                    continue
                except _SHAPES:
                    said = _("it is not shaped like a record of {kind}").format(kind=self.kind())
                    self._refuse(landed, place, said, at or changed, record)
                    continue
                for index, row in enumerate(found):
                    row.setdefault("row_index", index)
                    row.setdefault("sampled", self.options.sampled)
                    row["source_uri"], row["source_offset"] = path, offset
                    at = self._keep(landed, row)
        return landed

    def _keep(self, landed: Landed, row: dict[str, Any]) -> datetime:
        part = str(row.pop(PART, "row"))
        landing = self._landings.get(part)
        if landing is None:
            name = f"{self.setting.use}-{part}-{id(self)}".replace(".", "-").replace(":", "-")
            landing = Landing(self.engine.aside(), name, local=self.local_times)
            self._landings[part] = landing
        landed.names.setdefault(part, set()).update(row)
        for name in _TOLD:
            if row.get(name):
                self._told.add(name)
        files = landed.files.setdefault(part, [])
        if not files or files[-1] != landing.file:
            files.append(landing.file)
        landing.add(row)
        early: datetime = row["event_time"]
        late = early
        if self.local_times:
            zone = self.setting.zone or UTC
            early, late = (early.replace(tzinfo=zone, fold=n).astimezone(UTC) for n in (0, 1))
        early -= self.lead(part)
        landed.first = early if landed.first is None else min(landed.first, early)
        landed.last = late if landed.last is None else max(landed.last, late)
        landed.rows += self.is_counted(part)
        return late

    def is_counted(self, part: str) -> bool:
        """Tell whether a row of a part is one of the log's, and not what belongs to one."""
        return True

    def lead(self, part: str) -> timedelta:
        """Return how long before its own time a row of a part may tell of one."""
        return timedelta()

    def _fitting(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row whose names differ by more than upper and lower case, as DuckDB needs it."""
        names = tuple(row)
        spelled = self._shapes.get(names)
        if spelled is None:
            spelled = tuple(self._spelled.setdefault(name.lower(), name) for name in names)
            if len(set(spelled)) < len(names):
                twice = next(name for name in spelled if spelled.count(name) > 1)
                raise MisfitError(_("two columns are called {name}").format(name=repr(twice[:40])))
            if len(self._shapes) < _SHAPES_KEPT:
                self._shapes[names] = spelled
        return dict(zip(spelled, row.values(), strict=True))

    def _refuse(self, landed: Landed, place: Place, why: str, at: datetime, record: object) -> None:
        start = datetime.fromtimestamp(at.timestamp() // 900 * 900, UTC)
        reason = f"{place.path.rpartition('/')[2]}: {why}"
        found = landed.refused.get((reason, start))
        if found is None:
            text = record.decode("utf-8", "replace") if isinstance(record, bytes) else str(record or "")
            found = Refusal(part=place.path, reason=reason, at=start, count=0, example=text[:_SHOWN])
        landed.refused[reason, start] = replace(found, count=found.count + 1)

    def _opened(self, path: str) -> tuple[int, datetime, BinaryIO]:
        """Return a file's size, when it was changed and its bytes, unpacked where its name says so."""
        there = self.objects(path)
        if there is None:
            state = Path(path).stat()
            size, changed = state.st_size, datetime.fromtimestamp(state.st_mtime, UTC)
            stream = pa.input_stream(path, compression="detect")
        else:
            key = path.partition("://")[2]
            info = there.files.get_file_info(key)
            size, changed = int(info.size), info.mtime or EARLIEST
            whole = key.endswith((".parquet", ".pq"))  # its end is read first
            stream = there.files.open_input_file(key) if whole else there.files.open_input_stream(key)
        return size, changed, cast(BinaryIO, io.BufferedReader(stream))

    @classmethod
    def kind(cls) -> str:
        """Return the kind that the configuration names it by."""
        return cls.__module__.rpartition(".")[2]


_SQL = {
    "string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE", "timestamp[us]": "TIMESTAMP",
    "timestamp[us, tz=UTC]": "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip


def asked(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked under names that neither the reader's own columns nor answers have."""
    return {_apart(name): value for name, value in row.items()}


@lru_cache(maxsize=4096)
def _apart(name: str) -> str:
    taken = name.lower() in OWN or name.lower() in (PART, EXACT) or is_output(name)
    return f"{name}_" if taken else name


def time_of(value: object, zone: ZoneInfo | None = None) -> datetime:
    """Return the UTC time of a text in ISO 8601 or of a number of seconds or milliseconds since 1970.

    Raises:
        MisfitError: it is none, or comes from a clock that was not set.
    """
    found: datetime | None = None
    if isinstance(value, datetime):
        found = value if value.tzinfo else value.replace(tzinfo=zone or UTC)
    elif isinstance(value, bool):
        found = None
    elif isinstance(value, int | float):
        seconds = value / 1000 if value > 1e11 else value
        found = datetime.fromtimestamp(seconds, UTC) if 0 <= seconds < LATEST.timestamp() else None
    elif isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip().replace(" UTC", "+00:00"))
        except ValueError:
            found = None
        if found is not None and found.tzinfo is None:
            found = found.replace(tzinfo=zone or UTC)
    if found is None or not 1 < found.year < LATEST.year:
        raise MisfitError(_("its time cannot be read: {value}").format(value=repr(value)[:40]))
    found = found.astimezone(UTC)
    if found < EARLIEST:
        raise MisfitError(_("it is dated before {year}: was a clock not set?").format(year=EARLIEST.year))
    return found
