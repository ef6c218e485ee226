"""A page in a browser whose console is listened to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.browsers import SETTLED

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

OWN_LOOK_UP = re.compile(r"/_stcore/(health|host-config)")
"""Streamlit asks for these below every page's name first, is told 404 and asks again at the root."""


class Watched:
    """A page whose console is listened to."""

    def __init__(self, page: "Page", address: str) -> None:
        self.page, self._address = page, address
        self.said: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def _hear(self, message: "ConsoleMessage") -> None:
        if message.type == "error" and not OWN_LOOK_UP.search(message.location.get("url", "")):
            self.said.append(f"{message.text} ({message.location.get('url')})")

    def open(self, path: str, text: str = "") -> "Page":
        """Open an address of the dashboard and wait until it shows `text` and has settled."""
        self.page.goto(f"{self._address}{path}")
        self.page.locator("h1").first.wait_for()
        return self.settle(text)

    def settle(self, text: str = "") -> "Page":
        """Wait until the page shows `text` and has settled."""
        if text:
            self.page.wait_for_function(
                "text => document.body.innerText.replaceAll('\\u00a0', ' ').includes(text)", arg=text
            )
        self.page.wait_for_function(f"() => {SETTLED}")
        return self.page

    @property
    def text(self) -> str:
        """Return what the page says, with plain spaces."""
        return (
            self.page.locator('[data-testid="stMain"]')
            .inner_text()
            .replace("\xa0", " ")
            .replace("\u2060", "")
        )

    def picture(self, path: Path, width: int) -> None:
        """Take a picture of the whole page, and look whether it fits."""
        main = self.page.locator('[data-testid="stMain"]')
        height, wide, room = main.evaluate("m => [m.scrollHeight, m.scrollWidth, m.clientWidth]")
        self.page.set_viewport_size({"width": width, "height": min(max(height + 20, 1000), 8000)})
        self.page.screenshot(path=path, animations="disabled")
        self.page.set_viewport_size({"width": width, "height": 1000})
        assert wide <= room, f"{path.stem} is {wide} wide where there is room for {room}"

    def check(self) -> None:
        """Nothing broke."""
        assert self.page.locator('[data-testid="stException"]').count() == 0
        assert self.said == []


@dataclass(frozen=True, kw_only=True)
class Look:
    """On what a page is looked at."""

    width: int
    scheme: Literal["light", "dark"]


def photograph(
    browser: "Browser", address: str, pages: Mapping[str, tuple[str, str]], folder: Path, look: Look
) -> None:
    """Open each page by its path, wait for its text, and keep a picture; all must fit, and nothing break."""
    context = browser.new_context(
        viewport={"width": look.width, "height": 1000},
        color_scheme=look.scheme,
        locale="en-GB",
    )
    context.set_default_timeout(60_000)
    watched = Watched(context.new_page(), address)
    for name, (path, text) in pages.items():
        watched.open(path, text)
        watched.picture(folder / f"{name}-{look.width}-{look.scheme}.png", look.width)
        watched.check()
    context.close()
