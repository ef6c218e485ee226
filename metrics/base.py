"""What a metric declares, and what it may see."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

from core.config.model import UTC_ZONE, Task
from core.grid import GridSet
from core.profile import Profile
from core.values import MetricValue
from core.windows import Window

SCORE = "@score"
"""The column name under which drift of the score (regression: the prediction) is kept."""


class Unit(StrEnum):
    """In what a value is given; percent means a share 0–1, points the difference of two shares, −1–1."""

    PERCENT = "percent"
    POINTS = "points"
    COUNT = "count"
    MS = "ms"
    HOURS = "hours"
    SCORE = "score"
    CURRENCY = "currency"
    NONE = "none"


class Better(StrEnum):
    """Which way is good."""

    HIGHER = "higher"
    LOWER = "lower"
    NONE = "none"


class Per(StrEnum):
    """For what a metric is computed, besides model, version, segment and window."""

    MODEL = "model"
    COLUMN = "column"
    KPI = "kpi"


class Part(StrEnum):
    """Which part of a profile it reads; outcomes ripen, inputs do not."""

    INPUTS = "inputs"
    OUTCOMES = "outcomes"


class Kind(StrEnum):
    """What columns a metric per column is meant for; `score` is the score or prediction."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    SCORE = "score"


class Need(StrEnum):
    """What the model has to have, or the metric is not computed unasked."""

    LATENCY = "latency"
    STATUS = "status"
    IDS = "ids"
    LABELS = "labels"
    SCORES = "scores"
    CLASSES = "classes"
    REFERENCE = "reference"


ALL_TASKS = frozenset(Task)
CLASSIFIERS = frozenset({Task.BINARY, Task.MULTICLASS})
BINARY = frozenset({Task.BINARY})
MULTICLASS = frozenset({Task.MULTICLASS})
REGRESSION = frozenset({Task.REGRESSION})


@dataclass(frozen=True, kw_only=True)
class KpiFacts:
    """A KPI as configured; `amount` is the worth of one unit of its numerator, None where not given.

    `own_table`: it is counted from a table of its own, a row of which may hold the sums of many units.
    """

    name: str
    kind: Literal["ratio", "mean"] = "ratio"
    own_table: bool = False
    amount: float | None = None
    currency: str = ""
    baseline: float | None = None
    target: float | None = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a metric may see: one profile at its place, and what it is compared with.

    `profile` is already summed over the versions and roles asked for. `column` is set for metrics per column,
    `kpi` for those per KPI. `window` is None for a profile without a place in time.
    """

    profile: Profile
    grids: GridSet
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    window: Window | None = None
    zone: ZoneInfo = UTC_ZONE
    reference: Profile | None = None
    column: str = ""
    kpi: KpiFacts | None = None
    task: Task = Task.BINARY
    maturity: timedelta = timedelta()


@dataclass(frozen=True, kw_only=True)
class Metric:
    """The declaration of a metric: all that config, docs, screens and exports know of it.

    `title`, `formula` and `misleads` are marked for translation, `source` is the citation. `minimum` is the
    least number of rows (labels) it needs; `kinds` the columns a metric per column is meant for; `stored`
    says that it is computed for every window unasked. A changed formula bumps `version`; `known_as` are
    names under which other tools keep it.
    """

    name: str
    title: str
    unit: Unit
    better: Better
    formula: str
    source: str
    misleads: str
    compute: Callable[[Subject], MetricValue]
    per: Per = Per.MODEL
    part: Part = Part.INPUTS
    tasks: frozenset[Task] = ALL_TASKS
    kinds: frozenset[Kind] = frozenset(Kind)
    needs: frozenset[Need] = frozenset()
    stored: bool = False
    minimum: int = 30
    version: int = 1
    known_as: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The part of the name before the dot: service, quality, drift, estimated, performance, business."""
        return self.name.partition(".")[0]
