"""What a pass costs when little is new, beside the first one over a year of days.

    python -m bench.incremental      # 366 days of 2,000 rows, 21 columns, 5 segment columns

Each pass is a fresh process; `work_s` is the time of the pass itself, start-up (imports, opening the store)
aside, and `read_mib` what the process read meanwhile, from files and from its store.
"""

import argparse
import json
import shutil
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from bench.made import CONFIG, DELAY_DAYS, START, Made, make
from bench.measured import measured
from goalkeeper import __version__

HERE = Path(__file__).parent
DAYS, LATE, FLIPPED = 366, range(325, 355), 100
SEGMENTS = "[c0, c1, c2, c3, status]"
_PASS = """
import json, sys, time
from datetime import datetime
from pathlib import Path
import alerts.evaluate, collectors.collect, collectors.sources.parquet, goalkeeper.jobs.compute
import goalkeeper.jobs.deliver, goalkeeper.jobs.evaluate, goalkeeper.jobs.measure
from core.config import load
from goalkeeper.jobs.passes import run_pass
from store.database import Store

def read():
    told = dict(line.split(": ") for line in open("/proc/self/io").read().splitlines())
    return int(told["rchar"])

project = load(Path("goalkeeper.yaml"))
store = Store.open(project.store.reveal())
before, begun = read(), time.perf_counter()
more = {key: datetime.fromisoformat(value) for key, value in zip(("since", "until"), sys.argv[2:])}
now = datetime.fromisoformat(sys.argv[1])
done = run_pass(project=project, store=store, now=now, models=("bench",), **more)
(one,) = done.models
assert not one.error, one.error
print(json.dumps({"work_s": time.perf_counter() - begun, "read_mib": (read() - before) / 2**20,
                  "windows": one.windows, "points": one.points}))
"""


def main() -> None:
    """Measure, print a table and write bench/incremental.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows-a-day", type=int, default=2_000)
    asked = parser.parse_args()
    made = make(HERE / "data", asked.rows_a_day * DAYS, DAYS)
    with tempfile.TemporaryDirectory(prefix="goalkeeper-bench-") as folder:
        rows = _passes(Path(folder), made)
    first = rows[0]
    print(f"{made.rows:,} rows in {DAYS} days × 21 columns × 5 segment columns")
    print(f"{'pass':<34}{'work s':>9}{'read MiB':>10}{'windows':>9}{'points':>9}{'of the first':>14}")
    for row in rows:
        row |= {"ratio": round(row["work_s"] / first["work_s"], 4), "version": __version__}
        print(
            f"{row['pass']:<34}{row['work_s']:>9.2f}{row['read_mib']:>10.1f}{row['windows']:>9}"
            f"{row['points']:>9}{row['ratio']:>14.4f}"
        )
    (HERE / "incremental.json").write_text(json.dumps(rows, indent=2))


def _passes(folder: Path, made: Made) -> list[dict[str, Any]]:
    data, held = folder / "data", folder / "held"
    shutil.copytree(made.folder, data)
    held.mkdir()
    last = [(kind, DAYS - 1) for kind in ("predictions", "truth")]
    late = [("truth", day) for day in LATE]
    to_come = [("truth", day) for day in range(DAYS, DAYS + DELAY_DAYS)]
    for kind, day in [*last, *late, *to_come]:
        shutil.move(data / kind / f"{day:03}.parquet", held / f"{kind}-{day:03}.parquet")
    morning = START + timedelta(days=DAYS - 1, hours=6)
    year = _project(folder / "year", data)
    rows = [
        _pass(year, "365 days at once", morning),
        _pass(year, "nothing new", morning + timedelta(minutes=1)),
    ]
    _back(held, data, last)
    rows.append(_pass(year, "one more day", morning + timedelta(days=1)))
    _back(held, data, late)
    rows.append(_pass(year, f"the labels of {len(LATE)} days, late", morning + timedelta(days=1, minutes=1)))
    _flip(data / "truth" / f"{LATE[0]:03}.parquet")
    rows.append(_pass(year, f"{FLIPPED} labels flipped", morning + timedelta(days=1, minutes=2)))
    month = _project(folder / "month", data)
    touched = (LATE[0] - DELAY_DAYS + 1, LATE[-1] + 1)
    span = (START + timedelta(days=day) for day in touched)
    what = f"their {touched[1] - touched[0]} windows from scratch"
    rows.append(_pass(month, what, morning + timedelta(days=1), *span))
    return rows


def _project(folder: Path, data: Path) -> Path:
    folder.mkdir()
    more = f"    segments: {SEGMENTS}\n    lookback: 60d\n    kpis:"
    config = CONFIG.format(data=data).replace("    kpis:", more)
    (folder / "goalkeeper.yaml").write_text(config)
    return folder


def _pass(folder: Path, what: str, *moments: datetime) -> dict[str, Any]:
    command = [sys.executable, "-c", _PASS, *(moment.isoformat() for moment in moments)]
    run = measured(command, folder=folder)
    return {"pass": what, "wall_s": run.wall_s, "peak_mib": run.peak_mib, **json.loads(run.output)}


def _back(held: Path, data: Path, files: list[tuple[str, int]]) -> None:
    for kind, day in files:
        shutil.copyfile(held / f"{kind}-{day:03}.parquet", data / kind / f"{day:03}.parquet")


def _flip(path: Path) -> None:
    with duckdb.connect() as db:
        db.execute(
            f"CREATE TABLE t AS SELECT * REPLACE (CASE WHEN row_number() OVER (ORDER BY id) <= {FLIPPED}"
            f" THEN NOT label ELSE label END AS label) FROM '{path}'"
        )
        db.execute(f"COPY t TO '{path}'")


if __name__ == "__main__":
    main()
