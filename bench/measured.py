"""Run a command and tell its wall time and the most memory it held."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK = 0.01
"""Seconds between two looks at its memory."""


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
        RuntimeError: it failed, which the message explains, or took longer than `limit` seconds.
    """
    out, err = folder / "stdout", folder / "stderr"
    peak = 0.0
    with out.open("wb") as stdout, err.open("wb") as stderr:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=stdout, stderr=stderr, env=os.environ | (more or {})
        )
        try:
            while process.poll() is None:
                if time.perf_counter() - begun > limit:
                    raise RuntimeError(f"{' '.join(command)} took more than {limit:.0f} s")
                peak = max(peak, _held(process.pid))
                time.sleep(LOOK)
        finally:
            process.kill()
        wall = time.perf_counter() - begun
    if process.returncode:
        said = (err.read_text() or out.read_text())[-2000:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    return Measured(wall_s=wall, peak_mib=peak, output=out.read_text())


def _held(pid: int) -> float:
    """Return the most memory that a running process ever held, in MiB; 0 once it has ended.

    What the system tells of an ended process counts what its parent held when it was started, too.
    """
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in told.splitlines() if line.startswith("VmHWM")), 0.0)
