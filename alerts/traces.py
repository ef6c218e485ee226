"""Read the contrasts of a model's columns, window by window; a window is counted once and then kept."""

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np
from sqlalchemy.orm import Session

from alerts.rules.base import Trace
from core.config import Model
from core.grid import Floats, GridSet
from core.profile import Profile, merge_all
from core.roles import SERVED
from core.windows import Window
from metrics.base import SCORE
from metrics.calibration import LEAST
from metrics.columns import grid_of, summary
from metrics.contrasts import Contrasts, contrasts_of
from metrics.moments import Correlations
from store import grids, references, traces, windows
from store.normal import is_moving, window_of
from store.profiles import profiles
from store.tables import ReferenceRow, WindowRow

WELL = 28
TOGETHER = ""
"""Under this name stand all numeric columns together: their correlations."""
VERSION = 2
"""Of the formula: raised when contrasts change their meaning."""


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Contrasts by column; `mark` and `basis` say how they are counted, `fresh` is what is not kept yet."""

    by_column: Mapping[str, Trace] = field(default_factory=dict)
    mark: str = ""
    basis: bytes | None = None
    fresh: Sequence[traces.Kept] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Basis:
    """How the columns of one grid set are counted, and what the reference's windows showed."""

    contrasts: Mapping[str, Contrasts | Correlations]
    starts: Sequence[datetime] = ()
    base: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)


def read_traces(session: Session, model: Model, now: datetime, reference: ReferenceRow | None) -> Traces:
    """Return the contrasts of every complete window; none while too little is known of what is normal.

    The contrasts are those of the reference's shares. Bins that would hold too few values in a window are
    merged: in a window of the reference, or, where that has no times or moves, in one of the first 14 (from
    then on: 28) windows of the log.
    """
    closed = [
        row
        for row in windows.windows(session, model.name, model.grain)
        if row.state == "ok" and not window_of(row).is_open(now, model.settle_of(model.grain))
    ]
    learnt: Sequence[WindowRow] = ()
    timed = reference is not None and not is_moving(model) and reference.windows >= LEAST
    if not timed:
        grid_set = closed[-1].grid_set if reference is None and closed else getattr(reference, "grid_set", "")
        first = [row for row in closed if row.grid_set == grid_set][:WELL]
        learnt = first if len(first) == WELL else first[:LEAST]
        if len(learnt) < LEAST:
            return Traces()
    assert reference is not None or learnt
    fixed = None if is_moving(model) else reference
    grid_set = learnt[0].grid_set if fixed is None else fixed.grid_set
    facts = (
        VERSION, grid_set, None if fixed is None else (fixed.id, fixed.fingerprint, fixed.windows),
        [(row.start, row.inputs_mark) for row in learnt],
    )  # fmt: skip
    mark = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
    grid = grids.grid_set(session, grid_set)
    kept = traces.kept_contrasts(session, model.name, mark)
    basis = _read(kept) if kept is not None else _measured(session, model, grid, fixed, learnt)
    rows = [row for row in closed if row.grid_set == grid_set]
    known = traces.kept_traces(session, model.name, mark)
    fresh = _count(session, model, grid, basis, [
        row for row in rows if row.start not in known or known[row.start].inputs_mark != row.inputs_mark
    ])  # fmt: skip
    held = {**known, **{one.start: one for one in fresh}}
    return Traces(
        by_column=_by_column(basis, [(window_of(row), held[row.start].body) for row in rows], model),
        mark=mark,
        basis=_written(basis) if kept is None else None,
        fresh=fresh,
    )


def keep(session: Session, model: str, found: Traces) -> None:
    """Keep what was counted, so that it is counted once."""
    if found.basis is not None:
        traces.keep_contrasts(session, model, found.mark, found.basis)
    if found.fresh:
        traces.keep_traces(session, model, found.mark, found.fresh)


def _measured(
    session: Session, model: Model, grid: GridSet, reference: ReferenceRow | None, learnt: Sequence[WindowRow]
) -> _Basis:
    by_start = _pooled(session, model, learnt)
    if reference is not None:
        cells: defaultdict[datetime, list[Profile]] = defaultdict(list)
        for key, profile in references.reference_profiles(session, reference, segment=""):
            if key.role in SERVED:
                cells[key.start].append(profile)
        own = {start: merge_all(some, grid_set=reference.grid_set) for start, some in cells.items()}
    else:
        own = by_start
    whole = merge_all(own.values(), grid_set=next(iter(own.values())).grid_set if own else "")
    sized = by_start or own
    contrasts = contrasts_by_column(grid, whole, list(sized.values()))
    starts = sorted(own) if reference is not None and reference.windows else []
    base = {}
    if starts:
        for column, told in contrasts.items():
            said = [said_of(told, column, own[start], grid) for start in starts]
            base[column] = (np.array([values for values, _n in said]), np.array([n for _values, n in said]))
    return _Basis(contrasts=contrasts, starts=starts, base=base)


def contrasts_by_column(
    grid: GridSet, whole: Profile, windows: Sequence[Profile]
) -> dict[str, Contrasts | Correlations]:
    """Return what tells drift of each column, of the score and of all together; `windows` are usual ones."""
    contrasts: dict[str, Contrasts | Correlations] = {}
    for column in [*grid.columns, SCORE]:
        own_grid = grid_of(grid, column, whole)
        held = summary(whole, column, own_grid)
        if own_grid is None or held is None:
            continue
        rows = [summary(one, column, own_grid) for one in windows]
        usual = float(np.mean([0 if one is None else one.counts.sum() for one in rows]))
        found = contrasts_of(own_grid, held.counts, usual)
        contrasts[column] = found or Contrasts(names=(), weights=np.zeros((0, own_grid.bins)))
    usual = float(np.mean([one.inputs.rows for one in windows])) if windows else 0.0
    together = Correlations.of(whole.inputs, grid.moments, usual)
    if together is not None:
        contrasts[TOGETHER] = together
    return contrasts


