"""April 2013 of the flights, 30 daily windows: Goalkeeper beside Evidently's workspace, in time and in bytes.

    python -m bench.flights

Goalkeeper is one fresh `goalkeeper collect`, all that it stores in SQLite; Evidently one fresh process that
makes a report for each day against the same reference and adds it to a workspace on disk.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from bench.environments import QUIET, packages_of, python_of, script_of
from bench.measured import Measured, measured
from examples.flights.prepare import HERE as FLIGHTS
from examples.flights.prepare import scored_flights, write_month, write_reference
from goalkeeper import __version__

HERE = Path(__file__).parent
NOW = "2013-05-04T09:00:00-04:00"


def main() -> None:
    """Measure, print a table and write bench/flights.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    python = python_of("evidently")
    ours: list[tuple[Measured, int]] = []
    theirs: list[tuple[Measured, int]] = []
    with tempfile.TemporaryDirectory(prefix="goalkeeper-bench-") as folder:
        data = Path(folder) / "data"
        flights = scored_flights()
        write_reference(data, flights)
        write_month(data, flights, "2013-04")
        for turn in range(asked.repeat):
            ours.append(_collect(Path(folder) / f"ours-{turn}", data))
            theirs.append(_workspace(Path(folder) / f"theirs-{turn}", data, python))
    rows = [
        {
            "tool": tool, "version": version, "wall_s": statistics.median(run.wall_s for run, _bytes in runs),
            "peak_mib": max(run.peak_mib for run, _bytes in runs), "stored_mib": runs[-1][1] / 2**20,
        }
        for tool, version, runs in (
            ("goalkeeper", __version__, ours),
            ("evidently", packages_of("evidently")[0].partition("==")[2], theirs),
        )
    ]  # fmt: skip
    print(
        f"{'tool':<12}{'version':>10}{'wall s':>9}{'peak MiB':>10}{'stored MiB':>12}{'time':>8}{'bytes':>8}"
    )
    for row in rows:
        time, size = (row[key] / rows[0][key] for key in ("wall_s", "stored_mib"))
        print(
            f"{row['tool']:<12}{row['version']:>10}{row['wall_s']:>9.2f}{row['peak_mib']:>10.0f}"
            f"{row['stored_mib']:>12.2f}{time:>8.1f}{size:>8.1f}"
        )
    (HERE / "flights.json").write_text(json.dumps(rows, indent=2))


def _collect(folder: Path, data: Path) -> tuple[Measured, int]:
    folder.mkdir()
    config = (FLIGHTS / "goalkeeper.yaml").read_text()
    for place in ("logs/", "reference.parquet"):
        config = config.replace(f"path: {place}", f"path: {data}/{place}")
    (folder / "goalkeeper.yaml").write_text(config)
    run = measured([sys.executable, "-m", "goalkeeper", "collect", "--now", NOW], folder=folder)
    return run, sum(path.stat().st_size for path in folder.glob("goalkeeper.db*"))


def _workspace(folder: Path, data: Path, python: Path) -> tuple[Measured, int]:
    folder.mkdir()
    command = [str(python), "-P", str(script_of("evidently")), str(data), str(folder / "workspace")]
    run = measured(command, folder=folder, more=QUIET)
    return run, sum(path.stat().st_size for path in (folder / "workspace").rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
