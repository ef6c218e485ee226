"""Write the pages that the program itself knows best: metrics, configuration, commands.

Run as `python docs/_make.py` (`make docs` does); tests/docs fails while a page lags behind the program.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import time, timedelta
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from core import config, plugins  # noqa: E402 - the folder above comes first
from core.config.values import duration_text  # noqa: E402
from metrics.base import Better, Metric, Part, Per, Unit  # noqa: E402
from metrics.registry import all_metrics  # noqa: E402

MADE = "<!-- made by docs/_make.py: change the program, then run `make docs` -->\n"

FAMILIES = {
    "service": "Is the service well? From the prediction log alone.",
    "quality": "Are the data sound? From the prediction log; join coverage needs the ground truth.",
    "drift": "Do the data look as they used to? Each column, and the score, against the reference.",
    "estimated": "Is the model right, before labels are there? What its scores promise, from the reference's labels.",
    "performance": "Is the model right? From labels, so only once they are there.",
    "business": "Is the goal being reached? From the KPIs that you declare.",
}
UNITS = {
    Unit.PERCENT: "a share, 0 to 1 in exports and in per cent on pages",
    Unit.POINTS: "the difference of two shares, −1 to 1 in exports and in percentage points on pages",
    Unit.COUNT: "a number", Unit.MS: "milliseconds", Unit.HOURS: "hours", Unit.SCORE: "the score's own unit",
    Unit.CURRENCY: "money, in the KPI's currency", Unit.NONE: "none",
}  # fmt: skip
BETTER = {Better.HIGHER: "higher is better", Better.LOWER: "lower is better", Better.NONE: "neither way"}
PER = {Per.MODEL: "", Per.COLUMN: ", for each column", Per.KPI: ", for each KPI"}

PARTS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("The project", config.Project, "The top of the file."),
    ("`smtp:`", config.Smtp, "The mail server. Without it mails become `.eml` files."),
    ("`connections: NAME:`", config.Connection, "A place named once, used by any source: `connection: NAME`."),
    ("`schedule:`", config.Schedules, "When `goalkeeper serve` does what: `every 15m`, or `at 06:00`."),
    ("`digests:` (a list)", config.Digest, "Periodic messages."),
    ("`quiet_hours:`", config.QuietHours, "When minor messages and notices wait."),
    ("`retention:`", config.Retention, "How long counts and values are kept at which grain; see [Retention](retention.md)."),
    ("`calendar:`", config.Calendar, "Days that are not like others. `calendar: RU` is short for the country."),
    ("`calendar: dates:` (a list)", config.OwnDay, "Short form: `dates: {2026-05-09: Victory Day}`."),
    ("`models: NAME:`", config.Model, "One model under watch."),
    ("`predictions:`", config.Predictions, "The prediction log; the keys of its kind of source come beside these."),
    ("`columns:`", config.Columns, "Which column is used for what, at any source."),
    ("`features:`", config.Features, "`auto`, or lists of columns."),
    ("`ground_truth:`", config.Truth, "Where outcomes come from; left out, only service, quality and drift are watched."),
    ("`reference:`", config.Reference, "What 'normal' is measured against, in one of five forms; left out, the first 28 complete windows."),
    ("`kpis: NAME:`", config.Kpi, "What the business counts."),
    ("`value:` of a KPI", config.Money, "What one unit of the numerator is worth."),
    ("`source:` of a KPI", config.KpiSource, "A table of its own."),
    ("`goals:` (a list)", config.Goal, "A KPI with a target and a deadline."),
    ("`rules: RULE:`", config.RuleSettings, "Changes a default rule, or adds one; the keys of the rule's kind come beside these."),
    ("`experiment:`", config.Experiment, "A control arm that the model's is compared with, unit by unit; see [KPIs and goals](goals.md#is-it-the-model)."),
    ("`retrain:`", config.Retrain, "How a new version is made; see [From a ticket to a better model](retraining.md)."),
    ("`telemetry:`", config.Telemetry, "Where else the service is measured; see [Telemetry](telemetry.md). The keys of its kind come beside these."),
    ("`telemetry: metrics: NAME:`", config.Gauge, "One number of each window, stored as `service.NAME`."),
    ("`registry:`", config.Registry, "Where versions are registered; see [A model registry](registry.md). The keys of its kind come beside these."),
    ("`notify:` (a list)", config.Route, "A channel's name, or which messages go there."),
    ("`false_alarms:`", config.FalseAlarms, "How many alerts on nothing you accept: `1 per 1000 windows`, `1 per year`; see [Alerts](alerts.md#how-often-it-may-be-wrong)."),
)  # fmt: skip

SAID = {
    "Project.store": "where the numbers are kept: `sqlite:///file.db`, or `postgresql+psycopg://user:${PASSWORD}@host/db`",
    "Project.state_dir": "folder of what is not in the database: reports, mails as files, locks",
    "Project.timezone": "days and weeks follow it; a name of the IANA list",
    "Project.language": "language of messages: `en` or `ru`; pages follow the reader's browser",
    "Project.public_url": "where readers reach the dashboard; links in messages begin with it",
    "Project.smtp": "see below", "Project.connections": "see below",
    "Project.channels": "where messages go, by name; see [Messages](messages.md)",
    "Project.trackers": "where tickets are mirrored, by name; see [Trackers](alerts.md#trackers)",
    "Project.schedule": "see below", "Project.digests": "see below",
    "Project.quiet_hours": "when minor messages and notices wait; left out, never",
    "QuietHours.from": "time of day, in quotes: `\"22:00\"`", "QuietHours.to": "when it ends; the next day where it is earlier",
    "Project.lookback": "how long, beyond maturity, old windows are looked at again for late rows and labels",
    "Project.retention": "see below", "Project.calendar": "see below",
    "Project.memory_limit": "most memory that DuckDB takes while it counts",
    "Project.heartbeat_url": "address that is asked for after each pass (a dead man's switch outside of the house)",
    "Project.allow_anonymous_actions": "let anybody act on pages that listen elsewhere than on loopback",
    "Project.actor_header": "header in which a proxy names who is logged in",
    "Project.models": "see below", "Project.plugins": "folder of your own plug-ins; see [Plug-ins](plugins.md)",
    "Smtp.host": "server", "Smtp.port": "port", "Smtp.tls": "`starttls`, `tls` (from the first byte) or `none`",
    "Smtp.user": "login", "Smtp.password": "its password; write `${NAME}`",
    "Smtp.from": "sender's address", "Smtp.timeout": "how long to wait for the server",
    "Connection.url": "address of a database, or the beginning of paths (`s3://bucket/logs`)",
    "Connection.options": "further keys for the kind of source",
    "Schedules.collect": "collect, compute and evaluate", "Schedules.deliver": "send what waits in the outbox",
    "Schedules.sync": "mirror tickets into trackers and hear what was done there",
    "Schedules.lease": "how long a process may stand still before another takes over its work; see [Running it](running.md#two-on-one-postgresql)",
    "Digest.to": "channel, or a list", "Digest.at": "time of day, in quotes: `\"08:00\"`",
    "Digest.days": "`daily`, `workdays`, `weekends`, `weekly` (Mondays), or `[mon, thu]`",
    "Digest.language": "`en` or `ru`; else the project's", "Digest.models": "which; all if left out",
    "Retention.base": "age at which hours become days", "Retention.daily": "age at which days become weeks",
    "Retention.weekly": "age at which weeks are dropped; `forever` where left out",
    "Calendar.country": "two letters, `RU`, `US-CA`; needs the package `holidays`", "Calendar.dates": "your own days",
    "OwnDay.date": "the day", "OwnDay.name": "what it is called",
    "Model.title": "how pages and messages call it", "Model.owner": "whom to ask", "Model.tags": "words to search by",
    "Model.runbook": "address of what to do, shown in tickets",
    "Model.task": "`binary`, `multiclass`, `regression` or `ranking` (ranking: no performance metrics yet)",
    "Model.positive_label": "the label that counts as a yes, where labels are neither true / false nor 1 / 0",
    "Model.threshold": "the score from which a row counts as a yes, where there is no prediction column; else 0.5",
    "Model.roles": "your words for `champion`, `challenger`, `shadow`, `control`: `{holdout: control}`",
    "Model.grain": "length of a window: `1h`, `1d`, `1w`, `1mo`", "Model.service_grain": "that of service metrics",
    "Model.settle": "how long after its end a window stays open; 15 min for an hour, 3 h for a day",
    "Model.lookback": "as the project's, for this model", "Model.predictions": "see below",
    "Model.ground_truth": "see below", "Model.reference": "see below",
    "Model.segments": "columns whose levels are watched on their own; `[a, b]` inside is their cross",
    "Model.kpis": "see below", "Model.goals": "see below", "Model.experiment": "see below", "Model.retrain": "see below",
    "Model.telemetry": "see below", "Telemetry.kind": "`prometheus` or a plug-in", "Telemetry.metrics": "see below",
    "Model.registry": "see below", "Registry.kind": "`mlflow` or a plug-in",
    "Registry.columns": "what training data calls its columns, where the log says otherwise",
    "Registry.metrics": "by a metric's name, how the registry calls it: `{performance.roc_auc: my_auc}`",
    "Gauge.query": "what is asked, with `$window` for the window's length", "Gauge.title": "how it is called",
    "Gauge.unit": "`percent` (0 to 1), `count`, `ms`, `hours` or `none`",
    "Model.rules": "see below", "Model.false_alarms": "see below",
    "Model.notify": "channels that are told; usually under `defaults:`", "Model.trackers": "which of the project's trackers; all of them where left out", "Model.escalate": "channels that are told as well when nobody acknowledges a ticket in time",
    "Route.to": "channel", "Route.severity": "the least severity that goes there",
    "Model.raw_rows": "`deny`: no deep dives and no examples in the quarantine; rows never leave their database",
    "Source.kind": "`parquet`, `csv`, `jsonl`, `sql`, `clickhouse`, `spark` or a plug-in; told from the file's ending, or from a table",
    "Source.connection": "name of a connection", "Source.columns": "see below",
    "Source.where": "SQL condition that picks this model's rows out of a shared log",
    "Source.timezone": "zone of times that name none; else UTC",
    "Predictions.features": "see below",
    "Columns.id": "ties a prediction to its label", "Columns.row_index": "number of the row where one id has several",
    "Columns.time": "when it happened; the log must have it", "Columns.arrived": "when the row came in",
    "Columns.version": "which version answered; else `unversioned`", "Columns.role": "role of the traffic",
    "Columns.score": "score or probability; for classes `{class: column}`",
    "Columns.prediction": "the answer given; for regression the number", "Columns.label": "the outcome",
    "Columns.latency_ms": "how long it took, in milliseconds",
    "Columns.status": "error if ≥ 500, or any text but ok / success",
    "Columns.sampled": "share of traffic that was logged, 0 to 1",
    "Features.auto": "take every column without another use; free text and columns of mostly distinct values are left out",
    "Features.numeric": "numbers", "Features.categorical": "categories", "Features.exclude": "never looked at",
    "Truth.in": "`predictions`: the label stands in the log's own row",
    "Truth.maturity": "age at which a label counts as known; learnt from the delays if left out",
    "Truth.absent": "`negative`: a list of positives only, the rest counts as no once mature",
    "Reference.from": "first day, of the log", "Reference.to": "day after the last",
    "Reference.rolling": "this length before each window", "Reference.same_period": "`last_year`: the same weekdays a year ago",
    "Reference.versions": "by version, the reference that it brings of its own: `{v2: {path: …}}`, or a range of the log; see [References](references.md#a-versions-own)",
    "Kpi.title": "how it is called", "Kpi.numerator": "column or SQL over the joined row",
    "Kpi.denominator": "the same; left out, every prediction counts", "Kpi.mean": "column or SQL, instead of a ratio",
    "Kpi.by": "`prediction` or `outcome`: on which day it is counted", "Kpi.direction": "`up` or `down` is good; else from the goal, else up",
    "Kpi.unit": "`percent`, `count`, `ms`, `hours` or a currency such as `EUR`", "Kpi.value": "see below", "Kpi.source": "see below",
    "Money.amount": "how much", "Money.currency": "three capitals: `EUR`",
    "KpiSource.segments": "its segment columns",
    "Goal.kpi": "name of the KPI", "Goal.baseline": "where it started", "Goal.target": "where it is to be",
    "Goal.since": "first day", "Goal.by": "deadline", "Goal.over": "judged over the last mature windows of this length",
    "Goal.owner": "whom to ask",
    "RuleSettings.kind": "`sequential`, `relative`, `threshold`, `presence`, `noted` or a plug-in; else the default rule's",
    "RuleSettings.metric": "which metric, for a rule with a name of its own", "RuleSettings.mute": "switch it off",
    "RuleSettings.severity": "`critical`, `major`, `minor` or `notice`",
    "Experiment.control": "role or version of the control arm", "Experiment.share": "its planned share",
    "Experiment.since": "first day", "Experiment.until": "last day", "Experiment.unit": "column of who is assigned, so that rows of one count together; else every id",
    "Retrain.kind": "plug-in", "Retrain.approval": "wait for a person", "Retrain.per_month": "most in 30 days",
    "Retrain.cool_down": "least time between two; unset: the maturity, a week at least",
    "Retrain.least_labels": "mature labels that must have come in since the harm began",
    "FalseAlarms.tickets": "accepted rate", "FalseAlarms.notices": "accepted rate",
    "FalseAlarms.allow_noisy": "allow more than one in 500 windows",
    "source.path": "file, pattern or list: `logs/*.parquet`, `logs/**/*.csv.gz`, `day=*/…`, `s3://…`; ClickHouse: its folder; Feast: what `feast registry-dump` wrote",
    "source.delimiter": "separator, if it is not found by itself", "source.quote": "quotation mark, likewise",
    "source.encoding": "encoding of the text", "source.url": "address: SQLAlchemy's, ClickHouse's (`http://…`), or Spark's master or Connect server, unless `connection` names one",
    "source.access_key": "S3: key, unless the environment has one", "source.secret_key": "S3: its secret",
    "source.session_token": "S3: token of a temporary key", "source.region": "S3: region, if it is not found by itself",
    "source.endpoint": "address of a store that is not the provider's own: `https://minio.example.com`",
    "source.account": "Azure: storage account", "source.account_key": "Azure: its key",
    "source.sas_token": "Azure: shared access signature instead of the key", "source.anonymous": "S3, Google: ask without a key",
    "source.table": "table, with its schema where needed", "source.query": "a SELECT, instead of a table",
    "source.dataset": "Feast: a saved dataset", "source.view": "Feast: a feature view, instead of a dataset",
    "source.service": "Feast: the feature service whose features the model uses; all that are there if left out",
    "source.feature_names": "payloads: the columns of a request, in order, where its payload names none",
    "source.output_names": "payloads: the columns of an answer that is a list, in order",
    "source.sampled": "payloads: the share of requests that is logged, 0 to 1, where the records do not say it",
    "source.timeout": "KServe, Seldon: how long an answer may take before its request counts as unanswered",
    "source.delta": "Spark: whether `path` is a Delta table; else it is Parquet",
    "source.conf": "Spark: settings of the session, such as `spark.executor.memory`; shown masked",
    "telemetry.url": "of the server: `http://prometheus:9090`", "telemetry.token": "bearer token, if one is asked for",
    "telemetry.user": "name, if one is asked for", "telemetry.password": "its password", "telemetry.timeout": "how long to wait",
    "registry.url": "of the tracking server: `http://mlflow:5000`", "registry.name": "name of the registered model; else the model's own",
    "registry.tag": "tag of the registered version under which the log's version stands",
    "registry.context": "of the input that is the training data", "registry.artifact": "path of the training data among the run's artifacts, where it lies nowhere else",
    "registry.token": "bearer token, if one is asked for", "registry.user": "name, if one is asked for",
    "registry.password": "its password", "registry.timeout": "how long to wait",
    "channel.to": "address, or a list", "channel.folder": "where the files go; else `.goalkeeper/outbox`",
    "channel.urls": "Apprise address, or a list: `slack://…`", "channel.url": "takes a POST of JSON",
    "channel.secret": "signs the body (HMAC-SHA256)", "channel.per_hour": "no more messages than this in an hour; critical ones go nevertheless", "channel.timeout": "how long to wait",
    "rule.threshold": "mean number of windows between two false alarms of this rule; else from `false_alarms`",
    "rule.distance": "from which distance a column has drifted",
    "rule.for": "how many windows in a row make an alert", "rule.above": "harm above this", "rule.below": "harm below this",
    "rule.sigmas": "how far outside of the usual spread", "rule.floor": "the least change that matters: `0.02`, or `10%` of normal",
    "rule.learn": "windows that are learnt from before it speaks", "rule.side": "`up`, `down` or `both`: which way is harm",
    "rule.against": "`reference`, or `trailing`: the four weeks before", "rule.scale": "`linear` or `log`",
    "rule.least": "rows that must have been expected before silence counts",
}  # fmt: skip
"""What each key is for; a key without words fails the build."""


def metrics_page() -> str:
    """Write one section a metric."""
    out = [MADE, "# Metrics\n"]
    out += [
        "Every number that Goalkeeper computes, with the words of its own declaration. `goalkeeper metrics list`"
        " prints them too, and `goalkeeper explain` says how a stored value came about.\n",
        "A value has a state: `ok`, or `not_enough_data` (fewer rows than it needs), `immature` (labels still"
        " come in), `open` (the window has not ended and settled) or `error`, with the reason. It is never 0 for want of"
        " data.\n",
        "*Stored*: written for every window. The others are computed from the stored profiles when somebody"
        " looks, for the whole past.\n",
    ]
    metrics = sorted(all_metrics().values(), key=lambda one: list(FAMILIES).index(one.family))
    for family, members in groupby(metrics, key=lambda one: one.family):
        out.append(f"## {family.capitalize()}\n\n{FAMILIES[family]}\n")
        out += [_metric(one) for one in members]
    return "\n".join(out)


def _metric(one: Metric) -> str:
    stored = "stored" if one.stored else "computed when asked"
    when = "of outcomes, so it ripens with the labels" if one.part is Part.OUTCOMES else "of inputs"
    tasks = (
        "any" if len(one.tasks) == len(config.Task) else ", ".join(sorted(task.value for task in one.tasks))
    )
    kinds = f"; columns: {', '.join(sorted(one.kinds))}" if one.per is Per.COLUMN else ""
    return (
        f"### {one.title}\n\n`{one.name}`\n\n"
        f"- **Unit**: {UNITS[one.unit]}; {BETTER[one.better]}\n"
        f"- **Formula**: {_plain(one.formula)}\n"
        f"- **When it misleads**: {_plain(one.misleads)}\n"
        f"- **Is**: {stored}, {when}{PER[one.per]}{kinds}; tasks: {tasks}; needs {one.minimum} rows or more\n"
        f"- **Source**: {_plain(one.source)}\n"
    )


def _plain(text: str) -> str:
    """Escape what Markdown would read as its own; what stands between backticks it leaves alone."""
    parts = text.split("`")
    for at in range(0, len(parts), 2):
        for sign, kept in (("*", "\\*"), ("|", "\\|"), ("<", "&lt;"), ("_", "\\_")):
            parts[at] = parts[at].replace(sign, kept)
    return "`".join(parts)


def configuration_page() -> str:
    """Write one table a part of the file."""
    out = [
        MADE,
        "# Configuration reference\n",
        "One project is one `goalkeeper.yaml`. Relative paths start from its folder. `${NAME}` takes a value"
        " from the environment and is masked wherever it is shown. Lengths of time are written `30s`, `15m`,"
        " `12h`, `7d`, `2w`, `1y`; dates `2026-09-01`.\n",
        "Two more keys stand at the top of the file: `include: models/*.yaml` takes models from further files,"
        " and `defaults:` is merged under every model.\n",
        "`goalkeeper check` names every mistake at once, with line, key, value, what is allowed and the nearest"
        " spelling. `goalkeeper plan` says what a change will do before it does it.\n",
    ]
    for title, model, words in PARTS:
        out.append(f"## {title}\n\n{words}\n\n{_table(_keys(model))}")
    for port, title in (
        ("source", "Kinds of source"),
        ("telemetry", "Kinds of telemetry"),
        ("registry", "Kinds of registry"),
        ("channel", "Kinds of channel"),
        ("rule", "Kinds of rule"),
    ):
        out.append(f"## {title}\n")
        for kind in plugins.names(plugins.PORTS[port]):
            module = importlib.import_module(f"{plugins.PORTS[port].package}.{kind}")  # without its extra too
            told = _plain(str(module.__doc__).strip().splitlines()[0])
            out.append(f"### `kind: {kind}`\n\n{told}\n\n{_table(_keys(module.Options, port))}")
    return "\n".join(out)


def _keys(model: type[BaseModel], port: str = "") -> Iterator[tuple[str, str, str]]:
    fields = model.model_fields.items()
    for name, info in sorted(fields, key=lambda one: bool(port) and not one[1].is_required()):
        key = str(info.validation_alias or info.alias or name)
        if key.startswith("<") or (key in ("options", "declared") and model is not config.Connection):
            continue
        owners = [port] if port else [one.__name__ for one in model.__mro__]
        words = next((SAID[f"{one}.{key}"] for one in owners if f"{one}.{key}" in SAID), None)
        if words is None:
            raise SystemExit(f"docs/_make.py: say what {owners[0]}.{key} is for")
        yield f"`{key}`", _default(info), words


def _default(info: Any) -> str:
    if info.is_required():
        return "needed"
    value = info.get_default(call_default_factory=True)
    shown = _value(value)
    return f"`{shown}`" if shown else ""


def _value(value: object) -> str:
    if value is None or value is PydanticUndefined or value == "" or value == () or value == {}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, BaseModel) and type(value).__str__ is BaseModel.__str__:
        return ""
    if isinstance(value, tuple):
        return "workdays" if value == (0, 1, 2, 3, 4) else ", ".join(str(one) for one in value)
    return "1GiB" if value == 2**30 else str(value)


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    found = [f"| {key} | {default} | {words.replace('|', chr(92) + '|')} |" for key, default, words in rows]
    head = ["| key | default | what it is |", "|---|---|---|"]
    return "\n".join([*head, *found]) + "\n" if found else "No keys of its own.\n"


def commands_page() -> str:
    """Write what `--help` says, one section a command."""
    from goalkeeper.cli import app

    root = typer.main.get_command(app)
    out = [
        MADE,
        "# Commands\n",
        "Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage or configuration. `--json` prints for"
        " machines, `--now` acts as if it were another time.\n",
    ]
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        out.append(f"## goalkeeper {name}\n\n{_first(command.help)}\n")
        parts = getattr(command, "commands", None)
        if parts is None:
            out.append(_table_of(command))
            continue
        for part, one in parts.items():
            out.append(f"### goalkeeper {name} {part}\n\n{_first(one.help)}\n\n{_table_of(one)}")
    return "\n".join(out)


def _first(text: str | None) -> str:
    return _plain(" ".join((text or "").split("\n\n")[0].split()))


def _table_of(command: Any) -> str:
    rows = []
    for one in command.params:
        if one.name == "help":
            continue
        spelled = (
            " ".join(f"`{word}`" for word in one.opts)
            if one.param_type_name == "option"
            else f"`{one.name.upper()}`"
        )
        default = (
            one.default
            if isinstance(one.default, str | int | Path) and not isinstance(one.default, bool)
            else ""
        )
        text = _plain(getattr(one, "help", "") or "")
        shown = "needed" if one.required else f"`{default}`" if default != "" else ""
        rows.append(f"| {spelled} | {shown} | {text.replace('|', chr(92) + '|')} |")
    return "\n".join(["| option | default | what it does |", "|---|---|---|", *rows]) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "metrics.md": metrics_page, "configuration.md": configuration_page, "commands.md": commands_page,
}  # fmt: skip


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
