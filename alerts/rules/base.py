"""The port of rules: a rule judges a series of closed windows, one verdict each, and touches nothing.

A kind is a file in this folder with two names: `Options` (a frozen pydantic model; what the file may say)
and `judge(series, options) -> list[Judgement]`: one judgement for each point of the series, in order; and a
third, `LOOKS_BACK`, where it need not see all of the past. The judge is pure: the same series gives the same
answer, and the judgement of a window depends only on the baseline and on windows up to it. How many windows
in a row make an alert, and how many a recovery, is not its business (`alerts.timeline`), but its options
carry `for`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from core.figures import figure
from core.grid import Floats
from core.rules import AlertKey, AlertState
from core.text import gettext as _
from core.values import MetricPoint, ValueState
from core.windows import Grain, Window

UNJUDGED = frozenset({ValueState.OPEN, ValueState.IMMATURE})
"""States of values that are not judged yet: their windows are not part of a series."""


class Side(StrEnum):
    """Which way a metric moves when it does harm."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"

    def is_harm(self, effect: float) -> bool:
        """Tell whether a move by `effect` goes the harmful way."""
        return self is Side.BOTH or (effect > 0) == (self is Side.UP)


class Verdict(StrEnum):
    """What one window says: harm, a move in the good direction, neither yet calm, calm, or cannot tell.

    Only `calm` counts towards recovery: the effect is inside the floor, or its interval crosses zero.
    """

    HARM = "harm"
    GOOD = "good"
    NEAR = "near"
    CALM = "calm"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One window's verdict.

    `effect` is value − expected in the metric's unit, `low` and `high` bound what counts as normal, `lower`
    and `upper` are the value's own 95 % limits; None where there is no such number. `reason` is a sentence
    (translated), never empty for harm, good, unknown. `began` is set where the harm began before the window.
    `evidence` is how much likelier the windows are with a change than without, where a rule adds that up.
    """

    window: Window
    verdict: Verdict
    reason: str = ""
    value: float | None = None
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    effect: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    began: datetime | None = None
    evidence: float | None = None

    @property
    def state(self) -> AlertState:
        """Return what this window alone says of the rule."""
        return {Verdict.HARM: AlertState.FIRING, Verdict.UNKNOWN: AlertState.UNKNOWN}.get(
            self.verdict, AlertState.OK
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What the profiles say of one column, window by window: its contrasts with the reference.

    `values` float64 [T, contrasts] and `n` float64 [T], the values behind them (0: none), of `windows`;
    `base`, `base_n` and `base_windows` the same over the windows that the contrasts were calibrated on. A
    contrast has mean 0 and variance 1 / n without drift; `names` and `shares` as in metrics.contrasts. Of
    `pairs` of columns `shares` are the reference's correlations (metrics.moments).
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]
    windows: tuple[Window, ...]
    values: Floats
    n: Floats
    base_windows: tuple[Window, ...] = ()
    base: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    base_n: Floats = field(default_factory=lambda: np.zeros(0))
    pairs: bool = False

    def since(self, start: datetime) -> "Trace":
        """Return the windows from a time on, without what was calibrated on."""
        at = [at for at, window in enumerate(self.windows) if window.start >= start]
        windows = tuple(self.windows[one] for one in at)
        return Trace(
            names=self.names, shares=self.shares, windows=windows, values=self.values[at], n=self.n[at],
            pairs=self.pairs,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Series:
    """What a rule sees: the closed windows of one metric at one key, in order.

    `baseline` holds the metric over the reference's windows, in order; empty where the reference tells
    nothing of it, and then the first windows of the series itself are learnt from. `past` tells the span of
    the series that a window is compared with, None unless the reference moves. `harm` is the harmful side;
    `distance`: the metric is a distance that sampling noise alone makes larger at small n. `holidays` are
    days compared with nothing. `trace` is there for drift of a column: all of its windows, where `points` may
    be the newest ones alone. Nobody asks for judgements of windows that start before `judged_from`.
    """

    key: AlertKey
    title: str
    points: tuple[MetricPoint, ...]
    baseline: tuple[MetricPoint, ...] = ()
    trace: Trace | None = None
    past: Callable[[Window], tuple[datetime, datetime] | None] | None = None
    unit: str = ""
    currency: str = ""
    harm: Side = Side.BOTH
    distance: bool = False
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    holidays: Mapping[date, str] = field(default_factory=dict)
    judged_from: datetime | None = None

    def since(self, start: datetime) -> "Series":
        """Return the same from a time on, with what is normal to be learnt afresh."""
        points = tuple(point for point in self.points if point.window.start >= start)
        trace = None if self.trace is None else self.trace.since(start)
        return replace(self, points=points, baseline=(), trace=trace)

    def asks(self, window: Window) -> bool:
        """Tell whether a judgement of a window is asked for."""
        return self.judged_from is None or window.start >= self.judged_from

    def figure(self, value: float | None) -> str:
        """Write a value of this series."""
        return figure(value, self.unit, currency=self.currency)

    def holiday(self, window: Window) -> str:
        """Return the name of the holiday on which the window starts, '' on other days."""
        return self.holidays.get(window.local_day(self.zone), "") if self.holidays else ""


class RuleOptions(BaseModel):
    """What every kind understands: `for` is how many windows in a row make an alert."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    for_: int = Field(1, alias="for", ge=1, le=1000)

    @property
    def row(self) -> int:
        """Return how many windows outside in a row make an alert; 1 where the judge counts by itself."""
        return self.for_


RECOVERY = {Grain.HOUR: 24, Grain.DAY: 3, Grain.WEEK: 3, Grain.MONTH: 3}
"""Complete calm windows in a row that end an alert."""
FOUR_WEEKS = {Grain.HOUR: 7 * 24, Grain.DAY: 28, Grain.WEEK: 26, Grain.MONTH: 24}
"""Most windows that are learnt from: a week of hours, four weeks of days, half a year, two years."""


class Rule(Protocol):
    """A module in this folder, as the port sees it.

    `LOOKS_BACK` is how many windows before one it may look when it judges that one, besides the first
    `FOUR_WEEKS` of a series; a module without it may look at all of them.
    """

    Options: type[RuleOptions]
    LOOKS_BACK: Mapping[Grain, int]

    def judge(self, series: Series, options: RuleOptions) -> list[Judgement]:
        """Return one judgement for each point that one is asked for, in order; others may be in it."""
        ...


class Together(Rule, Protocol):
    """A rule that judges a family as one: the columns of a model share one chance of a false alarm."""

    def judge_together(self, family: Sequence[Series], options: RuleOptions) -> list[list[Judgement]]:
        """Return for each series one judgement for each window that one is asked for, in order."""
        ...


def unknown(point: MetricPoint, reason: str = "") -> Judgement:
    """Answer that a window cannot be judged, with the value's own reason unless told otherwise."""
    value = point.value
    why = reason or value.reason or _("There is no value.")
    return Judgement(window=point.window, verdict=Verdict.UNKNOWN, reason=why, value=value.value, n=value.n)


def has_number(point: MetricPoint) -> bool:
    """Tell whether a point can be judged by its number."""
    return point.value.state is ValueState.OK and point.value.value is not None
