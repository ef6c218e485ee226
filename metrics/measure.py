"""Compute the metrics of one window: all that is stored, or one that is asked for."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from core.config.model import Kpi, Model, Task
from core.errors import GoalkeeperError, NotComparableError
from core.grid import GridSet
from core.profile import Profile, ProfileKey, merge_all
from core.roles import SERVED, Role
from core.spelling import nearest_of
from core.text import gettext as _
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Window
from metrics.base import SCORE, KpiFacts, Metric, Need, Part, Per, Subject
from metrics.columns import grid_of, kind_of
from metrics.registry import all_metrics

Stage = Literal["open", "immature", "final"]
Reference = Profile | Mapping[str, Profile] | None

BY_VERSION = frozenset({"performance", "estimated", "drift", "business"})
"""Families stored for each version too; of the service only its requests."""
KPI_KINDS = {"business.ratio": "ratio", "business.mean": "mean"}


def measure(
    *,
    model: Model,
    grids: GridSet,
    cells: Mapping[ProfileKey, Profile],
    reference: Reference,
    window: Window,
    now: datetime,
    zone: ZoneInfo,
    stage: Stage,
    name: str = "",
    maturity: timedelta | None = None,
    own: Mapping[str, Profile] | None = None,
    plugin_dirs: Sequence[Path] = (),
) -> list[MetricPoint]:
    """Return the points of one window, in a fixed order.

    Args:
        cells: every profile of the window, by version, role and segment, all counted on `grids`.
        reference: a profile of all rows, or profiles by segment ('' is all rows); None while there is none.
        stage: open → every value is `open`; immature → values from outcomes are `immature`; final → judged.
        name: a metric (`drift.psi`, `business.<kpi>`): computed for every version, segment and column in
            `cells`, whether stored or not. Empty, or the model's own name: what is stored of a window.
        maturity: the age at which a label counts as known; None: as configured.
        own: of versions that bring a reference of their own, what all their rows are compared with.

    Raises:
        GoalkeeperError: no such metric.
        NotComparableError: a cell was counted on another grid set.
    """
    bench = _Bench(
        model=model, grids=grids, cells=cells, reference=reference, window=window, now=now, zone=zone,
        stage=stage, maturity=_maturity(model) if maturity is None else maturity, own=own or {},
        declared=all_metrics(plugin_dirs),
    )  # fmt: skip
    return list(bench.stored() if name in ("", model.name) else bench.asked(name))


def asked_by_rules(model: Model, plugin_dirs: Sequence[Path] = ()) -> frozenset[str]:
    """Return the metrics that are stored only because a rule of the file names them."""
    named = {settings.metric or name.partition(":")[0] for name, settings in model.rules.items()}
    declared = all_metrics(plugin_dirs)
    return frozenset(name for name in named if name in declared and not declared[name].stored)


def primary(task: Task) -> str:
    """Return the metric that stands for a model's performance."""
    return "performance.mae" if task is Task.REGRESSION else "performance.log_loss"


def stage_of(window: Window, model: Model, maturity: timedelta, now: datetime) -> Stage:
    """Tell whether rows, or only labels, may still come in."""
    if window.is_open(now, model.settle_of(window.grain)):
        return "open"
    return "immature" if now < window.end + maturity else "final"


def kpi_facts(model: Model, name: str) -> KpiFacts:
    """Return what metrics may know of a KPI; baseline and target come from its first goal."""
    kpi: Kpi = model.kpis[name]
    goal = next((goal for goal in model.goals if goal.kpi == name), None)
    return KpiFacts(
        name=name,
        kind="ratio" if kpi.mean is None else "mean",
        own_table=kpi.source is not None,
        amount=None if kpi.value is None else kpi.value.amount,
        currency="" if kpi.value is None else kpi.value.currency,
        baseline=None if goal is None else goal.baseline,
        target=None if goal is None else goal.target,
    )


