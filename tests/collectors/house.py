"""Rows with everything odd in them, written as every kind of source, and a project that collects them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import sqlalchemy as sa
import yaml

from collectors.collect import Collector, Summary
from collectors.engines import Engines
from collectors.opening import open_sources
from core.config import Project, load
from core.profile import Profile, ProfileKey
from core.windows import Grain
from store import grids, profiles, references, windows
from store.database import Store
from store.models import model
from store.tables import ReferenceRow, WindowRow

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 27, tzinfo=BERLIN)  # clocks go forward on the 29th
DAYS = 4
NOW = datetime(2026, 4, 20, tzinfo=UTC)
REGIONS = ("north", "south", "west")


def log_rows(seed: int = 1, days: int = DAYS, a_day: int = 300, start: datetime = START) -> pd.DataFrame:
    """Make a log: NULL, NaN, infinite and unseen values, repeated ids, foreign roles, local times."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    seconds = (np.arange(n) // a_day) * 86_400 + rng.integers(0, 86_400, n)
    wall = pd.Timestamp(start.replace(tzinfo=None)) + pd.to_timedelta(seconds, unit="s")
    score = rng.uniform(0, 1, n).round(6)
    amount = rng.normal(50, 20, n).round(4)
    rows = pd.DataFrame(
        {
            "id": [f"r{seed}-{i:06d}" for i in range(n)],
            "at": wall,
            "version": np.where(rng.uniform(size=n) < 0.5, "v1", "v2"),
            "arm": rng.choice(["champion", "holdout", "shadow"], n, p=[0.8, 0.1, 0.1]),
            "score": score,
            "ms": np.exp(rng.normal(3, 0.5, n)).round(3),
            "status": rng.choice(["200", "500", "ok"], n, p=[0.5, 0.1, 0.4]),
            "region": rng.choice(REGIONS, n),
            "amount": amount,
            "visits": rng.integers(0, 9, n),
            "plan": rng.choice(["basic", "pro", "it's \"odd\", Ω", ""], n),
        }
    )  # fmt: skip
    rows["amount"] = rows["amount"].astype(object)
    rows.loc[rng.choice(n, 30, replace=False), "amount"] = None
    rows.loc[rng.choice(n, 5, replace=False), "amount"] = math.inf
    rows.loc[rng.choice(n, 25, replace=False), "plan"] = None
    rows.loc[rng.choice(n, 20, replace=False), "score"] = np.nan
    rows.loc[n // 2 :, "plan"] = rows.loc[n // 2 :, "plan"].replace("pro", "never seen")
    again = rows.iloc[5:15].copy()
    again["at"] = again["at"] + pd.Timedelta(seconds=1)
    made = pd.concat([rows, again], ignore_index=True)
    return made[~((made["at"].dt.day == 29) & (made["at"].dt.hour == 2))].reset_index(drop=True)


def truth_rows(log: pd.DataFrame, seed: int = 2, delay_days: float = 3) -> pd.DataFrame:
    """Make labels of most rows: some unknown words, some twice with another answer."""
    rng = np.random.default_rng(seed)
    kept = log.drop_duplicates("id").sample(frac=0.8, random_state=seed).sort_values("id")
    n = len(kept)
    chance = rng.uniform(size=n) < kept["score"].fillna(0.5).to_numpy()
    closed = kept["at"].dt.tz_localize(BERLIN).dt.tz_convert("UTC") + pd.to_timedelta(
        rng.uniform(0.01, delay_days, n), unit="D"
    )
    rows = pd.DataFrame(
        {"id": kept["id"].to_numpy(), "closed_at": closed.dt.floor("s").dt.tz_localize(None).to_numpy()}
    )
    rows["converted"] = np.where(chance, "1", "0")
    rows.loc[rng.choice(n, 6, replace=False), "converted"] = "maybe"
    again = rows.iloc[20:30].copy()
    again["closed_at"] = again["closed_at"] + pd.Timedelta(days=1)
    again["converted"] = np.where(again["converted"] == "1", "0", "1")
    return pd.concat([rows, again], ignore_index=True)


def write(rows: pd.DataFrame, kind: str, place: Path, name: str, url: str = "") -> dict[str, Any]:
    """Write rows as a source of a kind; return what its configuration says."""
    place.mkdir(parents=True, exist_ok=True)
    if kind == "sql":
        plain = rows.astype(object).where(rows.notna(), None)
        for column in rows.columns:
            if str(rows[column].dtype).startswith("datetime") and url.startswith("sqlite"):
                plain[column] = rows[column].dt.strftime("%Y-%m-%d %H:%M:%S")
        types: dict[str, Any] = {
            column: sa.Float(53) for column in ("amount", "score", "value") if column in rows
        }
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            plain.to_sql(name, connection, index=False, if_exists="replace", dtype=types)
        engine.dispose()
        return {"kind": "sql", "url": url, "table": name}
    path = place / f"{name}.{kind}"
    if kind == "parquet":
        made = rows.copy()
        for column in ("amount", "score", "value"):
            if column in made:
                made[column] = made[column].astype("float64")
        made.to_parquet(path, index=False)
    elif kind == "csv":
        rows.to_csv(path, index=False, na_rep="", float_format="%.10g", quoting=1)
    else:
        with path.open("w") as file:
            for row in rows.to_dict("records"):
                file.write(json.dumps({key: _json(value) for key, value in row.items()}) + "\n")
    return {"kind": kind, "path": str(path)}


def _json(value: Any) -> Any:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, pd.Timestamp):
        return value.isoformat(sep=" ")
    return value.item() if isinstance(value, np.generic) else value


