"""Settle, before anything is counted, on what: grids and reference of a model, and the age of ripe labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collectors.maturity import learnt_maturity
from collectors.opening import Opened
from collectors.references import Wanted, count_reference, make_grids, wanted_reference
from collectors.schema import Shape
from collectors.sources.base import Slice
from collectors.windows import windows_of
from core.config import Model, Project, configuration_hash
from core.errors import SourceError
from core.grid import GridSet
from core.profile import Profile, merge_all
from core.roles import Role
from core.text import gettext as _
from store import grids as grid_store
from store import models, references
from store.database import Store
from store.normal import keep_maturity, kept_maturity
from store.tables import ModelRow, ReferenceRow

SERVED = (Role.CHAMPION, Role.CHALLENGER)
LEARNT_FROM = 28
"""Windows of the log from whose labels the maturity is learnt."""
Parts = Mapping[str, Sequence[Slice]]


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What a model is counted on; `normal` is its reference as one profile, None while there is none."""

    grids: GridSet
    shape: Shape
    normal: Profile | None
    notes: tuple[str, ...] = ()


def settle(
    opened: Opened, parts: Parts, store: Store, *, project: Project, now: datetime, maturity: timedelta
) -> Settled:
    """Keep the grids that are there, or make them; put a new reference in force where one is wanted.

    A clock that went back changes nothing: what was settled later stays.

    Raises:
        SourceError: a source cannot be read, or the store's windows are cut otherwise than configured.
    """
    name, configuration = opened.model.name, configuration_hash(opened.model)
    wanted = wanted_reference(opened, parts, zone=project.zone, now=now, maturity=maturity)
    with store.read() as session:
        row = models.model(session, name)
        if row is not None:
            _same_cut(row, opened.model)
        current = references.current_reference(session, name)
        same = row is not None and row.configuration == configuration and row.grid_set is not None
        if same and row is not None and row.grid_set is not None:
            grids, shape = grid_store.grid_set(session, row.grid_set), Shape.from_json(row.features)
    fresh = wanted is not None and (current is None or current.fingerprint != wanted.fingerprint)
    if same and current is not None and now <= current.created_at:
        fresh = False
    longer = current is None or (wanted is not None and current.last != wanted.last)
    grows = same and fresh and longer and wanted is not None and wanted.kind == "windows"
    if not same or grows or (current is None and wanted is not None):
        grids, features = make_grids(opened, wanted)
        shape = Shape.of(features, opened.log)
    if not same or fresh:
        _write(opened, wanted, grids, shape, row, store, project=project, now=now, maturity=maturity)
    with store.read() as session:
        current, normal = references.current_reference(session, name), None
        if current is not None and current.grid_set == grids.id:
            found = references.reference_profiles(session, current, segment="")
            normal = merge_all((part for key, part in found if key.role in SERVED), grid_set=grids.id)
    notes: tuple[str, ...] = ()
    if wanted is not None and wanted.learning:
        notes = (_("The reference is being learnt: {what}.").format(what=wanted.description),)
    return Settled(grids=grids, shape=shape, normal=normal, notes=notes)


def _same_cut(row: ModelRow, model: Model) -> None:
    """Refuse a changed zone or grain: windows of two cuts would count the same rows twice."""
    for what, was, now in (
        ("timezone", row.timezone, str(model.zone)),
        ("grain", row.grain, model.grain.value),
    ):
        if was != now:
            raise SourceError(
                _(
                    "{model}: `{what}` was {was} and is {now}; the store's windows are cut by the old one."
                ).format(model=model.name, what=what, was=was, now=now),
                hint=_("Put {was} back, or collect into a new store (`store:`).").format(was=was),
            )


def _write(
    opened: Opened, wanted: Wanted | None, grids: GridSet, shape: Shape, old: ModelRow | None, store: Store,
    *, project: Project, now: datetime, maturity: timedelta,
) -> None:  # fmt: skip
    model, counted = opened.model, None
    if wanted is not None:
        counted = count_reference(opened, wanted, grids, zone=project.zone, now=now, maturity=maturity)
    with store.write() as session:
        grid_store.save_grid_set(session, model.name, grids, now)
        models.save_model(
            session,
            ModelRow(
                name=model.name, title=model.shown_title, task=model.task.value, timezone=str(model.zone),
                grain=model.grain.value, configuration=configuration_hash(model), features=shape.to_json(),
                grid_set=grids.id, reference_id=None if old is None else old.reference_id,
                first_seen=now if old is None else old.first_seen, removed_at=None,
            ),
        )  # fmt: skip
        if wanted is not None and counted is not None:
            references.save_reference(
                session,
                ReferenceRow(
                    model=model.name, kind=wanted.kind, description=wanted.description,
                    fingerprint=wanted.fingerprint, grid_set=grids.id, windows=len(wanted.windows),
                    rows=counted.rows, first=wanted.first, last=wanted.last, created_at=now,
                ),
                counted.cells.items(),
            )  # fmt: skip


def settle_maturity(
    opened: Opened, parts: Parts, store: Store, *, project: Project, now: datetime
) -> timedelta:
    """Return the age at which a label counts as known: as configured, else learnt once and kept.

    It is learnt anew while the log has fewer than 28 complete windows, and never gets shorter by that.
    """
    truth, model = opened.model.ground_truth, opened.model
    if truth is None:
        return timedelta()
    if truth.maturity is not None:
        return truth.maturity
    with store.read() as session:
        known, learnt_from = kept_maturity(session, model.name)
    windows = windows_of(parts["predictions"], model.grain, project.zone, now)
    complete = [one for one in windows if not one.is_open(now, model.settle_of(model.grain))][:LEARNT_FROM]
    if len(complete) <= learnt_from:
        return known
    try:
        found = max(learnt_maturity(opened, tuple(complete), now) or known, known)
    except SourceError:  # the truth cannot be read: the pass says so where it needs it
        return known
    with store.write() as session:
        keep_maturity(session, model.name, found, len(complete))
    return found
