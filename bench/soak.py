"""Kill `goalkeeper collect` at random instants; the next pass must end as if nobody had.

    make soak N=200                  # instants on SQLite and as many on PostgreSQL

A store that was passed once is copied; on each copy the pass that opens a ticket and writes its mail is
killed (SIGKILL) at an instant of its span, from the start of the process to the delivery, and a second,
undisturbed pass as of the same time follows. What the store and the outbox hold then is compared, row by row,
with what a pass left that nobody killed: `lost` rows are missing, `doubled` ones too many (a row that differs
is both). Ids, leases, runs and settings are left aside, and so is how often a message was attempted.
"""

import argparse
import email
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from bench.loop import soak_loop
from bench.soaked import Soaked, postgres, tell
from store.tables import Base

HERE = Path(__file__).parent
START, A_DAY = datetime(2026, 3, 2, tzinfo=UTC), 70
BEFORE, DAYS, BROKEN = 33, 40, 36
"""Days of the pass before, days in all, and the first day without most of a column."""
SEED, LIMIT, REDRAWN = 20260302, 300.0, 40
CONFIG = """\
store: {store}
state_dir: state
channels: {{owners: {{kind: file}}}}
models:
  lead:
    title: Lead scoring
    notify: [owners]
    segments: [region]
    predictions:
      path: {data}/log-*.parquet
      columns: {{id: id, time: at, version: version, score: p, latency_ms: ms, status: status}}
    ground_truth:
      path: {data}/truth-*.parquet
      columns: {{id: id, time: known_at, label: y}}
      maturity: 1d
    reference: {{from: 2026-03-02, to: 2026-03-25}}
    kpis: {{conversion: {{title: Conversion, numerator: y, unit: percent}}}}
    goals: [{{kpi: conversion, baseline: 0.4, target: 0.6, since: 2026-03-02, by: 2026-12-31}}]
"""
ASIDE = {"lease", "collector_run", "setting", "request", "report"}
"""Tables that tell of processes and not of the models."""
UNTOLD = {"id", "run_id", "attempts", "claimed_by", "claimed_at"}
POINTS_TO = {
    "incident_id": "incident",
    "ticket_id": "ticket",
    "alert_id": "alert",
    "reference_id": "reference",
}

State = Counter[str]
"""Every row as text, with how often it is there."""


