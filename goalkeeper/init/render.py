"""Write a commented goalkeeper.yaml."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from core.config.model import Task
from core.text import gettext as _
from goalkeeper.init.guess import Proposal
from goalkeeper.init.sample import day_of
from goalkeeper.init.written import mapping, row, scalar

_WIDE = 100
_SHOWN = 12
_NOBODY = Proposal(
    paths=("logs/predictions/*.parquet",),
    kind="parquet",
    task=Task.BINARY,
    uses={"id": "request_id", "time": "requested_at", "version": "model_version", "score": "score"},
)


def render(proposal: Proposal | None, name: str, folder: Path) -> str:
    """Return a whole file with one model; paths are written as seen from `folder`."""
    head = [
        _("# What Goalkeeper watches. `goalkeeper check` says whether it fits; lines with # are off."),
        "",
        _line("store: sqlite:///goalkeeper.db", _("for a team: postgresql+psycopg://user:${DB_PASSWORD}@host/db")),
        _line("timezone: UTC", _("days and weeks follow it: Europe/Berlin, Asia/Tokyo, …")),
        _line("# language: ru", _("en or ru")),
        _line("# smtp: {host: mail.example.com, port: 587, user: gk, password: ${SMTP_PASSWORD}, "
              "from: gk@example.com}", _("without it mails become files in .goalkeeper/outbox/")),
        _line("# channels: {owners: {kind: email, to: [you@example.com]}}", _("who is told")),
        _line('# digests: [{to: owners, at: "08:00", days: workdays}]', ""),
        _line("# defaults: {notify: [owners]}", _("merged under every model")),
        "",
        "models:",
    ]  # fmt: skip
    return "\n".join([*head, *model_lines(proposal, name, folder), ""])


def model_lines(proposal: Proposal | None, name: str, folder: Path, indent: str = "  ") -> list[str]:
    """Return the lines of one model."""
    found = proposal or _NOBODY
    made = [f"{scalar(name)}:", *(f"{indent}{line}" for line in _body(found, folder, proposal is not None))]
    return [f"{indent}{line}".rstrip() for line in made]


def _body(found: Proposal, folder: Path, looked: bool) -> list[str]:
    paths = [_seen_from(path, folder) if looked else path for path in found.paths]
    lines = [
        _line("# title: …", _("how it is called on pages and in messages")),
        _line(f"task: {found.task.value}", "binary | multiclass | regression"),
    ]
    if found.positive:
        lines.append(_line(f"positive_label: {scalar(found.positive)}", _("the label that counts as a yes")))
    elif found.task is Task.BINARY:
        lines.append(
            _line("# positive_label: …", _("needed where labels are neither true / false nor 1 / 0"))
        )
    if found.roles:
        words = mapping(dict.fromkeys(found.roles[:_SHOWN], "control"))
        lines.append(
            _line(f"# roles: {words}", _("which words mean champion, challenger, shadow or control"))
        )
    lines += [
        "predictions:",
        f"  kind: {found.kind}",
        _line(f"  path: {_one_or_more(paths)}", _("a pattern takes many files: logs/*.parquet")),
        *_columns(found.uses),
    ]
    if found.local:
        lines.append(_line("  timezone: UTC", _("where the service runs: its times name no zone")))
    if found.unnamed:
        names = row([one for one in (*found.numeric, *found.categorical) if re.fullmatch(r"f\d+", one)])
        lines.append(
            _line(f"  # feature_names: {names}", _("the payloads name no columns: say them in their order"))
        )
    if found.naive:
        lines.append(
            _line("  # timezone: Europe/Berlin", _("of times without a zone; else they count as UTC"))
        )
    lines += _features(found)
    lines += _truth(found, [_seen_from(path, folder) for path in found.truth])
    lines.append(_line("# reference: {path: reference.parquet}",
                       _("what is normal; without it the first 28 complete windows")))  # fmt: skip
    if found.segments:
        lines.append(_line(f"segments: {row(found.segments)}", _("each level is watched on its own")))
    else:
        lines.append(_line("# segments: [region]", _("columns whose levels are watched on their own")))
    return lines + _goal(found)


def _columns(uses: Mapping[str, str | Mapping[str, str]]) -> list[str]:
    lacking = {} if "time" in uses else {"time": "time_column"}
    if not {"score", "prediction"} & set(uses):
        lacking["score"] = "score_column"
    whole = f"  columns: {mapping(uses)}"
    if lacking or len(whole) > _WIDE:
        lines = ["  columns:"]
        for use, column in uses.items():
            lines.append(f"    {use}: {scalar(column) if isinstance(column, str) else mapping(column)}")
        for use, column in lacking.items():
            lines.append(_line(f"    {use}: {column}", _("not found in the sample: put your column here")))
    else:
        lines = [whole]
    if "id" not in uses:
        lines.append(_line("  # no id was found", _("it ties a prediction to its label")))
    optional = [use for use in ("version", "score", "prediction", "latency_ms", "status")
                if use not in uses and use not in lacking]  # fmt: skip
    if optional:
        lines.append("  # " + _("also known: {uses}").format(uses=", ".join(optional)))
    return lines


def _features(found: Proposal) -> list[str]:
    lines = [_line("  features: auto", _("or {numeric: […], categorical: […], exclude: […]}"))]
    for word, names in (("numeric", found.numeric), ("categorical", found.categorical)):
        if names:
            more = " …" if len(names) > _SHOWN else ""
            lines.append(f"  #   {word}: {', '.join(map(scalar, names[:_SHOWN]))}{more}")
    lines += [
        "  #   " + _("left out") + f": {scalar(one)}: {why}"
        for one, why in list(found.left_out.items())[:_SHOWN]
    ]
    return lines


def _truth(found: Proposal, paths: Sequence[str]) -> list[str]:
    if paths:
        uses = {use: name for use, name in found.uses.items() if use in ("id", "row_index", "time")}
        return [
            _line("ground_truth:", _("labels that lie beside the log")),
            f"  kind: {found.kind}",
            f"  path: {_one_or_more(paths)}",
            f"  columns: {mapping({**uses, 'label': 'label'})}",
            _line("  # maturity: 7d", _("the age at which a label counts as known; learnt if not said")),
        ]
    if found.label:
        line = f"ground_truth: {{in: predictions, columns: {{label: {scalar(found.label)}}}}}"
        return [_line(line, _("the label stands in the log's own rows"))]
    identity = found.uses.get("id", "request_id")
    columns = mapping({"id": str(identity), "time": "closed_at", "label": "converted"})
    return [
        _line(
            "# ground_truth:",
            _("where the outcomes come from; without it quality and drift alone are watched"),
        ),
        "#   path: logs/outcomes/*.parquet",
        f"#   columns: {columns}",
        _line("#   maturity: 7d", _("the age at which a label counts as known; learnt if not said")),
        _line("#   absent: unknown", _("negative: a list of positives only, the rest counts as no")),
    ]


def _goal(found: Proposal) -> list[str]:
    since = day_of(found.first)
    days = "since: 2026-01-01, by: 2026-07-01"
    if since is not None:
        days = f"since: {since}, by: {since + timedelta(days=180)}"
    if found.task is not Task.BINARY or not found.label:
        return [
            _line("# kpis:", _("what the business counts: columns of log or truth, or SQL over them")),
            "#   conversion: {title: Conversion, numerator: converted, denominator: answered, unit: percent}",
            _line("# goals:", _("what it is all for")),
            f"#   - {{kpi: conversion, baseline: 0.10, target: 0.15, {days}}}",
        ]
    rate = 0.1 if found.rate is None else found.rate
    target = min(rate * 1.2, (1 + rate) / 2)
    kpi = f"  conversion: {{title: Conversion, numerator: {scalar(found.label)}, unit: percent}}"
    return [
        "kpis:",
        _line(kpi, _("a share of all predictions, or numerator / denominator")),
        _line("# goals:", _("what it is all for: set the target and the deadline")),
        f"#   - {{kpi: conversion, baseline: {rate:.3g}, target: {target:.3g}, {days}}}",
    ]


def _one_or_more(paths: Sequence[str]) -> str:
    return scalar(paths[0]) if len(paths) == 1 else row(paths)


def _seen_from(path: str, folder: Path) -> str:
    whole, base = Path(path).resolve(), folder.resolve()
    return os.path.relpath(whole, base) if whole.is_relative_to(base) else str(whole)


def _line(text: str, comment: str) -> str:
    if not comment:
        return text
    return f"{text:<40}  # {comment}" if len(text) <= 40 else f"{text}  # {comment}"
