"""Find a Chromium for the browser tests, or install one; say plainly when there is none.

`python -m tests.browsers` does it; tests call `chromium()`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
SETTLED = """(!document.querySelector('[data-testid="stSkeleton"]')
 && document.querySelector('[data-test-script-state]')?.dataset.testScriptState === 'notRunning')"""
"""In a page's own language: whether a page of Streamlit's has run to its end and is drawn."""


def chromium() -> str | None:
    """Return the path of a system Chromium, or of Playwright's own; None without one."""
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    own = sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    return str(own[-1]) if own else None


def _quietly(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=600, check=False).returncode == 0


def main() -> None:
    """Make sure that there is one, where that is allowed."""
    if chromium() is None and shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Debian's Chromium for the browser tests …")
        _quietly("apt-get", "update")
        _quietly("apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core")
    if chromium() is None:
        print("Trying Playwright's own Chromium for the browser tests …")
        _quietly(sys.executable, "-m", "playwright", "install", "chromium")
    if chromium() is None:
        print(
            "LEFT OUT: no Chromium here, so every test marked 'browser' is skipped"
            " (install `chromium` to run them)."
        )


if __name__ == "__main__":
    main()
