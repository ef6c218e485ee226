"""Settle, before anything is counted, on what: grids and reference of a model, and the age of ripe labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collectors.changing import Change, change_of
from collectors.maturity import learnt_maturity
from collectors.opening import Opened
from collectors.planning import cut_otherwise
from collectors.references import (
    FIRST_WINDOWS,
    Wanted,
    count_reference,
    keep_grids,
    make_grids,
    wanted_reference,
)
from collectors.schema import Shape
from collectors.sources.base import Slice
from collectors.windows import windows_of
from core.config import Model, Project, configuration_hash, configuration_keys
from core.errors import SourceError
from core.grid import GridSet
from core.profile import Profile, merge_all
from core.roles import SERVED
from core.text import gettext as _
from store import grids as grid_store
from store import models, references
from store.database import Store
from store.marks import add_mark, with_reason
from store.normal import keep_maturity, kept_maturity
from store.tables import ModelRow, ReferenceRow

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


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What is stored of a model, what changed in the file since, and whether somebody wants new grids."""

    row: ModelRow | None
    grids: GridSet | None
    shape: Shape
    reference: ReferenceRow | None
    change: Change
    regrid: grid_store.Regrid | None
    settled: bool

    @property
    def learning(self) -> bool:
        """Tell whether the first windows are still coming in, so that grids grow with them."""
        found = self.reference
        return found is None or (found.kind == "windows" and found.windows < FIRST_WINDOWS)


def settle(
    opened: Opened, parts: Parts, store: Store, *, project: Project, now: datetime, maturity: timedelta
) -> Settled:
    """Keep the grids that are there, or make them; put a new reference in force where one is wanted.

    Grids are made anew only while the first windows still come in, or where somebody asked for it; a changed
    file adds some and drops some. A clock that went back changes nothing: what was settled later stays.

    Raises:
        SourceError: a source cannot be read, or the store's windows are cut otherwise than configured.
    """
    model, kept = opened.model, _kept(store, opened.model)
    held = kept.reference if kept.regrid is None else None
    wanted = wanted_reference(opened, parts, zone=project.zone, now=now, maturity=maturity, held=held)
    old, same = kept.grids, kept.row is not None and not (kept.change.metrics or kept.change.inputs)
    if kept.row is not None:
        _same_cut(kept.row, model)
    current = kept.reference
    fresh = wanted is not None and (current is None or current.fingerprint != wanted.fingerprint)
    if same and current is not None and now < current.created_at:
        fresh = False
    grows = wanted is not None and fresh and kept.learning
    if grows and wanted is not None and current is not None:
        grows = current.last != wanted.last or current.kind != wanted.kind
    gone = _is_out_of_reach(wanted, current) and (wanted is None or kept.settled)
    anew = old is None or grows or (kept.regrid is not None and not gone)
    if gone and not anew and not kept.change.inputs:
        wanted, fresh = None, False
    notes: list[str] = []
    if old is None or anew or (kept.change.inputs and wanted is not None):
        grids, features = make_grids(opened, wanted)
        shape = Shape.of(features, opened.log)
        if old is not None and not anew:
            grids = keep_grids(grids, old, kept.change.keys)
    elif kept.change.inputs:
        bare, _none = make_grids(opened, None)
        grids = keep_grids(replace(bare, columns=old.columns, score=old.score, errors=old.errors), old, ())
        shape = kept.shape
        notes.append(_("The log no longer reaches the reference, so what is new in the file gets no bins."))
    else:
        grids, shape = old, kept.shape
    if not same or fresh or anew:
        _write(opened, wanted, grids, shape, kept, store, project=project, now=now, maturity=maturity)
    elif not kept.settled:
        with store.write() as session:
            references.keep_settled(session, model.name, configuration_keys(model))
    with store.read() as session:
        current, normal = references.current_reference(session, model.name), None
        if current is not None and current.grid_set == grids.id:
            found = references.reference_profiles(session, current, segment="")
            normal = merge_all((part for key, part in found if key.role in SERVED), grid_set=grids.id)
    if wanted is not None and wanted.learning:
        notes.append(_("The reference is being learnt: {what}.").format(what=wanted.description))
    return Settled(grids=grids, shape=shape, normal=normal, notes=tuple(notes))


def _is_out_of_reach(wanted: Wanted | None, current: ReferenceRow | None) -> bool:
    """Tell whether the log no longer goes back to where the reference in force begins: then that stays."""
    if wanted is None or current is None:
        return wanted is None and current is not None
    if wanted.kind not in ("range", "windows") or (wanted.kind, wanted.last) != (current.kind, current.last):
        return False
    return wanted.first is not None and current.first is not None and wanted.first > current.first


def _kept(store: Store, model: Model) -> _Kept:
    with store.read() as session:
        row = models.model(session, model.name)
        counted = row is not None and row.grid_set is not None
        return _Kept(
            row=row,
            grids=grid_store.grid_set(session, row.grid_set) if row is not None and row.grid_set else None,
            shape=Shape.from_json(row.features) if row is not None and counted else Shape(),
            reference=references.current_reference(session, model.name),
            change=change_of(model, row, models.counted_keys(session, model.name)),
            regrid=grid_store.asked_regrid(session, model.name),
            settled=references.is_settled(session, model.name, configuration_keys(model)),
        )


def _same_cut(row: ModelRow, model: Model) -> None:
    """Refuse a changed zone or grain: windows of two cuts would count the same rows twice."""
    for what, was, now in cut_otherwise(row, model):
        raise SourceError(
            _("{model}: `{what}` was {was} and is {now}; the store's windows are cut by the old one.").format(
                model=model.name, what=what, was=was, now=now
            ),
            hint=_("Put {was} back, or run `goalkeeper regrid {model}`: it says what that costs.").format(
                was=was, model=model.name
            ),
        )


def _write(
    opened: Opened, wanted: Wanted | None, grids: GridSet, shape: Shape, kept: _Kept, store: Store,
    *, project: Project, now: datetime, maturity: timedelta,
) -> None:  # fmt: skip
    model, old, counted = opened.model, kept.row, None
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
        models.keep_counted_keys(session, model.name, configuration_keys(model))
        references.keep_settled(session, model.name, configuration_keys(model))
        if wanted is None or counted is None:
            return
        references.save_reference(
            session,
            ReferenceRow(
                model=model.name, kind=wanted.kind, description=wanted.description,
                fingerprint=wanted.fingerprint, grid_set=grids.id, windows=len(wanted.windows),
                rows=counted.rows, first=wanted.first, last=wanted.last, created_at=now,
            ),
            counted.cells.items(),
        )  # fmt: skip
        if kept.regrid is not None:
            grid_store.ask_regrid(session, model.name, None)
            changed = kept.grids is None or kept.grids.id != grids.id
            if changed:
                add_mark(
                    session, model=model.name, kind="configuration", start=now, actor=kept.regrid.actor,
                    text=with_reason(_("New grid set {id}").format(id=grids.id), kept.regrid.reason), now=now,
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
