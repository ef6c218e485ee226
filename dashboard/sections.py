"""Which charts a model's page shows, by family and task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.config.model import Model, Task
from core.text import gettext as _
from metrics.base import Metric
from reports.query import Query

COLUMN_DRIFT = "drift.jensen_shannon"
ALSO = {"performance": ("estimated",)}
"""Families of metrics whose charts stand in another family's section."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart: its title, the metrics drawn in it and how each line is called.

    `foreign` titles come from the configuration; both kinds are escaped where they are shown. `log`: the
    axis of values is logarithmic.
    """

    title: str
    metrics: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = False
    log: bool = False


def service(model: Model) -> list[Chart]:
    """Return the service's charts."""
    latency = {
        "service.latency_p95_ms": _("95 % are faster"),
        "service.latency_p50_ms": _("half are faster"),
        "service.latency_p99_ms": _("99 % are faster"),
    }
    return [
        Chart(title=_("Predictions"), metrics=("service.requests",)),
        Chart(title=_("Share of errors"), metrics=("service.error_share",)),
        Chart(title=_("Latency"), metrics=tuple(latency), labels=latency, log=True),
        Chart(title=_("Age of the newest prediction"), metrics=("service.freshness",)),
        *(
            Chart(title=gauge.title or name, metrics=(f"service.{name}",), foreign=True)
            for name, gauge in (model.telemetry.metrics.items() if model.telemetry is not None else ())
        ),
    ]


def performance(model: Model) -> list[Chart]:
    """Return the performance charts of the model's task, the judged one first."""
    seen = {"performance": _("as it came out"), "estimated": _("as the scores promise")}

    def beside(title: str, name: str) -> Chart:
        both = {f"{family}.{name}": label for family, label in seen.items()}
        return Chart(title=title, metrics=tuple(both), labels=both)

    by_task = {
        Task.BINARY: [
            beside(_("Log loss"), "log_loss"),
            Chart(title=_("Realised minus expected"), metrics=("performance.calibration",)),
            beside(_("ROC AUC"), "roc_auc"),
            Chart(title=_("Calibration error"), metrics=("performance.ece",)),
        ],
        Task.MULTICLASS: [
            Chart(title=_("Log loss"), metrics=("performance.log_loss",)),
            Chart(title=_("Accuracy"), metrics=("performance.accuracy",)),
        ],
        Task.REGRESSION: [
            beside(_("Mean absolute error"), "mae"),
            Chart(title=_("Bias"), metrics=("performance.bias",)),
        ],
    }
    return by_task.get(model.task, [])


def score_drift() -> Chart:
    """Return the chart of the score's drift."""
    return Chart(title=_("Drift of the score"), metrics=(COLUMN_DRIFT,))


def joint_drift() -> Chart:
    """Return the chart of how numeric columns hang together."""
    return Chart(title=_("Drift of columns together"), metrics=("drift.multivariate",))


def quality(model: Model) -> list[Chart]:
    """Return the charts of data quality."""
    return [
        Chart(title=_("Rows"), metrics=("quality.rows",)),
        Chart(title=_("Predictions with a known outcome"), metrics=("quality.join_coverage",)),
        Chart(title=_("Repeated ids"), metrics=("quality.duplicate_ids",)),
    ]


def column() -> list[Chart]:
    """Return the charts of one column's drift."""
    return [
        Chart(title=_("Distance to the reference"), metrics=(COLUMN_DRIFT,)),
        Chart(title=_("Missing values"), metrics=("quality.missing",)),
    ]


def column_quality(kind: str) -> list[Chart]:
    """Return the charts of what is missing or strange in one column of a kind: numeric or categorical."""
    return [
        Chart(title=_("Missing values"), metrics=("quality.missing",)),
        Chart(title=_("Values unseen before"), metrics=("quality.unseen",))
        if kind == "categorical"
        else Chart(title=_("Values out of range"), metrics=("quality.out_of_range",)),
    ]


def more(query: Query, model: Model, family: str, shown: Sequence[Chart]) -> dict[str, Metric]:
    """Return the declared metrics of a family that suit the task and are not drawn yet."""
    drawn = {name for chart in shown for name in chart.metrics}
    return {
        name: metric
        for name, metric in sorted(query.declared().items())
        if name.partition(".")[0] in (family, *ALSO.get(family, ()))
        and name not in drawn
        and model.task.value in metric.tasks
        and metric.per.value == "model"
    }
