"""Put the stored values into the series that rules judge."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np

from alerts.baseline import Baseline
from alerts.defaults import SCORE, Watch
from alerts.rules.base import UNJUDGED, Judgement, Rule, Series, Together, Trace
from alerts.timeline import Episode, Timeline, timeline
from alerts.traces import TOGETHER, Traces
from core.config import Model
from core.rules import AlertKey
from core.text import gettext as _
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, Window, windows_between
from store.normal import is_moving

Place = tuple[str, str]
"""Segment and column."""
LIVE_HOURS, LIVE_DELAY, LIVE_SHARE = 48, timedelta(hours=2), 0.8
"""When a log counts as live: see `is_live_log`."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """What was collected for one window: `error` is empty when it went well, `schema` says what changed.

    `delay` is how long after the window's end it was last collected.
    """

    window: Window
    delay: timedelta | None = None
    error: str = ""
    schema: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A level that counts as the new normal `since` a day; a person said so `at` a time."""

    since: datetime
    at: datetime

    def over(self, episode: Episode) -> Episode:
        """End an episode that had lasted into the accepted level."""
        if episode.over is not None and episode.last.window.end <= self.since:
            return episode
        return replace(episode, over=self.at, accepted=True)


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that a model's rules are judged on, as of `now`.

    `points` are current values of the pooled version, by metric; `baseline` the same over the reference's
    windows (`timed`) or its one value, empty where the reference moves; `notes` the collected windows;
    `accepted` the keys whose level counts as a new normal. What lies before `judged_from` of its grain stands
    as it was judged, and is only learnt from; `points` may have gaps before `read_from`. `by_hours` are the
    metrics whose requests fell mostly into hours with enough rows; `live` says that rows are logged as they
    happen. Of hours, only the values of those metrics are read. `traces` are the contrasts of columns.
    """

    model: Model
    now: datetime
    zone: ZoneInfo
    points: Mapping[str, Sequence[MetricPoint]]
    baseline: Baseline
    timed: bool
    notes: Sequence[Note]
    holidays: Mapping[date, str]
    accepted: Mapping[AlertKey, Accepted]
    judged_from: Mapping[Grain, datetime] = field(default_factory=dict)
    read_from: Mapping[Grain, datetime] = field(default_factory=dict)
    by_hours: frozenset[str] = frozenset()
    live: bool = False
    traces: Traces = field(default_factory=Traces)
    plugin_dirs: tuple[Path, ...] = ()

    def is_judged(self, judgement: Judgement) -> bool:
        """Tell whether an alert may come of a window."""
        since = self.judged_from.get(judgement.window.grain)
        return since is None or judgement.window.start >= since


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One rule on one key: its judgements and the episodes in them."""

    watch: Watch
    key: AlertKey
    title: str
    judgements: tuple[Judgement, ...]
    line: Timeline


def judge_all(known: Known, watches: Iterable[Watch]) -> list[Judged]:
    """Judge every rule that is not muted on every key that it has values for."""
    found = []
    for watch in watches:
        series = [] if watch.muted else series_of(watch, known)
        if not series:
            continue
        kind = watch.judge(known.plugin_dirs)
        if not hasattr(kind, "judge_together"):
            found += [judge_one(watch, kind, of, known) for of in series]
            continue
        families = defaultdict[str, list[Series]](list)
        for of in series:
            families[of.key.segment].append(of)
        for family in families.values():
            found += _judge_family(watch, cast(Together, kind), family, known)
    return found


def _judge_family(watch: Watch, kind: Together, family: Sequence[Series], known: Known) -> list[Judged]:
    """Judge series that share one chance of a false alarm; accepted levels are learnt afresh."""
    options = watch.options
    whole = kind.judge_together(family, options)
    found = []
    for at, (of, judged) in enumerate(zip(family, whole, strict=True)):
        accepted = known.accepted.get(of.key)
        if accepted is None:
            judgements = [one for one in judged if known.is_judged(one)]
            line = timeline(judgements, options.row)
        else:
            later = [*family[:at], of.since(accepted.since), *family[at + 1 :]]
            afresh = kind.judge_together(later, options)[at]
            before = [one for one in judged if one.window.end <= accepted.at]
            judgements, line = _rebased(before, afresh, accepted, known, options.row)
        found.append(Judged(watch=watch, key=of.key, title=of.title, judgements=tuple(judgements), line=line))
    return found


