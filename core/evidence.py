"""What a ticket knew when it was opened: frozen facts, written by alerts, read by pages and messages."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from core.messages import Severity


class Fact(BaseModel):
    """The base: frozen, and tolerant of facts that a newer version wrote."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Finding(Fact):
    """One alert: what was seen in which window, and what is normal there.

    `value`, `expected` and `effect` (value − expected) are in `unit` (as of metrics.base.Unit; percent is a
    share 0–1), None where there is no number; `lower` and `upper` are the value's own 95 % limits, `low` and
    `high` bound what is normal. `since` is the start of the first bad window, `window_start` … `window_end`
    the one with the largest effect so far. `harm`: up, down or both.
    """

    rule: str
    metric: str
    title: str
    severity: Severity
    version: str = ""
    segment: str = ""
    column: str = ""
    unit: str = ""
    currency: str = ""
    harm: str = "both"
    good: bool = False
    silenced: bool = False
    since: datetime
    window_start: datetime
    window_end: datetime
    value: float | None = None
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    effect: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    reason: str = ""


class Drifted(Fact):
    """A column that looks different: its distance to the reference, and in words what changed.

    `importance` is the share 0–1 of the score's variance that it tells, None where that is not known.
    """

    column: str
    value: float
    normal: float | None = None
    reason: str = ""
    importance: float | None = None


class LevelFact(Fact):
    """One level of a segment column: its share of the cases and its value, before and since the harm.

    Level '' stands for what was too little to be told apart. `effect` is what it adds to the move, in the
    metric's unit.
    """

    level: str
    share_before: float
    share: float
    before: float | None = None
    value: float | None = None
    effect: float


class SplitFact(Fact):
    """The move of a rate, from `before` to `value`: `mix` because other cases came, `rate` because they went
    otherwise; together they are all of it. `levels` of the segment column that tells most, largest first.
    """

    title: str
    unit: str
    currency: str = ""
    column: str
    before: float
    value: float
    mix: float
    rate: float
    levels: tuple[LevelFact, ...] = ()


class CarrierFact(Fact):
    """The smallest segment that carries most of a move: its share of the cases, and of the move (1: all).

    `share_before`, `before` and `value` are its share and its rate before and since; a rate is None where the
    segment was not there. `would` is what the metric would be, had the segment stayed as it was.
    """

    segment: str
    share: float
    part: float
    share_before: float | None = None
    before: float | None = None
    value: float | None = None
    would: float | None = None


class LevelOf(Fact):
    """A metric over some windows with mature outcomes: its mean, 95 % limits, how many windows and rows."""

    value: float
    lower: float
    upper: float
    windows: int
    n: int = 0


class ProofFact(Fact):
    """A new version beside the level that a ticket was opened at, in the metric's unit.

    `old` is that level, since the harm began; `beside`: both versions served in the same windows. `before` is
    the level before the harm, `floor` by how much the new one may stay behind it. `lower` and `upper` bound
    the difference new − old at all times. `up`: more is good. `waits` says in words what is missing.
    """

    metric: str
    title: str
    unit: str = ""
    currency: str = ""
    up: bool = True
    version: str
    before: float
    floor: float
    old: LevelOf | None = None
    new: LevelOf | None = None
    beside: bool = False
    change: float | None = None
    lower: float | None = None
    upper: float | None = None
    waits: str = ""

    @property
    def is_better(self) -> bool:
        """Tell whether it is better than the level that the ticket was opened at, by the test."""
        if self.lower is None or self.upper is None:
            return False
        return self.lower > 0 if self.up else self.upper < 0


class SegmentFact(Fact):
    """The same metric in one segment: in the bad window, and before."""

    segment: str
    value: float
    before: float | None = None
    n: int = 0


class GoalFact(Fact):
    """How the goal stood."""

    kpi: str
    title: str
    unit: str = "percent"
    currency: str = ""
    state: str = "unknown"
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    target: float
    by: date


class Release(Fact):
    """The newest version, and when the log first named it."""

    version: str
    at: datetime


class Evidence(Fact):
    """All of it. `findings` are the alerts of the incident, worst first; `season` says in words that the
    reference does not hold this time of the year.
    """

    findings: tuple[Finding, ...] = ()
    drifted: tuple[Drifted, ...] = ()
    segments: tuple[SegmentFact, ...] = ()
    split: SplitFact | None = None
    carrier: CarrierFact | None = None
    season: str = ""
    goal: GoalFact | None = None
    release: Release | None = None
    reference: str = ""
    as_of: datetime
