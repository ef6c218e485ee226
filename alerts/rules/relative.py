"""Against what is normal: a window is far outside of it, and by enough to matter.

A window is outside when |value − expected| > sigmas · sd *and* |value − expected| ≥ floor (`alerts.normal`
says how expected and sd come about). It is calm when the effect is inside the floor or its 95 % interval
crosses zero. Which windows make the baseline:

- the reference's, where it is timed and tells of the metric in at least `learn` windows;
- the one value of an untimed reference, where `learn` is 1 (broken data is seen from the first window);
- else the first windows of the log: `learn` of them before the rule speaks, four weeks at most (a week of
  hours). Until then it answers 'learning, 9 of 14'.
- where the reference moves, the windows of the span that it names for each window; the nearest ones to that
  span are taken in until there are `learn` of them, and four weeks around a span of a single window (the same
  period of last year), for one window tells neither spread nor weekdays;
- `against: trailing`: the last four weeks before each window, for what may grow for good (rows).

A window outside would widen the spread that the next one is judged by: one of 28 at distance x makes 4.5 sd
of 1.04 x, and no step were ever seen twice. So the unbroken run of windows outside that leads up to a window
is left out of what is learnt from the log, once 14 windows before the run are known. Where the baseline
moves, only until the run fills it: then it is the new level.

Both knobs trade: a higher `sigmas` makes false alarms rarer and detection later, a higher `floor` keeps large
logs quiet about trifles. With 20 columns a year holds 7,300 windows; 4.5 sigmas in 2 windows in a row is one
false alarm in far more than that (tests/alerts/test_quiet.py).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from math import exp, expm1, log
from typing import Literal

from pydantic import Field

from alerts.floor import Floor, least
from alerts.normal import Z95, Expected, Normal, Seen, learn, learn_spans, sampling_error, seen
from alerts.rules.base import FOUR_WEEKS, Judgement, RuleOptions, Series, Side, Verdict, has_number, unknown
from core.text import gettext as _
from core.values import MetricPoint, MetricValue
from core.windows import Grain

LOOKS_BACK = {grain: 2 * windows for grain, windows in FOUR_WEEKS.items()}
"""Twice as many windows as it learns from, for some of them cannot be judged."""
AHEAD = 28
"""So many spans are learnt at once."""
LEARNT = 14
"""With fewer windows the spread is known too badly to leave one out of it."""


class Options(RuleOptions):
    """`floor` is the least effect that matters: in the metric's unit, or '10%' of the normal level."""

    sigmas: float = Field(4.5, gt=0)
    floor: Floor = 0.0
    learn: int = Field(14, ge=1)
    side: Side | None = None
    against: Literal["reference", "trailing"] = "reference"
    scale: Literal["linear", "log"] = "linear"

    def least_effect(self, level: float) -> float:
        """Return the least effect that matters on the scale of judging."""
        if self.scale == "log":
            return log(1 + abs(self.floor))
        return least(self.floor, level)


def judge(series: Series, options: Options) -> list[Judgement]:
    """Judge each window against the normal as it was known before that window."""
    normals, run = _Normals(series, options), 0
    found = []
    for at, point in enumerate(series.points):
        if normals.fixed and not series.asks(point.window):
            continue
        holiday = series.holiday(point.window)
        if not has_number(point):
            found.append(unknown(point))
        elif holiday:
            found.append(unknown(point, _("holiday: {name}").format(name=holiday)))
        else:
            normal, known = normals.before(at, run)
            if normal is None:
                reason = _("learning, {known} of {least}").format(known=known, least=normals.least)
                found.append(unknown(point, reason))
            else:
                found.append(_judge_one(series, options, point, normal))
                run = run + 1 if found[-1].verdict in (Verdict.HARM, Verdict.GOOD) else 0
    return found


def _judge_one(series: Series, options: Options, point: MetricPoint, normal: Normal) -> Judgement:
    raw = point.value.value
    assert raw is not None
    error = sampling_error(point.value) if options.scale == "linear" else _log_error(point.value)
    value = _forward(options)(raw)
    expected = normal.expect(point.window, point.value, error=error)
    effect, enough = value - expected.level, options.least_effect(expected.level)
    harm = options.side or series.harm
    outside = abs(effect) > options.sigmas * expected.sd and abs(effect) >= enough and effect != 0
    back = exp if options.scale == "log" else _same
    low, high = (back(expected.level + sign * max(options.sigmas * expected.sd, enough)) for sign in (-1, 1))
    if outside:
        verdict = Verdict.HARM if harm.is_harm(effect) else Verdict.GOOD
    elif abs(effect) < enough or abs(effect) <= Z95 * expected.sd or not harm.is_harm(effect):
        verdict = Verdict.CALM
    else:
        verdict = Verdict.NEAR
    level = back(expected.level)
    return Judgement(
        window=point.window,
        verdict=verdict,
        reason=_reason(series, raw, expected, level, low, high) if outside else "",
        value=raw,
        expected=level,
        low=low,
        high=high,
        effect=expm1(effect) * level if options.scale == "log" else effect,
        lower=point.value.lower,
        upper=point.value.upper,
        n=point.value.n,
    )


