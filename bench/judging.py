"""What judging costs: one model's rules over 60 windows, and 500 models of which each has one window more.

    python -m bench.judging [--models 500]

A model has 21 columns. The first figure is all default rules over 60 windows from values in memory; the
second is one evaluation of each of many models in one SQLite file, as after a daily pass: everything read,
judged and written, by two processes.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.defaults import rules_of
from alerts.reading import read_known
from alerts.series import judge_all
from bench.copied import copy_model
from bench.made import CONFIG, Made, make
from core.config import Project, load
from goalkeeper import __version__
from goalkeeper.jobs.evaluate import evaluate_model
from goalkeeper.jobs.measure import collect_and_compute
from goalkeeper.jobs.passes import run_pass
from store.database import Store

HERE = Path(__file__).parent
ROWS, WINDOWS, TURNS = 60_000, 60, 7


def main() -> None:
    """Measure, print and write bench/judging.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=int, default=500)
    asked = parser.parse_args()
    made = make(HERE / "data", ROWS, days=WINDOWS + 1)
    names = [f"m{at:03}" for at in range(asked.models)]
    with tempfile.TemporaryDirectory(prefix="goalkeeper-bench-") as folder:
        place = Path(folder)
        project = _configured(place, made, ["bench", *names])
        store = Store.open(project.store.reveal())
        morning = made.now - timedelta(days=8) + timedelta(hours=9)
        run_pass(project=project, store=store, now=morning - timedelta(days=1), models=["bench"])
        collect_and_compute(project=project, name="bench", store=store, now=morning)
        with store.write() as session:
            for at, name in enumerate(names):
                copy_model(session, "bench", name, 1000 + at)
        one = _one(store, project, morning)
        store.close()
        with ProcessPoolExecutor(2) as pool:
            for now in (morning - timedelta(days=1), morning):  # what yesterday's pass had kept is kept
                began = time.perf_counter()
                list(pool.map(_judge, [place] * 2, [names[::2], names[1::2]], [now] * 2))
                many = time.perf_counter() - began
    rows: list[dict[str, Any]] = [
        {"what": f"judging, {made.columns} columns × {WINDOWS} windows", "many": 1, "wall_s": one},
        {"what": "evaluating a day of models", "many": len(names), "wall_s": many},
    ]
    for row in rows:
        row |= {"version": __version__, "each_s": row["wall_s"] / row["many"]}
        print(f"{row['what']:<44}{row['many']:>6}{row['wall_s']:>9.3f} s{row['each_s']:>9.4f} s each")
    (HERE / "judging.json").write_text(json.dumps(rows, indent=2, ensure_ascii=False))


def _configured(place: Path, made: Made, names: Sequence[str]) -> Project:
    head, one = CONFIG.format(data=made.folder).split("  bench:\n")
    path = place / "goalkeeper.yaml"
    path.write_text(head + "".join(f"  {name}:\n{one}" for name in names))
    return load(path)


def _one(store: Store, project: Project, now: datetime) -> float:
    model = project.models["bench"]
    rules = rules_of(model)
    with store.read() as session:
        known = read_known(session, project, model, rules, now)
    known = replace(known, judged_from={})
    times = []
    for _turn in range(TURNS):
        began = time.perf_counter()
        judge_all(known, rules)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _judge(place: Path, names: Sequence[str], now: datetime) -> None:
    project = load(place / "goalkeeper.yaml")
    store = Store.open(project.store.reveal())
    for name in names:
        evaluate_model(project=project, name=name, store=store, now=now)
    store.close()


if __name__ == "__main__":
    main()
