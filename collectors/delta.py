"""Delta tables: which of the Parquet files in a folder are the table as it is now."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.errors import SourceError
from core.text import gettext as _

LOG = "_delta_log"
_PLAIN = frozenset({"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"})
"""Features of a table whose files can be read as the Parquet that they are."""


def without_leftovers(files: Iterable[Path]) -> list[Path]:
    """Leave out of some files on this machine what lies in a Delta table's folder and is not of it now.

    Raises:
        SourceError: such a table cannot be read.
    """
    tables = dict[Path, Path | None]()
    active = dict[Path, frozenset[str]]()
    kept = []
    for file in files:
        table = _table_over(file.parent, tables)
        if table is not None and table not in active:
            active[table] = active_files(str(table), {})
        if table is None or str(file) in active[table]:
            kept.append(file)
    return kept


def _table_over(folder: Path, known: dict[Path, Path | None]) -> Path | None:
    if folder not in known:
        top = folder == folder.parent
        known[folder] = folder if is_table(folder) else None if top else _table_over(folder.parent, known)
    return known[folder]


def is_table(folder: Path) -> bool:
    """Tell whether a folder on this machine is a Delta table."""
    return (folder / LOG).is_dir()


def active_files(table: str, storage: Mapping[str, str]) -> frozenset[str]:
    """Return the files of a table's newest version: those that were replaced or deleted lie beside them.

    Args:
        storage: how deltalake gets into an object store.

    Raises:
        SourceError: it cannot be read, or not as plain Parquet.
    """
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError
    except ImportError as error:
        raise SourceError(
            _("{path} is a Delta table, which the package deltalake reads.").format(path=table),
            hint=_("Install it with: {command}").format(command="pip install 'goalkeeper[delta]'"),
        ) from error
    try:
        found = DeltaTable(table, storage_options=dict(storage))
        told = set(found.protocol().reader_features or ()) - _PLAIN
        if found.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
            told.add("columnMapping")
        files = found.file_uris()
    except (DeltaError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise SourceError(_("The Delta table {path}: {error}").format(path=table, error=said)) from error
    if told:
        raise SourceError(
            _("The Delta table {path} cannot be read as plain Parquet: {features}").format(
                path=table, features=", ".join(sorted(told))
            ),
            hint=_("Let Spark read it (kind: spark, delta: true), or export it as Parquet."),
        )
    return frozenset(unquote(urlsplit(one).path) if one.startswith("file:") else one for one in files)