def _maturity(model: Model) -> timedelta:
    truth = model.ground_truth
    return timedelta() if truth is None or truth.maturity is None else truth.maturity


@dataclass(frozen=True, kw_only=True)
class _Bench:
    model: Model
    grids: GridSet
    cells: Mapping[ProfileKey, Profile]
    reference: Reference
    own: Mapping[str, Profile]
    window: Window
    now: datetime
    zone: ZoneInfo
    stage: Stage
    maturity: timedelta
    declared: Mapping[str, Metric]
    _pooled: dict[tuple[str, str, frozenset[Role]], Profile | None] = field(default_factory=dict)

    def stored(self) -> Iterator[MetricPoint]:
        """Yield what is kept of a window: hours of a daily model keep their service metrics only."""
        hourly = self.window.grain.length < self.model.grain.length
        named = {settings.metric or name.partition(":")[0] for name, settings in self.model.rules.items()}
        kept = [
            metric
            for metric in self.declared.values()
            if (metric.stored or metric.name in named)
            and self._applies(metric)
            and (metric.family == "service" or not hourly)
        ]
        versions = sorted(  # a KPI's own table names no version that ever answered
            {key.version for key, cell in self.cells.items() if not key.segment and cell.inputs.rows}
        )
        for metric in kept:
            yield from self._points(metric, "", "")
            if metric.family in BY_VERSION or metric.name == "service.requests":
                for version in versions:
                    yield from self._points(metric, version, "")
        for segment in sorted({key.segment for key in self.cells} - {""}):
            for metric in kept:
                if metric.per is Per.KPI or metric.name in self._by_segment():
                    yield from self._points(metric, "", segment, complete=metric.name != "quality.missing")

    def asked(self, name: str) -> Iterator[MetricPoint]:
        """Yield one metric for every version and segment."""
        family, _dot, kpi = name.partition(".")
        metric, only = self.declared.get(name), ""
        if family == "business" and kpi in self.model.kpis:
            metric, only = self.declared[f"business.{kpi_facts(self.model, kpi).kind}"], kpi
        if metric is None:
            known = [*self.declared, *(f"business.{one}" for one in self.model.kpis)]
            near = nearest_of(name, known)
            raise GoalkeeperError(
                _("There is no metric '{name}'.").format(name=name),
                hint=_("Did you mean {nearest}?").format(nearest=near)
                if near
                else _("`goalkeeper metrics list` prints all of them."),
            )
        if self.model.task not in metric.tasks:
            return
        for segment in sorted({key.segment for key in self.cells}):
            for version in ["", *sorted({key.version for key in self.cells if key.segment == segment})]:
                yield from self._points(metric, version, segment, only)

    def _by_segment(self) -> frozenset[str]:
        return frozenset(
            {"service.requests", "service.error_share", "quality.missing", primary(self.model.task)}
        )

    def _points(
        self, metric: Metric, version: str, segment: str, only: str = "", *, complete: bool = True
    ) -> Iterator[MetricPoint]:
        """Yield a metric at one place; not `complete`: of columns that miss nothing there is nothing."""
        profile = self._pool(version, segment, metric.family)
        if profile is None:
            return
        subject = Subject(
            profile=profile, grids=self.grids, now=self.now, window=self.window, zone=self.zone,
            reference=self._reference(version, segment), task=self.model.task, maturity=self.maturity,
        )  # fmt: skip
        for place in self._places(metric, subject, only, complete):
            name, column = metric.name, place.column
            if place.kpi is not None:
                named = metric.name in KPI_KINDS
                name, column = (f"business.{place.kpi.name}", "") if named else (name, place.kpi.name)
            value = self._staged(metric, _computed(metric, place))
            if not complete and not value.value:
                continue
            yield MetricPoint(
                model=self.model.name, metric=name, window=self.window, version=version, segment=segment,
                column=column, value=value,
                final=self.stage == "final" or (self.stage == "immature" and metric.part is Part.INPUTS),
            )  # fmt: skip

    def _places(self, metric: Metric, subject: Subject, only: str, complete: bool) -> Iterator[Subject]:
        if metric.per is Per.COLUMN:
            for column in [*self.grids.columns, SCORE]:
                if not complete and not _missing(subject.profile, column):
                    continue
                if grid_of(self.grids, column) and kind_of(self.grids, column) in metric.kinds:
                    yield replace(subject, column=column)
        elif metric.per is Per.KPI:
            for name in [only] if only else self.model.kpis:
                facts = kpi_facts(self.model, name)
                if KPI_KINDS.get(metric.name, facts.kind) == facts.kind:
                    yield replace(subject, kpi=facts)
        else:
            yield subject

    def _pool(self, version: str, segment: str, family: str) -> Profile | None:
        """Sum the cells of the roles that the family counts; None where there are none.

        Service: all but control. Business: all but shadow. The others: champion and challenger; a version
        that only ran in the shadow is measured on its shadow rows.
        """
        roles = {"service": set(Role) - {Role.CONTROL}, "business": set(Role) - {Role.SHADOW}}
        wanted = frozenset(roles.get(family, SERVED))
        found = self._summed(version, segment, wanted)
        if found is None and version and wanted == SERVED:
            return self._summed(version, segment, frozenset({Role.SHADOW}))
        return found

    def _summed(self, version: str, segment: str, roles: frozenset[Role]) -> Profile | None:
        place = (version, segment, roles)
        if place not in self._pooled:
            held = [
                cell
                for key, cell in self._cells_of.get(segment, ())
                if key.role in roles and version in ("", key.version)
            ]
            whole = len(held) == 1 and held[0].grid_set == self.grids.id
            summed = None if not held else held[0] if whole else merge_all(held, grid_set=self.grids.id)
            self._pooled[place] = summed
        return self._pooled[place]

    @cached_property
    def _cells_of(self) -> Mapping[str, Sequence[tuple[ProfileKey, Profile]]]:
        """The cells in order, by segment."""
        found: defaultdict[str, list[tuple[ProfileKey, Profile]]] = defaultdict(list)
        for key in sorted(self.cells):
            found[key.segment].append((key, self.cells[key]))
        return found

    def _reference(self, version: str, segment: str) -> Profile | None:
        if version in self.own and not segment:
            return self.own[version]
        if isinstance(self.reference, Mapping):
            return self.reference.get(segment)
        return None if segment else self.reference

    def _applies(self, metric: Metric) -> bool:
        columns, truth = self.model.predictions.columns, self.model.ground_truth
        has = {
            Need.LATENCY: columns.latency_ms is not None,
            Need.STATUS: columns.status is not None,
            Need.IDS: columns.id is not None,
            Need.LABELS: truth is not None,
            Need.SCORES: columns.score is not None,
            Need.CLASSES: columns.prediction is not None or columns.score is not None,
            Need.REFERENCE: self.reference is not None,
        }
        return self.model.task in metric.tasks and all(has[need] for need in metric.needs)

    def _staged(self, metric: Metric, value: MetricValue) -> MetricValue:
        if self.stage == "open":
            reason = value.reason or _("The window is open: rows still come in.")
            return replace(value, state=ValueState.OPEN, reason=reason)
        if self.stage == "immature" and metric.part is Part.OUTCOMES:
            reason = value.reason or _("Labels of this window still come in.")
            return replace(value, state=ValueState.IMMATURE, reason=reason)
        return value


def _missing(profile: Profile, column: str) -> int:
    if column == SCORE:
        return profile.inputs.score_missing
    found = profile.inputs.columns.get(column)
    return 0 if found is None else found.missing


def _computed(metric: Metric, subject: Subject) -> MetricValue:
    try:
        return metric.compute(subject)
    except NotComparableError as error:
        return MetricValue.missing(error.message, state=ValueState.ERROR)
