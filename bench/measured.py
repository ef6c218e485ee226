"""Run a command and tell its wall time and the most memory it held."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds and MiB of one process, and what it printed."""

    wall_s: float
    peak_mib: float
    output: str


def measured(
    command: Sequence[str], *, folder: Path, limit: float = 1800, more: Mapping[str, str] | None = None
) -> Measured:
    """Run a command to its end, in our environment and `more`.

    Raises:
        RuntimeError: it failed; the message holds what it said.
    """
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=stdout, stderr=stderr, env=os.environ | (more or {})
        )
        try:
            _pid, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or wall > limit:
        said = (err.read_text() or out.read_text())[-2000:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    scale = 1024 if sys.platform == "linux" else 1024**2
    return Measured(wall_s=wall, peak_mib=used.ru_maxrss / scale, output=out.read_text())