def assert_alike(found: "House", expected: "House", grain: Grain = Grain.DAY) -> int:
    """Compare every cell of two projects: whole numbers exactly, sums of doubles closely; return how many."""
    cells = [
        {(k.version, k.role, k.segment, k.start): p for k, p in one.cells(grain).items()}
        for one in (found, expected)
    ]
    assert cells[0].keys() == cells[1].keys()
    for key, profile in cells[0].items():
        _same(profile.inputs, cells[1][key].inputs, str(key))
        _same(profile.outcomes, cells[1][key].outcomes, str(key))
    return len(cells[0])


def _same(a: Any, b: Any, at: str) -> None:
    if is_dataclass(a):
        for one in fields(a):
            _same(getattr(a, one.name), getattr(b, one.name), f"{at}.{one.name}")
    elif isinstance(a, Mapping):
        assert a.keys() == b.keys(), at
        for key in a:
            _same(a[key], b[key], f"{at}[{key}]")
    elif isinstance(a, np.ndarray) and a.dtype.kind == "f":
        assert np.allclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True), at
    elif isinstance(a, np.ndarray):
        assert np.array_equal(a, b), at
    elif isinstance(a, float):
        assert math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9), f"{at}: {a} {b}"
    else:
        assert a == b, f"{at}: {a} {b}"


COLUMNS = {"id": "id", "time": "at", "version": "version", "role": "arm", "score": "score",
           "latency_ms": "ms", "status": "status"}  # fmt: skip
FEATURES = {"numeric": ["amount", "visits"], "categorical": ["plan"]}


@dataclass(kw_only=True)
class House:
    """A project with one model `m` and its store in a folder."""

    folder: Path
    body: dict[str, Any] = field(default_factory=dict)
    store_url: str = ""
    more: dict[str, Any] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    _store: Store | None = None

    @property
    def project(self) -> Project:
        """Write the configuration and load it."""
        path = self.folder / "goalkeeper.yaml"
        whole = {"store": self.store_url or f"sqlite:///{self.folder}/gk.db", "timezone": "Europe/Berlin"}
        path.write_text(yaml.safe_dump(whole | self.more | {"models": {"m": self.body}}, sort_keys=False))
        return load(path)

    @property
    def store(self) -> Store:
        """Open the store."""
        if self._store is None:
            self._store = Store.open(self.project.store.reveal())
        return self._store

    def collect(self, now: datetime = NOW, **more: Any) -> Summary:
        """Run one pass of the collector; the statements it ran are kept."""
        project = self.project
        configured = project.models["m"]
        self.statements = []
        engines = Engines(explain=self.statements.append)
        try:
            return Collector(
                project=project, model=configured, store=self.store,
                opened=open_sources(project, configured, engines), now=now, **more,
            ).run()  # fmt: skip
        finally:
            engines.close()

    def cells(self, grain: Grain = Grain.DAY) -> dict[ProfileKey, Profile]:
        """Return every stored profile of a grain."""
        ends = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        with self.store.read() as session:
            return dict(profiles.profiles(session, "m", grain, *ends))

    def windows(self, grain: Grain = Grain.DAY) -> list[WindowRow]:
        """Return every stored window of a grain."""
        with self.store.read() as session:
            return windows.windows(session, "m", grain)

    def marks(self) -> dict[datetime, tuple[str, str, str, datetime]]:
        """Return what tells windows apart: their marks, digests and when they were collected."""
        return {
            row.start: (row.inputs_mark, row.outcomes_mark, row.profile_digest, row.collected_at)
            for row in self.windows()
        }

    def grids(self) -> Any:
        """Return the model's grids."""
        with self.store.read() as session:
            row = model(session, "m")
            assert row is not None and row.grid_set is not None
            return grids.grid_set(session, row.grid_set)

    def reference(self) -> tuple[ReferenceRow, dict[ProfileKey, Profile]]:
        """Return the reference in force."""
        with self.store.read() as session:
            row = references.current_reference(session, "m")
            assert row is not None
            return row, dict(references.reference_profiles(session, row))

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()


def body(
    log: Mapping[str, Any], truth: Mapping[str, Any] | None, reference: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """Configure the model of `log_rows` and `truth_rows`."""
    made: dict[str, Any] = {
        "predictions": {**log, "columns": COLUMNS, "features": FEATURES, "timezone": "Europe/Berlin"},
        "roles": {"holdout": "control"}, "segments": ["region"], "positive_label": "1",
    }  # fmt: skip
    if truth is not None:
        columns = {"id": "id", "time": "closed_at", "label": "converted"}
        made["ground_truth"] = {**truth, "columns": columns, "maturity": "7d"}
    if reference is not None:
        made["reference"] = dict(reference)
    return made | more
