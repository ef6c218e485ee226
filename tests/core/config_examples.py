"""Projects that the configuration tests load."""

from pathlib import Path

PLUGINS = {
    "sources/parquet.py": "path: str | list[str]",
    "sources/csv.py": "path: str | list[str]\n    delimiter: str = ','",
    "sources/jsonl.py": "path: str | list[str]",
    "sources/sql.py": "url: str\n    table: str | None = None\n    query: str | None = None",
    "channels/email.py": "to: tuple[str, ...]",
    "channels/hook.py": "url: str\n    secret: str = ''",
    "trackers/github.py": "repo: str\n    token: str",
    "retrain/command.py": "run: str\n    time_limit: str = '1h'",
    "rules/threshold.py": (
        "above: float | None = None\n    below: float | None = None\n    for_: int = Field(1, alias='for')"
    ),
}

FULL = """\
store: sqlite:///goalkeeper.db          # postgresql+psycopg://…
timezone: Europe/Moscow                 # default UTC
language: en                            # en | ru; pages follow the browser
public_url: http://localhost:8501
smtp: {host: mail.example.com, port: 587, tls: starttls, user: gk, password: ${SMTP_PASSWORD}, \
from: goalkeeper@example.com}
connections:                            # named once, used by any source
  lake: {url: s3://bucket/logs}
  dwh: {url: ${DWH_URL}}
channels: {owners: {kind: email, to: [growth@example.com]}}
trackers: {github: {kind: github, repo: acme/leads, token: ${GITHUB_TOKEN}}}
schedule: {collect: every 15m}
digests: [{to: owners, at: "08:00", days: workdays}]
lookback: 14d                           # added to maturity; older windows are final
retention: {base: 400d, daily: 3y, weekly: forever}
calendar: RU                            # holidays (package `holidays`) and own dates
defaults: {grain: 1d, notify: [owners]} # merged under every model
include: models/*.yaml
models:
  lead-scoring:
    title: Lead scoring
    owner: growth@example.com
    tags: [sales]
    runbook: https://wiki.example.com/lead-scoring
    task: binary                        # binary | multiclass | regression | ranking
    predictions:
      kind: parquet
      path: logs/predictions/*.parquet
      columns: {id: call_id, time: called_at, version: model_version, score: p_convert, prediction: offered, \
latency_ms: latency_ms, status: status}
      features: auto                    # or {numeric: […], categorical: […]}
    ground_truth: {kind: parquet, path: logs/outcomes/*.parquet, columns: {id: call_id, time: closed_at, \
label: converted}, maturity: 7d, absent: unknown}
    reference: {path: reference.parquet}
    segments: [region, campaign, [region, campaign]]
    kpis:
      call_conversion: {title: Call conversion, numerator: converted, denominator: answered, direction: up, \
unit: percent, value: {amount: 1200, currency: RUB}}
    goals:
      - {kpi: call_conversion, baseline: 0.10, target: 0.15, since: 2026-09-01, by: 2027-03-31, \
owner: growth@example.com}
    experiment: {control: control, share: 0.10, since: 2026-09-01, unit: customer_id}
    retrain: {kind: command, run: "python train.py"}
    rules: {service.latency_p95_ms: {kind: threshold, above: 800, for: 2}, quality.rows: {mute: true}}
    false_alarms: {tickets: 1 per 1000 windows, notices: 1 per 1000 windows}
    raw_rows: allow
plugins: ./my_plugins
"""

SHORT = """\
plugins: my_plugins
models:
  leads:
    predictions:
      path: log.parquet
      columns: {id: call_id, time: called_at, score: p}
    ground_truth: {path: truth.csv, columns: {id: call_id, label: converted}}
    kpis: {conversion: {numerator: converted}}
    goals: [{kpi: conversion, baseline: 0.10, target: 0.15, since: 2026-09-01, by: 2027-03-31}]
"""

SECRETS = {
    "SMTP_PASSWORD": "smtp-hush-4711",
    "DWH_URL": "postgresql+psycopg://gk:dwh-hush-4711@db.example.com/dwh",
    "GITHUB_TOKEN": "github-hush-4711",
}


def write(folder: Path, text: str, **files: str) -> Path:
    """Write goalkeeper.yaml, the stub plug-ins and `files` (path with / as __) into `folder`."""
    for name, fields in PLUGINS.items():
        file = folder / "my_plugins" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            "from pydantic import BaseModel, Field\n\n\n"
            f"class Options(BaseModel, extra='forbid', frozen=True):\n    {fields}\n",
            encoding="utf-8",
        )
    for name, content in files.items():
        file = folder / (name.replace("__", "/") + ".yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    path = folder / "goalkeeper.yaml"
    path.write_text(text, encoding="utf-8")
    return path
