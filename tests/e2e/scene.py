"""A project of two models: `ill`, whose input the tests spoil, and `well`, which has to go on beside it."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from typer.testing import CliRunner

from core.config import load
from core.values import MetricPoint
from goalkeeper.cli import app
from store import alerts, tickets
from store.database import Store
from store.metrics import points
from store.tables import AlertRow, TicketRow, WindowRow
from store.windows import windows

START = datetime(2026, 3, 2, tzinfo=UTC)
A_DAY, FIRST = 80, 10
"""Rows of a day, and how many days the first pass sees."""


def rows_of(day: int, a_day: int = A_DAY, seed: int = 0) -> pd.DataFrame:
    """Return the rows of one day, the same every time, with a label in `y`."""
    rng = np.random.default_rng([seed, day])
    at = START + timedelta(days=day) + pd.to_timedelta(np.sort(rng.integers(0, 86_400, a_day)), unit="s")
    p = rng.uniform(0.05, 0.95, a_day).round(4)
    return pd.DataFrame(
        {
            "id": [f"r{day:03d}-{i:03d}" for i in range(a_day)], "at": at, "p": p, "status": "ok",
            "ms": rng.exponential(40, a_day).round(1) + 1, "age": rng.normal(40, 10, a_day).round(1),
            "plan": rng.choice(["basic", "pro"], a_day),
            "y": np.where(rng.uniform(size=a_day) < p, "1", "0"),
        }
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What `goalkeeper collect --json` ended with."""

    code: int
    said: str
    models: Mapping[str, Mapping[str, Any]]


@dataclass(kw_only=True)
class Scene:
    """Write files, collect, and look at what is stored."""

    folder: Path
    kind: str = "parquet"
    body: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        model = {
            "notify": ["owners"],
            "service_grain": "1d",
            "reference": {"from": "2026-03-02", "to": "2026-03-09"},
            "kpis": {"conversion": {"numerator": "y", "unit": "percent"}},
        }
        self.body = {
            "store": "sqlite:///gk.db",
            "state_dir": "state",
            "channels": {"owners": {"kind": "file"}},
            "models": {name: {**self.sources(name), **copy.deepcopy(model)} for name in ("ill", "well")},
        }
        for name in ("ill", "well"):
            (self.folder / name).mkdir()
            for day in range(FIRST):
                self.write(name, day)

    def sources(self, name: str) -> dict[str, Any]:
        """Return where a model's log and truth lie."""
        columns = {"id": "id", "time": "at", "score": "p", "latency_ms": "ms", "status": "status"}
        truth = {"id": "id", "time": "known_at", "label": "y"}
        return {
            "predictions": {
                "kind": self.kind, "path": f"{name}/log-*.{self.kind}", "columns": columns,
                "features": {"numeric": ["age"], "categorical": ["plan"]},
            },
            "ground_truth": {
                "kind": self.kind, "path": f"{name}/truth-*.{self.kind}", "columns": truth, "maturity": "1d",
            },
        }  # fmt: skip

    def file(self, name: str, day: int, what: str = "log") -> Path:
        """Return the file of one day."""
        return self.folder / name / f"{what}-{day:03d}.{self.kind}"

    def write(self, name: str, day: int, rows: pd.DataFrame | None = None) -> None:
        """Write one day's log and truth."""
        rows = rows_of(day) if rows is None else rows
        self._put(rows.drop(columns="y", errors="ignore"), self.file(name, day))
        if "y" in rows:
            truth = rows[["id", "y"]].assign(known_at=rows["at"] + pd.Timedelta(hours=3))
            self._put(truth, self.file(name, day, "truth"))

    def _put(self, rows: pd.DataFrame, path: Path) -> None:
        if self.kind == "parquet":
            rows.to_parquet(path, index=False)
        else:
            rows.to_csv(path, index=False)

    @property
    def config(self) -> Path:
        """Write the configuration as it stands now."""
        path = self.folder / "goalkeeper.yaml"
        path.write_text(yaml.safe_dump(self.body, sort_keys=False))
        return path

    def collect(self, day: int) -> Pass:
        """Collect in the morning after the day number `day`."""
        now = START + timedelta(days=day + 1, hours=6)
        words = ["collect", "--config", str(self.config), "--now", now.isoformat(), "--json"]
        result = CliRunner().invoke(app, words)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        found = json.loads(result.stdout)["models"]
        return Pass(code=result.exit_code, said=result.stderr, models={one["model"]: one for one in found})

    # ---- what is stored

    def windows(self, name: str = "ill") -> dict[int, WindowRow]:
        """Return the collected windows by number of day."""
        with self._store.read() as session:
            found = windows(session, name, "1d")
        return {(row.start - START).days: row for row in found}

    def counted(self, name: str = "ill") -> dict[int, str]:
        """Return the digest of what was counted on each day."""
        return {day: row.profile_digest for day, row in self.windows(name).items()}

    def values(self, metric: str, column: str = "", name: str = "ill") -> dict[int, MetricPoint]:
        """Return a metric's values by number of day."""
        with self._store.read() as session:
            found = points(session, name, metric=metric, column=column, grain="1d")
        return {(point.window.start - START).days: point for point in found}

    def alerts(self, name: str = "ill") -> list[AlertRow]:
        """Return all alerts."""
        with self._store.read() as session:
            return list(alerts.alerts(session, model=name))

    def tickets(self, name: str = "ill") -> list[TicketRow]:
        """Return all tickets."""
        with self._store.read() as session:
            return list(tickets.tickets(session, model=name))

    @property
    def _store(self) -> Store:
        return Store.open(load(self.config).store.reveal())
