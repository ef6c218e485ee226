"""Nothing that axe calls serious or critical, on any page, light and dark."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.dashboard.test_browser import ADDRESSES, Watched
from tests.npm import file_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return npm's `axe-core`."""
    return file_of("axe-core", "axe.min.js", tmp_path_factory.mktemp("axe")).decode()


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
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    context.close()
    bad = [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert bad == []
