"""What one `goalkeeper collect` costs, beside DuckDB running the same statements, and a bare scan.

    make bench                       # 1,000,000 rows
    make bench ARGS="--rows 10000000"

Every figure is of a fresh process; `ratio` is that process's wall time over the one of the statements alone.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from bench.made import CONFIG, DAYS, Made, make
from bench.measured import Measured, measured
from goalkeeper import __version__

HERE = Path(__file__).parent
_RUN = """
import sys, duckdb
db = duckdb.connect(config={"threads": 2, "memory_limit": "1024MiB"})
db.execute("SET TimeZone='UTC'; SET preserve_insertion_order=false")
for statement in open(sys.argv[1]).read().split(";\\n"):
    if statement.strip():
        db.sql(statement).to_arrow_table()
"""


def main() -> None:
    """Measure, print a table and write bench/results.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    made = make(HERE / "data", asked.rows)
    with tempfile.TemporaryDirectory(prefix="goalkeeper-bench-") as folder:
        runs: dict[str, list[Measured]] = {"goalkeeper": [], "statements": [], "scan": []}
        for turn in range(asked.repeat):
            place = Path(folder) / str(turn)
            place.mkdir()
            runs["goalkeeper"].append(_collect(place / "plain", made))
            explained = _collect(place / "explained", made, "--explain")
            (place / "statements.sql").write_text(explained.output)
            runs["statements"].append(
                measured([sys.executable, "-c", _RUN, str(place / "statements.sql")], folder=place)
            )
            (place / "scan.sql").write_text(_scan(made) + ";\n")
            runs["scan"].append(measured([sys.executable, "-c", _RUN, str(place / "scan.sql")], folder=place))
    rows = _table(made, runs)
    print(
        f"{made.rows:,} rows × 21 columns, {DAYS} days, with labels; best of {asked.repeat} fresh processes"
    )
    print(f"{'tool':<12}{'wall s':>9}{'peak MiB':>10}{'ratio':>8}")
    for row in rows:
        print(f"{row['tool']:<12}{row['wall_s']:>9.2f}{row['peak_mib']:>10.0f}{row['ratio']:>8.2f}")
    (HERE / "results.json").write_text(json.dumps(rows, indent=2))


def _collect(folder: Path, made: Made, *more: str) -> Measured:
    folder.mkdir()
    (folder / "goalkeeper.yaml").write_text(CONFIG.format(data=made.folder))
    command = [sys.executable, "-m", "goalkeeper", "collect", "--now", made.now.isoformat(), *more]
    return measured(command, folder=folder)


def _scan(made: Made) -> str:
    with duckdb.connect() as db:
        files = f"read_parquet('{made.folder}/predictions/*.parquet')"
        columns = [row[0] for row in db.execute(f"DESCRIBE SELECT * FROM {files}").fetchall()]
    largest = ", ".join('max("' + column + '")' for column in columns)
    return f"SELECT {largest} FROM {files}"


def _table(made: Made, runs: dict[str, list[Measured]]) -> list[dict[str, Any]]:
    best = {tool: min(found, key=lambda one: one.wall_s) for tool, found in runs.items()}
    versions = {"goalkeeper": __version__}
    return [
        {
            "work": "full", "rows": made.rows, "tool": tool,
            "version": versions.get(tool, duckdb.__version__), "wall_s": round(one.wall_s, 3),
            "median_s": round(statistics.median(run.wall_s for run in runs[tool]), 3),
            "peak_mib": round(one.peak_mib, 1), "ratio": round(one.wall_s / best["statements"].wall_s, 3),
        }
        for tool, one in best.items()
    ]  # fmt: skip


if __name__ == "__main__":
    main()
