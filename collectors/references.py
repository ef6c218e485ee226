"""Make the grids of a model, once, and its reference on them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from collectors.building import Cell
from collectors.cells import count_inputs, count_outcomes, fitting_kpis
from collectors.crossing import together
from collectors.features import Features, features_of
from collectors.grids import bare_grid_set, grid_set
from collectors.opening import Opened
from collectors.sides import Side
from collectors.sources.base import Slice
from collectors.statement import Job
from collectors.windows import (
    BATCH_WINDOWS,
    batches,
    digest,
    mark_of,
    rows_at_a_time,
    rows_in,
    span_of,
    touching,
    windows_of,
)
from core.config import Columns, configuration_hash
from core.grid import GridSet
from core.profile import Inputs, Outcomes, Profile, ProfileKey
from core.text import gettext as _
from core.windows import Window, window_at
from store.tables import ReferenceRow

FIRST_WINDOWS = 28
"""Without a reference the first 28 complete windows become it; at these numbers it is made anew."""
_STEPS = (28, 21, 14, 7, 3, 1)
_SCORE_KEYS = ("predictions.columns.score", "predictions.columns.prediction")
LEAST_WINDOWS = 14
"""A reference with fewer windows gives grids and shares only."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The reference that the configuration and the sources ask for, as of now.

    `fingerprint` is equal where it would be the same; `windows` empty means all rows as one level; `parts`
    are those of the source.
    """

    kind: str
    description: str
    fingerprint: str
    side: Side
    truth: Side | None
    windows: tuple[Window, ...]
    first: datetime | None
    last: datetime | None
    parts: Sequence[Slice] = ()
    learning: bool = False


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A reference's profiles by their keys, and how many rows it has."""

    cells: Mapping[ProfileKey, Profile]
    rows: int


def wanted_reference(
    opened: Opened, slices: Mapping[str, Sequence[Slice]], *, zone: ZoneInfo, now: datetime,
    maturity: timedelta, held: ReferenceRow | None = None,
) -> Wanted | None:  # fmt: skip
    """Return the reference to be in force; None while no window of the log is complete.

    Args:
        slices: the parts of every source by its name.
        held: the reference in force; once the first windows are 28 of them they stay, whatever the log loses.
    """
    model, reference = opened.model, opened.declared
    form = "windows" if reference is None else reference.form
    if opened.reference is not None:
        return _of_source(opened, opened.reference, slices["reference"], zone, now)
    log = slices["predictions"]
    if (
        form == "range"
        and reference is not None
        and reference.since is not None
        and reference.until is not None
    ):
        start = datetime.combine(reference.since, time(), tzinfo=zone)
        end = datetime.combine(reference.until, time(), tzinfo=zone)
        windows = windows_of(log, model.grain, zone, min(now, end), start, end)
        kept = [one for one in windows if one.start >= start and one.end <= end]
        inside = {one.name: one for found in touching(kept, log).values() for one in found}
        parts = [str(reference.since), str(reference.until), mark_of("range", list(inside.values()))]
        return _of_log(
            opened, log, kept, "range", digest([*parts, *_ripe(kept, maturity, now)]),
            _("{since} to {until}").format(since=reference.since, until=reference.until),
        )  # fmt: skip
    settle = model.settle_of(model.grain)
    complete = [one for one in windows_of(log, model.grain, zone, now) if not one.is_open(now, settle)]
    kept = complete[: next((step for step in _STEPS if step <= len(complete)), 0)]
    if held is not None and held.kind == "windows" and held.windows >= FIRST_WINDOWS:
        kept = [one for one in complete if _inside(one, held)]
    if not kept:
        return None
    text = _("the first {n} windows of the log").format(n=len(kept))
    learning = len(kept) < FIRST_WINDOWS
    if learning:
        text = _("the first {n} windows of the log, of {all} to come").format(n=len(kept), all=FIRST_WINDOWS)
    mark = digest(["first", kept[0].start.isoformat(), kept[-1].end.isoformat(), *_ripe(kept, maturity, now)])
    found = _of_log(opened, log, kept, "windows", mark, text)
    return None if found is None else replace(found, learning=learning)


def _inside(window: Window, held: ReferenceRow) -> bool:
    return (
        held.first is not None and held.last is not None
        and held.first <= window.start and window.end <= held.last
    )  # fmt: skip


def _ripe(windows: Sequence[Window], maturity: timedelta, now: datetime) -> list[str]:
    """Have a reference of the log counted once more when all of its labels are mature."""
    return ["mature"] if windows and windows[-1].end + maturity <= now else []


def make_grids(opened: Opened, wanted: Wanted | None) -> tuple[GridSet, Features]:
    """Make new grids of a model from its reference; without one, those that need none."""
    if wanted is None:
        return bare_grid_set(opened.model, opened.log, opened.truth), Features()
    features = features_of(opened.model, wanted.side, opened.log)
    return grid_set(opened.model, wanted.side, opened.log, opened.truth, features), features


def keep_grids(new: GridSet, old: GridSet, changed: Collection[str]) -> GridSet:
    """Return `new` with the grids that were there: one of a column is made once.

    Args:
        changed: the keys of the file that changed; where the score comes from another column its grid is new.
    """
    columns = {
        name: old.columns[name] if name in old.columns and old.columns[name].kind == grid.kind else grid
        for name, grid in new.columns.items()
    }
    scored = not [key for key in changed if key == "task" or key.startswith(_SCORE_KEYS)]
    return replace(
        new,
        columns=columns,
        score=old.score if scored and new.score is not None and old.score is not None else new.score,
        errors=old.errors if scored and new.errors is not None and old.errors is not None else new.errors,
        segments={name: old.segments.get(name, levels) for name, levels in new.segments.items()},
    )


