"""Ask a model's registry for the versions that its log names: the part of a pass after collecting."""

from datetime import datetime, timedelta
from typing import cast

from collectors.registries.base import Registered, Registry
from core.config import Model, Project
from core.errors import SourceError
from core.plugins import PORTS, load
from core.text import gettext as _
from store import models, registered
from store.database import Store
from store.tables import RegisteredRow

SERVED = timedelta(days=28)
"""Versions that answered no longer ago are asked for again: their metrics and aliases may change."""


def open_registry(project: Project, model: Model) -> Registry | None:
    """Return the registry of a model; None where it has none."""
    if model.registry is None:
        return None
    plugin = load(PORTS["registry"], model.registry.kind, project.plugin_dirs)
    folder = project.state_dir / "training" / model.name
    return cast(Registry, plugin.Registry(model.registry.options, model=model.name, folder=folder))


def ask_registry(*, project: Project, model: Model, store: Store, now: datetime) -> tuple[str, ...]:
    """Keep what the registry knows of each version that answered lately; return notes of the pass.

    A registry that cannot be asked is such a note: what it said before stays.
    """
    registry = open_registry(project, model)
    if registry is None:
        return ()
    with store.read() as session:
        known = registered.registered(session, model.name)
        seen = models.versions(session, model.name)
    notes, rows = list[str](), list[RegisteredRow]()
    for one in seen:
        if one.version in known and one.last_seen < now - SERVED:
            continue
        try:
            found = registry.version(one.version)
        except SourceError as error:
            return (*notes, f"registry: {error.message} {error.hint}".rstrip())
        if found is None:
            notes.append(_("registry: it knows no version {version}.").format(version=one.version))
            continue
        if not found.training:
            notes.append(
                _("registry: version {version} gets no reference of its own: {why}.").format(
                    version=one.version, why=found.why
                )
            )
        rows.append(_row(model.name, found))
    with store.write() as session:
        for row in rows:
            registered.save_registered(session, row)
    return tuple(notes)


def _row(model: str, found: Registered) -> RegisteredRow:
    return RegisteredRow(
        model=model, version=found.version, name=found.name, registered_at=found.at, link=found.link,
        description=found.description, aliases=", ".join(found.aliases), metrics=dict(found.metrics),
        training=found.training, why=found.why,
    )  # fmt: skip