def said_of(
    told: Contrasts | Correlations, column: str, profile: Profile, grid: GridSet
) -> tuple[Floats, float]:
    """Return what a profile says of a column, and of how many values."""
    if isinstance(told, Correlations):
        return told.said(profile.inputs)
    held, bins = summary(profile, column, grid_of(grid, column, profile)), told.weights.shape[1]
    counts = held.counts if held is not None and len(held.counts) == bins else np.zeros(bins, dtype=np.int64)
    return told.of(counts[None, :])[0], float(counts.sum())


def _count(
    session: Session, model: Model, grid: GridSet, basis: _Basis, rows: Sequence[WindowRow]
) -> list[traces.Kept]:
    found = []
    pooled = _pooled(session, model, rows)
    for row in rows:
        profile = pooled.get(row.start, Profile(grid_set=row.grid_set))
        said: list[Floats] = []
        for column, told in basis.contrasts.items():
            values, n = said_of(told, column, profile, grid)
            said += [np.array([n]), values]
        body = np.concatenate(said).astype("<f4").tobytes() if said else b""
        found.append(traces.Kept(start=row.start, inputs_mark=row.inputs_mark, body=body))
    return found


def _pooled(session: Session, model: Model, rows: Sequence[WindowRow]) -> dict[datetime, Profile]:
    """Return the inputs of some windows, champion and challenger; windows in a row are read in one go."""
    found: defaultdict[datetime, list[Profile]] = defaultdict(list)
    numbered = enumerate(rows)
    for _key, run in groupby(numbered, lambda one: one[1].start - one[0] * model.grain.length):
        some = [row for _at, row in run]
        until = some[-1].start + timedelta(microseconds=1)
        for key, profile in profiles(
            session, model.name, model.grain, some[0].start, until, segment="", part="inputs"
        ):
            if key.role in SERVED:
                found[key.start].append(profile)
    return {start: merge_all(some, grid_set=some[0].grid_set) for start, some in found.items()}


def _by_column(basis: _Basis, rows: Sequence[tuple[Window, bytes]], model: Model) -> dict[str, Trace]:
    width = sum(1 + len(one.names) for one in basis.contrasts.values())
    table = np.frombuffer(b"".join(body for _window, body in rows), dtype="<f4").astype(np.float64)
    table = table.reshape(len(rows), width)
    seen = tuple(window for window, _body in rows)
    base_windows = tuple(
        Window(start=start, end=start + model.grain.length, grain=model.grain) for start in basis.starts
    )
    found, at = {}, 0
    for column, told in basis.contrasts.items():
        wide, pairs = len(told.names), isinstance(told, Correlations)
        base, base_n = basis.base.get(column, (np.zeros((0, wide)), np.zeros(0)))
        found[column] = Trace(
            names=told.names, shares=told.shares, windows=seen, pairs=pairs,
            values=table[:, at + 1 : at + 1 + wide], n=table[:, at], base=base, base_n=base_n,
            base_windows=base_windows if column in basis.base else (),
        )  # fmt: skip
        at += 1 + wide
    return found


def _written(basis: _Basis) -> bytes:
    """Encode how columns are counted: names and shapes as JSON, numbers one after the other."""
    names = [
        [column, one.names, one.shares, *_shape(one), column in basis.base]
        for column, one in basis.contrasts.items()
    ]
    facts = json.dumps([names, [start.isoformat() for start in basis.starts]], ensure_ascii=False)
    numbers = [_numbers(one).ravel() for one in basis.contrasts.values()]
    numbers += [part.ravel() for pair in basis.base.values() for part in pair]
    held = io.BytesIO()
    np.savez_compressed(
        held,
        facts=np.frombuffer(facts.encode(), dtype=np.uint8),
        numbers=np.concatenate([np.zeros(0), *numbers]),
    )
    return held.getvalue()


def _shape(told: Contrasts | Correlations) -> tuple[bool, int]:
    return isinstance(told, Correlations), _numbers(told).shape[1]


def _numbers(told: Contrasts | Correlations) -> Floats:
    if isinstance(told, Correlations):
        return np.column_stack([told.first, told.second, told.reference])
    return told.weights


def _read(body: bytes) -> _Basis:
    with np.load(io.BytesIO(body), allow_pickle=False) as held:
        names, starts = json.loads(held["facts"].tobytes())
        numbers = held["numbers"]
    at = 0

    def take(*shape: int) -> Floats:
        nonlocal at
        size = int(np.prod(shape))
        at += size
        return numbers[at - size : at].reshape(shape)  # type: ignore[no-any-return]

    contrasts: dict[str, Contrasts | Correlations] = {}
    for column, own, shares, of_pairs, wide, _based in names:
        numbers_of = take(len(own), wide)
        if of_pairs:
            first, second, then = numbers_of.T
            contrasts[column] = Correlations(
                names=tuple(own), first=first.astype(np.int64), second=second.astype(np.int64), reference=then
            )
        else:
            contrasts[column] = Contrasts(names=tuple(own), shares=tuple(shares), weights=numbers_of)
    base = {
        column: (take(len(starts), len(own)), take(len(starts)))
        for column, own, _shares, _pairs, _wide, based in names
        if based
    }
    return _Basis(contrasts=contrasts, starts=[datetime.fromisoformat(one) for one in starts], base=base)
