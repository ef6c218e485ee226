"""Roll up what has got old: hours become days, days become weeks, and the last ones are dropped.

One coarser window is made in one transaction that also takes the finer ones away, so whoever ends in the
middle has lost nothing and doubled nothing, and the next one goes on from there.

What is not touched, however old: windows whose labels may still come in (maturity and look-back), those that
rules and a moving reference look back at from such a window, and what lies after the start of a goal or an
experiment in the file. A fixed reference needs no window: its profiles are its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from alerts.reading import accepted_keys
from core.config import Model, Project, configuration_hash
from core.text import gettext as _
from core.windows import Grain, Window, window_at
from goalkeeper.progress import Progress
from metrics.measure import measure, stage_of
from store import retention, settings
from store.database import Store
from store.grids import grid_set
from store.normal import Normal, is_moving, maturity_of, window_of
from store.profiles import profiles, summed
from store.runs import runs
from store.tables import WindowRow
from store.windows import windows


@dataclass(frozen=True, kw_only=True)
class Step:
    """Windows of one grain that are rolled up `into` another, None: dropped; `spans` are the coarser windows.

    `made` says that the coarser ones are added up from them, not there already; `windows` counts the finer.
    """

    grain: Grain
    into: Grain | None
    made: bool
    windows: int
    spans: tuple[Window, ...]

    def as_json(self) -> Mapping[str, Any]:
        """Return it for machines."""
        return {
            "grain": self.grain.value, "into": None if self.into is None else self.into.value,
            "windows": self.windows, "coarser": len(self.spans) if self.made else 0,
            "since": self.spans[0].start, "until": self.spans[-1].end,
        }  # fmt: skip


def steps_of(session: Session, project: Project, name: str, now: datetime) -> list[Step]:
    """Return what is due to be rolled up of a model as of `now`, the finest first."""
    model, zone = project.models[name], project.zone
    needed = needed_from(model, now, maturity_of(session, model))
    found: list[Step] = []
    made: list[tuple[Window, str]] = []
    for grain in retention.kept_grains(model):
        age = project.retention.age_of(grain)
        if age is None:
            break  # and so is every coarser one's
        closed, into = min(needed, now - age), retention.coarser(model, grain)
        adds = into is not None and grain.length >= model.grain.length
        held = [(window_of(row), _grids(row)) for row in windows(session, name, grain, until=closed)]
        groups = _groups([*held, *made], into, closed, zone)
        groups = [one for one in groups if not adds or len(one[1] - {""}) < 2]
        made = [(span, next(iter(sets - {""}), "")) for span, sets, _count in groups] if adds else []
        if groups:
            found.append(
                Step(
                    grain=grain, into=into, made=adds, windows=sum(count for *_rest, count in groups),
                    spans=tuple(span for span, *_rest in groups),
                )
            )  # fmt: skip
    return found


def needed_from(model: Model, now: datetime, maturity: timedelta) -> datetime:
    """Return from when on windows stay as they are, however old."""
    looks = max(retention.LOOK_BACK[grain] * grain.length for grain in (model.grain, model.service_grain))
    settle = max(model.settle_of(model.grain), model.settle_of(model.service_grain))
    open_ = now - settle - maturity - model.lookback
    days = [goal.since for goal in model.goals]
    days += [] if model.experiment is None else [model.experiment.since]
    starts = [datetime.combine(day, time(), tzinfo=model.zone) for day in days]
    return min([open_ - looks - retention.reach(model), *starts])


def retain(
    *, project: Project, name: str, store: Store, now: datetime, progress: Progress | None = None
) -> list[Step]:
    """Roll up what is due of one model; for whoever has its turn. Return what was done.

    Values are computed as the file says now. Windows among which the bins changed stay as they are.
    """
    with store.read() as session:
        steps = steps_of(session, project, name, now)
        work = _Work.open(session, project, name, store, now)
    for step in steps:
        for at, span in enumerate(step.spans):
            work.roll(step, span)
            if progress is not None:
                progress(_("{model}: rolling up").format(model=name), at + 1, len(step.spans))
    with store.write() as session:
        settings.put(session, _name(name), now.isoformat())
    return steps


def is_due(session: Session, project: Project, name: str, now: datetime) -> bool:
    """Tell whether nothing was rolled up of a model on the project's day of `now` yet."""
    last = settings.get(session, _name(name))
    today = now.astimezone(project.zone).date()
    return last is None or datetime.fromisoformat(last).astimezone(project.zone).date() < today


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What rolling up one window after the other needs; `rows` are the windows as they stand."""

    project: Project
    model: Model
    store: Store
    now: datetime
    maturity: timedelta
    rows: list[WindowRow]
    run_id: int | None
    learnt: Sequence[datetime]
    fixed: Normal | None

    @classmethod
    def open(cls, session: Session, project: Project, name: str, store: Store, now: datetime) -> "_Work":
        model = project.models[name]
        fixed = None if is_moving(model) else Normal(model=model, store=store, rows=())
        return cls(
            project=project, model=model, store=store, now=now, maturity=maturity_of(session, model),
            rows=[row for grain in retention.kept_grains(model) for row in windows(session, name, grain)],
            fixed=fixed,
            run_id=next((run.id for run in runs(session, name, limit=1)), None),
            learnt=[level.since for level in accepted_keys(session, name).values()],
        )  # fmt: skip

    def roll(self, step: Step, span: Window) -> None:
        """Put one coarser window in place of the finer ones of its span, or drop what has reached its age."""
        inside = [row for row in self.rows if row.grain == step.grain and span.start <= row.start < span.end]
        into, cells, points = None, {}, []
        if step.made:
            name = self.model.name
            with self.store.read() as session:
                found = profiles(session, name, step.grain, span.start, span.end)
                sets = {key.grid_set for key, _profile in found} or {inside[-1].grid_set}
                grids = grid_set(session, next(iter(sets)))
            cells = summed(found, span)
            into = _coarse(inside, span, sets.pop())
            normal = self.fixed or Normal(model=self.model, store=self.store, rows=self.rows)
            stage = stage_of(span, self.model, self.maturity, self.now)
            points = measure(
                model=self.model, grids=grids, cells=cells, reference=normal.profile(into), window=span,
                now=self.now, zone=self.project.zone, stage=stage, maturity=self.maturity, own=normal.own(),
                plugin_dirs=self.project.plugin_dirs,
            )  # fmt: skip
            into.stage = stage
            into.computed = f":{stage}:{configuration_hash(self.model)}:{normal.mark(into)}"
        with self.store.write() as session:
            retention.roll_up(
                session, self.model.name, step.grain, span, into=into, cells=cells, points=points,
                learnt=self.learnt, run_id=self.run_id, now=self.now,
            )  # fmt: skip
        gone = set(map(id, inside))
        self.rows[:] = [row for row in self.rows if id(row) not in gone] + ([into] if into else [])


def _coarse(inside: Sequence[WindowRow], span: Window, grid_set: str) -> WindowRow:
    """Return the coarser window, with what was noted of the finer ones."""
    notes: dict[str, Any] = {}
    for row in inside:
        for key, value in row.notes.items():
            held = notes.get(key)
            if isinstance(held, Mapping) and isinstance(value, Mapping):
                value = {**held, **value}
            notes[key] = value
    bad = [row for row in inside if row.state != "ok"]
    all_bad = len(bad) == len(inside)
    return WindowRow(
        model=inside[0].model, grain=span.grain.value, start=span.start, end=span.end, grid_set=grid_set,
        inputs_mark="", outcomes_mark="", profile_digest="", computed="", stage="",
        state="error" if all_bad else "ok", reason=bad[0].reason if all_bad else "", notes=notes,
        collected_at=max(row.collected_at for row in inside),
    )  # fmt: skip


def _groups(
    held: Iterable[tuple[Window, str]], into: Grain | None, closed: datetime, zone: ZoneInfo
) -> list[tuple[Window, set[str], int]]:
    """Return the coarser windows that end by `closed`, their grid sets and how many finer ones each holds."""
    ordered = sorted(held, key=lambda one: one[0].start)
    spans = [
        (window if into is None else window_at(window.start, into, zone), grids) for window, grids in ordered
    ]
    found = []
    for span, group in groupby(spans, key=lambda one: one[0]):
        if span.end <= closed:
            sets = [grids for _span, grids in group]
            found.append((span, set(sets), len(sets)))
    return found


def _grids(row: WindowRow) -> str:
    return row.grid_set if row.state == "ok" else ""


def _name(model: str) -> str:
    return f"retained:{model}"
