"""Nothing that axe calls serious or critical, on any page, light and dark."""

import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.dashboard.test_browser import ADDRESSES, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return npm's `axe-core`."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    got = subprocess.run([npm, "pack", "--silent", "axe-core"], cwd=folder, capture_output=True)
    if got.returncode:
        pytest.skip(f"npm has no axe-core: {got.stderr.decode()[-200:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        held = packed.extractfile("package/axe.min.js")
        assert held is not None
        return held.read().decode()


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
