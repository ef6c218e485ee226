"""One model under watch: its log, truth, reference, KPIs, goals and rules."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from core.config.node import Columns, Features, Node, Plugged, Source
from core.config.problems import RefusedError
from core.config.secrets import Text
from core.config.values import AlarmRate, Day, Duration, Rate, Zone
from core.messages import Severity
from core.roles import Role as Role
from core.text import gettext as _
from core.windows import Grain, Window

UTC_ZONE = ZoneInfo("UTC")
YEAR = timedelta(days=364)
"""A year ago on the same day of the week."""


class Task(StrEnum):
    """What the model answers."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    RANKING = "ranking"


class Predictions(Source):
    """The prediction log."""

    features: Features = Features()

    @field_validator("features", mode="before")
    @classmethod
    def _auto(cls, value: object) -> object:
        if value == "auto":
            return Features()
        if isinstance(value, str | list):
            raise RefusedError(
                _("This says not which columns."), allowed="auto, {numeric: […], categorical: […]}"
            )
        if isinstance(value, Mapping) and "auto" not in value:
            return {**value, "auto": not (value.get("numeric") or value.get("categorical"))}
        return value


class Truth(Source):
    """The ground truth: a source of its own, or (`in: predictions`) columns of the log's own rows.

    `maturity` is the age at which a label counts as known (None: learnt from observed delays). `absent` says
    what a prediction without a row means once mature: unknown, or negative (a list of positives only).
    """

    inside: Literal["predictions"] | None = Field(None, validation_alias="in", serialization_alias="in")
    maturity: Duration | None = None
    absent: Literal["unknown", "negative"] = "unknown"

    @property
    def in_predictions(self) -> bool:
        """Tell whether the label stands in the prediction's own row."""
        return self.inside == "predictions"


class FixedReference(Source):
    """A reference that does not move: a source of its own (`kind`, `path` or `table`), or a range of the log.

    The range is [`since`, `until`).
    """

    _allowed: ClassVar[str] = "{path}, {table}, {from, to}"

    since: Day | None = Field(None, validation_alias="from", serialization_alias="from")
    until: Day | None = Field(None, validation_alias="to", serialization_alias="to")

    @property
    def form(self) -> Literal["source", "range", "rolling", "same_period"]:
        """Return which of the forms it is."""
        return "range" if self.since is not None else "source"

    def _forms(self) -> list[bool]:
        return [bool(self.kind), self.since is not None or self.until is not None]

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = self._forms()
        if sum(forms) != 1:
            raise RefusedError(_("A reference has exactly one form."), allowed=self._allowed)
        if forms[1] and (self.since is None or self.until is None):
            raise RefusedError(
                _("A range needs both from and to."), allowed="{from: 2026-01-01, to: 2026-04-01}"
            )
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise RefusedError(_("The range ends before it starts."), key="to")
        return self


class Reference(FixedReference):
    """What 'normal' is measured against; exactly one form of five (None on the model: the first 28 windows).

    Besides the fixed ones the `rolling` length before each window, or the `same_period` of last year.
    `versions` are those that bring their own.
    """

    _allowed: ClassVar[str] = f"{FixedReference._allowed}, {{rolling: 28d}}, {{same_period: last_year}}"
    rolling: Duration | None = None
    same_period: Literal["last_year"] | None = None
    versions: Mapping[str, FixedReference] = Field(default_factory=dict)

    @property
    def form(self) -> Literal["source", "range", "rolling", "same_period"]:
        """Return which of the forms it is."""
        if self.rolling is not None:
            return "rolling"
        return "same_period" if self.same_period is not None else super().form

    def _forms(self) -> list[bool]:
        return [*super()._forms(), self.rolling is not None, self.same_period is not None]

    def span_before(self, window: Window) -> tuple[datetime, datetime] | None:
        """Return the span of the log that a window is compared with; None where it is the same for all."""
        if self.rolling is not None:
            return window.start - self.rolling, window.start
        if self.same_period is not None:
            return window.start - YEAR, window.end - YEAR
        return None


