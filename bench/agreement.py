"""Whether bench.field decides as the real packages do, on the same raw rows.

    python -m bench.agreement

Five columns (three numeric, two categorical), 30 reference windows and 40 monitored ones of which every other
one is shifted, of 500 and of 5,000 rows. Evidently and NannyML run in environments of their own.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.environments import QUIET, packages_of, python_of
from bench.field import distances
from bench.streams import stream_of

HERE = Path(__file__).parent
REFERENCE, MONITORED = 30, 40
SIZES = (500, 5_000)


def main() -> None:
    """Compare window by window and column by column; print and write bench/agreement.json."""
    rows = []
    for size in SIZES:
        reference, monitored = made(size, np.random.default_rng(size))
        ours = distances(stream_of(pd.concat([reference, monitored]).drop(columns="window"), size))
        with tempfile.TemporaryDirectory(prefix="goalkeeper-bench-") as folder:
            reference.to_parquet(Path(folder) / "reference.parquet", index=False)
            monitored.to_parquet(Path(folder) / "monitored.parquet", index=False)
            theirs = {peer: _asked(peer, Path(folder)) for peer in ("evidently", "nannyml")}
        for column in reference.columns.drop("window"):
            said = np.array([one[column] for one in theirs["evidently"]])
            rows.append(_row("evidently", column, size, ours["evidently"][column], said, said >= 0.1))
            pairs = [one[column] for one in theirs["nannyml"]]
            value, alarm = np.array([one[0] for one in pairs]), np.array([one[1] for one in pairs])
            rows.append(_row("nannyml", column, size, ours["nannyml"][column], value, alarm))
    head = f"{'windows':>9}{'same decision':>15}{'mean |difference|':>19}"
    print(f"{'package':<12}{'column':<12}{'rows':>7}" + head)
    for row in rows:
        print(
            f"{row['package']:<12}{row['column']:<12}{row['rows']:>7,}{row['windows']:>9}"
            f"{row['same']:>15.3f}{row['difference']:>19.4f}"
        )
    (HERE / "agreement.json").write_text(json.dumps(rows, indent=2))


def made(size: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw reference and monitored rows; odd monitored windows are shifted by 0.02 to 0.3 deviations."""
    windows = np.repeat(np.arange(REFERENCE + MONITORED), size)
    late = np.maximum(windows - REFERENCE + 1, 0)
    shift = np.where(late % 2 == 1, 0.02 + 0.28 * late / MONITORED, 0.0) * (late > 0)
    normal = [rng.normal(size=len(windows)) + shift for _at in range(5)]
    levels = np.array(["a", "b", "c", "d", "e", "f"])
    rows = pd.DataFrame(
        {
            "window": windows, "x_normal": normal[0], "x_heavy": np.exp(normal[1]),
            "x_few": np.clip(np.round(normal[2] * 3), -9, 9),
            "c_even": levels[np.digitize(normal[3], [-1, -0.4, 0, 0.4, 1])],
            "c_rare": levels[np.digitize(normal[4], [-2.5, 0.5, 1.5, 2, 2.5])],
        }
    )  # fmt: skip
    return rows[rows["window"] < REFERENCE], rows[rows["window"] >= REFERENCE].reset_index(drop=True)


def _asked(peer: str, folder: Path) -> list[Mapping[str, Any]]:
    script = HERE / "deciders" / f"{peer}.py"
    done = subprocess.run(
        [str(python_of(peer)), "-P", str(script), str(folder)], capture_output=True, text=True, check=True,
        env={**os.environ, **QUIET},
    )  # fmt: skip
    found: list[Mapping[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _row(
    package: str, column: str, size: int, ours: tuple[np.ndarray, np.ndarray], value: np.ndarray,
    alarm: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    distance, fires = ours
    return {
        "package": package, "version": packages_of(package)[0].partition("==")[2], "column": column,
        "rows": size, "windows": len(value), "same": float((fires == alarm).mean()),
        "difference": float(np.abs(distance - value).mean()),
    }  # fmt: skip


if __name__ == "__main__":
    main()
