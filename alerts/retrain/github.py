"""A run of GitHub Actions, started by `workflow_dispatch` or `repository_dispatch`.

`workflow:` names a file whose inputs are `key` and `ticket` (JSON), and which says `run-name:
${{ inputs.key }}`. `event:` names an event whose `client_payload` holds the same; the workflows that it
starts say `run-name: ${{ github.event.client_payload.key }}`. By that name the run is found again. A dispatch
is answered before there is a run, so one that is not found after a crash is unconfirmed: it may have been
started.
"""

import json
import urllib.parse
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field, model_validator

from alerts.retrain.base import House, RetrainOptions, Run, RunState
from core.config import Secret
from core.config.problems import RefusedError
from core.config.values import Duration
from core.text import gettext as _
from core.web import Address, ask

MOST = 60_000
"""GitHub takes inputs of 65,535 characters; a longer ticket goes without its findings."""


class Options(RetrainOptions):
    """`repo` is owner/name; `workflow` the file's name and `ref` its branch, or `event` the event's name.

    `token` may write actions (`workflow`), or contents (`event`).
    """

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    workflow: str | None = Field(None, pattern=r"^[\w.-]+$")
    event: str | None = Field(None, min_length=1, max_length=100)
    ref: str = "main"
    token: Secret
    url: Address = "https://api.github.com"
    timeout: Duration = Field(timedelta(seconds=20))

    @model_validator(mode="after")
    def _starts_something(self) -> "Options":
        if (self.workflow is None) == (self.event is None):
            raise RefusedError(_("One of `workflow` and `event` says what to start."))
        return self


class Retrain:
    """Dispatches a workflow or an event and looks for its run."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._options = options

    def start(self, key: str, brief: Mapping[str, Any], now: datetime) -> Run:
        """Dispatch it."""
        told = json.dumps(brief, ensure_ascii=False)
        if len(told) > MOST:
            told = json.dumps({**brief, "harm": {"since": brief["harm"]["since"]}}, ensure_ascii=False)
        inputs, options = {"key": key, "ticket": told}, self._options
        if options.event is not None:
            self._ask("POST", "dispatches", {"event_type": options.event, "client_payload": inputs})
        else:
            self._ask("POST", f"{self._workflow}/dispatches", {"ref": options.ref, "inputs": inputs})
        return Run(key=key, state=RunState.RUNNING)

    def find(self, key: str, now: datetime) -> Run | None:
        """Look for the run of this name among the newest ones."""
        event = "workflow_dispatch" if self._options.workflow else "repository_dispatch"
        asked = urllib.parse.urlencode({"event": event, "per_page": 100})
        told = self._ask("GET", f"{self._workflow}/runs?{asked}", None)
        for run in told.get("workflow_runs", ()):
            if key in str(run.get("display_title", "")):
                return self._run(key, run)
        name = "inputs.key" if self._options.workflow else "github.event.client_payload.key"
        lost = _("There is no run of this name: say `run-name: ${name}` in the workflow.")
        return Run(key=key, state=RunState.LOST, error=lost.format(name=f"{{{{ {name} }}}}"))

    @property
    def _workflow(self) -> str:
        workflow = self._options.workflow
        return f"actions/workflows/{workflow}" if workflow else "actions"

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
        url = f"{options.url}/repos/{options.repo}/{place}"
        body = None if told is None else json.dumps(told, ensure_ascii=False).encode()
        answer = json.loads(ask(method, url, body, headers, timeout=options.timeout) or "{}")
        return answer if isinstance(answer, dict) else {}
