"""Read a sample of a prediction log: what its columns hold."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from core.errors import SourceError
from core.text import gettext as _

ROWS = 20_000
_LEVELS = 60
_LOOKED_AT = 50
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d([T ].+)?|\d{8}T.+")
"""How a time looks as text; `fromisoformat` takes any character between day and hour, as in ids."""
Kind = Literal["number", "text", "time", "boolean", "other"]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What one column of the sample holds.

    `n` counts its values, `share` is the share of them that differ, `levels` are its texts (at most 60, the
    most frequent first; empty where there are more), `whole` says that numbers have no fraction, `naive` that
    times name no zone.
    """

    name: str
    kind: Kind
    n: int
    missing: int = 0
    distinct: int = 0
    low: float | None = None
    high: float | None = None
    whole: bool = False
    naive: bool = False
    length: float = 0.0
    levels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    first: str = ""

    @property
    def share(self) -> float:
        """The share of distinct values, 0–1."""
        return self.distinct / self.n if self.n else 0.0


def read_sample(path: Path) -> tuple[str, tuple[Facts, ...]]:
    """Return the kind of a file and facts of its columns, from at most 20,000 rows.

    Raises:
        SourceError: it is not there, of an unknown kind, empty or unreadable.
    """
    from collectors.engines import Engines
    from collectors.sources._files import FileSource
    from collectors.sources.base import Setting
    from core.config.plugs import kind_of_path
    from core.plugins import PORTS, load

    kind = kind_of_path(str(path))
    if not kind:
        raise SourceError(
            _("{path}: it cannot be told what kind of file this is.").format(path=path),
            hint=_("Known endings: .parquet, .csv, .tsv, .jsonl, .json, with .gz or .zst."),
        )
    if not path.is_file():
        raise SourceError(
            _("There is no file {path}.").format(path=path), hint=_("Name one file of the log: --from FILE.")
        )
    engines = Engines()
    try:
        plugin = load(PORTS["source"], kind)
        setting = Setting(options=plugin.Options(path=str(path.resolve())), engines=engines, use="--from")
        source: FileSource = plugin.Source(setting)
        table = engines.duck().run(f"SELECT * FROM {source.typed_reader([str(path.resolve())])} LIMIT {ROWS}")
    finally:
        engines.close()
    if not table.num_columns or not table.num_rows:
        raise SourceError(_("{path} holds no rows.").format(path=path), hint=_("Name a file that has some."))
    return kind, facts_of(table)


def facts_of(table: pa.Table) -> tuple[Facts, ...]:
    """Look at each column of a sample."""
    return tuple(_facts(name, table.column(name)) for name in table.column_names)


def _facts(name: str, values: pa.ChunkedArray) -> Facts:
    known, type_ = values.drop_null(), values.type
    base: dict[str, Any] = {"name": name, "n": len(known), "missing": values.null_count}
    if pa.types.is_nested(type_) or pa.types.is_binary(type_) or pa.types.is_null(type_) or not len(known):
        return Facts(kind="other", **base)
    base |= {"distinct": pc.count_distinct(known).as_py(), "first": str(known[0].as_py())}
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return Facts(kind="time", naive=getattr(type_, "tz", None) is None, **base)
    levels, counts = _levels(known)
    base |= {"levels": levels, "counts": counts}
    if pa.types.is_boolean(type_):
        return Facts(kind="boolean", **base)
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        numbers = known.cast(pa.float64(), safe=False)
        numbers = numbers.filter(pc.is_finite(numbers))
        low, high = (pc.min(numbers).as_py(), pc.max(numbers).as_py()) if len(numbers) else (None, None)
        whole = pa.types.is_integer(type_) or bool(
            len(numbers) and pc.all(pc.equal(numbers, pc.floor(numbers))).as_py()
        )
        return Facts(kind="number", low=low, high=high, whole=whole, **base)
    if not (pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_dictionary(type_)):
        return Facts(kind="other", **base)
    texts = [str(value) for value in known.slice(0, _LOOKED_AT).to_pylist()]
    times = [_time(text) for text in texts]
    if all(times):
        return Facts(
            kind="time", naive=any(time is not None and time.tzinfo is None for time in times), **base
        )
    length = sum(map(len, texts)) / len(texts)
    return Facts(kind="text", length=length, **base)


def _levels(known: pa.ChunkedArray) -> tuple[tuple[str, ...], tuple[int, ...]]:
    counted = known.combine_chunks().value_counts().to_pylist()
    if len(counted) > _LEVELS:
        return (), ()
    found = sorted(
        ((_text(row["values"]), int(row["counts"])) for row in counted), key=lambda x: (-x[1], x[0])
    )
    return tuple(text for text, _n in found), tuple(n for _text, n in found)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _time(text: str) -> datetime | None:
    if not _WRITTEN.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def day_of(text: str) -> date | None:
    """Return the day of a time written as text; None where it is none."""
    found = _time(text)
    return None if found is None else found.date()
