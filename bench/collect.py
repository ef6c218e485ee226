"""What one `goalkeeper collect` costs, beside its peers on the same files, and beside DuckDB alone.

    make bench                                                   # 1,000,000 rows, every peer
    make bench ARGS="--rows 10000000 --peers nannyml,popmon"

Every figure is of fresh processes, started in turn; `wall_s` is the median, `peak_mib` the most memory, and
`ratio` the tool's time over Goalkeeper's. `statements` is a DuckDB process that runs what `--explain` prints,
`scan` one that reads every column of the log once. bench/peers says what each peer is asked for.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from bench.environments import QUIET, packages_of, peers, python_of, script_of
from bench.made import CONFIG, DAYS, Made, make
from bench.measured import Measured, measured
from goalkeeper import __version__

HERE = Path(__file__).parent
_RUN = """
import sys, duckdb
db = duckdb.connect(config={"threads": 2, "memory_limit": "640MiB"})
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
    parser.add_argument("--peers", default=",".join(peers()), help="which, with commas between; '' for none")
    asked = parser.parse_args()
    beside = [name for name in asked.peers.split(",") if name]
    pythons = {name: python_of(name) for name in beside}
    made = make(HERE / "data", asked.rows)
    with tempfile.TemporaryDirectory(prefix="goalkeeper-bench-") as folder:
        turns = []
        for turn in range(asked.repeat):
            place = Path(folder) / str(turn)
            place.mkdir()
            turns.append(_turn(place, made, pythons))
    rows = _table(made, turns)
    print(f"{made.rows:,} rows × {made.columns} columns, {DAYS} days, with labels")
    print(f"median of {asked.repeat} processes")
    print(f"{'tool':<12}{'version':>10}{'wall s':>9}{'peak MiB':>10}{'ratio':>8}")
    for row in rows:
        print(
            f"{row['tool']:<12}{row['version']:>10}{row['wall_s']:>9.2f}{row['peak_mib']:>10.0f}"
            f"{row['ratio']:>8.2f}"
        )
    (HERE / "results.json").write_text(json.dumps(rows, indent=2))


def _turn(place: Path, made: Made, pythons: dict[str, Path]) -> dict[str, Measured]:
    """Run every tool once."""
    runs = {"goalkeeper": _collect(place / "plain", made)}
    explained = _collect(place / "explained", made, "--explain")
    for tool, statements in (("statements", explained.output), ("scan", _scan(made) + ";\n")):
        (place / f"{tool}.sql").write_text(statements)
        command = [sys.executable, "-c", _RUN, str(place / f"{tool}.sql")]
        runs[tool] = measured(command, folder=place)
    for peer, python in pythons.items():
        command = [str(python), "-P", str(script_of(peer)), str(made.folder)]
        runs[peer] = measured(command, folder=place, more=QUIET)
    return runs


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


def _table(made: Made, turns: list[dict[str, Measured]]) -> list[dict[str, Any]]:
    def wall(tool: str) -> float:
        return statistics.median(turn[tool].wall_s for turn in turns)

    return [
        {
            "work": "full", "rows": made.rows, "tool": tool, "version": _version(tool),
            "wall_s": round(wall(tool), 3),
            "peak_mib": round(max(turn[tool].peak_mib for turn in turns), 1),
            "ratio": round(wall(tool) / wall("goalkeeper"), 3),
        }
        for tool in turns[0]
    ]  # fmt: skip


def _version(tool: str) -> str:
    if tool in peers():
        return packages_of(tool)[0].partition("==")[2]
    return __version__ if tool == "goalkeeper" else duckdb.__version__


if __name__ == "__main__":
    main()
