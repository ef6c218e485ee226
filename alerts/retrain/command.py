"""A command on this machine: the ticket comes as JSON on its standard input.

It runs by itself, so it outlives the process that started it; a time limit ends it and what it started. Where
the last line of its output is `{"version": "v3"}`, that is the version whose proof is waited for. Exit code 0
is success. `python` is Goalkeeper's own.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, field_validator

from alerts.retrain._runner import born
from alerts.retrain.base import LONGEST_LOG, House, RetrainOptions, Run, RunState, version_in
from core.config.problems import RefusedError
from core.config.values import Duration
from core.dates import length_text
from core.errors import DeliveryError
from core.files import write_atomically
from core.text import gettext as _

PATIENCE = timedelta(minutes=1)
"""Within this time a runner that was started says so; after it, it is not going to."""


class Options(RetrainOptions):
    """`run` is the command, as a text or as a list of words; no shell reads it.

    `cwd` is the project's folder unless it says otherwise; `time_limit` ends what takes too long.
    """

    run: tuple[str, ...]
    cwd: str = ""
    time_limit: Duration = Field(timedelta(hours=6))

    @field_validator("run", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return shlex.split(value)
        except ValueError as error:
            raise RefusedError(str(error), allowed='python train.py, ["python", "train.py"]') from error

    @field_validator("run")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise RefusedError(_("There is no command."), allowed="python train.py")
        return value


class Retrain:
    """Starts a process and looks after it in a folder of the state folder."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._options, self._house = options, house

    def start(self, key: str, brief: Mapping[str, Any], now: datetime) -> Run:
        """Start it; refused where a folder of this key is there already."""
        folder, options = self._folder(key), self._options
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError as error:
            said = _("A retraining of this key was begun before.")
            hint = _("Look into {path}.").format(path=folder)
            raise DeliveryError(said, permanent=False, hint=hint) from error
        job = {
            "command": [sys.executable if options.run[0] == "python" else options.run[0], *options.run[1:]],
            "cwd": options.cwd or str(self._house.folder),
            "seconds": options.time_limit.total_seconds(),
        }
        write_atomically(folder / "brief.json", json.dumps(brief, ensure_ascii=False, indent=2).encode())
        write_atomically(folder / "job.json", json.dumps(job, ensure_ascii=False).encode())
        return Run(key=key, handle=f"pid {_spawn(folder)}", state=RunState.RUNNING)

    def find(self, key: str, now: datetime) -> Run | None:
        """Look into its folder."""
        folder = self._folder(key)
        if not folder.exists():
            return None
        log = self._log(folder)
        if (folder / "ended.json").exists():
            return self._ended(key, folder, log)
        if not (folder / "started").exists():
            return self._not_yet(key, folder)
        pid, _space, birth = (folder / "started").read_text().partition(" ")
        if not pid and self._waited(folder) < PATIENCE:  # it is written at this moment
            return Run(key=key, state=RunState.STARTING)
        if pid and _lives(int(pid), birth):
            return Run(key=key, handle=f"pid {pid}", state=RunState.RUNNING, log=log)
        if (folder / "ended.json").exists():  # in the meantime
            return self._ended(key, folder, log)
        gone = _("The process {pid} is gone and did not say how it ended.").format(pid=pid)
        return Run(key=key, handle=f"pid {pid}", state=RunState.LOST, log=log, error=gone)

    def _ended(self, key: str, folder: Path, log: str) -> Run:
        ended = json.loads((folder / "ended.json").read_text())
        if ended["timed_out"]:
            error = _("It took longer than {limit} and was ended.").format(
                limit=length_text(self._options.time_limit)
            )
        else:
            error = _("It ended with exit code {code}.").format(code=ended["code"]) if ended["code"] else ""
        state = RunState.FAILED if error else RunState.DONE
        return Run(key=key, state=state, version="" if error else version_in(log), log=log, error=error)

    def _not_yet(self, key: str, folder: Path) -> Run | None:
        """Wait for the runner; one that does not come is kept from ever starting: then none was started."""
        if self._waited(folder) < PATIENCE:
            return Run(key=key, state=RunState.STARTING)
        try:
            (folder / "started").open("x").close()
        except FileExistsError:  # it came at this moment
            return Run(key=key, state=RunState.STARTING)
        folder.rename(folder.with_name(f"{folder.name}.never-{os.urandom(4).hex()}"))
        return None

    def _waited(self, folder: Path) -> timedelta:
        """Return how long ago it was looked for first, by the clock of the files."""
        first, probe = folder / "looked", folder / "looking"
        if not first.exists():
            first.touch()
        probe.touch()
        return timedelta(seconds=probe.stat().st_mtime - first.stat().st_mtime)

    def _folder(self, key: str) -> Path:
        return self._house.state_dir / "retrain" / hashlib.sha256(key.encode()).hexdigest()[:16]

    def _log(self, folder: Path) -> str:
        try:
            with (folder / "log.txt").open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - 4 * LONGEST_LOG))
                return log.read().decode("utf-8", "replace")[-LONGEST_LOG:]
        except FileNotFoundError:
            return ""


_runners: list["subprocess.Popen[bytes]"] = []
"""What this process started and has not let go of."""


def _spawn(folder: Path) -> int:
    """Start the runner in a session of its own; return its process id."""
    with (folder / "runner.txt").open("ab") as said:
        runner = subprocess.Popen(
            [sys.executable, "-m", "alerts.retrain._runner", str(folder)], stdin=subprocess.DEVNULL,
            stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip
    _runners.append(runner)
    return runner.pid


def _lives(pid: int, birth: str) -> bool:
    """Tell whether a runner is there; one of ours that has ended is let go of first."""
    _runners[:] = [one for one in _runners if one.poll() is None]
    if birth:
        return born(pid) == birth
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
