"""Render an Evidently deep dive as one HTML file, in a process of its own: the import takes seconds.

What the process needs travels through a folder: two Parquet files and an outline. Nothing is sent anywhere:
Evidently's usage statistics are switched off before it is imported.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import GoalkeeperError
from core.files import write_atomically
from core.text import gettext as _

LABEL, SCORE, PREDICTION = "label", "score", "prediction"
"""Columns of both tables beside the features, where they are known."""
TIME_LIMIT = 600
LEAST_ROWS, LEAST_OF_CLASS = 30, 2
_HELD = "\ue000"
"""Stands for '<' while Evidently works: it writes texts of the log into a script without escaping them."""


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What a deep dive is about: columns by kind, task, classes as texts; `caption` stands above it."""

    title: str
    caption: str
    task: str
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    classes: tuple[str, ...] = ()


def render(current: pa.Table, reference: pa.Table, outline: Outline, target: Path) -> None:
    """Write the HTML of a window beside its reference to `target`.

    Args:
        current, reference: rows with the outline's columns, and `label`, `score`, `prediction` where known.

    Raises:
        GoalkeeperError: there are too few rows, or Evidently failed.
    """
    for what, table in ((_("the window"), current), (_("the reference"), reference)):
        if table.num_rows < LEAST_ROWS:
            raise GoalkeeperError(
                _("{what} holds {n} rows; a deep dive needs {least}.").format(
                    what=what, n=table.num_rows, least=LEAST_ROWS
                ),
                hint=_("Choose a longer window."),
            )
    with tempfile.TemporaryDirectory(prefix="goalkeeper-") as place:
        folder = Path(place)
        pq.write_table(current, folder / "current.parquet")
        pq.write_table(reference, folder / "reference.parquet")
        (folder / "outline.json").write_text(json.dumps(asdict(outline)))
        try:
            done = subprocess.run(
                [sys.executable, "-m", "reports.deep_dive", place],
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
                check=False,
                cwd=Path(__file__).resolve().parent.parent,
            )
        except subprocess.TimeoutExpired:
            raise GoalkeeperError(
                _("Evidently did not end within {n} s.").format(n=TIME_LIMIT), hint=_("Take fewer rows.")
            ) from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["?"])[-1]
            raise GoalkeeperError(
                _("Evidently failed: {error}").format(error=last[:300]),
                hint=_("Choose another window, or fewer columns under `features`."),
            )
        body = (folder / "report.html").read_text()
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, _captioned(body, outline).encode())


def _captioned(body: str, outline: Outline) -> str:
    """Put title and caption before the report; both come from configuration and are escaped."""
    head = (
        '<header style="font:16px system-ui,sans-serif;max-width:1200px;margin:24px auto 0;padding:0 24px">'
        f'<h1 style="font-size:24px;margin:0 0 4px">{escape(outline.title)}</h1>'
        f'<p style="margin:0;color:#555">{escape(outline.caption)}</p></header>'
    )
    start = body.find("<body")
    at = body.find(">", start) + 1 if start >= 0 else 0
    return body[:at] + head + body[at:]


def work(folder: Path) -> None:
    """Run Evidently on what lies in a folder; writes report.html beside it."""
    os.environ["DO_NOT_TRACK"] = "1"  # Evidently's own switch: no usage statistics
    import warnings

    warnings.simplefilter("ignore")  # of the libraries below, in this process alone
    import pandas as pd
    from evidently import Dataset, Report

    outline = json.loads((folder / "outline.json").read_text().replace("<", _HELD))
    tables = [_held(pd.read_parquet(folder / f"{name}.parquet")) for name in ("current", "reference")]
    definition, presets = _plan(outline, tables)
    data = [Dataset.from_pandas(table, data_definition=definition) for table in tables]
    target = folder / "report.html"
    Report(presets).run(data[0], data[1]).save_html(str(target))
    body = target.read_text().replace("\\ue000", _HELD)
    target.write_text(body.replace(_HELD, "\\u003c"))  # inside a script's text that reads as '<' again


def _held(table: Any) -> Any:
    """Put a stand-in for '<' into names and texts, so that none of them can end the script it lands in."""
    table.columns = [str(name).replace("<", _HELD) for name in table.columns]
    for column in table.select_dtypes(exclude="number"):
        table[column] = table[column].map(
            lambda value: value.replace("<", _HELD) if isinstance(value, str) else value, na_action="ignore"
        )
    return table


def _plan(outline: dict[str, Any], tables: list[Any]) -> tuple[Any, list[Any]]:
    """Choose what Evidently shows: drift and summary always, performance where both tables have labels."""
    from evidently import BinaryClassification, DataDefinition, MulticlassClassification, Regression
    from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset, RegressionPreset

    numeric, categorical = list(outline["numeric"]), list(outline["categorical"])
    for table in tables:
        for column in categorical:
            table[column] = table[column].astype("string").fillna("missing").astype(str)
    presets: list[Callable[[], Any]] = [DataDriftPreset, DataSummaryPreset]
    more: dict[str, Any] = {}
    guess = SCORE if all(SCORE in table for table in tables) else PREDICTION
    known = all(LABEL in table and guess in table for table in tables)
    if known:
        for table in tables:
            table.dropna(subset=[LABEL, guess], inplace=True)
        known = all(len(table) >= LEAST_ROWS for table in tables)
    if known and outline["task"] == "regression":
        more["regression"] = [Regression(target=LABEL, prediction=guess)]
        presets.append(RegressionPreset)
    elif known and all((table[LABEL].value_counts() >= LEAST_OF_CLASS).sum() > 1 for table in tables):
        if outline["task"] == "binary" and guess == SCORE:
            for table in tables:
                table[LABEL] = (table[LABEL].astype(str) == outline["classes"][1]).astype(int)
            more["classification"] = [
                BinaryClassification(target=LABEL, prediction_probas=SCORE, pos_label=1)
            ]
            presets.append(ClassificationPreset)
        elif PREDICTION in tables[0] and PREDICTION in tables[1]:
            for table in tables:
                table[[LABEL, PREDICTION]] = table[[LABEL, PREDICTION]].astype(str)
            more["classification"] = [MulticlassClassification(target=LABEL, prediction_labels=PREDICTION)]
            presets.append(ClassificationPreset)
    definition = DataDefinition(numerical_columns=numeric, categorical_columns=categorical, **more)
    return definition, [preset() for preset in presets]


if __name__ == "__main__":
    work(Path(sys.argv[1]))
