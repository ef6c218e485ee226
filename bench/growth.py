"""How the cost of collecting grows with columns, models and segments.

    python -m bench.growth           # 20 and 200 columns, 50 and 500 models, 5 segment columns

Every figure is of one fresh `goalkeeper collect`. Columns: 200,000 rows of 30 days, every fifth column
categorical, some of them of 1,000 levels. Models: all in one project, each collects 1,000 rows of 7 days.
Segments: 1,000,000 rows × 21 columns with 5 segment columns, for its memory.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.made import CONFIG, Made, make
from bench.measured import Measured, measured
from goalkeeper import __version__

HERE = Path(__file__).parent
COLUMNS, MODELS = (20, 200), (50, 500)
SEGMENTS = "    segments: [c0, c1, c2, c3, status]\n"


def main() -> None:
    """Measure, print a table and write bench/growth.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--columns-rows", type=int, default=200_000)
    parser.add_argument("--segments-rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    rows = []
    for columns in COLUMNS:
        made = make(
            HERE / "data", asked.columns_rows, numeric=columns - columns // 5, categorical=columns // 5
        )
        rows.append(_row("columns", columns, _collect(_one(made), made)))
    small = make(HERE / "data", 1_000, days=7)
    for models in MODELS:
        rows.append(_row("models", models, _collect(_many(small, models), small)))
    made = make(HERE / "data", asked.segments_rows)
    rows.append(_row("rows, 5 segment columns", made.rows, _collect(_one(made, SEGMENTS), made)))
    print(f"{'what':<26}{'how many':>10}{'wall s':>9}{'peak MiB':>10}{'s of each':>12}{'of the first':>14}")
    for row in rows:
        print(
            f"{row['what']:<26}{row['many']:>10,}{row['wall_s']:>9.2f}{row['peak_mib']:>10.0f}"
            f"{row['each_s']:>12.4f}{_of_first(rows, row):>14}"
        )
    (HERE / "growth.json").write_text(json.dumps(rows, indent=2))


def _of_first(rows: list[dict[str, Any]], row: dict[str, Any]) -> str:
    first = next(one for one in rows if one["what"] == row["what"])
    return f"{row['each_s'] / first['each_s']:.2f}"


def _row(what: str, many: int, run: Measured) -> dict[str, Any]:
    return {
        "what": what, "many": many, "version": __version__, "wall_s": round(run.wall_s, 3),
        "peak_mib": round(run.peak_mib, 1), "each_s": run.wall_s / many,
    }  # fmt: skip


def _one(made: Made, more: str = "") -> str:
    return CONFIG.format(data=made.folder).replace("    kpis:", f"{more}    kpis:")


def _many(made: Made, models: int) -> str:
    head, one = CONFIG.format(data=made.folder).split("  bench:\n")
    return head + "".join(f"  bench-{i:03}:\n{one}" for i in range(models))


def _collect(config: str, made: Made) -> Measured:
    with tempfile.TemporaryDirectory(prefix="goalkeeper-bench-") as folder:
        (Path(folder) / "goalkeeper.yaml").write_text(config)
        command = [sys.executable, "-m", "goalkeeper", "collect", "--now", made.now.isoformat()]
        return measured(command, folder=Path(folder))


if __name__ == "__main__":
    main()
