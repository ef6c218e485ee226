"""How long a real Chromium takes from an address to the last chart of a page."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.visits import Served, served
from tests.browsers import ARGUMENTS, SETTLED, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

EMPTY = """import streamlit as st
st.title("Empty")
st.plotly_chart({"data": [{"type": "scatter", "y": [1, 2, 3]}], "layout": {}})
"""
_DRAWN = f"""charts => {SETTLED} && document.querySelector('h1')
 && document.querySelectorAll('.js-plotly-plot .main-svg').length >= charts"""


class Reader:
    """One reader with one tab; what a browser keeps of the first visit stays there."""

    def __init__(self, page: "Page") -> None:
        self._page = page

    def open(self, at: Served, path: str, charts: int) -> float:
        """Open an address; return the seconds until its script is at its end and `charts` are drawn."""
        begun = time.perf_counter()
        self._page.goto(f"http://127.0.0.1:{at.port}/{path}", wait_until="commit")
        self._page.wait_for_function(_DRAWN, arg=charts, polling="raf")
        return time.perf_counter() - begun


@contextmanager
def reader() -> Iterator[Reader]:
    """Open a browser.

    Raises:
        RuntimeError: there is no Chromium on this machine.
    """
    from playwright.sync_api import sync_playwright

    path = chromium()
    if path is None:
        raise RuntimeError("There is no Chromium here; install one with: python -m tests.browsers")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield Reader(browser.new_page(viewport={"width": 1440, "height": 1000}))
        browser.close()


@contextmanager
def empty(folder: Path) -> Iterator[Served]:
    """Serve a page of Streamlit's own with one chart and nothing else."""
    script = folder / "empty.py"
    script.write_text(EMPTY)
    asked = ["--server.headless=true", "--server.address=127.0.0.1", "--browser.gatherUsageStats=false"]
    with served(["streamlit", "run", str(script), *asked, "--server.port"], folder) as at:
        yield at
