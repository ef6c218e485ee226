"""Train the call centre's next version: what `retrain:` of its project runs, with the ticket on stdin.

It asks Goalkeeper for the labelled rows of the ticket, finds the campaign whose share has grown most since
the harm began, and fits a logistic regression (scikit-learn) that tells that campaign apart. The new version
serves from the next day on; its name is the last line of the output.
"""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goalkeeper.demo import story
from goalkeeper.demo.people import NUMERIC
from goalkeeper.demo.releases import release
from goalkeeper.demo.scoring import Logistic, bent


def main() -> None:
    """Read the ticket, fetch the rows, train, release."""
    brief = json.load(sys.stdin)
    folder = Path(brief["project"]).parent
    rows = _rows(brief, folder)
    since = datetime.fromisoformat(brief["harm"]["since"])
    print(f"{len(rows):,} labelled rows, {int((rows['time'] >= since).sum()):,} of them since {since:%d %B}")
    apart = _grown(rows, since)
    print(f"told apart: campaign {apart}")
    newest = max(int(name.removeprefix("v")) for name in rows["version"].unique())
    model = fit(rows, f"v{newest + 1}", apart, since)
    today = datetime.fromisoformat(brief["as_of"]).astimezone(story.ZONE).date()
    path = release(folder, model, today + timedelta(days=1))
    print(f"{path.name} serves from tomorrow on")
    print(json.dumps({"version": model.version}))


def fit(rows: pd.DataFrame, version: str, apart: str, since: datetime) -> Logistic:
    """Fit a version; coefficients are rounded, so that another machine's last digits change nothing."""
    from sklearn.linear_model import LogisticRegression

    numeric = [rows[name].to_numpy(dtype=np.float64) for name in NUMERIC]
    taken = [bent(name, values) for name, values in zip(NUMERIC, numeric, strict=True)]
    places = [rows[name].to_numpy(dtype=str) for name in ("plan", "channel", "campaign")]
    model = Logistic(
        version=version, columns=NUMERIC, apart=apart, weights=np.zeros(0),
        means=np.round([float(np.nanmean(values)) for values in taken], 4),
        scales=np.round([float(np.nanstd(values)) for values in taken], 4),
    )  # fmt: skip
    inputs = model.design(numeric, *places)
    offered = rows["prediction"].to_numpy(dtype=np.float64)
    learner = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8, max_iter=5000)
    learner.fit(np.column_stack([inputs, offered]), rows["label"].astype(str) == "1")
    weights = np.round(learner.coef_[0], 3)
    lately = (rows["time"] >= since).to_numpy()
    cut = round(float(np.quantile(inputs[lately] @ weights[:-1], 1 - story.OFFERS)), 3)
    return Logistic(
        version=version, columns=NUMERIC, apart=apart, weights=weights, means=model.means,
        scales=model.scales, cut=cut,
    )  # fmt: skip


def _rows(brief: dict[str, Any], folder: Path) -> pd.DataFrame:
    """Fetch the ticket's rows as a pipeline elsewhere would: by the command line."""
    path = folder / "rows.parquet"
    command = [sys.executable, "-m", "goalkeeper", "export", "rows", "--ticket", str(brief["ticket"]["id"])]
    command += ["--config", brief["project"], "--now", brief["as_of"], "--out", str(path)]
    subprocess.run(command, check=True)
    rows = pd.read_parquet(path).sort_values("id").dropna(subset=["prediction"])
    path.unlink()
    return rows


def _grown(rows: pd.DataFrame, since: datetime) -> str:
    """Return the campaign whose share of the rows has grown most since a time."""
    lately = rows["time"] >= since
    shares = [rows.loc[some, "campaign"].value_counts(normalize=True) for some in (lately, ~lately)]
    return str(shares[0].sub(shares[1], fill_value=0.0).idxmax())


if __name__ == "__main__":
    main()
