"""Checks across keys: what is named must exist, what a task needs must be there."""

import re
from collections.abc import Iterable, Mapping

from core.config.model import Task
from core.config.problems import Problem, RefusedError
from core.config.tree import Branch, Leaf, Row, Tree, plain
from core.config.values import parse_rate
from core.config.wording import Place
from core.spelling import listed, nearest_of
from core.text import gettext as _
from core.windows import Grain

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")
_KPI = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LEAST_WINDOWS = 500


def model_name(name: str, place: Place, problems: list[Problem]) -> None:
    """Refuse names that cannot stand in an address."""
    if not _NAME.fullmatch(name):
        message = _("A model's name is made of letters, digits, '-', '_' and '.'.")
        problems.append(place.problem((), message))


def run(project: Branch, models: Mapping[str, Tree]) -> list[Problem]:
    """Return what does not fit together; tolerant of parts that are wrong in themselves."""
    found: list[Problem] = []
    channels, trackers = _keys(project.get("channels")), _keys(project.get("trackers"))
    digests = project.get("digests")
    for index, digest in enumerate(digests.items if isinstance(digests, Row) else ()):
        place = Place(tree=digest, path=("digests", index))
        found += _exist(place, "to", channels, _("There is no channel of this name."))
        found += _exist(place, "models", list(models), _("There is no model of this name."))
    for name, tree in models.items():
        if isinstance(tree, Branch):
            place = Place(tree=tree, path=("models", name))
            found += _exist(place, "notify", channels, _("There is no channel of this name."))
            found += _exist(place, "escalate", channels, _("There is no channel of this name."))
            found += _exist(place, "trackers", trackers, _("There is no tracker of this name."))
            found += [*_goals(tree, place), *_kpis(tree, place), *_task(tree, place), *_truth(tree, place)]
            found += [
                *_telemetry(tree, place),
                *_grains(tree, place),
                *_alarms(tree, place),
                *_segments(tree, place),
            ]
    return found


def _keys(tree: Tree | None) -> list[str]:
    return list(tree.entries) if isinstance(tree, Branch) else []


