"""Write the current values as OpenMetrics text."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from core.config import Project
from core.rules import WORKING, AlertState, TicketKind, TicketState
from core.text import gettext as _
from core.values import MetricPoint, ValueState
from metrics.base import Metric
from metrics.registry import all_metrics
from store import alerts, metrics, runs, tickets, windows
from store.database import Store

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
LATELY = timedelta(days=35)
Labels = Mapping[str, str]


def render(store: Store, project: Project, now: datetime) -> str:
    """Return the newest judged value of every stored metric, and how many alerts and tickets there are.

    A metric `performance.roc_auc` is `goalkeeper_performance_roc_auc`, labelled by model, version, segment,
    column and grain; the time of a sample is the end of its window.
    """
    families: defaultdict[str, list[tuple[Labels, float, datetime | None]]] = defaultdict(list)
    for model in project.models:
        with store.read() as session:
            found = metrics.points(
                session, model, since=now - LATELY, version=None, segment=None, column=None
            )
        for point in _newest(found):
            labels = {
                "model": model, "version": point.version, "segment": point.segment, "column": point.column,
                "grain": point.window.grain.value,
            }  # fmt: skip
            value = point.value.value
            assert value is not None
            families[point.metric].append((labels, value, point.window.end))
    lines: list[str] = []
    declared = all_metrics(project.plugin_dirs)
    for name in sorted(families):
        lines += _family(_safe(name), _title(name, declared, project), families[name])
    lines += _family("alerts_firing", _("Alerts that fire, notices included"), _firing(store, project))
    lines += _family("tickets_open", _("Tickets that are not closed"), _open(store, project))
    lines += _family(
        "last_window_timestamp_seconds", _("End of the newest collected window"), _collected(store, project)
    )
    lines += _family(
        "last_pass_timestamp_seconds", _("When the newest pass over a model ended"), _passed(store, project)
    )
    return "\n".join([*lines, "# EOF", ""])


def _newest(points: Iterable[MetricPoint]) -> list[MetricPoint]:
    newest: dict[tuple[str, ...], MetricPoint] = {}
    for point in points:  # in the order of their windows
        if point.value.state is ValueState.OK and point.value.value is not None:
            place = (point.metric, point.version, point.segment, point.column, point.window.grain.value)
            newest[place] = point
    return list(newest.values())


def _firing(store: Store, project: Project) -> list[tuple[Labels, float, datetime | None]]:
    with store.read() as session:
        rows = [row for row in alerts.alerts(session) if row.state == AlertState.FIRING]
    return [
        (
            {"model": model, "severity": severity},
            float(sum(row.model == model and row.severity == severity for row in rows)),
            None,
        )
        for model in project.models
        for severity in ("critical", "major", "minor", "notice")
    ]


def _open(store: Store, project: Project) -> list[tuple[Labels, float, datetime | None]]:
    with store.read() as session:
        rows = [row for row in tickets.tickets(session) if row.state != TicketState.CLOSED]
    found: list[tuple[Labels, float, datetime | None]] = []
    for model in project.models:
        for kind in TicketKind:
            own = [row for row in rows if row.model == model and row.kind == kind]
            for label, some in (
                ("open", [row for row in own if row.state in (TicketState.OPEN, TicketState.ACKNOWLEDGED)]),
                ("retraining", [row for row in own if row.state in WORKING]),
            ):
                found.append(({"model": model, "kind": kind.value, "state": label}, float(len(some)), None))
    return found


def _collected(store: Store, project: Project) -> list[tuple[Labels, float, datetime | None]]:
    with store.read() as session:
        ends = {
            (model.name, grain): windows.last_end(session, model.name, grain)
            for model in project.models.values()
            for grain in sorted({model.grain, model.service_grain})
        }
    return [
        ({"model": name, "grain": grain.value}, end.timestamp(), None)
        for (name, grain), end in ends.items()
        if end is not None
    ]


def _passed(store: Store, project: Project) -> list[tuple[Labels, float, datetime | None]]:
    with store.read() as session:
        ended = {name: runs.last_end(session, name) for name in project.models}
    return [({"model": name}, at.timestamp(), None) for name, at in ended.items() if at is not None]


def _family(name: str, title: str, samples: Iterable[tuple[Labels, float, datetime | None]]) -> list[str]:
    full = f"goalkeeper_{name}"
    lines = [f"# TYPE {full} gauge", f"# HELP {full} {_escaped(title)}"]
    for labels, value, at in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        stamp = "" if at is None else f" {at.timestamp():.3f}"
        lines.append(f"{full}{{{inside}}} {value!r}{stamp}")
    return lines


def _title(name: str, declared: Mapping[str, Metric], project: Project) -> str:
    if name in declared:
        return _(declared[name].title)
    kpi = name.partition(".")[2]
    titles = [model.kpis[kpi].title for model in project.models.values() if kpi in model.kpis]
    return next((title for title in titles if title), kpi)


def _safe(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
