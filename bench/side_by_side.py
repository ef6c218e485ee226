"""The same questions about the same flights in Goalkeeper and in Evidently's own UI: clicks and pictures.

    python -m bench.side_by_side                   # writes docs/images/beside-*.png

April to December 2013 of the flights. Goalkeeper collects them as examples/flights says; Evidently, of the
version that Goalkeeper itself uses, makes a report of drift and classification for each week against the same
reference, and four panels on its dashboard. Then a browser answers each question in both, by clicks alone,
beginning at the address that each prints when it starts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.environments import QUIET
from bench.visits import ROOT, free_port, served
from examples.flights.prepare import prepare
from goalkeeper import __version__
from tests.browsers import ARGUMENTS, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOW = "2014-01-04T09:00"
WEEK = "week of 09 December"
COLUMNS = ("p_late", "carrier", "origin", "dest", "distance", "sched_hour", "weekday")
WAIT_MS = 4000


class Reader:
    """Somebody who clicks, and what it came to."""

    def __init__(self, page: "Page", address: str, name: str, folder: Path) -> None:
        self._page, self._address, self._name, self._folder = page, address, name, folder

    def answer(self, question: str, way: list[Callable[["Page"], None]], height: int = 900) -> int:
        """Open the first page, click along, keep a picture; return how many clicks it took."""
        self._page.goto(self._address)
        self._page.wait_for_timeout(WAIT_MS)
        for step in way:
            step(self._page)
            self._page.wait_for_timeout(WAIT_MS)
        self._page.set_viewport_size({"width": 1280, "height": height})
        self._page.wait_for_timeout(1000)
        self._page.screenshot(path=self._folder / f"beside-{question}-{self._name}.png")
        self._page.set_viewport_size({"width": 1280, "height": 900})
        print(f"{question:<12}{self._name:<12}{len(way)} clicks", flush=True)
        return len(way)


def main() -> None:
    """Make both, click through both, print the clicks and the seconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=Path, default=ROOT / "docs" / "images")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="goalkeeper-beside-") as name:
        folder = Path(name)
        prepare(folder / "flights")
        config = folder / "flights" / "goalkeeper.yaml"
        begun = time.perf_counter()
        command = [sys.executable, "-m", "goalkeeper", "collect", "--config", str(config), "--now", NOW]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        print(f"goalkeeper {__version__}: 275 days in {time.perf_counter() - begun:.0f} s")
        begun = time.perf_counter()
        weeks = _reports(folder / "flights", folder / "workspace")
        print(f"evidently {version('evidently')}: {weeks} weeks in {time.perf_counter() - begun:.0f} s")
        _walk(config, folder / "workspace", asked.images)


def _walk(config: Path, workspace: Path, images: Path) -> None:
    from playwright.sync_api import sync_playwright

    ours = ["goalkeeper", "dashboard", "--config", str(config), "--port"]
    with served(ours, config.parent) as at, _evidently(workspace) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB")
        page.set_default_timeout(30_000)
        goalkeeper = Reader(page, f"http://127.0.0.1:{at.port}", "goalkeeper", images)
        evidently = Reader(page, f"http://127.0.0.1:{port}", "evidently", images)
        goalkeeper.answer("goal", [_link("Goals")])
        goalkeeper.answer("model", [_link("Performance")])
        evidently.answer("model", [_text("Late arrivals")], height=1500)
        goalkeeper.answer("column", [_link("Drift"), _box("Column"), _option("dest")], height=1500)
        report: list[Callable[[Page], None]] = [_text("Late arrivals"), _text("Reports"), _view(WEEK)]
        evidently.answer("column", [*report, _first_row], height=1500)
        goalkeeper.answer("segment", [_link("Segments")])
        browser.close()


def _link(name: str) -> Callable[["Page"], None]:
    return lambda page: page.get_by_role("link", name=name, exact=True).first.click()


def _text(name: str) -> Callable[["Page"], None]:
    return lambda page: page.get_by_text(name, exact=True).first.click()


def _box(label: str) -> Callable[["Page"], None]:
    return lambda page: page.get_by_role("combobox", name=label).last.click()


def _option(name: str) -> Callable[["Page"], None]:
    return lambda page: page.get_by_role("option", name=name, exact=True).first.click()


def _view(name: str) -> Callable[["Page"], None]:
    return lambda page: page.get_by_role("row", name=name).get_by_text("View", exact=True).click()


def _first_row(page: "Page") -> None:
    """Open what a report tells of the column `dest`."""
    page.get_by_role("row", name="dest").first.get_by_role("button").first.click()


@contextmanager
def _evidently(workspace: Path) -> Iterator[int]:
    port = free_port()
    command = [str(Path(sys.executable).with_name("evidently")), "ui", "--workspace", str(workspace)]
    with (workspace / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)], stdout=log, stderr=log,
            env=os.environ | QUIET,
        )  # fmt: skip
    try:
        time.sleep(15)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def _reports(flights: Path, workspace: Path) -> int:
    """Make a report for each week, and panels of drift, log loss and ROC AUC; return how many weeks."""
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset, DataDriftPreset
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import line_plot_panel
    from evidently.ui.workspace import Workspace

    said, told = (pd.read_parquet(flights / "logs" / name) for name in ("predictions", "landings"))
    rows = said.merge(told[["flight_id", "late"]], on="flight_id").astype({"late": int})
    kept = [*COLUMNS, "late"]
    reference = pd.read_parquet(flights / "reference.parquet").dropna(subset=["late"]).astype({"late": int})
    declared = DataDefinition(
        numerical_columns=["distance", "sched_hour", "weekday", "p_late"],
        categorical_columns=["carrier", "origin", "dest"],
        classification=[
            BinaryClassification(target="late", prediction_probas="p_late", prediction_labels=None)
        ],
    )
    normal = Dataset.from_pandas(reference[kept], data_definition=declared)
    opened = Workspace.create(str(workspace))
    project = opened.create_project("Late arrivals")
    days = pd.to_datetime(rows["departs_at"], utc=True).dt.tz_convert("America/New_York")
    weeks = rows.groupby(days.dt.tz_localize(None).dt.to_period("W"))
    for week, part in weeks:
        current = Dataset.from_pandas(part[kept], data_definition=declared)
        made = Report([DataDriftPreset(), ClassificationPreset()]).run(
            current, normal, timestamp=week.start_time.to_pydatetime(),
            name=f"week of {week.start_time:%d %B}",
        )  # fmt: skip
        opened.add_run(project.id, made, include_data=False)
    drift = [PanelMetric(metric="ValueDrift", metric_labels={"column": one}, legend=one) for one in COLUMNS]
    share = PanelMetric(metric="DriftedColumnsCount", metric_labels={"value_type": "share"}, legend="share")
    for title, values in (
        ("Share of drifted columns", [share]),
        ("Drift by column", drift),
        ("Log loss", [PanelMetric(metric="LogLoss", legend="log loss")]),
        ("ROC AUC", [PanelMetric(metric="RocAuc", legend="ROC AUC")]),
    ):
        project.dashboard.add_panel(line_plot_panel(title=title, values=values))
    project.save()
    return len(weeks)


if __name__ == "__main__":
    main()