class KpiSource(Source):
    """A table of its own that a KPI is counted from (numerator and denominator stand at the KPI)."""

    segments: tuple[str, ...] = ()


class Money(Node):
    """What one unit of a KPI's numerator is worth."""

    amount: float
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class Kpi(Node):
    """A ratio or mean that the business tracks.

    Either `numerator` / `denominator` (None: every unit counts) or `mean`: a column or an SQL expression over
    the joined row. `by` says on which day it is counted; `direction` which way is good (None: the goal says).
    """

    title: str = ""
    numerator: str | None = None
    denominator: str | None = None
    mean: str | None = None
    by: Literal["prediction", "outcome"] = "prediction"
    direction: Literal["up", "down"] | None = None
    unit: str = ""
    value: Money | None = None
    source: KpiSource | None = None

    @model_validator(mode="after")
    def _ratio_or_mean(self) -> "Kpi":
        if (self.mean is None) == (self.numerator is None):
            allowed = "{numerator, denominator}, {mean}"
            raise RefusedError(_("A KPI is either a ratio or a mean."), allowed=allowed)
        if self.mean is not None and self.denominator is not None:
            raise RefusedError(_("A mean has no denominator."), key="denominator")
        return self


class Goal(Node):
    """A KPI with baseline, target and deadline (`by`), judged over the last `over` of mature windows."""

    kpi: str
    baseline: float
    target: float
    since: Day
    by: Day
    over: Duration = timedelta(days=28)
    owner: Text = ""

    @property
    def direction(self) -> Literal["up", "down"]:
        """Return which way is good: from the baseline towards the target."""
        return "up" if self.target >= self.baseline else "down"

    @model_validator(mode="after")
    def _order(self) -> "Goal":
        if self.by <= self.since:
            raise RefusedError(
                _("The deadline is not after the start."),
                key="by",
                allowed=_("a date after {since}").format(since=self.since),
            )
        if self.target == self.baseline:
            raise RefusedError(_("The target is the baseline: nothing to reach."), key="target")
        return self


class Experiment(Node):
    """A control arm: which role or version it is, its planned share (0–1), since when, by which unit."""

    control: str
    share: float = Field(gt=0, lt=1)
    since: Day
    until: Day | None = None
    unit: str | None = None


class Retrain(Plugged):
    """How a new version is made (kind: a plug-in of alerts.retrain), and what holds it back.

    `approval`: a person says yes first. `cool_down` is the least time between two (None: the maturity, a week
    at least), `per_month` the most in 30 days, `least_labels` the mature labels that must have come in since
    the harm began.
    """

    approval: bool = False
    least_labels: int = Field(1000, ge=0)
    cool_down: Duration | None = None
    per_month: int | None = Field(None, ge=1)


class Gauge(Node):
    """One number of the service that telemetry knows: a query that is asked for each window.

    `query` holds `$window`, the window's length in whole seconds (`3600s`), and is evaluated at its end.
    """

    query: Text
    title: Text = ""
    unit: Literal["percent", "count", "ms", "hours", "none"] = "none"

    @field_validator("query")
    @classmethod
    def _of_a_window(cls, value: str) -> str:
        if "$window" not in value:
            raise RefusedError(
                _("This tells nothing of a window."), allowed="avg_over_time(process_cpu_seconds[$window])"
            )
        return value


class Telemetry(Plugged):
    """Where else the service is measured (kind: a plug-in of collectors.telemetry), and what is asked there.

    Each of `metrics` is stored as `service.<name>` of every window of the model.
    """

    metrics: Mapping[str, Gauge] = Field(min_length=1)


class Registry(Plugged):
    """Where versions are registered (kind: a plug-in of collectors.registries), with data and metrics.

    The training data of a version becomes its reference; `columns` says what it calls its columns where the
    log says otherwise. `metrics` names, by a metric of the model's, the registry's (None: by their names).
    """

    columns: Columns = Columns()
    metrics: Mapping[str, Text] = Field(default_factory=dict)