def count_reference(
    opened: Opened, wanted: Wanted, grids: GridSet, *, zone: ZoneInfo, now: datetime, maturity: timedelta
) -> Counted:
    """Count a reference on the grids of its model; segments that it does not hold are left out."""
    held = tuple(one for one in opened.model.segments if all(wanted.side.has(column) for column in one))
    model = opened.model.model_copy(update={"segments": held})
    plain = [one for one in model.kpis if one not in opened.kpis]
    most = rows_at_a_time(opened.engines.memory, len(held))
    counts = rows_in(wanted.windows, wanted.parts)
    alone = window_at(wanted.first or now, model.grain, zone)
    found: dict[ProfileKey, Profile] = {}
    rows = 0
    for run in batches(wanted.windows, counts, most, BATCH_WINDOWS) or [[]]:
        job = Job(
            model=model, log=wanted.side, truth=wanted.truth, grids=grids, windows=tuple(run), now=now,
            maturity=maturity, of_reference=True,
        )  # fmt: skip
        inputs = count_inputs(job)
        job = together(job)  # what follows joins both sides
        misfits = fitting_kpis(job, plain)
        kpis = {one: model.kpis[one] for one in plain if one not in misfits}
        job = replace(job, model=model.model_copy(update={"kpis": kpis}))
        outcomes = count_outcomes(job, {}, inputs.inputs)
        for cells in cells_of(
            model.name, grids.id, run or [alone], inputs.inputs, outcomes.outcomes
        ).values():
            found |= cells
        rows += sum(part.rows for cell, part in inputs.inputs.items() if not cell.segment)
    return Counted(cells=found, rows=rows)


def cells_of(
    model: str,
    grid_set: str,
    windows: Sequence[Window],
    inputs: Mapping[Cell, Inputs],
    outcomes: Mapping[Cell, Outcomes],
) -> dict[datetime, dict[ProfileKey, Profile]]:
    """Put both parts together, by start of window."""
    found: dict[datetime, dict[ProfileKey, Profile]] = {window.start: {} for window in windows}
    for cell in sorted(inputs.keys() | outcomes.keys()):
        window = windows[cell.window]
        key = ProfileKey(
            model=model, version=cell.version, role=cell.role, segment=cell.segment, grain=window.grain,
            start=window.start, grid_set=grid_set,
        )  # fmt: skip
        found[window.start][key] = Profile(
            grid_set=grid_set,
            inputs=inputs.get(cell, Inputs()),
            outcomes=outcomes.get(cell, Outcomes()),
        )
    return found


def _of_source(opened: Opened, side: Side, slices: Sequence[Slice], zone: ZoneInfo, now: datetime) -> Wanted:
    model = opened.model
    side = _held(opened, side)
    timed = side.columns.time is not None
    span = span_of(slices, now) if timed else None
    windows = windows_of(slices, model.grain, zone, now) if timed else []
    if len(windows) < LEAST_WINDOWS:
        windows = []
    parts = [f"{one.name} {one.mark}" for one in slices if not one.error]
    return Wanted(
        kind="source",
        description=side.source.describe(),
        fingerprint=digest(["source", configuration_hash(model), *sorted(parts)]),
        side=side,
        truth=_own_truth(opened, side),
        windows=tuple(windows),
        first=None if span is None else span[0],
        last=None if span is None else span[1],
        parts=slices,
    )


def _held(opened: Opened, side: Side) -> Side:
    """Leave out what a reference need not hold: when, by whom and under which id a row was answered."""
    named = Columns() if opened.declared is None else opened.declared.columns
    gone = [
        use
        for use in ("time", "id", "row_index", "version", "role", "arrived", "sampled")
        if getattr(named, use) is None and not side.has(getattr(side.columns, use))
    ]
    return replace(side, columns=side.columns.model_copy(update=dict.fromkeys(gone)))


def _own_truth(opened: Opened, side: Side) -> Side | None:
    """Take the label from the reference's own rows where it has it, else by id from the truth."""
    truth = opened.truth
    if truth is None:
        return None
    label = truth.columns.label
    if label is not None and side.has(label):
        return replace(side, columns=Columns(id=side.columns.id, label=label))
    if (
        truth.source is opened.log.source
        or not side.has(side.columns.id)
        or truth.engine.key != side.engine.key
    ):
        return None
    return truth


def _of_log(
    opened: Opened, log: Sequence[Slice], windows: Sequence[Window], kind: str, mark: str, description: str
) -> Wanted | None:
    if not windows:
        return None
    span = (windows[0].start, windows[-1].end)
    side = replace(opened.log, span=span)
    truth = opened.truth
    if truth is not None and truth.source is opened.log.source:
        truth = replace(truth, span=span)
    return Wanted(
        kind=kind,
        description=description,
        fingerprint=digest([kind, configuration_hash(opened.model), mark]),
        side=side,
        truth=truth,
        windows=tuple(windows),
        first=span[0],
        last=span[1],
        parts=log,
    )
