"""Tell which platform wrote a folder of logs, and take a sample of its rows."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import SourceError
from core.plugins import PORTS, MissingExtraError, load, names
from core.text import gettext as _
from goalkeeper.init.sample import ROWS, Facts, facts_of

HEAD = 2**16
"""So many bytes of a file are looked at to tell its kind."""
LOOKED_AT, READ = 400, 100
"""Files that are looked at, and of those that belong to the log how many are read for the sample: the first
ones, so that requests and answers that lie beside each other are both read."""
_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Found:
    """A platform's logs: the kind that reads them, patterns of its files, and of those with labels alone."""

    kind: str
    paths: tuple[str, ...]
    files: tuple[Path, ...]
    truth: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows as a reader made them, and what the format itself says of them."""

    facts: tuple[Facts, ...]
    uses: Mapping[str, str]
    rows: tuple[Mapping[str, Any], ...]
    refused: tuple[str, ...]
    local: bool


def find(path: Path) -> Found | None:
    """Return the platform whose files lie at a path; None where no reader knows them.

    Raises:
        SourceError: a folder holds nothing that any kind of source reads.
    """
    every = _files(path)
    heads = {file: _head(file) for file in _spread(every)}
    kinds = _platforms()
    known = Counter(
        kind
        for file, head in heads.items()
        for kind, source in kinds.items()
        if source.knows(head, str(file))
    )
    if not known:
        if path.is_dir():
            raise SourceError(
                _("No reader knows the files in {path}.").format(path=path),
                hint=_("Name one file of a table (Parquet, CSV, JSON Lines), or see `goalkeeper plugins`."),
            )
        return None
    kind = known.most_common(1)[0][0]
    source = kinds[kind]
    ours = [file for file, head in heads.items() if source.knows(head, str(file))]
    labels = [file for file in ours if source.holds_labels(heads[file])]
    log = [file for file in ours if file not in labels] or ours
    apart = labels if len(labels) < len(ours) else []
    first = (file for file in every if source.knows(head := _head(file), str(file)) and (
        not apart or not source.holds_labels(head)
    ))  # fmt: skip
    return Found(
        kind=kind, files=tuple(islice(first, READ)), paths=_patterns(path, log, apart, source.patterns),
        truth=_patterns(path, apart, log, source.patterns) if apart else (),
    )  # fmt: skip


def sample_of(found: Found) -> Sample:
    """Read some files of a log.

    Raises:
        SourceError: none of them holds a row.
    """
    from collectors.engines import Engines
    from collectors.sources.base import Setting

    plugin = load(PORTS["source"], found.kind)
    engines = Engines()
    try:
        options = plugin.Options(path=[str(file) for file in found.files])
        setting = Setting(
            options=options, engines=engines, use="--from", time="event_time", zone=ZoneInfo("UTC")
        )
        source = plugin.Source(setting)
        source.slices({}, datetime.now(UTC))
        parts = ", ".join(_typed(one) for one in source.columns())
        table = engines.duck().run(f"SELECT {parts} FROM {source.relation().sql('duckdb')} LIMIT {ROWS}")
        refused = [f"{one.reason} ({one.count})" for one in source.refused()]
        if not table.num_rows:
            raise SourceError(
                _("{path} holds no rows.").format(path=", ".join(found.paths)), hint="; ".join(refused[:3])
            )
        return Sample(
            facts=facts_of(table), uses=source.uses(), refused=tuple(refused), local=source.local_times,
            rows=tuple(table.sort_by("event_time").slice(0, _SHOWN).to_pylist()),
        )  # fmt: skip
    finally:
        engines.close()


def _typed(column: Any) -> str:
    from sqlglot import exp

    quoted = exp.to_identifier(column.name, quoted=True).sql("duckdb")
    casts = column.is_text and column.type in ("BIGINT", "DOUBLE", "BOOLEAN")
    return f"TRY_CAST({quoted} AS {column.type}) AS {quoted}" if casts else quoted


def _platforms() -> dict[str, Any]:
    """Return the readers of payloads by kind."""
    from collectors.sources._payloads import PayloadSource

    found: dict[str, Any] = {}
    for kind in names(PORTS["source"]):
        try:
            source = load(PORTS["source"], kind).Source
        except MissingExtraError:  # it reads no payloads: those readers need nothing more
            continue
        if issubclass(source, PayloadSource):
            found[kind] = source
    return found


def _files(path: Path) -> list[Path]:
    """Return a file, or all of a folder's that are not hidden, in order."""
    if not path.is_dir():
        return [path] if path.is_file() else []
    found: list[Path] = []
    for folder, below, named in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        found += [Path(folder) / name for name in named if not name.startswith((".", "_"))]
    return sorted(found)


def _spread(files: list[Path]) -> list[Path]:
    """Return some of the files, evenly from the first to the last."""
    if len(files) <= LOOKED_AT:
        return files
    return [files[at * (len(files) - 1) // (LOOKED_AT - 1)] for at in range(LOOKED_AT)]


def _head(file: Path) -> bytes:
    """Return the beginning of a file; of Parquet its columns' names."""
    try:
        if file.suffix in (".parquet", ".pq"):
            return " ".join(pq.read_schema(file).names).encode()
        with pa.input_stream(str(file), compression="detect") as stream:
            return bytes(stream.read(HEAD))
    except (OSError, pa.ArrowException):
        return b""


def _patterns(root: Path, ours: list[Path], others: list[Path], known: tuple[str, ...]) -> tuple[str, ...]:
    """Return patterns that meet `ours` below the highest folders in which none of `others` lies."""
    if not root.is_dir():
        return (str(root),)
    anchors = [root]
    while others and any(other.is_relative_to(anchor) for anchor in anchors for other in others):
        depth = len(anchors[0].parts) + 1
        deeper = sorted({Path(*file.parts[:depth]) for file in ours if len(file.parts) > depth})
        if not deeper:
            break
        anchors = deeper
    inside = [file.relative_to(one) for one in anchors for file in ours if file.is_relative_to(one)]
    used = [pattern for pattern in known if any(_meets(file, pattern) for file in inside)]
    return tuple(f"{anchor}/{pattern}" for anchor in anchors for pattern in used or ["**/*"])


def _meets(file: Path, pattern: str) -> bool:
    tail = pattern.removeprefix("**/")
    return fnmatch("/".join(file.parts[-(tail.count("/") + 1) :]), tail)