class RuleSettings(Plugged):
    """What the file says of one rule: muted, another severity, another metric, kind or options.

    Where no `kind` is named, the rule keeps its default kind, `options` is None and `declared` holds what
    the rule's owner has to check. `metric` is empty where the rule's id is the metric.
    """

    metric: str = ""
    mute: bool = False
    severity: Severity | None = None


class FalseAlarms(Node):
    """The accepted rate of false alarms of a whole model, by class."""

    tickets: AlarmRate = Rate(windows=1000)
    notices: AlarmRate = Rate(windows=1000)
    allow_noisy: bool = False


class Route(Node):
    """To which channel messages about tickets go, from which severity on; a name alone takes all of them."""

    to: str
    severity: Severity = Severity.NOTICE

    @model_validator(mode="before")
    @classmethod
    def _name(cls, value: Any) -> Any:
        return {"to": value} if isinstance(value, str) else value

    def takes(self, severity: str) -> bool:
        """Tell whether a message of a severity goes this way."""
        order = list(Severity)
        return order.index(Severity(severity)) <= order.index(self.severity)


class Model(Node):
    """One model under watch."""

    name: str = Field(validation_alias="<name>", serialization_alias="<name>", exclude=True)
    zone: Zone = Field(UTC_ZONE, validation_alias="<zone>", serialization_alias="<zone>", exclude=True)
    title: str = ""
    owner: Text = ""
    tags: tuple[str, ...] = ()
    runbook: Text = ""
    task: Task = Task.BINARY
    positive_label: str | int | float | bool | None = None
    threshold: float | None = None
    roles: Mapping[str, Role] = Field(default_factory=dict)
    grain: Grain = Grain.DAY
    service_grain: Grain = Grain.HOUR
    settle: Duration | None = None
    lookback: Duration = timedelta(days=14)
    predictions: Predictions
    ground_truth: Truth | None = None
    reference: Reference | None = None
    segments: tuple[tuple[str, ...], ...] = ()
    kpis: Mapping[str, Kpi] = Field(default_factory=dict)
    goals: tuple[Goal, ...] = ()
    experiment: Experiment | None = None
    retrain: Retrain | None = None
    telemetry: Telemetry | None = None
    registry: Registry | None = None
    rules: Mapping[str, RuleSettings] = Field(default_factory=dict)
    false_alarms: FalseAlarms = FalseAlarms()
    notify: tuple[Route, ...] = ()
    escalate: tuple[str, ...] = ()
    trackers: tuple[str, ...] | None = None
    raw_rows: Literal["allow", "deny"] = "allow"

    @field_validator("segments", mode="before")
    @classmethod
    def _crosses(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise RefusedError(_("A list of columns is needed."), allowed="[region, [region, campaign]]")
        return tuple((item,) if isinstance(item, str) else item for item in value)

    @field_validator("notify", "escalate", "tags", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | Mapping) else value

    def channels(self, severity: str) -> list[str]:
        """Return the channels that are told of a ticket of a severity."""
        return [route.to for route in self.notify if route.takes(severity)]

    @property
    def shown_title(self) -> str:
        """Return the title, or the name where there is none."""
        return self.title or self.name

    @property
    def decision_threshold(self) -> float | None:
        """Return the score from which a row counts as positive; None where the log says it itself."""
        if self.predictions.columns.prediction is not None or self.task is not Task.BINARY:
            return None
        return 0.5 if self.threshold is None else self.threshold

    def settle_of(self, grain: Grain) -> timedelta:
        """Return how long after its end a window of `grain` stays open."""
        return self.settle if self.settle is not None and grain is self.grain else grain.settle

    def direction_of(self, kpi: str) -> Literal["up", "down"]:
        """Return which way is good for a KPI: as declared, else towards its goal, else up."""
        declared = self.kpis[kpi].direction
        if declared is not None:
            return declared
        return next((goal.direction for goal in self.goals if goal.kpi == kpi), "up")
