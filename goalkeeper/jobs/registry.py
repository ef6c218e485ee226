"""Ask a model's registry for the versions that its log names: the part of a pass after collecting."""

from datetime import datetime
from typing import cast

from collectors.registries.base import Registered, Registry, UnreachableError
from core.config import Model, Project, hash_of
from core.config import Registry as Declared
from core.errors import SourceError
from core.plugins import PORTS, load
from core.spelling import nearest_of
from core.text import gettext as _
from metrics.registry import all_metrics
from store import models, registered
from store.database import Store
from store.registered import SERVED
from store.tables import RegisteredRow

_MOVES = ("url", "token", "user", "password", "timeout", "columns", "metrics")


def open_registry(project: Project, model: Model) -> Registry | None:
    """Return the registry of a model; None where it has none."""
    if model.registry is None:
        return None
    plugin = load(PORTS["registry"], model.registry.kind, project.plugin_dirs)
    folder = project.state_dir / "training" / model.name
    return cast(Registry, plugin.Registry(model.registry.options, model=model.name, folder=folder))


def ask_registry(*, project: Project, model: Model, store: Store, now: datetime) -> tuple[str, ...]:
    """Keep what the registry knows of each version that answered lately; return notes of the pass.

    A registry that cannot be asked is such a note: what it said before stays. So is a version that it does
    not know: what was said of that one is taken back.
    """
    registry = open_registry(project, model)
    if registry is None or model.registry is None:
        return ()
    asked, notes = _digest(model.registry), _unknown_metrics(project, model.registry)
    said = () if model.reference is None else model.reference.versions
    with store.read() as session:
        known = registered.registered(session, model.name)
        seen = models.versions(session, model.name)
    for one in seen:
        old = known.get(one.version)
        fresh = max(one.last_seen, one.noticed_at) >= now - SERVED
        if not fresh and (old is None or old.asked == asked):
            continue
        try:
            found = registry.version(one.version)
        except UnreachableError as error:
            return (*notes, f"registry: {error.message} {error.hint}".rstrip())
        except SourceError as error:
            told = _("registry: version {version}: {error}")
            notes.append(told.format(version=one.version, error=f"{error.message} {error.hint}".rstrip()))
            continue
        with store.write() as session:
            if found is None:
                registered.forget_registered(session, model.name, one.version)
            else:
                registered.save_registered(session, _row(model.name, asked, found))
        if found is None:
            notes.append(_("registry: it knows no version {version}.").format(version=one.version))
        elif not found.training and one.version not in said:
            told = _("registry: version {version} gets no reference of its own: {why}.")
            notes.append(told.format(version=one.version, why=found.why))
    return tuple(notes)


def _digest(declared: Declared) -> str:
    """Return what tells one registry from another; a server may move."""
    return hash_of({key: value for key, value in declared.model_dump().items() if key not in _MOVES})


def _unknown_metrics(project: Project, declared: Declared) -> list[str]:
    known = all_metrics(project.plugin_dirs)
    return [
        _("registry.metrics: there is no metric {name}; the nearest one is {near}.").format(
            name=name, near=nearest_of(name, known) or "—"
        )
        for name in declared.metrics
        if name not in known
    ]


def _row(model: str, asked: str, found: Registered) -> RegisteredRow:
    return RegisteredRow(
        model=model, version=found.version, asked=asked, name=found.name, registered_at=found.at,
        link=found.link, description=found.description, aliases=", ".join(found.aliases),
        metrics=dict(found.metrics), training=found.training, why=found.why,
    )  # fmt: skip