def judge_one(watch: Watch, kind: Rule, of: Series, known: Known) -> Judged:
    """Judge one series; from an accepted day on, its normal is learnt afresh."""
    options = watch.segments if of.key.segment and watch.segments else watch.options
    accepted = known.accepted.get(of.key)
    if accepted is None:
        judgements = [one for one in kind.judge(of, options) if known.is_judged(one)]
        line = timeline(judgements, options.row)
    else:
        earlier = tuple(point for point in of.points if point.window.end <= accepted.at)
        before = kind.judge(replace(of, points=earlier), options)
        judgements, line = _rebased(
            before, kind.judge(of.since(accepted.since), options), accepted, known, options.row
        )
    return Judged(watch=watch, key=of.key, title=of.title, judgements=tuple(judgements), line=line)


def _rebased(
    before: Sequence[Judgement], after: Sequence[Judgement], accepted: Accepted, known: Known, row: int
) -> tuple[list[Judgement], Timeline]:
    """Join what was judged before a level was accepted with what is judged since, by that level."""
    was = [one for one in before if known.is_judged(one)]
    fresh = [one for one in after if known.is_judged(one)]
    line = timeline(fresh, row)
    done = [accepted.over(one) for one in timeline(was, row).episodes]
    judgements = [*(one for one in was if one.window.start < accepted.since), *fresh]
    return judgements, Timeline(episodes=(*done, *line.episodes), newest=line.newest)


def series_of(watch: Watch, known: Known) -> list[Series]:
    """Return the series that a rule judges: one for each segment and column that it watches."""
    if watch.kind == "presence":
        found = {("", ""): _filled(known)}
    elif watch.kind == "noted":
        found = _noted(watch, known)
    else:
        found = _placed(watch, known)
    traced = {
        ("", column): trace
        for column, trace in known.traces.by_column.items()
        if watch.traced and watch.watches(column) and (column == TOGETHER) == (watch.column == TOGETHER)
    }
    places: dict[Place, list[MetricPoint]] = {**{place: [] for place in traced}, **found}
    return [
        replace(_series(watch, known, place, points), trace=traced.get(place, _no_trace(watch, points)))
        for place, points in sorted(places.items())
        if points or place in traced
    ]


def _no_trace(watch: Watch, points: Sequence[MetricPoint]) -> Trace | None:
    """Return the trace of a column of which no contrasts are known yet; None for other metrics."""
    if not watch.traced:
        return None
    return Trace(
        names=(), shares=(), windows=tuple(point.window for point in points),
        values=np.zeros((len(points), 0)), n=np.array([float(point.value.n) for point in points]),
    )  # fmt: skip


def _series(watch: Watch, known: Known, place: Place, points: Sequence[MetricPoint]) -> Series:
    segment, column = place
    grain = points[-1].window.grain if points else known.model.grain
    baseline = [
        point
        for point in known.baseline.points.get(watch.metric, ())
        if (point.segment, point.column) == place and (point.window.grain is grain or not known.timed)
    ]
    named = "" if column in ("", SCORE) else column
    title = watch.title
    if named:
        title = _("{title} in {column}").format(title=title, column=named)
    if segment:
        title = _("{title} where {segment}").format(title=title, segment=segment)
    return Series(
        key=AlertKey(model=known.model.name, rule=watch.id, segment=segment, column=column),
        title=title,
        points=tuple(points),
        baseline=tuple(baseline),
        past=_past(known.model, grain),
        unit=watch.unit,
        currency=watch.currency,
        harm=watch.harm,
        distance=watch.distance,
        zone=known.zone,
        holidays=known.holidays,
        judged_from=known.judged_from.get(grain),
    )


def _past(model: Model, grain: Grain) -> Callable[[Window], tuple[datetime, datetime] | None] | None:
    """Return what tells a window's past; hours of a daily model are compared with what is fixed."""
    if model.reference is None or not is_moving(model) or grain is not model.grain:
        return None
    return model.reference.span_before


def _placed(watch: Watch, known: Known) -> dict[Place, list[MetricPoint]]:
    stored = known.points.get(watch.metric, ())
    hourly = watch.hourly and watch.metric in known.by_hours
    grain = known.model.service_grain if hourly else known.model.grain
    closed = known.now - known.model.settle_of(grain)
    found: defaultdict[Place, list[MetricPoint]] = defaultdict(list)
    for point in stored:
        if point.window.grain is not grain or point.value.state in UNJUDGED or point.window.end > closed:
            continue
        if not _watched(watch, point):
            continue
        found[point.segment, point.column].append(point)
    for place, points in found.items():
        points.sort(key=lambda point: point.window.start)
        if place[0]:
            found[place] = _with_zeros(points, found.get(("", place[1]), ()))
    return dict(found)


def _watched(watch: Watch, point: MetricPoint) -> bool:
    if point.segment and watch.segments is None:
        return False
    return watch.watches(point.column)


