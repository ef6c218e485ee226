"""A run of GitHub Actions, started by `workflow_dispatch`.

The workflow takes the inputs `key` and `ticket` (JSON) and says `run-name: ${{ inputs.key }}`; by that name
its run is found again. A dispatch is answered before there is a run, so one that is not found after a crash
is unconfirmed: it may have been started.
"""

import json
import urllib.parse
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from alerts.retrain.base import House, RetrainOptions, Run, RunState
from core.config import Secret
from core.config.values import Duration
from core.text import gettext as _
from core.web import ask

MOST = 60_000
"""GitHub takes inputs of 65,535 characters; a longer ticket goes without its findings."""


class Options(RetrainOptions):
    """`repo` is owner/name, `workflow` the file's name, `ref` the branch; `token` may write actions."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    workflow: str = Field(pattern=r"^[\w.-]+$")
    ref: str = "main"
    token: Secret
    url: str = "https://api.github.com"
    timeout: Duration = Field(timedelta(seconds=20))


class Retrain:
    """Dispatches a workflow and looks for its run."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._options = options

    def start(self, key: str, brief: Mapping[str, Any], now: datetime) -> Run:
        """Dispatch the workflow."""
        told = json.dumps(brief, ensure_ascii=False)
        if len(told) > MOST:
            told = json.dumps({**brief, "harm": {"since": brief["harm"]["since"]}}, ensure_ascii=False)
        inputs = {"key": key, "ticket": told}
        self._ask("POST", "dispatches", {"ref": self._options.ref, "inputs": inputs})
        return Run(key=key, state=RunState.RUNNING)

    def find(self, key: str, now: datetime) -> Run | None:
        """Look for the run of this name among the newest ones."""
        asked = urllib.parse.urlencode({"event": "workflow_dispatch", "per_page": 100})
        told = self._ask("GET", f"runs?{asked}", None)
        for run in told.get("workflow_runs", ()):
            if key in str(run.get("display_title", "")):
                return self._run(key, run)
        lost = _("There is no run of this name: say `run-name: ${{ inputs.key }}` in the workflow.")
        return Run(key=key, state=RunState.LOST, error=lost)

    def _run(self, key: str, run: Mapping[str, Any]) -> Run:
        handle = str(run.get("html_url", ""))
        if run.get("status") != "completed":
            return Run(key=key, state=RunState.RUNNING, handle=handle)
        if run.get("conclusion") == "success":
            return Run(key=key, state=RunState.DONE, handle=handle)
        said = _("The run ended as '{state}'.").format(state=str(run.get("conclusion"))[:50])
        return Run(key=key, state=RunState.FAILED, handle=handle, error=said)

    def _ask(self, method: str, place: str, told: Mapping[str, Any] | None) -> Mapping[str, Any]:
        options = self._options
        headers = {
            "Authorization": f"Bearer {options.token.reveal()}", "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }  # fmt: skip
        url = f"{options.url.rstrip('/')}/repos/{options.repo}/actions/workflows/{options.workflow}/{place}"
        body = None if told is None else json.dumps(told, ensure_ascii=False).encode()
        answer = json.loads(ask(method, url, body, headers, timeout=options.timeout) or "{}")
        return answer if isinstance(answer, dict) else {}
