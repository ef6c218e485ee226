"""The rules that a model has without being asked, and what the file changes of them.

The constants, and why:

- KPIs, performance and drift add evidence up (alerts/rules/sequential.py). Their threshold c comes from
  `false_alarms`, 1 per 1000 windows for tickets and for notices each, divided over the families in the class:
  the columns together, the score, their correlations; each KPI, each performance metric. What is slow to see,
  KPIs and columns, gets six parts, the others one. So the model as a whole keeps it.
- Their floors: drift 0.05 standard deviations of the reference, of correlations 0.1 in Fisher's z; 5 % of a
  KPI's level, 3 % of the log loss or error, realised and estimated, 2 points of calibration. What scores
  promise is no harm by itself: a ticket for it opens only while drift is told too (DETECTION.md, Statistics).
- Broken data and service are told by `relative`, from the first window outside on or after `for` of them:
  `quality.missing` and `quality.unseen` speak after one window; their floors (5 and 3 points) keep them
  quiet, not their sigmas. Segments see `quality.missing` only, with a floor of 20 points, 6 sd and 50 rows:
  some hundred series each.
- `quality.rows`: half or double of the last four weeks, weekday by weekday; growth is not an incident.
- `service.latency_p95_ms`: + 30 %; `service.error_share`: + 2 points; both for two hours. Where more than
  half of the requests fell into hours with too few rows to judge (30), for two windows of the base grain
  instead: a model asked twenty times an hour would else never be judged. All stored hours count, so the
  grain stays put.

The class of a rule (`Family`) is what an incident is made of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from alerts.rules import noted, presence, relative, sequential
from alerts.rules.base import Rule, RuleOptions, Side
from core.config import Model, RuleSettings, Task
from core.config.plugs import keys_of
from core.errors import GoalkeeperError
from core.messages import Severity
from core.plugins import PORTS, load
from core.rules import TicketKind
from core.spelling import listed, nearest_of
from core.text import gettext as _
from core.units import kpi_unit


class Family(StrEnum):
    """What kind of cause a rule points to; alerts of one family that overlap in time are one incident."""

    SERVICE = "service"
    DATA = "data"
    OUTCOME = "outcome"
    DRIFT = "drift"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One rule as it stands for one model.

    `metric` is the stored metric it judges; `column` narrows it to one column ('' means the model as a whole,
    None every column). `asks` is what its ticket asks for, None for a notice. `tells_good`: a move in the
    good direction is told. `segments`: options for segments, None where they are not judged. `only_with`: it
    opens a ticket only while an alert of that family fires too. `parts`: how many parts of its class's false
    alarms it gets.
    """

    id: str
    metric: str
    kind: str
    options: RuleOptions
    severity: Severity
    asks: TicketKind | None
    family: Family
    title: str
    unit: str = ""
    currency: str = ""
    harm: Side = Side.BOTH
    column: str | None = ""
    hourly: bool = False
    outcomes: bool = False
    tells_good: bool = False
    segments: RuleOptions | None = None
    muted: bool = False
    only_with: Family | None = None
    parts: int = 1

    @property
    def traced(self) -> bool:
        """Tell whether it judges the contrasts of columns rather than a stored number."""
        return self.kind == "sequential" and self.metric in (DRIFT, TOGETHER)

    def watches(self, column: str) -> bool:
        """Tell whether a column is watched."""
        return column != SCORE if self.column is None else column == self.column

    @property
    def distance(self) -> bool:
        """Tell whether the metric is a distance, which noise alone makes larger."""
        return self.metric.startswith("drift.")

    def judge(self, plugin_dirs: Sequence[Path] = ()) -> Rule:
        """Return the rule's kind."""
        return cast(Rule, load(PORTS["rule"], self.kind, plugin_dirs))


SCORE = "@score"
SLOW = 6
"""Parts of the false alarms for what is slow to see."""
DRIFT, TOGETHER = "drift.jensen_shannon", "drift.multivariate"
PRIMARY = {Task.REGRESSION: "mae"}
FAMILIES = {
    "service": (Family.SERVICE, TicketKind.FIX_SERVICE),
    "quality": (Family.DATA, TicketKind.FIX_DATA),
    "business": (Family.OUTCOME, TicketKind.INVESTIGATE),
    "performance": (Family.OUTCOME, TicketKind.RETRAIN),
    "estimated": (Family.OUTCOME, TicketKind.RETRAIN),
    "drift": (Family.DRIFT, None),
}


def primary_metric(model: Model) -> str:
    """Return the metric that `performance.primary` judges."""
    return f"performance.{PRIMARY.get(model.task, 'log_loss')}"


