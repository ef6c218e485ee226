"""A small project: four weeks of a scoring model whose service fails on the last days."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from core.config import Project, load
from goalkeeper.jobs.passes import PassResult, run_pass
from store.database import Store

START, DAYS, A_DAY = datetime(2026, 3, 2, tzinfo=UTC), 28, 150
NOW = START + timedelta(days=DAYS, hours=6)
BROKEN = 3
FILE = """\
store: {store}
state_dir: state
channels: {{owners: {{kind: file}}}}
schedule: {{collect: every 1m}}
models:
  lead:
    title: Lead "scoring"
    notify: [owners]
    service_grain: 1d
    segments: [region]
    predictions:
      path: log.parquet
      columns: {{id: id, time: at, version: version, score: p, latency_ms: ms, status: status}}
    ground_truth: {{path: truth.parquet, columns: {{id: id, time: known_at, label: y}}, maturity: 1d}}
    reference: {{from: 2026-03-02, to: 2026-03-20}}
    kpis: {{conversion: {{title: Conversion, numerator: y, unit: percent}}}}
    goals: [{{kpi: conversion, baseline: 0.4, target: 0.6, since: 2026-03-02, by: 2026-12-31}}]
"""


def write(folder: Path, store: str = "sqlite:///gk.db") -> Path:
    """Write log, truth and configuration; return the configuration's path."""
    rng, n = np.random.default_rng(7), DAYS * A_DAY
    at = pd.Timestamp(START) + pd.to_timedelta(
        np.repeat(np.arange(DAYS), A_DAY) * 86_400 + rng.integers(0, 86_400, n), unit="s"
    )
    p = rng.uniform(0.05, 0.95, n)
    broken = np.arange(n) >= (DAYS - BROKEN) * A_DAY
    failed = broken & (rng.uniform(size=n) < 0.6)
    log = pd.DataFrame(
        {
            "id": [f"r{i:06d}" for i in range(n)], "at": at, "version": "v1", "p": p,
            "ms": rng.exponential(40, n) + 1, "status": np.where(failed, "error", "ok"),
            "region": rng.choice(["north", "south"], n), "age": rng.normal(40, 10, n).round(),
        }
    )  # fmt: skip
    log.to_parquet(folder / "log.parquet", index=False)
    truth = pd.DataFrame(
        {"id": log["id"], "known_at": log["at"] + pd.Timedelta(hours=5), "y": rng.uniform(size=n) < p}
    )
    truth.to_parquet(folder / "truth.parquet", index=False)
    path = folder / "goalkeeper.yaml"
    path.write_text(FILE.format(store=store))
    return path


def opened(path: Path) -> tuple[Project, Store]:
    """Load a project and open its store."""
    project = load(path)
    return project, Store.open(project.store.reveal())


def collect(path: Path, now: datetime = NOW) -> tuple[Project, Store, PassResult]:
    """Run one whole pass."""
    project = load(path)
    store = Store.open(project.store.reveal())
    return project, store, run_pass(project=project, store=store, now=now, models=tuple(project.models))