@dataclass(kw_only=True)
class Ground:
    """A project whose store was passed once, and copies to kill on; `server` is PostgreSQL's address."""

    folder: Path
    server: str = ""
    ready: str = ""
    seconds: float = 0.0
    wanted: State = field(default_factory=Counter)

    @property
    def what(self) -> str:
        """Return the kind of store."""
        return "postgresql" if self.server else "sqlite"

    @classmethod
    def laid(cls, folder: Path, server: str = "") -> "Ground":
        """Write the data, run the pass before, then the undisturbed one, and keep its state and duration.

        Raises:
            RuntimeError: the undisturbed pass does not end with one ticket and one mail.
        """
        ground = cls(folder=folder, server=server)
        (folder / "data").mkdir(parents=True)
        write_days(folder / "data", 0, BEFORE)
        ready = ground._project("ready", "")
        ground._run(ready, BEFORE)
        ground.ready = ground._url(ready)
        write_days(folder / "data", BEFORE, DAYS)
        undisturbed = ground.copy()
        begun = time.perf_counter()
        ground._run(undisturbed, DAYS)
        ground.seconds = time.perf_counter() - begun
        ground.wanted = ground.state(undisturbed)
        counted = Counter(row.partition(" ")[0] for row in ground.wanted.elements())
        if (counted["ticket"], counted["outbox"], counted["mail"]) != (1, 1, 1):
            raise RuntimeError(f"one ticket, one message and one mail were meant: {dict(counted)}")
        return ground

    def copy(self) -> Path:
        """Return a project of its own on a copy of the store."""
        name = f"copy{uuid.uuid4().hex[:8]}"
        project = self._project(name, self.ready)
        shutil.copytree(self.folder / "ready" / "state", project / "state", dirs_exist_ok=True)
        if not self.server:
            for one in (self.folder / "ready").glob("gk.db*"):
                shutil.copy2(one, project / one.name)
        return project

    def drop(self, project: Path) -> None:
        """Remove a copy."""
        if self.server:
            tell(self.server, f"DROP DATABASE {_database(self._url(project))} WITH (FORCE)")
        shutil.rmtree(project)

    def kill(self, project: Path, after: float) -> bool:
        """Start the pass and kill it `after` some seconds; False where it had ended by itself."""
        with (project / "killed").open("wb") as out:
            process = _start(project, DAYS, out)
            try:
                process.wait(timeout=after)
            except subprocess.TimeoutExpired:
                process.kill()
            finally:
                process.kill()
                process.wait()
        return process.returncode < 0

    def finish(self, project: Path) -> State:
        """Run the pass to its end; return the state that it leaves."""
        self._run(project, DAYS)
        return self.state(project)

    def reached(self, project: Path) -> str:
        """Say how far a killed pass had come, by what it left."""
        engine = sa.create_engine(self._url(project), poolclass=sa.NullPool)
        found = [
            ("before the first window", "select 1"),
            ("collecting", f'select 1 from "window" where collected_at > {_text(BEFORE)} limit 1'),
            ("computing", f"select 1 from metric where computed_at > {_text(BEFORE)} limit 1"),
            ("evaluated", "select 1 from ticket limit 1"),
            ("delivering", "select 1 from outbox where state = 'claimed' limit 1"),
            ("delivered", "select 1 from outbox where state = 'sent' limit 1"),
        ]
        with engine.connect() as connection:
            far = [name for name, query in found if connection.execute(sa.text(query)).first()]
        engine.dispose()
        return far[-1]

    def state(self, project: Path) -> State:
        """Return every row that tells of the models, and every mail, as texts."""
        rows = rows_told(self._url(project))
        for path in sorted((project / "state" / "outbox").glob("*.eml")):
            mail = email.message_from_bytes(path.read_bytes())
            rows.append(f"mail {path.name} {mail['Message-ID']} {mail['Subject']!s}")
        return Counter(rows)

    def _project(self, name: str, ready: str) -> Path:
        project = self.folder / name
        project.mkdir()
        url = "sqlite:///gk.db"
        if self.server:
            database = f"soak_{uuid.uuid4().hex[:12]}"
            tell(
                self.server,
                f"CREATE DATABASE {database}" + (f" TEMPLATE {_database(ready)}" if ready else ""),
            )
            url = sa.make_url(self.server).set(database=database).render_as_string(hide_password=False)
        (project / "goalkeeper.yaml").write_text(CONFIG.format(store=url, data=self.folder / "data"))
        (project / "state").mkdir()
        (project / "url").write_text(url.replace("///gk.db", f"///{project}/gk.db"))
        return project

    @staticmethod
    def _url(project: Path) -> str:
        return (project / "url").read_text()

    @staticmethod
    def _run(project: Path, days: int) -> None:
        with (project / "said").open("wb") as out:
            process = _start(project, days, out)
            try:
                code = process.wait(timeout=LIMIT)
            finally:
                process.kill()
                process.wait()
        if code:
            raise RuntimeError(f"the pass ended with {code}: {(project / 'said').read_text()[-2000:]}")


def rows_told(url: str, since: datetime | None = None) -> list[str]:
    """Return every row that tells of the models as a text; times from `since` on, by the clock, are alike."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        tables = {
            table.name: [_alike(dict(row), since) for row in connection.execute(sa.select(table)).mappings()]
            for table in Base.metadata.sorted_tables
            if table.name not in ASIDE
        }
    engine.dispose()
    ranks = {name: _ranks(tables[name]) for name in POINTS_TO.values()}
    return [
        f"{name} {json.dumps(_told(row, ranks), sort_keys=True, default=str)}"
        for name, found in tables.items()
        for row in found
    ]


def soak(ground: Ground, kills: int, *, seed: int = SEED) -> Soaked:
    """Kill `kills` passes, one in each part of the span, at random within it; a late one is drawn again."""
    rng = random.Random(seed)
    lost = doubled = 0
    reached: Counter[str] = Counter()
    faults: list[str] = []
    for at in range(kills):
        for _again in range(REDRAWN):
            after = ground.seconds * (at + rng.random()) / kills
            project = ground.copy()
            if ground.kill(project, after):
                break
            ground.drop(project)
            at = rng.randrange(kills)
        else:
            raise RuntimeError(f"no pass lived for {ground.seconds:.2f} s: none could be killed")
        where = ground.reached(project)
        reached[where] += 1
        found = ground.finish(project)
        gone, more = ground.wanted - found, found - ground.wanted
        lost, doubled = lost + gone.total(), doubled + more.total()
        told = [f"− {row}" for row in gone] + [f"+ {row}" for row in more]
        faults += [f"killed after {after:.3f} s ({where}): {row[:600]}" for row in sorted(told)[:8]]
        ground.drop(project)
    return Soaked(
        what=ground.what, kills=kills, lost=lost, doubled=doubled, reached=dict(reached), faults=tuple(faults)
    )


def main() -> None:
    """Soak both stores, print a table and write bench/soak.json; 1 where anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    done = []
    with (
        tempfile.TemporaryDirectory(prefix="goalkeeper-soak-") as folder,
        postgres(Path(folder, "pg")) as url,
    ):
        for what, server in (("sqlite", ""), ("postgresql", url)):
            ground = Ground.laid(Path(folder, what), server)
            print(f"{what}: an undisturbed pass takes {ground.seconds:.2f} s", flush=True)
            done.append(soak(ground, asked.kills, seed=asked.seed))
        done.append(soak_loop(Path(folder), url, asked.kills, seed=asked.seed))
    print(f"{'what':<12}{'kills':>7}{'lost':>7}{'doubled':>9}  killed while")
    for one in done:
        far = ", ".join(f"{name} {count}" for name, count in sorted(one.reached.items(), key=lambda x: -x[1]))
        print(f"{one.what:<12}{one.kills:>7}{one.lost:>7}{one.doubled:>9}  {far}")
        for fault in one.faults:
            print(f"  {fault}")
    (HERE / "soak.json").write_text(json.dumps([one.row() for one in done], indent=2))
    sys.exit(any(one.lost or one.doubled for one in done))