def default_rules(model: Model) -> list[Watch]:
    """Return the default rules of a model, before the file changes any."""
    service, data = FAMILIES["service"], FAMILIES["quality"]
    outcome, drift = FAMILIES["performance"], FAMILIES["drift"]
    rules = [
        _watch(
            "service.freshness",
            presence.Options(),
            service,
            _("Feed"),
            "quality.rows",
            kind="presence",
            severity=Severity.CRITICAL,
            unit="count",
            harm=Side.DOWN,
        ),
        _watch(
            "service.error_share",
            _far(floor=0.02, sigmas=5, for_=2),
            service,
            _("Share of errors"),
            unit="percent",
            harm=Side.UP,
            hourly=True,
        ),
        _watch(
            "service.latency_p95_ms",
            _far(floor="30%", sigmas=5, for_=2),
            service,
            _("Latency (95 % are faster)"),
            unit="ms",
            harm=Side.UP,
            hourly=True,
        ),
        _watch(
            "quality.rows",
            _far(floor="100%", for_=2, against="trailing", scale="log"),
            data,
            _("Number of rows"),
            unit="count",
        ),
        _watch(
            "quality.missing",
            _far(floor=0.05, learn=1),
            data,
            _("Missing values"),
            unit="percent",
            harm=Side.UP,
            column=None,
            segments=_far(floor=0.2, sigmas=6, learn=1),
        ),
        _watch(
            "quality.unseen",
            _far(floor=0.03, learn=1),
            data,
            _("Values unseen before"),
            unit="percent",
            harm=Side.UP,
            column=None,
        ),
        _watch("quality.schema", noted.Options(), data, _("Columns of the log"), kind="noted", column=None),
        _watch(
            "quality.join_coverage",
            _far(floor=0.1, for_=2),
            data,
            _("Predictions with a known outcome"),
            unit="percent",
            harm=Side.DOWN,
            outcomes=True,
        ),
        _watch(
            "performance.primary",
            sequential.Options(floor="3%"),
            outcome,
            _primary_title(model),
            primary_metric(model),
            kind="sequential",
            harm=Side.UP,
            outcomes=True,
        ),
    ]
    if model.task is Task.BINARY and model.predictions.columns.score is not None:
        rules.append(
            _watch(
                "performance.calibration",
                sequential.Options(floor=0.02),
                outcome,
                _("Realised minus expected"),
                kind="sequential",
                unit="points",
                outcomes=True,
            )
        )
    if model.ground_truth is not None and (
        model.task is Task.REGRESSION
        or (model.task is Task.BINARY and model.predictions.columns.score is not None)
    ):
        estimated = _watch(
            "performance.estimated",
            sequential.Options(floor="3%"),
            outcome,
            _estimated_title(model),
            primary_metric(model).replace("performance", "estimated"),
            kind="sequential",
            harm=Side.UP,
        )
        rules.append(replace(estimated, only_with=Family.DRIFT))
    for name, kpi in model.kpis.items():
        up = model.direction_of(name) == "up"
        unit, currency = kpi_unit(kpi)
        has_goal = any(goal.kpi == name for goal in model.goals)
        rules.append(
            _watch(
                f"business.{name}",
                sequential.Options(floor="5%"),
                FAMILIES["business"],
                kpi.title or name,
                kind="sequential",
                severity=Severity.CRITICAL if has_goal else Severity.MAJOR,
                outcomes=True,
                tells_good=True,
                harm=Side.DOWN if up else Side.UP,
                unit=unit,
                currency=currency,
                parts=SLOW,
            )
        )
    for rule, metric, column, title in (
        ("drift.columns", DRIFT, None, _("Drift")),
        ("drift.score", DRIFT, SCORE, _("Drift of the score")),
        (TOGETHER, TOGETHER, "", _("Drift of columns together")),
    ):
        rules.append(
            _watch(
                rule,
                sequential.Options(floor=0.1 if metric == TOGETHER else 0.05),
                drift,
                title,
                metric,
                kind="sequential",
                severity=Severity.NOTICE,
                harm=Side.UP,
                column=column,
                parts=SLOW if column is None else 1,
            )
        )
    return rules


def rules_of(model: Model) -> list[Watch]:
    """Return the rules of a model: the default ones as the file changes them, then its own.

    Raises:
        GoalkeeperError: a rule's id names neither a default rule nor a metric, or a setting does not fit.
    """
    rules = {rule.id: rule for rule in default_rules(model)}
    for name, settings in model.rules.items():
        base = rules.get(name) or _own(model, name, settings, rules)
        rules[name] = _changed(model, base, settings)
    return _with_thresholds(model, list(rules.values()))


def _with_thresholds(model: Model, rules: Sequence[Watch]) -> list[Watch]:
    """Divide the accepted false alarms of each class over its families; a rule that says its own keeps it."""
    found = []
    for rule in rules:
        if isinstance(rule.options, sequential.Options) and rule.options.threshold is None:
            threshold = windows_per_alarm(model, rule.asks) * parts_of(rules, rule.asks) / rule.parts
            rule = replace(rule, options=rule.options.model_copy(update={"threshold": threshold}))
        found.append(rule)
    return found


