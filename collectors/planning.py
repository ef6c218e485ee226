"""What the next pass will count again of a model, told before it happens and without reading a source."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from collectors.changing import Change, change_of, inputs_base, outcomes_base
from collectors.parts import slice_of
from collectors.windows import touching
from core.config import Model, configuration_keys
from store import grids, models, references, slices, windows
from store.normal import maturity_of, window_of
from store.tables import ModelRow, WindowRow


class Does(StrEnum):
    """What the next pass will do about what is stored."""

    NOTHING = "nothing"
    COLLECT = "collect"
    COMPUTE = "compute"
    OUTCOMES = "outcomes"
    COLLECT_AGAIN = "collect_again"
    REFUSE = "refuse"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the next pass will do to `windows` of the base grain, the oldest of them from `since` on.

    `stays` counts those that ought to be counted again but that the log no longer reaches; where windows are
    cut otherwise now, those would be lost. `left` says that
    an earlier pass did not come to its end, `regrid` that somebody asked for a new grid set, `chosen` that
    somebody chose another reference. `cut` names what cuts windows otherwise: then a pass is refused.
    """

    does: Does
    windows: int = 0
    since: datetime | None = None
    stays: int = 0
    change: Change = field(default_factory=Change)
    left: bool = False
    regrid: bool = False
    chosen: bool = False
    cut: tuple[tuple[str, str, str], ...] = ()


def plan_of(session: Session, model: Model, *, regrid: bool = False) -> Plan:
    """Return what the next pass will do about what is stored of a model.

    Args:
        regrid: as if somebody had asked for a new grid set.
    """
    row = models.model(session, model.name)
    if row is None:
        return Plan(does=Does.COLLECT)
    cut = cut_otherwise(row, model)
    if cut:
        held = windows.windows(session, model.name, row.grain)
        reached = _reached(session, model, held)
        return Plan(does=Does.REFUSE, windows=len(held), stays=len(held) - len(reached), cut=cut)
    change = change_of(model, row, models.counted_keys(session, model.name))
    regrid = regrid or grids.asked_regrid(session, model.name) is not None
    chosen = not change.metrics and not references.is_settled(session, model.name, configuration_keys(model))
    held = [one for one in windows.windows(session, model.name, model.grain) if one.state == "ok"]
    anew, outcomes = _otherwise(session, model, row, change, held)
    if regrid:
        anew = held
    reached = _reached(session, model, anew)
    if reached or change.inputs or regrid:
        return _plan(
            Does.COLLECT_AGAIN, reached, change, regrid, stays=len(anew) - len(reached),
            left=not (change.inputs or regrid),
        )  # fmt: skip
    reached = _reached(session, model, outcomes)
    if reached or change.outcomes:
        return _plan(
            Does.OUTCOMES, reached, change, stays=len(outcomes) - len(reached), left=not change.outcomes
        )
    if change.metrics or chosen:
        return _plan(Does.COMPUTE, held, change, chosen=chosen)
    return Plan(does=Does.NOTHING)


def cut_otherwise(row: ModelRow, model: Model) -> tuple[tuple[str, str, str], ...]:
    """Return what cuts windows otherwise than they are stored: key, what it was, what it is."""
    both = ("timezone", row.timezone, str(model.zone)), ("grain", row.grain, model.grain.value)
    return tuple((key, was, now) for key, was, now in both if was != now)


def _otherwise(
    session: Session, model: Model, row: ModelRow, change: Change, held: Sequence[WindowRow]
) -> tuple[list[WindowRow], list[WindowRow]]:
    """Return the windows counted otherwise than the file says now, and those whose outcomes were."""
    if change.inputs or row.grid_set is None:
        return list(held), list(held)
    inputs = inputs_base(model, row.grid_set)
    outcomes = outcomes_base(model, row.grid_set, maturity_of(session, model))
    return (
        [one for one in held if one.inputs_mark.partition(":")[0] != inputs],
        [one for one in held if one.outcomes_mark and one.outcomes_mark.partition(":")[0] != outcomes],
    )


def _reached(session: Session, model: Model, held: Iterable[WindowRow]) -> list[WindowRow]:
    """Return the windows of which the log had rows when it was last looked at."""
    rows = {one.start: one for one in held}
    if not rows:
        return []
    parts = [slice_of(one) for one in slices.slices(session, model.name, "predictions").values()]
    found = touching([window_of(one) for one in rows.values()], parts)
    return [one for start, one in rows.items() if start in found]


def _plan(
    does: Does, held: Sequence[WindowRow], change: Change, regrid: bool = False, *, stays: int = 0,
    left: bool = False, chosen: bool = False,
) -> Plan:  # fmt: skip
    since = min((one.start for one in held), default=None)
    return Plan(
        does=does, windows=len(held), since=since, stays=stays, change=change, left=left, regrid=regrid,
        chosen=chosen,
    )  # fmt: skip
