"""Count the references that versions bring of their own, on the model's grids: windows still add up."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta

from collectors.opening import Opened, own_references, trained_reference
from collectors.parts import row_of, slice_of
from collectors.references import Wanted, count_reference, wanted_reference
from collectors.sources.base import Slice
from core.config import Project
from core.errors import GoalkeeperError
from core.grid import GridSet
from core.text import gettext as _
from store import references, slices
from store.database import Store
from store.models import versions
from store.registered import SERVED, own_versions, trained_on
from store.tables import ReferenceRow


def settle_own(
    opened: Opened, parts: Mapping[str, Sequence[Slice]], grids: GridSet, store: Store, *,
    project: Project, now: datetime, maturity: timedelta,
) -> tuple[str, ...]:  # fmt: skip
    """Put the reference of each version in force that brings one, where it or the grids are new.

    Of a range of the log only the version's own rows count. What a registry says that a version was trained
    on is such a reference where the file names none; one that cannot be read is left out and told of.

    Raises:
        SourceError: a source that the file names cannot be read.
    """

    def put(version: str, one: Opened) -> None:
        _settle(version, one, parts, grids, store, project=project, now=now, maturity=maturity)

    for version, one in own_references(opened, project).items():
        put(version, one)
    if opened.model.registry is None:
        return ()
    with store.read() as session:
        trained = trained_on(session, opened.model)
        own = set(own_versions(session, opened.model))
        seen = versions(session, opened.model.name)
    lately = {row.version for row in seen if row.last_seen >= now - SERVED}
    notes = []
    for version, path in trained.items():
        if version in own and version not in lately:
            continue  # its data may be gone by now; it has been counted
        try:
            put(version, trained_reference(opened, project, version, path))
        except GoalkeeperError as error:
            told = _("registry: what version {version} was trained on cannot be read: {error}")
            notes.append(told.format(version=version, error=error.message))
    return tuple(notes)


def _settle(
    version: str, opened: Opened, parts: Mapping[str, Sequence[Slice]], grids: GridSet, store: Store, *,
    project: Project, now: datetime, maturity: timedelta,
) -> None:  # fmt: skip
    name, source, own = opened.model.name, f"reference:{version}", parts
    if opened.reference is not None:
        with store.read() as session:
            known = {key: slice_of(row) for key, row in slices.slices(session, name, source).items()}
        own = {**parts, "reference": opened.reference.source.slices(known, now)}
    wanted = wanted_reference(opened, own, zone=project.zone, now=now, maturity=maturity)
    with store.read() as session:
        current = references.current_reference(session, name, version)
    if wanted is None or (current is not None and _stays(opened, wanted, current, grids, project, now)):
        return
    counted = count_reference(opened, wanted, grids, zone=project.zone, now=now, maturity=maturity)
    cells, rows = dict(counted.cells), counted.rows
    if wanted.kind == "range":
        cells = {key: profile for key, profile in cells.items() if key.version == version}
        rows = sum(profile.inputs.rows for key, profile in cells.items() if not key.segment)
    with store.write() as session:
        if opened.reference is not None:
            kept = [row_of(name, source, part, now) for part in own["reference"]]
            slices.save_slices(session, name, source, kept)
        references.save_reference(
            session,
            ReferenceRow(
                model=name, version=version, kind=wanted.kind, description=wanted.description,
                fingerprint=wanted.fingerprint, grid_set=grids.id, windows=len(wanted.windows), rows=rows,
                first=wanted.first, last=wanted.last, created_at=now,
            ),
            cells.items(),
        )  # fmt: skip


def _stays(
    opened: Opened, wanted: Wanted, current: ReferenceRow, grids: GridSet, project: Project, now: datetime
) -> bool:
    """Tell whether the reference in force is the wanted one, or what the log still holds of it is less."""
    if current.grid_set != grids.id:
        return False
    if current.fingerprint == wanted.fingerprint or now < current.created_at:
        return True
    declared, was, first = opened.declared, current.first, wanted.first
    if declared is None or declared.since is None or was is None or first is None:
        return False
    start = datetime.combine(declared.since, time(), tzinfo=project.zone)
    return start <= was < first and current.last == wanted.last
