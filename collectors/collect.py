"""Collect a model: plan what is due, count it, and write each batch of windows in one transaction."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from collectors.cells import Answers, count_inputs, count_marks, count_outcomes
from collectors.changing import inputs_base, outcomes_base
from collectors.crossing import together
from collectors.misfits import Misfit, misfits_of, refused_in
from collectors.noting import left_out, notes_of, unreadable_in
from collectors.opening import Opened, with_chosen
from collectors.own_references import settle_own
from collectors.parts import known_of, row_of, slice_of, stored_in
from collectors.references import cells_of
from collectors.schema import Shape, changes, check_columns
from collectors.settling import settle, settle_maturity
from collectors.sides import Side
from collectors.sources.base import Slice
from collectors.statement import Job
from collectors.traffic import see_traffic
from collectors.windows import (
    BATCH_WINDOWS,
    Collected,
    batches,
    digest,
    due_inputs,
    number_of,
    outcomes_mark,
    rows_at_a_time,
    rows_in,
    span_of,
    still_open,
    touching,
    windows_of,
)
from core.config import Model, Project
from core.errors import SourceError
from core.grid import GridSet
from core.profile import Inputs, Outcomes, Profile, ProfileKey
from core.text import gettext as _
from core.text import ngettext
from core.windows import Grain, Window, window_at
from store import models, profiles, quarantine, slices, windows
from store.database import Store
from store.retention import rolled_until
from store.tables import WindowRow

HOURS = 24
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a pass over a model collected; `error` and `hint` say why outcomes could not be."""

    windows: int = 0
    rows: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""
    hint: str = ""
    sources: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Collector:
    """One pass over one model as of `now`; `looked` is that of the pass before, None for the first one."""

    project: Project
    model: Model
    store: Store
    opened: Opened
    now: datetime
    since: datetime | None = None
    until: datetime | None = None
    looked: datetime | None = None
    progress: Progress | None = None
    parts: dict[str, tuple[Slice, ...]] = field(default_factory=dict)
    known_parts: dict[str, dict[str, Slice]] = field(default_factory=dict)
    blind: SourceError | None = None
    maturity: timedelta = field(init=False)
    grids: GridSet = field(init=False)
    shape: Shape = field(init=False)
    base: str = field(init=False)
    outcomes_base: str = field(init=False)
    normal: Profile | None = None
    done: int = 0
    rows: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def horizon(self) -> timedelta:
        """Windows that ended longer ago are final."""
        return self.maturity + self.model.lookback

    @property
    def _last_look(self) -> datetime:
        return self.now if self.looked is None else min(self.looked, self.now)

    def run(self) -> Summary:
        """Collect what is due.

        Raises:
            SourceError: the log or the reference cannot be read.
        """
        self.opened = with_chosen(self.opened, self.project, self.store)
        self._look()
        try:
            self._collect()
        except SourceError:
            sides = self.opened.named().values()
            if not [side for side in sides if side.source.recheck()]:
                raise
            self._leave_out()
            self._collect()
        self._keep_parts()
        self._keep_refused()
        error = self.blind
        return Summary(
            windows=self.done,
            rows=self.rows,
            notes=tuple(dict.fromkeys([*self.notes, *left_out(self.parts)])),
            error=error.message if error else "",
            hint=error.hint if error else "",
            sources={
                name: digest(f"{one.name} {one.mark}" for one in found) for name, found in self.parts.items()
            },
        )

    def settle_versions(self) -> tuple[str, ...]:
        """Put the references that versions bring of their own in force; return which of them cannot be read.

        Raises:
            SourceError: one that the file names cannot be read.
        """
        return settle_own(
            self.opened, self.parts, self.grids, self.store, project=self.project, now=self.now,
            maturity=self.maturity,
        )  # fmt: skip

    def _look(self) -> None:
        """Ask every source for its parts; a truth that cannot be read leaves outcomes as they are."""
        for name, side in self.opened.named().items():
            with self.store.read() as session:
                rows = slices.slices(session, self.model.name, name)
            known = {key: slice_of(row) for key, row in rows.items()}
            self.known_parts[name] = known
            since = None
            if known and name not in ("predictions", "reference"):
                self._ripen()
                since = self._last_look - self.horizon
            try:
                self.parts[name] = side.source.slices(known, self.now, since)
                for column in (side.columns.id, side.columns.time, side.columns.label):
                    if column is not None and name != "reference":
                        side.info(column)
            except SourceError as error:
                if name in ("predictions", "reference"):
                    raise
                self.blind, self.parts[name] = error, tuple(known.values())
            self.notes += side.source.remarks() if name != "ground_truth" else []
        with self.store.read() as session:
            kept = models.model(session, self.model.name)
        check_columns(self.opened.log, kept.features.get("used", {}) if kept else {})
        self._ripen()

    def _ripen(self) -> None:
        self.maturity = settle_maturity(
            self.opened, self.parts, self.store, project=self.project, now=self.now
        )

    def _leave_out(self) -> None:
        for name, side in self.opened.named().items():
            bad = side.source.skipped()
            self.parts[name] = tuple(
                Slice(name=one.name, mark=one.mark, error=bad[one.name]) if one.name in bad else one
                for one in self.parts[name]
            )

    def _collect(self) -> None:
        settled = settle(
            self.opened, self.parts, self.store, project=self.project, now=self.now, maturity=self.maturity
        )
        self.grids, self.shape, self.normal = settled.grids, settled.shape, settled.normal
        self.base = inputs_base(self.model, self.grids.id)
        self.outcomes_base = outcomes_base(self.model, self.grids.id, self.maturity)
        self.notes += settled.notes
        self._collect_base()
        if self.model.service_grain is not self.model.grain:
            self._collect_service()

    # ---- windows of the base grain

    def _collect_base(self) -> None:
        model, log = self.model, self.parts["predictions"]
        tables = [one for name in self._tables() for one in self.parts[name]]
        begin = self._from(model.grain, [*log, *tables], self.outcomes_base)
        everything = windows_of([*log, *tables], model.grain, self.project.zone, self.now, begin, self.until)
        known = known_of(self.store, model.name, model.grain, begin)
        due = due_inputs(
            everything, log, known, base=self.base, now=self.now, horizon=self.horizon,
            looked=self.looked, restless=self.opened.log.columns.arrived is not None,
        )  # fmt: skip
        late = [] if self.blind is not None else self._late(everything, known, due)
        noted = changes(self.shape, self.opened.log, log, list(due))
        runs = self._batches(sorted([*due, *late]))
        total, done = len(due) + len(late), 0
        for run in runs:
            first = [window for window in run if window in due]
            if first:
                self._base_batch(first, due, noted)
            rest = [window for window in run if window not in due]
            if rest:
                self._late_batch(rest, known)
            done += len(run)
            self._say(_("{model}: collecting").format(model=model.name), done, total)

    def _base_batch(
        self, batch: list[Window], due: Mapping[Window, str], noted: Mapping[datetime, Mapping[str, str]]
    ) -> None:
        job = self._job(batch)
        inputs = count_inputs(job)
        outcomes = Answers()
        if self.blind is None:
            outcomes = count_outcomes(together(job), self._kpi_sides(), inputs.inputs)
        cells = cells_of(self.model.name, self.grids.id, batch, inputs.inputs, outcomes.outcomes)
        if self.blind is not None:
            self._keep_outcomes(batch, cells)
        unreadable = unreadable_in(batch, self.parts["predictions"])
        refused = self._refused()
        rows = []
        for i, window in enumerate(batch):
            notes = notes_of(
                cells[window.start],
                self.grids,
                self.normal,
                noted.get(window.start, {}),
                inputs.odd.get(i, {}),
            )
            if window.start in refused:
                notes["refused"] = refused[window.start]
            if window.start in unreadable:
                notes["unreadable"] = unreadable[window.start]
            mark = "" if self.blind is not None else self._outcomes_mark(window, outcomes.marks.get(i, "0-0"))
            row = self._row(window, due[window], mark, notes)
            if window.start in unreadable and not cells[window.start]:
                row.state, row.reason = "error", next(iter(unreadable[window.start].values()))
            rows.append(row)
        self._write(self.model.grain, rows, cells, misfits_of(job, [row.notes for row in rows]))
        self.rows += sum(part.rows for cell, part in inputs.inputs.items() if not cell.segment)

    def _late(
        self, everything: Sequence[Window], known: Mapping[datetime, Collected], due: Mapping[Window, str]
    ) -> list[Window]:
        """Return the windows whose outcomes alone are due: they may have changed, or count otherwise now."""
        counted = [
            window
            for window in everything
            if (old := known.get(window.start)) and old.ok and old.collected_at <= self.now
            if window not in due
        ]
        tables = [one for name in self._tables() for one in self.parts[name]]
        reached = touching(counted, [*self.parts["predictions"], *tables])
        otherwise = [
            window
            for window in counted  # what the log alone does not reach stays
            if window.start in reached and not known[window.start].is_counted_by(self.outcomes_base)
        ]
        done = set(otherwise)
        candidates = [
            window
            for window in still_open(counted, now=self._last_look, horizon=self.horizon)
            if window not in done
        ]
        if not candidates:
            return otherwise
        if self._labels_may_differ(candidates, known):
            marks = count_marks(together(self._job(candidates)))
        else:
            split = [known[window.start].outcomes_mark.split(":") for window in candidates]
            marks = {i: parts[1] if len(parts) > 1 else "" for i, parts in enumerate(split)}
        return otherwise + [
            window
            for i, window in enumerate(candidates)
            if self._outcomes_mark(window, marks.get(i, "0-0")) != known[window.start].outcomes_mark
        ]

    def _labels_may_differ(self, candidates: Sequence[Window], known: Mapping[datetime, Collected]) -> bool:
        truth = self.opened.truth
        if truth is None:
            return False
        name = "predictions" if truth.source is self.opened.log.source else "ground_truth"
        old = {key: one.mark for key, one in self.known_parts[name].items()}
        if old != {one.name: one.mark for one in self.parts[name]}:
            return True
        seen = min(known[window.start].collected_at for window in candidates)
        if truth.columns.time is None or seen >= self.now:
            return False
        if name == "predictions":
            return truth.columns.time != self.opened.log.columns.time
        return any(one.last is None or one.last > seen for one in self.parts[name])

    def _late_batch(self, batch: list[Window], known: Mapping[datetime, Collected]) -> None:
        model = self.model
        outcomes = count_outcomes(together(self._job(batch)), self._kpi_sides())
        counted = cells_of(model.name, self.grids.id, batch, {}, outcomes.outcomes)
        stored = stored_in(self.store, self.model.name, batch, self.grids.id)
        with self.store.read() as session:
            old_rows = {
                row.start: row
                for row in windows.windows(session, model.name, model.grain, batch[0].start, batch[-1].end)
            }
        cells: dict[datetime, dict[ProfileKey, Profile]] = {}
        rows = []
        for i, window in enumerate(batch):
            held, new = stored.get(window.start, {}), counted[window.start]
            cells[window.start] = {
                key: Profile(
                    grid_set=self.grids.id,
                    inputs=held[key].inputs if key in held else Inputs(),
                    outcomes=new[key].outcomes if key in new else Outcomes(),
                )
                for key in held.keys() | new.keys()
            }
            mark = self._outcomes_mark(window, outcomes.marks.get(i, "0-0"))
            rows.append(
                self._row(window, known[window.start].inputs_mark, mark, old_rows[window.start].notes)
            )
        self._write(model.grain, rows, cells)

    # ---- windows of the service grain

    def _collect_service(self) -> None:
        grain, log = self.model.service_grain, self.parts["predictions"]
        begin = self._from(grain, log)
        everything = windows_of(log, grain, self.project.zone, self.now, begin, self.until)
        known = known_of(self.store, self.model.name, grain, begin)
        due = due_inputs(
            everything, log, known, base=self.base, now=self.now, horizon=self.horizon,
            looked=self.looked, restless=self.opened.log.columns.arrived is not None,
        )  # fmt: skip
        done = 0
        for batch in self._batches(sorted(due), HOURS if grain is Grain.HOUR else 1):
            inputs = count_inputs(self._job(batch), service_only=True)
            cells = cells_of(self.model.name, self.grids.id, batch, inputs.inputs, {})
            self._write(grain, [self._row(window, due[window], "", {}) for window in batch], cells)
            done += len(batch)
            self._say(_("{model}: collecting the service").format(model=self.model.name), done, len(due))

    # ---- what both share

    def _from(self, grain: Grain, slices: Sequence[Slice], outcomes: str = "") -> datetime | None:
        """Return from when on windows of a grain are looked at.

        What was rolled up is closed; windows that are final need no look where all of them are there.
        """
        zone, name = self.project.zone, self.model.name
        with self.store.read() as session:
            closed = rolled_until(session, name).get(grain)
            begin = max((one for one in (self.since, closed) if one is not None), default=None)
            span = span_of(slices, self.now)
            if span is None:
                return begin
            first = window_at(span[0] if begin is None else max(span[0], begin), grain, zone)
            final = window_at(self._last_look - self.horizon, grain, zone)
            if first.start >= final.start:
                return begin
            held = windows.counted_alike(
                session, name, grain, (first.start, final.start), f"{self.base}:", outcomes and f"{outcomes}:"
            )
        return final.start if held == number_of(first, final, zone) else begin

    def _job(self, batch: Sequence[Window]) -> Job:
        return Job(
            model=self.model, log=self.opened.log, truth=self.opened.truth, grids=self.grids,
            windows=tuple(batch), now=self.now, maturity=self.maturity, horizon=self.horizon,
        )  # fmt: skip

    def _batches(self, due: Sequence[Window], times: int = 1) -> list[list[Window]]:
        log = self.parts["predictions"]
        most = rows_at_a_time(self.opened.engines.memory, len(self.model.segments))
        return batches(due, rows_in(due, log), most, BATCH_WINDOWS * times)

    def _row(self, window: Window, inputs: str, outcomes: str, notes: Mapping[str, Any]) -> WindowRow:
        return WindowRow(
            model=self.model.name, grain=window.grain.value, start=window.start, end=window.end,
            grid_set=self.grids.id, inputs_mark=inputs, outcomes_mark=outcomes, profile_digest="",
            computed="", stage="", state="ok", reason="", notes=dict(notes), collected_at=self.now,
        )  # fmt: skip

    def _write(
        self, grain: Grain, rows: Sequence[WindowRow], cells: Mapping[datetime, Mapping[ProfileKey, Profile]],
        misfits: Sequence[Misfit] = (),
    ) -> None:  # fmt: skip
        """Write a batch in one transaction; what its metrics were computed from stays known."""
        name = self.model.name
        with self.store.write() as session:
            old = {
                row.start: (row.computed, row.stage)
                for row in windows.windows(session, name, grain, rows[0].start, rows[-1].end)
            }
            session.expunge_all()
            digests = profiles.save_many(session, name, grain, cells)
            for row in rows:
                row.profile_digest = digests[row.start]
                row.computed, row.stage = old.get(row.start, ("", ""))
            windows.save_windows(session, rows)
            for one in misfits:
                quarantine.add(session, name, now=self.now, **vars(one))
            if grain is self.model.grain:
                see_traffic(session, self.model, cells, self.now)
        self.done += len(rows)

    def _keep_outcomes(
        self, batch: Sequence[Window], cells: dict[datetime, dict[ProfileKey, Profile]]
    ) -> None:
        stored = stored_in(self.store, self.model.name, batch, self.grids.id)
        for start, found in cells.items():
            for key, profile in stored.get(start, {}).items():
                held = found.get(key, Profile(grid_set=self.grids.id))
                found[key] = replace(held, outcomes=profile.outcomes)

    def _outcomes_mark(self, window: Window, label_marks: str) -> str:
        tables = [one for name in self._tables() for one in self._touching(name, window)]
        truth = self.model.ground_truth
        closed = None
        if truth is not None and truth.absent == "negative":
            closed = window.end + self.maturity <= self.now
        return outcomes_mark(self.outcomes_base, label_marks, tables, closed=closed)

    def _touching(self, name: str, window: Window) -> list[Slice]:
        return touching([window], self.parts[name]).get(window.start, [])

    def _tables(self) -> list[str]:
        return [name for name in self.parts if name.startswith("kpi:")]

    def _kpi_sides(self) -> Mapping[str, Side]:
        return self.opened.kpis

    def _keep_parts(self) -> None:
        with self.store.write() as session:
            for name, found in self.parts.items():
                partial = self.blind is not None or self.since is not None or self.until is not None
                if partial and name not in ("predictions", "reference"):
                    continue  # what changed in them is still to be looked at
                rows = [row_of(self.model.name, name, one, self.now) for one in found]
                slices.save_slices(session, self.model.name, name, rows)

    def _refused(self) -> dict[datetime, int]:
        """Return how many records of the log were no rows, by start of window."""
        found: Counter[datetime] = Counter()
        for one in refused_in(self.model, {"": self.opened.log.source}, self.project.zone):
            found[one.window_start] += one.count
        return dict(found)

    def _keep_refused(self) -> None:
        """Keep the first of the records that were no rows, with the reason."""
        sources = {name: side.source for name, side in self.opened.named().items()}
        found = refused_in(self.model, sources, self.project.zone)
        if not found:
            return
        with self.store.write() as session:
            for one in found:
                quarantine.add(session, self.model.name, now=self.now, **vars(one))
        n = sum(one.count for one in found)
        said = ngettext(
            "{n} record was refused; the first ones are kept with the reason.",
            "{n} records were refused; the first ones are kept with the reason.",
            n,
        )
        self.notes.append(said.format(n=n))

    def _say(self, what: str, done: int, total: int) -> None:
        if self.progress is not None:
            self.progress(what, done, total)
