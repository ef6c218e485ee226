"""What a metric answers, and where the answer belongs."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.windows import Window


class ValueState(StrEnum):
    """Whether a value can be judged, and if not, why."""

    OK = "ok"
    NOT_ENOUGH_DATA = "not_enough_data"
    IMMATURE = "immature"
    OPEN = "open"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class MetricValue:
    """One number with its sample size, interval and state.

    `value`, `lower` and `upper` are in the metric's own unit; None, never NaN, where there is no number.
    `n` counts the rows (or labels) behind it. `reason` (translated) is set whenever the state is not ok.
    """

    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    numerator: float | None = None
    denominator: float | None = None
    state: ValueState = ValueState.OK
    reason: str = ""

    @classmethod
    def missing(
        cls, reason: str, *, n: int = 0, state: ValueState = ValueState.NOT_ENOUGH_DATA
    ) -> "MetricValue":
        """Answer that there is no number, and why."""
        return cls(n=n, state=state, reason=reason)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How a stored value came about: what `goalkeeper explain` prints."""

    configuration: str
    code: str
    source: str


@dataclass(frozen=True, kw_only=True)
class MetricPoint:
    """A value at its place: model, version, segment, metric, column (or KPI) and window.

    Version '' is all versions pooled, segment '' is all rows (else 'region=north'). `final` is false while
    labels may still come in. `computed_at`, `superseded_at` and `why` tell restated history apart.
    """

    model: str
    metric: str
    window: Window
    value: MetricValue
    version: str = ""
    segment: str = ""
    column: str = ""
    final: bool = True
    computed_at: datetime | None = None
    superseded_at: datetime | None = None
    why: str = ""
    origin: Origin | None = field(default=None, compare=False)