def _with_zeros(points: list[MetricPoint], whole: Sequence[MetricPoint]) -> list[MetricPoint]:
    """Fill a segment's series: a share that was zero is not stored for segments."""
    have = {point.window.start for point in points}
    zeros = [
        replace(point, segment=points[0].segment, value=MetricValue(value=0.0, n=point.value.n))
        for point in whole
        if point.window.start not in have and point.value.state is ValueState.OK
    ]
    return sorted([*points, *zeros], key=lambda point: point.window.start)


def _filled(known: Known) -> list[MetricPoint]:
    """Count the rows of every closed window since the first one, with 0 where none ever came."""
    model = known.model
    kept = [("quality.rows", model.grain)]
    if known.live:
        kept.insert(0, ("service.requests", model.service_grain))
    for metric, grain in kept:
        counted = {
            point.window.start: point
            for point in known.points.get(metric, ())
            if point.window.grain is grain and not point.segment
            if grain not in known.read_from or point.window.start >= known.read_from[grain]
        }
        if counted:
            break
    else:
        return []
    failed = {
        note.window.start: note.error for note in known.notes if note.error and note.window.grain is grain
    }
    settle = model.settle_of(grain)
    last = known.now - settle
    found = []
    for window in windows_between(min(counted), last, grain, known.zone):
        if window.is_open(known.now, settle):
            break
        found.append(
            _row_count(model.name, metric, window, counted.get(window.start), failed.get(window.start, ""))
        )
    return found


def is_live_log(model: Model, notes: Sequence[Note]) -> bool:
    """Tell whether the log is written as things happen: of the last 48 hours four in five came within two.

    A log whose files land once a day has empty hours that mean nothing; its days are counted instead.
    """
    hours = [note for note in notes if note.window.grain is model.service_grain]
    if model.service_grain is model.grain or not hours:
        return False
    newest = sorted(hours, key=lambda note: note.window.start)[-LIVE_HOURS:]
    soon = sum(note.delay is not None and note.delay <= LIVE_DELAY for note in newest)
    return len(newest) == LIVE_HOURS and soon >= LIVE_SHARE * LIVE_HOURS


def _row_count(model: str, metric: str, window: Window, point: MetricPoint | None, error: str) -> MetricPoint:
    if error:
        value = MetricValue.missing(error, state=ValueState.ERROR)
    else:
        rows = 0.0 if point is None else point.value.value if point.value.value is not None else point.value.n
        value = MetricValue(value=float(rows), n=int(rows))
    return MetricPoint(model=model, metric=metric, window=window, value=value)


def _noted(watch: Watch, known: Known) -> dict[Place, list[MetricPoint]]:
    notes = [note for note in known.notes if note.window.grain is known.model.grain and not note.error]
    notes = [
        note for note in notes if not note.window.is_open(known.now, known.model.settle_of(note.window.grain))
    ]
    columns = {column for note in notes for column in note.schema or ()}
    return {
        ("", column): [
            MetricPoint(
                model=known.model.name,
                metric=watch.metric,
                window=note.window,
                column=column,
                value=MetricValue(
                    value=float(column in (note.schema or {})),
                    n=1,
                    reason=(note.schema or {}).get(column, ""),
                ),
            )
            for note in notes
        ]
        for column in columns
    }


def is_live(judged: Judged, known: Known, frontier: Mapping[bool, datetime]) -> bool:
    """Tell whether an alert that lasts may open a ticket: its windows reach up to what can be known at `now`.

    `frontier` is the end of the newest judged window of inputs (False) and outcomes (True). The inputs
    have to reach up to now, less two grains; outcomes ripen, so they are as new as the model's outcomes go.
    """
    newest = judged.line.newest
    if newest is None or judged.watch.kind == "presence":
        return newest is not None
    model = known.model
    oldest = known.now - model.settle_of(model.grain) - 3 * model.grain.length  # two, and the one under way
    # in base grains for hourly rules too: a log that rests at night ends its hours long before its day
    behind = newest.window.end < frontier[judged.watch.outcomes] - 2 * model.grain.length
    return frontier[False] >= oldest and not behind


def frontiers(judged: Iterable[Judged]) -> dict[bool, datetime]:
    """Return the end of the newest judged window of inputs (False) and outcomes (True)."""
    ends = {False: datetime.min.replace(tzinfo=UTC), True: datetime.min.replace(tzinfo=UTC)}
    for one in judged:
        newest = one.line.newest
        if newest is not None and one.watch.kind != "presence":
            part = one.watch.outcomes
            ends[part] = max(ends[part], newest.window.end)
    return ends
