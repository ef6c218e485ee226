"""A project with a store and a model whose values the tests choose."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from alerts.evaluate import EvaluateResult, evaluate
from core.config import Project, load
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, Window
from store import alerts, outbox, tickets
from store.database import Store
from store.metrics import save_points
from store.tables import AlertRow, OutboxRow, TicketRow

START = datetime(2026, 1, 5, tzinfo=UTC)
FILE = """\
plugins: my_plugins
store: sqlite:///{folder}/gk.db
channels: {{owners: {{kind: file}}}}
models:
  lead:
    title: Lead scoring
    owner: growth@example.com
    runbook: https://wiki.example.com/lead
    notify: [owners]
    segments: [region]
    predictions: {{kind: made, columns: {{id: id, time: at, version: v, score: p}}}}
    ground_truth: {{kind: made, columns: {{id: id, label: y}}, maturity: 7d}}
    kpis: {{conversion: {{title: Call conversion, numerator: y}}}}
    goals: [{{kpi: conversion, baseline: 0.10, target: 0.15, since: 2026-01-01, by: 2026-12-31}}]
{rules}
"""


_TWO = "{kind: relative, for: 2, sigmas: 4, floor: 5%}"
_DRIFT = "{kind: relative, for: 2, floor: 0.02}"
TWO = f"{{business.conversion: {_TWO}, performance.primary: {_TWO}, drift.columns: {_DRIFT}}}"
"""Rules of most tests: two windows outside make an alert."""


def project(folder: Path, rules: str = "", language: str = "en") -> Project:
    """Load a project of one model; `rules` is YAML below the model."""
    plug = folder / "my_plugins" / "sources" / "made.py"
    plug.parent.mkdir(parents=True, exist_ok=True)
    plug.write_text("from pydantic import BaseModel\n\n\nclass Options(BaseModel):\n    pass\n")
    path = folder / "goalkeeper.yaml"
    path.write_text(f"language: {language}\n" + FILE.format(folder=folder, rules=rules))
    return load(path)


def day(at: int) -> Window:
    """The local day number `at`."""
    start = START + timedelta(days=at)
    return Window(start=start, end=start + timedelta(days=1), grain=Grain.DAY)


def share(at: int, metric: str, value: float, *, n: int = 2000, **more: Any) -> MetricPoint:
    """A share with its interval."""
    error = float(np.sqrt(max(value, 0.5 / n) * (1 - value) / n))
    state = more.pop("state", ValueState.OK)
    return MetricPoint(
        model="lead", metric=metric, window=day(at), **more,
        value=MetricValue(
            value=value, n=n, numerator=value * n, denominator=n, state=state,
            lower=max(0.0, value - 1.96 * error), upper=value + 1.96 * error,
            reason="" if state is ValueState.OK else "labels are still coming in",
        ),
    )  # fmt: skip


def number(at: int, metric: str, value: float, *, n: int = 2000, **more: Any) -> MetricPoint:
    """A number without an interval."""
    return MetricPoint(
        model="lead", metric=metric, window=day(at), value=MetricValue(value=value, n=n), **more
    )


def conversions(values: Iterable[float], first: int = 0) -> list[MetricPoint]:
    """The KPI, day by day."""
    return [share(first + at, "business.conversion", value) for at, value in enumerate(values)]


def rows(count: int, first: int = 0, value: float = 2000.0) -> list[MetricPoint]:
    """The number of rows, day by day."""
    return [number(first + at, "quality.rows", value + at % 3) for at in range(count)]


QUIET = [0.12 + 0.002 * (at % 5 - 2) for at in range(28)]


@dataclass
class House:
    """Evaluate, and look at what is in the book."""

    folder: Path
    rules: str = f"    rules: {TWO}"
    store: Store = field(init=False)
    project: Project = field(init=False)

    def __post_init__(self) -> None:
        self.project = project(self.folder, self.rules)
        self.store = Store.open(self.project.store.reveal())

    def configure(self, rules: str) -> None:
        """Change the file."""
        self.project = project(self.folder, rules)

    def save(self, *points: list[MetricPoint], why: str = "") -> None:
        """Store values, restating those that differ."""
        with self.store.write() as session:
            save_points(session, [one for group in points for one in group], run_id=None, now=START, why=why)

    def at(self, at: int, hour: int = 6) -> datetime:
        """Some hours after the day number `at` began."""
        return day(at).start + timedelta(hours=hour)

    def evaluate(self, at: int) -> EvaluateResult:
        """Evaluate in the morning of day number `at`."""
        return evaluate(store=self.store, project=self.project, model_name="lead", now=self.at(at))

    def alerts(self, rule: str = "") -> list[AlertRow]:
        """Return the book's alerts, of one rule if asked."""
        with self.store.read() as session:
            return [row for row in alerts.alerts(session, model="lead") if rule in ("", row.rule)]

    def tickets(self) -> list[TicketRow]:
        """Return all tickets."""
        with self.store.read() as session:
            return list(tickets.tickets(session, model="lead"))

    def messages(self) -> list[OutboxRow]:
        """Return all messages."""
        with self.store.read() as session:
            return list(outbox.messages(session, model="lead"))
