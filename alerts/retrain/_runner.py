"""Run one command for a retraining, on its own: `python -m alerts.retrain._runner FOLDER`.

FOLDER holds `job.json` (command, cwd, seconds) and `brief.json` (what the command reads). The first thing is
to write `started`, which only one process can; then the command runs with everything that it prints in
`log.txt`; last comes `ended.json`. So whoever looks into the folder knows how it stands, also after a crash.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path


def born(pid: int) -> str:
    """Return when a process was born, in ticks since boot; '' where it is gone or cannot be told."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def main(place: str) -> None:
    """Run the command and say how it ended."""
    folder = Path(place)
    job = json.loads((folder / "job.json").read_text())
    with (folder / "started").open("x") as started:  # refused where it was started or given up
        started.write(f"{os.getpid()} {born(os.getpid())}")
    timed_out = False
    with (folder / "brief.json").open("rb") as brief, (folder / "log.txt").open("ab") as log:
        try:
            process = subprocess.Popen(
                job["command"], cwd=job["cwd"], stdin=brief, stdout=log,
                stderr=subprocess.STDOUT, process_group=0,
            )  # fmt: skip
        except OSError as error:
            log.write(f"{error}\n".encode())
            _end(folder, 127, timed_out=False)
            return
        try:
            code = process.wait(job["seconds"])
        except subprocess.TimeoutExpired:
            timed_out = True
            code = _stop(process)
    _end(folder, code, timed_out=timed_out)


def _stop(process: "subprocess.Popen[bytes]") -> int:
    """End the command and what it started: asked first, killed ten seconds later."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            return process.wait(10)
        except ProcessLookupError:
            return process.wait()
        except subprocess.TimeoutExpired:
            continue
    return process.wait()


def _end(folder: Path, code: int, *, timed_out: bool) -> None:
    draft = folder / "ended.draft"
    draft.write_text(json.dumps({"code": code, "timed_out": timed_out}))
    draft.rename(folder / "ended.json")


if __name__ == "__main__":
    main(sys.argv[1])