def _text(tree: Tree | None, *keys: str) -> str | None:
    """Return the text at `keys`, None where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Branch) else None
    return tree.value if isinstance(tree, Leaf) and isinstance(tree.value, str) else None


def _exist(place: Place, key: str, known: Iterable[str], message: str) -> list[Problem]:
    """Check a name, or a list of them, under `key`; twice the same is a problem as well."""
    tree = place.tree.get(key) if isinstance(place.tree, Branch) else None
    known = list(known)
    found: list[Problem] = []
    rows = enumerate(tree.items) if isinstance(tree, Row) else [(None, tree)]
    seen: set[str] = set()
    for index, row in rows:
        row = row.get("to") if isinstance(row, Branch) else row
        if not isinstance(row, Leaf) or not isinstance(row.value, str):
            continue
        loc = (key,) if index is None else (key, index)
        if row.value not in known:
            nearest = nearest_of(row.value, known)
            found.append(place.problem(loc, message, allowed=listed(known) or _("none"), nearest=nearest))
        elif row.value in seen:
            found.append(place.problem(loc, _("This stands in the list twice.")))
        seen.add(row.value)
    return found


def _goals(tree: Branch, place: Place) -> list[Problem]:
    kpis, goals = _keys(tree.get("kpis")), tree.get("goals")
    found: list[Problem] = []
    seen: set[tuple[str, str]] = set()
    for index, goal in enumerate(goals.items if isinstance(goals, Row) else ()):
        kpi = _text(goal, "kpi")
        if kpi is None:
            continue
        if kpi not in kpis:
            message = _("There is no KPI of this name.")
            loc = ("goals", index, "kpi")
            allowed = listed(kpis) or _("none is defined under kpis:")
            found.append(place.problem(loc, message, allowed=allowed, nearest=nearest_of(kpi, kpis)))
        key = (kpi, _text(goal, "by") or "")
        if key in seen:
            found.append(
                place.problem(("goals", index), _("This KPI has a goal with this deadline already."))
            )
        seen.add(key)
    for rule in _keys(tree.get("rules")):
        kpi = rule.removeprefix("business.").partition(":")[0]
        metric = _text(tree.get("rules"), rule, "metric")
        if rule.startswith("business.") and metric is None and kpi not in kpis:
            message = _("There is no KPI of this name.")
            nearest = nearest_of(kpi, kpis)
            found.append(
                place.problem(
                    ("rules", rule),
                    message,
                    allowed=listed(kpis),
                    nearest=f"business.{nearest}" if nearest else "",
                )
            )
    return found


def _telemetry(tree: Branch, place: Place) -> list[Problem]:
    telemetry = tree.get("telemetry")
    asked = telemetry.get("metrics") if isinstance(telemetry, Branch) else None
    return [
        place.problem(
            ("telemetry", "metrics", name), _("A metric's name is made of letters, digits and '_'.")
        )
        for name in _keys(asked)
        if not _KPI.fullmatch(name)
    ]


def _kpis(tree: Branch, place: Place) -> list[Problem]:
    kpis = tree.get("kpis")
    found: list[Problem] = []
    for name, entry in kpis.entries.items() if isinstance(kpis, Branch) else ():
        if not _KPI.fullmatch(name):
            message = _("A KPI's name is made of letters, digits and '_'.")
            found.append(place.problem(("kpis", name), message))
        own = entry.node.get("source") if isinstance(entry.node, Branch) else None
        if _text(entry.node, "by") == "outcome" and own is None:
            truth = tree.get("ground_truth")
            if _text(truth, "columns", "time") is None:
                message = _("Counting by outcome needs the time column of the ground truth.")
                found.append(
                    place.problem(("kpis", name, "by"), message, allowed="ground_truth.columns.time")
                )
        if isinstance(own, Branch) and _text(own, "columns", "time") is None:
            message = _("A table of its own needs a time column.")
            found.append(place.problem(("kpis", name, "source"), message, allowed="columns: {time: …}"))
    return found


def _task(tree: Branch, place: Place) -> list[Problem]:
    log = tree.get("predictions")
    if not isinstance(log, Branch):
        return []
    columns = log.get("columns")
    if columns is not None and not isinstance(columns, Branch):
        return []
    uses = {key for key in _keys(columns) if _text(columns, key) is not None}
    score = columns.get("score") if columns is not None else None
    found: list[Problem] = []
    loc = ("predictions",) if columns is None else ("predictions", "columns")
    if "time" not in uses:
        message = _("The prediction log needs a time column.")
        found.append(place.problem(loc, message, allowed="columns: {time: …}", missing="time"))
    task = _text(tree, "task") or "binary"
    answered = "prediction" in uses or score is not None
    if task in list(Task) and not answered:
        need = {"regression": "prediction", "ranking": "score"}.get(task, "score, prediction")
        message = _("The task {task} needs a column for: {uses}.").format(task=task, uses=need)
        found.append(place.problem(loc, message, missing=need.partition(",")[0]))
    if task in ("binary", "regression", "ranking") and isinstance(score, Branch):
        message = _("A column for each class is for the task multiclass.")
        found.append(place.problem((*loc, "score"), message, allowed=_("one column")))
    if task == "multiclass" and isinstance(score, Leaf) and "prediction" not in uses:
        message = _("The task multiclass needs a score column for each class, or a prediction column.")
        found.append(place.problem((*loc, "score"), message, allowed="score: {class: column}"))
    if task == "binary" and "prediction" in uses and tree.get("threshold") is not None:
        message = _("The log has a prediction column: a threshold would never be used.")
        found.append(place.problem(("threshold",), message))
    return found


def _truth(tree: Branch, place: Place) -> list[Problem]:
    truth = tree.get("ground_truth")
    if not isinstance(truth, Branch):
        return []
    columns = truth.get("columns")
    loc = ("ground_truth",) if columns is None else ("ground_truth", "columns")
    found: list[Problem] = []
    listed_only = _text(truth, "absent") == "negative"
    if _text(columns, "label") is None and not listed_only:
        message = _("The ground truth needs a label column.")
        found.append(place.problem(loc, message, allowed="columns: {label: …}", missing="label"))
    if truth.get("in") is not None:
        foreign = [key for key in truth.entries if key not in ("in", "columns", "maturity")]
        for key in foreign:
            message = _("A label in the prediction's own row needs no source.")
            found.append(place.problem(("ground_truth", key), message, allowed="in, columns, maturity"))
        return found
    for where, node in (("ground_truth", truth), ("predictions", tree.get("predictions"))):
        if isinstance(node, Branch) and _text(node, "columns", "id") is None:
            message = _("Joining log and ground truth needs an id column on both sides.")
            at = (where,) if node.get("columns") is None else (where, "columns")
            found.append(place.problem(at, message, allowed="columns: {id: …}", missing="id"))
    return found


def _grains(tree: Branch, place: Place) -> list[Problem]:
    grains = {grain.value: grain for grain in Grain}
    base = grains.get(_text(tree, "grain") or "1d")
    service = grains.get(_text(tree, "service_grain") or "1h")
    if base is None or service is None or service.length <= base.length:
        return []
    message = _("The grain of service metrics is longer than the model's own grain.")
    return [
        place.problem(("service_grain",), message, allowed=", ".join(g for g in grains if grains[g] <= base))
    ]


def _alarms(tree: Branch, place: Place) -> list[Problem]:
    alarms = tree.get("false_alarms")
    if not isinstance(alarms, Branch) or plain(alarms.get("allow_noisy") or alarms) is True:
        return []
    grain = next((grain for grain in Grain if grain == (_text(tree, "grain") or "1d")), Grain.DAY)
    found: list[Problem] = []
    for key in ("tickets", "notices"):
        try:
            rate = parse_rate(_text(alarms, key) or "1 per 1000 windows")
        except RefusedError:
            continue
        if rate.windows_per_alarm(grain.length) < _LEAST_WINDOWS:
            message = _("That is more than one false alarm in {n} windows of {grain}.")
            allowed = _("a lower rate, or allow_noisy: true")
            message = message.format(n=_LEAST_WINDOWS, grain=grain.value)
            found.append(place.problem(("false_alarms", key), message, allowed=allowed))
    return found


def _segments(tree: Branch, place: Place) -> list[Problem]:
    segments = tree.get("segments")
    found: list[Problem] = []
    seen: set[str] = set()
    for index, row in enumerate(segments.items if isinstance(segments, Row) else ()):
        columns = [item for item in row.items if isinstance(item, Leaf)] if isinstance(row, Row) else [row]
        names = [str(item.value) for item in columns if isinstance(item, Leaf)]
        key = "\0".join(sorted(names))
        if key in seen or len(set(names)) < len(names):
            found.append(place.problem(("segments", index), _("This segment is declared twice.")))
        elif not names:
            found.append(place.problem(("segments", index), _("A segment needs a column.")))
        seen.add(key)
    return found
