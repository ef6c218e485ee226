"""Look at the sources and channels of a project without counting or sending anything."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from core.config import Columns, Model, Project
from core.dates import local_time
from core.errors import GoalkeeperError
from core.text import gettext as _


@dataclass(frozen=True, kw_only=True)
class SourceFound:
    """One source: what it is, what it holds, or why it cannot be read."""

    name: str
    described: str
    lines: tuple[str, ...] = ()
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found of one model."""

    model: str
    sources: tuple[SourceFound, ...] = ()
    lines: tuple[str, ...] = ()
    error: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether everything can be read."""
        return not self.error and not any(one.error for one in self.sources)

    def as_json(self) -> Mapping[str, Any]:
        """Return it for machines."""
        return asdict(self) | {"ok": self.ok}


def check_model(project: Project, name: str, now: datetime) -> Found:
    """Open a model's sources and describe them; nothing is raised."""
    from alerts.defaults import rules_of
    from collectors.engines import Engines
    from collectors.opening import open_sources, own_references

    engines = Engines(memory=project.memory_limit)
    model = project.models[name]
    try:
        opened = open_sources(project, model, engines)
        own = {
            f"reference.versions.{version}": one.reference
            for version, one in own_references(opened, project).items()
            if one.reference is not None
        }
        sides = {**opened.named(), **own}
        sources = tuple(_source(project, key, side, now) for key, side in sides.items())
        sources += _registry(project, model)
        lines = [_join(opened)]
        rules = [rule for rule in rules_of(model) if not rule.muted]
        lines.append(_("{n} rules watch it; `goalkeeper rules list` prints them").format(n=len(rules)))
        error = ""
        if not any(one.error for one in sources):
            lines.append(_features(opened, now))
    except GoalkeeperError as problem:
        sources, lines, error = (), [], str(problem)
    finally:
        engines.close()
    return Found(model=name, sources=sources, lines=tuple(line for line in lines if line), error=error)


def _registry(project: Project, model: Model) -> tuple[SourceFound, ...]:
    """Look whether the model's registry answers and knows the model."""
    from goalkeeper.jobs.registry import open_registry

    registry = open_registry(project, model)
    if registry is None or model.registry is None:
        return ()
    told = SourceFound(name="registry", described=model.registry.kind, lines=(_("it answers"),))
    try:
        registry.check()
    except GoalkeeperError as problem:
        told = replace(told, lines=(), error=f"{problem.message} {problem.hint}".rstrip())
    return (told,)


def check_channels(project: Project) -> dict[str, str]:
    """Return every channel by name, with what is wrong with it ('' if nothing)."""
    from notify.channels.base import House
    from notify.sender import open_channel

    found = {}
    for name in project.channels:
        try:
            open_channel(name, project.channels, House.of(project), project)
            found[name] = ""
        except GoalkeeperError as problem:
            found[name] = str(problem)
    return found


def _source(project: Project, name: str, side: Any, now: datetime) -> SourceFound:
    described = ""
    try:
        described = side.source.describe()
        slices = side.source.slices({}, now)
        columns: Columns = side.columns
        for column in columns.used():
            if not name.startswith("reference"):
                side.info(column)
    except GoalkeeperError as problem:
        return SourceFound(name=name, described=described, error=str(problem))
    good = [one for one in slices if not one.error]
    rows = sum(one.rows for one in good)
    first = min((one.first for one in good if one.first), default=None)
    last = max((one.last for one in good if one.last), default=None)
    uses = ", ".join(
        f"{use}: {_as_written(value)}" for use, value in columns.model_dump(exclude_none=True).items()
    )
    lines = [_("{n} rows in {parts} parts").format(n=f"{rows:,}", parts=len(good))]
    if first is not None and last is not None:
        zone = project.zone
        lines[0] += _(", {first} to {last} ({zone})").format(
            first=local_time(first, zone), last=local_time(last, zone), zone=zone
        )
    lines.append(_("columns in use: {uses}").format(uses=uses))
    if last is not None and last > now:
        lines.append(_("! rows lie in the future; they are not seen before their time"))
    bad = [f"{one.name}: {one.error}" for one in slices if one.error]
    return SourceFound(
        name=name, described=described, lines=tuple(lines), rows=rows, first=first, last=last,
        error="; ".join(bad),
    )  # fmt: skip


def _as_written(column: str | Mapping[str, str]) -> str:
    """Write a column as the file names it; a multiclass model's score is a column for each class."""
    if isinstance(column, str):
        return column
    return "{" + ", ".join(f"{label}: {name}" for label, name in column.items()) + "}"


def _join(opened: Any) -> str:
    truth, log = opened.truth, opened.log
    if truth is None:
        return _("no ground truth: service, quality and drift only")
    if truth.source is log.source:
        return _("the label stands in the prediction's own row")
    if truth.engine.key == log.engine.key:
        return _("log and truth are joined where both lie")
    from collectors.crossing import travelling

    side = truth if log.engine.dialect.native else log
    return _("log and truth lie apart: of {what} only {columns} travel, window by window").format(
        what=_("the truth") if side is truth else _("the log"),
        columns=", ".join(travelling(opened.model, side)),
    )


def _features(opened: Any, now: datetime) -> str:
    from collectors.features import features_of

    side = opened.reference or opened.log
    found = features_of(opened.model, side, opened.log)
    told = _("watched columns: {n} numeric, {m} categorical").format(
        n=len(found.numeric), m=len(found.categorical)
    )
    if found.left_out:
        told += _("; left out: {columns}").format(
            columns=", ".join(f"{column} ({why})" for column, why in found.left_out.items() if why)
        )
    return told