def _start(project: Path, days: int, out: Any) -> "subprocess.Popen[bytes]":
    now = START + timedelta(days=days, hours=6)
    command = [sys.executable, "-m", "goalkeeper", "collect", "-c", str(project / "goalkeeper.yaml")]
    root = HERE.parent
    paths = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH", ""))))
    return subprocess.Popen(
        [*command, "--now", now.isoformat()], cwd=project, stdout=out, stderr=out,
        env=os.environ | {"PYTHONPATH": paths},
    )  # fmt: skip


def write_days(folder: Path, first: int, last: int, start: datetime = START) -> None:
    """Write the log and the truth of some days, a file for each; the same rows every time."""
    for day in range(first, last):
        rng = np.random.default_rng(day)
        seconds = np.sort(rng.integers(0, 86_400, A_DAY))
        at = pd.Timestamp(start) + pd.to_timedelta(day * 86_400 + seconds, unit="s")
        p = rng.uniform(0.05, 0.95, A_DAY)
        age = rng.normal(40, 10, A_DAY).round()
        if day >= BROKEN:
            age[rng.uniform(size=A_DAY) < 0.7] = np.nan
        ids = [f"r{day:03d}{i:04d}" for i in range(A_DAY)]
        log = pd.DataFrame(
            {
                "id": ids, "at": at, "version": "v1", "p": p, "ms": rng.exponential(40, A_DAY) + 1,
                "status": "ok", "region": rng.choice(["north", "south"], A_DAY), "age": age,
            }
        )  # fmt: skip
        known = at + pd.Timedelta(hours=5)
        truth = pd.DataFrame({"id": ids, "known_at": known, "y": rng.uniform(size=A_DAY) < p})
        log.to_parquet(folder / f"log-{day:03d}.parquet", index=False)
        truth.to_parquet(folder / f"truth-{day:03d}.parquet", index=False)


def _alike(value: Any, since: datetime | None) -> Any:
    if since is None:
        return value
    if isinstance(value, Mapping):
        return {key: _alike(one, since) for key, one in value.items()}
    if isinstance(value, list):
        return [_alike(one, since) for one in value]
    if isinstance(value, str):
        try:
            moment: Any = datetime.fromisoformat(value)
        except ValueError:
            return value
    else:
        moment = value
    is_new = isinstance(moment, datetime) and moment.tzinfo is not None and moment >= since
    return "by the clock" if is_new else value


def _ranks(rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Number the rows of a table by what they say, since databases give ids that a kill leaves gaps in."""
    alone = set(POINTS_TO) | UNTOLD

    def said(row: Mapping[str, Any]) -> str:
        return json.dumps({key: str(value) for key, value in row.items() if key not in alone}, sort_keys=True)

    return {row["id"]: rank for rank, row in enumerate(sorted(rows, key=said))}


def _told(row: Mapping[str, Any], ranks: Mapping[str, Mapping[int, int]]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for column, value in row.items():
        if column in UNTOLD:
            continue
        if column in POINTS_TO:
            told[column] = None if value is None else ranks[POINTS_TO[column]][value]
        elif isinstance(value, bytes):
            told[column] = hashlib.sha256(value).hexdigest()
        elif column == "payload" and "ticket" in value:
            told[column] = {**value, "ticket": ranks["ticket"][value["ticket"]]}
        elif column == "grain" and str(value).startswith("reference:"):
            told[column] = f"reference:{ranks['reference'][int(str(value).partition(':')[2])]}"
        else:
            told[column] = value
    return told


def _text(days: int) -> str:
    return f"'{START + timedelta(days=days, hours=7):%Y-%m-%d %H:%M:%S}'"


def _database(url: str) -> str:
    return str(sa.make_url(url).database)


if __name__ == "__main__":
    main()
