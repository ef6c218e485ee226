"""Whoever wants a number asks here: stored values where they are stored, else computed from profiles."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from core.config.model import Gauge, Model
from core.config.project import Project
from core.errors import GoalkeeperError
from core.grid import GridSet
from core.profile import Profile, ProfileKey, merge_all
from core.text import gettext as _
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, Window, windows_between
from metrics.base import SCORE, Metric
from metrics.importance import importance
from metrics.measure import Stage, measure, stage_of
from metrics.registry import all_metrics
from store import grids, profiles, windows
from store import metrics as stored
from store.database import Store
from store.normal import Normal, is_moving, maturity_of
from store.references import current_reference, reference_profiles
from store.retention import Stretch, kept_grains, stretches

Part = Literal["inputs", "outcomes", "both"]


@dataclass(frozen=True, kw_only=True)
class Heat:
    """A metric by column and window; None where there is no value."""

    metric: str
    columns: tuple[str, ...]
    windows: tuple[Window, ...]
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Restated:
    """A window whose value was another one before: the first that was complete, and the one that stands."""

    window: Window
    first: MetricPoint
    now: MetricPoint


@dataclass(frozen=True, kw_only=True)
class Query:
    """Answer with metric points for any model, metric, range, version and segment.

    Version '' is all versions pooled, segment '' all rows. `since` and `until` are aware; ranges are
    half-open. Every method reads one consistent snapshot of the store and writes nothing.
    """

    store: Store
    project: Project

    def series(
        self,
        model: str,
        metric: str,
        *,
        since: datetime,
        until: datetime,
        now: datetime,
        version: str = "",
        segment: str = "",
        column: str | None = "",
        grain: Grain | None = None,
        as_of: datetime | None = None,
    ) -> list[MetricPoint]:
        """Return one point for each window that has one, in order of time.

        `grain` defaults to the model's; `column` None means every one. What is not stored (another grain,
        metric, version or segment) is computed from merged profiles; a range `as_of` an earlier time knows
        stored values only. Where windows of the grain were rolled up, the coarser ones tell of it.

        Raises:
            GoalkeeperError: no such model or metric.
        """
        return self.several(
            model, (metric,), since=since, until=until, now=now, version=version, segment=segment,
            column=column, grain=grain, as_of=as_of,
        )[metric]  # fmt: skip

    def several(
        self,
        model: str,
        metrics: Sequence[str],
        *,
        since: datetime,
        until: datetime,
        now: datetime,
        version: str = "",
        segment: str = "",
        column: str | None = "",
        grain: Grain | None = None,
        as_of: datetime | None = None,
    ) -> dict[str, list[MetricPoint]]:
        """Return what `series` does of several metrics, in one question to the store."""
        config = self._model(model)
        found: dict[str, list[MetricPoint]] = {metric: [] for metric in metrics}
        for part in self._stretches(config, grain or config.grain, since, until):
            held: dict[str, list[MetricPoint]] = {metric: [] for metric in metrics}
            for point in self.stored(
                model, metrics=tuple(found), since=part.since, until=part.until, as_of=as_of,
                version=version, segment=segment, column=column, grain=part.grain,
            ):  # fmt: skip
                held[point.metric].append(point)
            for metric, points in held.items():
                if not points and as_of is None and self._is_counted(model, metric):
                    asked = list(windows_between(part.since, part.until, part.grain, self.project.zone))
                    points = self._computed(config, metric, asked, now, version, segment, column)
                found[metric] += sorted(points, key=lambda point: point.window.start)
        return found

    def stored(
        self,
        model: str,
        *,
        metric: str | None = None,
        metrics: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: datetime | None = None,
        version: str | None = None,
        segment: str | None = None,
        column: str | None = None,
        grain: Grain | None = None,
    ) -> list[MetricPoint]:
        """Return stored points; None means any."""
        with self.store.read() as session:
            return stored.points(
                session,
                model,
                metric=metric,
                metrics=metrics,
                version=version,
                segment=segment,
                column=column,
                since=since,
                until=until,
                grain=grain,
                as_of=as_of,
            )

    def restated(self, model: str, metric: str, *, since: datetime, until: datetime) -> list[Restated]:
        """Return the windows whose complete value is another one than it first was, in order of time."""
        grain = self._model(model).grain
        with self.store.read() as session:
            found = stored.every(session, model, metric, since=since, until=until, grain=grain)
        told = defaultdict[Window, list[MetricPoint]](list)
        for point in found:
            if point.value.state is ValueState.OK and point.value.value is not None:
                told[point.window].append(point)
        return [
            Restated(window=window, first=points[0], now=points[-1])
            for window, points in told.items()
            if points[0].value.value != points[-1].value.value and points[-1].superseded_at is None
        ]

    def value(
        self,
        model: str,
        metric: str,
        *,
        since: datetime,
        until: datetime,
        now: datetime,
        version: str = "",
        segment: str = "",
        column: str = "",
    ) -> MetricPoint:
        """Return one value for the whole of [since, until), computed from the merged profiles."""
        config = self._model(model)
        window = Window(start=since, end=until, grain=config.grain)
        for point in self._computed(config, metric, [window], now, version, segment, column):
            return point
        return MetricPoint(
            model=model,
            metric=metric,
            window=window,
            version=version,
            segment=segment,
            column=column,
            value=MetricValue.missing(_("Nothing was collected in this range.")),
        )

    def heat(
        self,
        model: str,
        metric: str,
        *,
        since: datetime,
        until: datetime,
        version: str = "",
        segment: str = "",
        as_of: datetime | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> Heat:
        """Return the stored values of a metric kept per column, highest mean of the last week first.

        With `weights` (how much each column matters) the mean counts by its column's.
        """
        config = self._model(model)
        parts = self._stretches(config, config.grain, since, until)
        with self.store.read() as session:
            found = [
                value
                for part in parts
                for value in stored.by_column(
                    session, model, metric, since=part.since, until=part.until, grain=part.grain,
                    version=version, segment=segment, as_of=as_of,
                )
            ]  # fmt: skip
        cells: dict[str, dict[datetime, float | None]] = defaultdict(dict)
        for column, start, value in found:
            cells[column][start] = value
        if not cells:
            return Heat(metric=metric, columns=(), windows=(), values=())
        zone = self.project.zone
        shown = tuple(
            window for part in parts for window in windows_between(part.since, part.until, part.grain, zone)
        )
        recent = [window.start for window in shown[-7:]]

        def weight(column: str) -> tuple[float, float, str]:
            matters = 1.0 if not weights else weights.get(column, 1.0 if column == SCORE else 0.0)
            known = [value for at in recent if (value := cells[column].get(at)) is not None]
            ever = [value for value in cells[column].values() if value is not None]
            return (-_mean(known) * matters if known else 1.0, -_mean(ever) * matters, column)

        columns = tuple(sorted(cells, key=weight))
        values = tuple(tuple(cells[column].get(window.start) for window in shown) for column in columns)
        return Heat(metric=metric, columns=columns, windows=shown, values=values)

    def merged(
        self,
        model: str,
        *,
        since: datetime,
        until: datetime,
        version: str | None = None,
        segment: str = "",
        part: Part = "both",
    ) -> dict[ProfileKey, Profile]:
        """Return the profiles of [since, until) summed up: one for each version, role and grid set."""
        config = self._model(model)
        cells = self._profiles(config, since, until, segment=segment, version=version, part=part)
        return profiles.summed(cells, Window(start=since, end=until, grain=config.grain))

    def normal(
        self, model: Model, window: Window, grid_set: str, *, version: str = "", segment: str = ""
    ) -> Profile | None:
        """Return what a window counted on `grid_set` is compared with; None while there is nothing."""
        return self._normal(model, segment).of(window, grid_set, version)

    def weights(self, model: str) -> dict[str, float]:
        """Return how much each column matters to the score, as the reference shows; may be empty."""
        with self.store.read() as session:
            row = current_reference(session, model)
            cells = [] if row is None else [c for _key, c in reference_profiles(session, row, segment="")]
        return {} if row is None else importance(merge_all(cells, grid_set=row.grid_set).inputs)

    def declared(self) -> Mapping[str, Metric]:
        """Return the declarations of all metrics by name."""
        return all_metrics(self.project.plugin_dirs)

    def unit(self, model: str, metric: str) -> str:
        """Return a metric's unit; a KPI's as declared, else percent for a share, else none."""
        family, _dot, name = metric.partition(".")
        kpi = self._model(model).kpis.get(name) if family == "business" else None
        if kpi is not None:
            return kpi.unit or ("percent" if kpi.mean is None else "none")
        gauge = self._gauge(model, metric)
        if gauge is not None:
            return gauge.unit
        declared = all_metrics(self.project.plugin_dirs).get(metric)
        return "none" if declared is None else declared.unit.value

    def title(self, model: str, metric: str) -> str:
        """Return what a metric is called; a KPI as its model's configuration calls it."""
        family, _dot, name = metric.partition(".")
        kpi = self._model(model).kpis.get(name) if family == "business" else None
        if kpi is not None:
            return kpi.title or name
        gauge = self._gauge(model, metric)
        if gauge is not None:
            return gauge.title or name
        declared = self.declared().get(metric)
        return metric if declared is None else _(declared.title)

    def is_known(self, model: str, metric: str) -> bool:
        """Tell whether a metric is declared, a KPI of the model, or one of its telemetry."""
        family, _dot, name = metric.partition(".")
        own = family == "business" and name in self._model(model).kpis
        return own or metric in self.declared() or self._gauge(model, metric) is not None

    def _is_counted(self, model: str, metric: str) -> bool:
        """Tell whether a metric can be computed from profiles."""
        return self.is_known(model, metric) and self._gauge(model, metric) is None

    def _gauge(self, model: str, metric: str) -> Gauge | None:
        family, _dot, name = metric.partition(".")
        telemetry = self._model(model).telemetry
        return telemetry.metrics.get(name) if telemetry is not None and family == "service" else None

    def stage(self, model: Model, window: Window, now: datetime) -> Stage:
        """Tell how complete a window is at `now`: open, immature (labels still come in) or final."""
        with self.store.read() as session:
            maturity = maturity_of(session, model)
        return stage_of(window, model, maturity, now)

    def _model(self, name: str) -> Model:
        if name not in self.project.models:
            raise GoalkeeperError(
                _("There is no model '{name}'.").format(name=name),
                hint=_("Known models: {known}.").format(known=", ".join(self.project.models) or _("none")),
            )
        return self.project.models[name]

    def _profiles(
        self,
        model: Model,
        since: datetime,
        until: datetime,
        *,
        segment: str,
        version: str | None = None,
        part: Part = "both",
        grain: Grain | None = None,
    ) -> list[tuple[ProfileKey, Profile]]:
        with self.store.read() as session:
            return [
                cell
                for held in stretches(session, model, grain or model.grain, since, until)
                for cell in profiles.profiles(
                    session,
                    model.name,
                    held.grain,
                    held.since,
                    held.until,
                    version=version,
                    segment=segment,
                    part=part,
                )
            ]

    def _stretches(self, model: Model, grain: Grain, since: datetime, until: datetime) -> list[Stretch]:
        """Cut a range where what is kept of it changes; windows are of `grain` or, where need be, coarser."""
        kept = _counted_by(model, grain) or grain
        with self.store.read() as session:
            parts = stretches(session, model, kept, since, until)
        found, joins = list[Stretch](), False
        for part in parts:
            added_up = part.grain.length < grain.length
            part = replace(part, grain=grain) if added_up else part
            if added_up and joins and found[-1].until == part.since:
                found[-1] = replace(found[-1], until=part.until)
            else:
                found.append(part)
            joins = added_up
        return found

    def _computed(
        self,
        model: Model,
        metric: str,
        asked: Sequence[Window],
        now: datetime,
        version: str,
        segment: str,
        column: str | None,
    ) -> list[MetricPoint]:
        grain = _counted_by(model, asked[0].grain) if asked else None
        if grain is None:
            return []
        declared = all_metrics(self.project.plugin_dirs).get(metric)
        part: Part = "both" if declared is None else declared.part.value
        cells = self._profiles(model, asked[0].start, asked[-1].end, segment=segment, part=part, grain=grain)
        normal, sets = self._normal(model, segment), dict[str, GridSet]()
        with self.store.read() as session:
            maturity = maturity_of(session, model)
        points: list[MetricPoint] = []
        for window in asked:
            inside = [  # a coarser window that began before the range belongs to its first one
                (key, cell)
                for key, cell in cells
                if window.start <= max(key.start, asked[0].start) < window.end
            ]
            if not inside:
                continue
            grid_set = inside[-1][0].grid_set
            if any(key.grid_set != grid_set for key, _cell in inside):
                why = _("Its rows were counted on different grids: not comparable.")
                points.append(
                    MetricPoint(
                        model=model.name, metric=metric, window=window, version=version, segment=segment,
                        column=column or "", value=MetricValue.missing(why, state=ValueState.ERROR),
                    )
                )  # fmt: skip
                continue
            if grid_set not in sets:
                with self.store.read() as session:
                    sets[grid_set] = grids.grid_set(session, grid_set)
            reference = normal.of(window, grid_set, version)
            answer = measure(
                model=model,
                name=metric,
                grids=sets[grid_set],
                cells=profiles.summed(inside, window),
                reference={} if reference is None else {segment: reference},
                window=window,
                now=now,
                zone=self.project.zone,
                stage=stage_of(window, model, maturity, now),
                maturity=maturity,
                plugin_dirs=self.project.plugin_dirs,
            )
            points += [
                p
                for p in answer
                if (p.version, p.segment) == (version, segment) and column in (None, p.column)
            ]
        return points

    def _normal(self, model: Model, segment: str) -> Normal:
        if not is_moving(model):
            return Normal(model=model, store=self.store, rows=(), segment=segment)
        with self.store.read() as session:
            rows = [
                row for grain in kept_grains(model) for row in windows.windows(session, model.name, grain)
            ]
        return Normal(model=model, store=self.store, rows=rows, segment=segment)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _counted_by(model: Model, grain: Grain) -> Grain | None:
    """Return the grain whose profiles add up to windows of `grain`; None where only coarser ones are kept."""
    return next((kept for kept in (model.grain, model.service_grain) if kept.length <= grain.length), None)