def windows_per_alarm(model: Model, asks: TicketKind | None) -> float:
    """Return the accepted mean number of windows between two false alarms of a class of rules.

    `asks` tells the classes apart: rules that ask for a ticket, and (None) notices.
    """
    rate = model.false_alarms.notices if asks is None else model.false_alarms.tickets
    return rate.windows_per_alarm(model.grain.length)


def families_of(rules: Sequence[Watch], asks: TicketKind | None) -> list[Watch]:
    """Return the rules over which a class divides its false alarms."""
    return [
        rule
        for rule in rules
        if rule.kind == "sequential" and not rule.muted and (rule.asks is None) == (asks is None)
    ]


def parts_of(rules: Sequence[Watch], asks: TicketKind | None) -> int:
    """Return in how many parts a class divides its false alarms; at least one."""
    return max(sum(rule.parts for rule in families_of(rules, asks)), 1)


def _own(model: Model, name: str, settings: RuleSettings, known: Mapping[str, Watch]) -> Watch:
    metric = settings.metric or name.partition(":")[0]
    like = known.get(metric)
    if like is not None:
        return replace(like, id=name)
    family = metric.partition(".")[0]
    if "." not in metric or family not in FAMILIES or (settings.options is None and not settings.metric):
        near = nearest_of(name, known)
        told = _("Did you mean {nearest}?").format(nearest=near) + " " if near else ""
        raise GoalkeeperError(
            _("{model}: there is no rule '{rule}'.").format(model=model.name, rule=name),
            hint=told
            + _("Known rules: {known}. Another name needs `metric:` and `kind:`.").format(
                known=listed(known)
            ),
        )
    if settings.options is None:
        raise GoalkeeperError(
            _("{model}: the rule '{rule}' does not say its kind.").format(model=model.name, rule=name),
            hint=_("Add `kind: threshold` with `above:` or `below:`, or `kind: relative`."),
        )
    return _watch(
        name,
        _far(),
        FAMILIES[family],
        settings.metric or name,
        metric,
        severity=Severity.NOTICE if family == "drift" else Severity.MAJOR,
        column=None,  # wherever the metric is stored: its declaration says whether for each column
        outcomes=family in ("business", "performance"),
    )


def _changed(model: Model, rule: Watch, settings: RuleSettings) -> Watch:
    if isinstance(settings.options, RuleOptions):
        rule = replace(rule, options=settings.options)
    elif settings.declared:
        rule = with_knobs(model, rule, settings.declared)
    kind = settings.kind or rule.kind
    severity = settings.severity or rule.severity
    return replace(rule, kind=kind, severity=severity, muted=settings.mute)


def with_knobs(model: Model, rule: Watch, knobs: Mapping[str, object]) -> Watch:
    """Return a rule with some of its options changed.

    Raises:
        GoalkeeperError: there is no such option, or its value does not fit.
    """
    kind = type(rule.options)
    given = kind.model_validate(rule.options).model_dump(by_alias=True, exclude_unset=True)
    allowed = keys_of(kind)
    try:
        return replace(rule, options=kind.model_validate({**given, **knobs}))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        near = nearest_of(key, allowed)
        raise GoalkeeperError(
            _("{model}: rules.{rule}.{key}: {why}").format(
                model=model.name, rule=rule.id, key=key, why=first["msg"]
            ),
            hint=(_("Did you mean {nearest}?").format(nearest=near) + " " if near and near != key else "")
            + _("Allowed: {allowed}.").format(allowed=listed(allowed)),
        ) from error


def _watch(
    id_: str,
    options: RuleOptions,
    family: tuple[Family, TicketKind | None],
    title: str,
    metric: str = "",
    *,
    kind: str = "relative",
    severity: Severity = Severity.MAJOR,
    unit: str = "",
    currency: str = "",
    harm: Side = Side.BOTH,
    column: str | None = "",
    hourly: bool = False,
    outcomes: bool = False,
    tells_good: bool = False,
    segments: RuleOptions | None = None,
    parts: int = 1,
) -> Watch:
    return Watch(
        id=id_,
        metric=metric or id_,
        kind=kind,
        options=options,
        severity=severity,
        asks=family[1],
        family=family[0],
        title=title,
        unit=unit,
        currency=currency,
        harm=harm,
        column=column,
        hourly=hourly,
        outcomes=outcomes,
        tells_good=tells_good,
        segments=segments,
        parts=parts,
    )


def _far(**knobs: object) -> relative.Options:
    return relative.Options.model_validate(knobs)


def _estimated_title(model: Model) -> str:
    if model.task is Task.REGRESSION:
        return _("Mean absolute error expected before labels")
    return _("Log loss expected before labels")


def _primary_title(model: Model) -> str:
    return _("Mean absolute error") if model.task is Task.REGRESSION else _("Log loss")
