"""Open the sources of a model: its log, its truth, its reference and the tables of its KPIs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from collectors.engines import Engines
from collectors.sides import Side
from collectors.sources.base import Setting
from core.config import Columns, FixedReference, Model, Project, Reference, configuration_keys, reference_file
from core.config import Source as Configured
from core.errors import GoalkeeperError, SourceError
from core.plugins import PORTS, load
from core.text import gettext as _
from store.database import Store
from store.references import Chosen, chosen_reference


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The sources of one model; `reference` is None where it is no source of its own.

    `declared` is the reference as the file says it, or as somebody chose it instead.
    """

    model: Model
    engines: Engines
    log: Side
    truth: Side | None = None
    reference: Side | None = None
    declared: FixedReference | None = None
    kpis: Mapping[str, Side] = field(default_factory=dict)

    def named(self) -> dict[str, Side]:
        """Return every source by the name under which its parts are kept."""
        found = {"predictions": self.log}
        if self.truth is not None and self.truth.source is not self.log.source:
            found["ground_truth"] = self.truth
        if self.reference is not None:
            found["reference"] = self.reference
        return found | {f"kpi:{name}": side for name, side in self.kpis.items()}


def open_sources(project: Project, model: Model, engines: Engines) -> Opened:
    """Open what a model is read from; nothing is read yet.

    Raises:
        SourceError: an address or a plug-in does not fit.
    """
    dirs = project.plugin_dirs
    predictions, truth = model.predictions, model.ground_truth
    log = open_side(predictions, "predictions", engines, dirs)
    opened = Opened(model=model, engines=engines, log=log)
    if truth is not None:
        if truth.in_predictions:
            opened = replace(opened, truth=replace(log, columns=truth.columns))
        else:
            opened = replace(opened, truth=open_side(truth, "ground_truth", engines, dirs))
    opened = _with_reference(opened, model.reference, dirs)
    kpis = {
        name: open_side(kpi.source, f"kpis.{name}.source", engines, dirs)
        for name, kpi in model.kpis.items()
        if kpi.source is not None
    }
    return replace(opened, kpis=kpis)


def with_chosen(opened: Opened, project: Project, store: Store) -> Opened:
    """Return the sources with the reference that somebody put in place of the file's, if there is one.

    Raises:
        GoalkeeperError: its file does not fit.
    """
    model = opened.model
    with store.read() as session:
        chosen = chosen_reference(session, model.name, configuration_keys(model))
    return opened if chosen is None else reference_as(opened, project, chosen)


def reference_as(opened: Opened, project: Project, chosen: Chosen) -> Opened:
    """Return the sources with a chosen reference, declared as the file would.

    Raises:
        GoalkeeperError: its file does not fit.
    """
    declared = Reference(since=chosen.since, until=chosen.until) if not chosen.path else None
    if declared is None:
        declared = reference_file(chosen.path, project.folder, project.plugin_dirs)
    return _with_reference(opened, declared, project.plugin_dirs)


def own_references(opened: Opened, project: Project) -> dict[str, Opened]:
    """Return, by version, the sources with the reference that the file names for the version alone.

    Raises:
        SourceError: an address or a plug-in does not fit.
    """
    reference = opened.model.reference
    return {
        version: _with_reference(opened, declared, project.plugin_dirs, f"reference.versions.{version}")
        for version, declared in ({} if reference is None else reference.versions).items()
    }


def trained_reference(opened: Opened, project: Project, version: str, path: str) -> Opened:
    """Return the sources with the file that a version was trained on as its reference.

    Raises:
        GoalkeeperError: the file does not fit.
    """
    declared = reference_file(path, project.folder, project.plugin_dirs)
    if opened.model.registry is not None:
        declared = declared.model_copy(update={"columns": opened.model.registry.columns})
    return _with_reference(opened, declared, project.plugin_dirs, f"registry: {version}")


def _with_reference(
    opened: Opened, declared: FixedReference | None, dirs: tuple[Path, ...], use: str = "reference"
) -> Opened:
    log, side = opened.model.predictions, None
    if declared is not None and declared.form == "source":
        columns = _like(log.columns, declared.columns)
        side = open_side(declared, use, opened.engines, dirs, columns, log.zone)
    return replace(opened, declared=declared, reference=side)


def open_side(
    source: Configured, use: str, engines: Engines, dirs: tuple[Path, ...],
    columns: Columns | None = None, zone: ZoneInfo | None = None,
) -> Side:  # fmt: skip
    """Open one source by its kind; `columns` and `zone` stand in for its own."""
    made = load(PORTS["source"], source.kind, dirs)
    kept = source.columns if columns is None else columns
    setting = Setting(
        options=source.options or BaseModel(), engines=engines, use=use, time=kept.time, arrived=kept.arrived,
        id=kept.id, label=kept.label, where=source.where, zone=source.zone or zone,
    )  # fmt: skip
    try:
        return Side(source=made.Source(setting), columns=kept)
    except GoalkeeperError:
        raise
    except Exception as error:  # a project's own plug-in may fail in any way
        raise SourceError(
            _("{use}: the source '{kind}' cannot be opened: {error}").format(
                use=use, kind=source.kind, error=error
            )
        ) from error


def _like(log: Columns, own: Columns) -> Columns:
    """Return the columns of a reference: as it says, else named as in the log."""
    said = {name: getattr(own, name) for name in type(own).model_fields}
    return Columns(**{name: value or getattr(log, name) for name, value in said.items()})
