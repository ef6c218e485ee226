"""Estimated performance beside what came true, and beside NannyML's estimate, on NannyML's car loans.

    python -m bench.estimation        # prints a table and writes bench/estimation.json

The data come from the nannyml package: 50,000 rows of reference and of analysis; in the middle of the latter
the inputs change. Each chunk of 5,000 rows is given a day, `goalkeeper collect` counts the days like any log,
and the estimates are read from the profiles: nothing but counts by score. NannyML runs on the same rows in an
environment of its own; this file runs there as a script, so only what both have is imported at its top.
"""

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
CHUNK = 5_000
START = datetime(2026, 1, 5, tzinfo=UTC)
METRICS = ("roc_auc", "accuracy")
CONFIG = """\
store: sqlite:///{folder}/goalkeeper.db
state_dir: {folder}/state
models:
  loans:
    task: binary
    predictions:
      kind: parquet
      path: {folder}/*.parquet
      columns: {{id: id, time: at, score: score, prediction: answer}}
    ground_truth: {{in: predictions, columns: {{label: label}}, maturity: 1h}}
    reference: {{path: {folder}/reference.parquet}}
"""

Found = dict[str, dict[str, list[Any]]]
"""By metric and chunk: `estimated` and `beyond` (outside the reference's band); theirs also `realised`."""


def main() -> None:
    """Run both, print the table and write bench/estimation.json."""
    from bench.environments import QUIET, packages_of, python_of
    from goalkeeper import __version__

    with tempfile.TemporaryDirectory(prefix="goalkeeper-bench-") as name:
        command = [str(python_of("nannyml")), "-P", __file__, name]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**QUIET, "HOME": name}
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        theirs: Found = json.loads(done.stdout.strip().splitlines()[-1])
        ours = _ours(Path(name))
    tools = {"goalkeeper": (ours, __version__), "nannyml": (theirs, packages_of("nannyml")[0].split("==")[1])}
    rows = []
    for metric in METRICS:
        realised = np.array(theirs[metric]["realised"])
        print(f"{metric}\n{'chunk':>6}{'realised':>12}" + "".join(f"{tool:>14}" for tool in tools))
        for at, came in enumerate(realised):
            told = "".join(
                f"{found[metric]['estimated'][at]:>13.4f}{'*' if found[metric]['beyond'][at] else ' '}"
                for found, _version in tools.values()
            )
            print(f"{at:>6}{came:>12.4f}{told}")
        for tool, (found, version) in tools.items():
            error = float(np.abs(np.array(found[metric]["estimated"]) - realised).mean())
            first = next((at for at, beyond in enumerate(found[metric]["beyond"]) if beyond), None)
            print(f"  {tool}: mean absolute error {error:.5f}, beyond its band (*) from chunk {first}")
            rows.append(
                {"metric": metric, "tool": tool, "version": version, "chunks": len(realised),
                 "mean_absolute_error": error, "first_beyond": first}
            )  # fmt: skip
    (HERE / "estimation.json").write_text(json.dumps(rows, indent=2))


def theirs(folder: Path) -> Found:
    """Write the rows as Parquet, a chunk a day, and return what CBPE estimates and what came true."""
    import nannyml as nml

    nml.disable_usage_logging()
    reference, analysis, targets = nml.load_synthetic_car_loan_dataset()
    analysis = analysis.merge(targets, on="id")
    names = {"repaid": "label", "y_pred_proba": "score", "y_pred": "answer"}
    for name, data in (("reference", reference), ("analysis", analysis)):
        at = np.arange(len(data))
        times = START + pd.to_timedelta(at // CHUNK, unit="D") + pd.to_timedelta(at % CHUNK, unit="s")
        if name == "reference":
            times -= timedelta(days=len(data) // CHUNK)
        log = (
            data.rename(columns=names)
            .drop(columns="timestamp")
            .assign(at=times.astype("datetime64[us, UTC]"))
        )
        log.to_parquet(folder / f"{name}.parquet")
    estimator = nml.CBPE(
        problem_type="classification_binary", y_true="repaid", y_pred="y_pred", y_pred_proba="y_pred_proba",
        metrics=list(METRICS), chunk_size=CHUNK,
    )  # fmt: skip
    found = estimator.fit(reference).estimate(analysis).filter(period="analysis").to_df()
    return {
        metric: {
            "estimated": found[metric]["value"].tolist(),
            "realised": found[metric]["realized"].tolist(),
            "beyond": [bool(one) for one in found[metric]["alert"]],
        }
        for metric in METRICS
    }


def _ours(folder: Path) -> Found:
    """Collect the rows as a log, and return what is estimated by day from its profiles.

    The band is what the log of the reference's own days is estimated at, ± 3 standard deviations of the label
    noise of a day.
    """
    from core.config import load
    from goalkeeper.jobs.passes import run_pass
    from metrics.intervals import Z95
    from reports.query import Query
    from store.database import Store

    (folder / "goalkeeper.yaml").write_text(CONFIG.format(folder=folder))
    project = load(folder / "goalkeeper.yaml")
    store = Store.open(project.store.reveal())
    chunks = {
        part: len(pd.read_parquet(folder / f"{part}.parquet", columns=["id"])) // CHUNK
        for part in ("reference", "analysis")
    }
    since, until = (
        START - timedelta(days=chunks["reference"]),
        START + timedelta(days=chunks["analysis"]),
    )
    now = until + timedelta(hours=6)
    done = run_pass(project=project, store=store, now=now, models=["loans"], deliver=False)
    if done.failed:
        raise RuntimeError(str(done.models[0].error))
    query = Query(store=store, project=project)
    found: Found = {}
    for metric in METRICS:
        points = query.series("loans", f"estimated.{metric}", since=since, until=until, now=now)
        values = np.array([[one.value.value, one.value.lower, one.value.upper] for one in points])
        estimated, half = values[:, 0], (values[:, 2] - values[:, 1]) / (2 * Z95) * 3
        level = estimated[: chunks["reference"]].mean()
        beyond = np.abs(estimated - level) > half
        found[metric] = {
            "estimated": estimated[chunks["reference"] :].tolist(),
            "beyond": beyond[chunks["reference"] :].tolist(),
        }
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(theirs(Path(sys.argv[1]))))
    else:
        main()
