"""Nothing that axe calls serious or critical, on any page, light and dark."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.visits import served
from tests.dashboard.test_browser import ADDRESSES, Watched
from tests.npm import file_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return npm's `axe-core`."""
    return file_of("axe-core", "axe.min.js", tmp_path_factory.mktemp("axe")).decode()


SERIOUS = """
async () => {
    const found = await axe.run(document, {resultTypes: ['violations']});
    const nodes = found.violations.filter(one => ['serious', 'critical'].includes(one.impact)).flatMap(
        one => one.nodes.map(node => [
            one.id, Boolean(document.querySelector(node.target[0])?.closest('[data-testid="stSidebarNav"]')),
            node.html.slice(0, 200),
        ]));
    return nodes;
}
"""
OWN = {("list", True), ("listitem", True)}
"""What Streamlit's own list of pages in groups has: a page with nothing on it has it too, see below."""
EMPTY = """
import streamlit as st

one, two = (st.Page(lambda: st.title("Empty"), title=name, url_path=name) for name in ("one", "two"))
st.navigation({"first": [one], "second": [two]}).run()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ADDRESSES)
def test_a_page_is_accessible(browser: "Browser", address: str, axe: str, name: str, scheme: Any) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": 1000}, locale="en-GB", color_scheme=scheme
    )
    context.set_default_timeout(30_000)
    path, text = ADDRESSES[name]
    page = Watched(context.new_page(), address).open(path, text)
    page.evaluate(axe)
    found = page.evaluate(SERIOUS)
    context.close()
    assert [one for one in found if (one[0], one[1]) not in OWN] == []


def test_an_empty_page_of_streamlit_has_what_is_left_out(
    browser: "Browser", axe: str, tmp_path: Path
) -> None:
    script = tmp_path / "empty.py"
    script.write_text(EMPTY)
    command = ["streamlit", "run", str(script), "--server.headless=true", "--server.address=127.0.0.1"]
    with served([*command, "--browser.gatherUsageStats=false", "--server.port"], tmp_path) as at:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{at.port}/")
        page.locator("h1", has_text="Empty").wait_for()
        page.evaluate(axe)
        found = page.evaluate(SERIOUS)
        page.close()
    assert {(one[0], one[1]) for one in found} >= OWN