def _reason(series: Series, value: float, expected: Expected, level: float, low: float, high: float) -> str:
    if series.distance:
        words = _("{title} is {value}; up to {high} is normal")
    else:
        words = _("{title} is {value}; normal is about {level} ({low} to {high})")
    return words.format(
        title=series.title,
        value=series.figure(value),
        level=series.figure(level),
        low=series.figure(max(low, 0.0) if level >= 0 else low),
        high=series.figure(min(high, 1.0) if series.unit == "percent" and level <= 1 else high),
    )


class _Normals:
    """The normal that was known before each window; learnt once where it does not change."""

    def __init__(self, series: Series, options: Options) -> None:
        self._series, self._options = series, options
        self._most = FOUR_WEEKS[series.points[0].window.grain] if series.points else 28
        grain = series.points[0].window.grain if series.points else Grain.DAY
        self.least = options.learn if grain is not Grain.HOUR or options.learn == 1 else self._most
        usable = [point for point in series.baseline if has_number(point)]
        fits = len(usable) >= options.learn and options.against == "reference"
        self.fixed = usable if fits else []
        self._log = [
            (at, point)
            for at, point in enumerate(series.points)
            if has_number(point) and not series.holiday(point.window)
        ]
        self._rank = {at: rank for rank, (at, _point) in enumerate(self._log)}
        self._starts = [point.window.start for _at, point in self._log]
        self._ends = [point.window.end for _at, point in self._log]
        self._cache: dict[tuple[int, int], Normal] = {}

    @cached_property
    def _fixed_normal(self) -> Normal:
        return learn(self._taken(self.fixed), distance=self._series.distance)

    @cached_property
    def _seen(self) -> Seen:
        """The log's windows in numbers."""
        return self._taken([point for _at, point in self._log])

    def before(self, at: int, run: int) -> tuple[Normal | None, int]:
        """Return the normal known before point `at`, or None and how many windows are known.

        `run` is how many windows just before it were outside: see the head of this file.
        """
        if self.fixed:
            return self._fixed_normal, len(self.fixed)
        rank = self._rank[at]
        if rank < self.least:
            return None, rank
        span = self._series.past and self._series.past(self._series.points[at].window)
        quiet = rank - run
        known = quiet if quiet >= LEARNT else rank
        if self._options.against == "trailing":
            known = rank if run >= self._most else known
            first, last = max(0, known - self._most), known
        elif span is not None:
            new_level = run >= self.least and self._ends[quiet - 1] <= span[0]
            first, last = self._near(span, rank if new_level else known)
        else:
            first, last = 0, min(known, self._most)
        if (first, last) not in self._cache:
            spans = [(first, last)] if span is not None else [*self._spans(first, last)]
            found = learn_spans(self._seen, spans, distance=self._series.distance)
            self._cache |= zip(spans, found, strict=True)
        return self._cache[first, last], rank

    def _spans(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield a span, and those that the next windows will probably ask for."""
        yield first, last
        most = len(self._log) if self._options.against == "trailing" else min(len(self._log), self._most)
        for end in range(last + 1, min(last + AHEAD, most) + 1):
            yield max(0, end - self._most), end

    def _near(self, span: tuple[datetime, datetime], rank: int) -> tuple[int, int]:
        """Return ranks before `rank`: of the windows in a span, or nearest to it where it holds few."""
        first = min(bisect_right(self._ends, span[0]), rank)
        last = max(first, min(bisect_left(self._starts, span[1]), rank))
        wanted = min(rank, self.least if last - first > 1 else max(self.least, self._most))
        while last - first < wanted:
            earlier = span[0] - self._ends[first - 1] if first else None
            later = self._starts[last] - span[1] if last < rank else None
            if later is None or (earlier is not None and earlier <= later):
                first -= 1
            else:
                last += 1
        return first, last

    def _taken(self, points: Sequence[MetricPoint]) -> Seen:
        return seen(
            points, zone=self._series.zone, transform=_forward(self._options),
            errors=_log_error if self._options.scale == "log" else None,
        )  # fmt: skip


def _same(value: float) -> float:
    return value


def _forward(options: Options) -> Callable[[float], float]:
    return (lambda value: log(max(value, 0.5))) if options.scale == "log" else _same


def _log_error(value: MetricValue) -> float | None:
    """Return the sampling error of the logarithm; a count's is 1/√count."""
    error = sampling_error(value)
    level = max(value.value or 0.0, 0.5)
    return level**-0.5 if error is None else error / level
