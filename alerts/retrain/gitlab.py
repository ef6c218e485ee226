"""A GitLab pipeline.

It gets the variables `GOALKEEPER_KEY` and `GOALKEEPER_TICKET` (JSON). `.gitlab-ci.yml` says `workflow: {name:
$GOALKEEPER_KEY}`; by that name the pipeline is found again (GitLab 15.11 or newer). One that is not found
after a crash is unconfirmed: it may have been started.
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
from core.web import Address, ask

_ENDED = {"success": RunState.DONE, "failed": RunState.FAILED, "canceled": RunState.FAILED,
          "skipped": RunState.FAILED}  # fmt: skip


class Options(RetrainOptions):
    """`project` is group/name, `ref` the branch; `token` may use the API; `url` is that of an own server."""

    project: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)+$")
    ref: str = "main"
    token: Secret
    url: Address = "https://gitlab.com"
    timeout: Duration = Field(timedelta(seconds=20))


class Retrain:
    """Creates a pipeline and looks for it."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._options = options

    def start(self, key: str, brief: Mapping[str, Any], now: datetime) -> Run:
        """Create the pipeline."""
        told = {"GOALKEEPER_KEY": key, "GOALKEEPER_TICKET": json.dumps(brief, ensure_ascii=False)}
        variables = [{"key": name, "value": value} for name, value in told.items()]
        made = self._ask("POST", "pipeline", {"ref": self._options.ref, "variables": variables})
        return Run(key=key, state=RunState.RUNNING, handle=_place(made))

    def find(self, key: str, now: datetime) -> Run | None:
        """Look for the pipeline of this name."""
        asked = urllib.parse.urlencode({"name": key, "order_by": "id", "sort": "desc"})
        for made in self._ask("GET", f"pipelines?{asked}", None):
            if made.get("name") == key:
                return _run(key, made)
        lost = _("There is no pipeline of this name: say `workflow: {name: $GOALKEEPER_KEY}` in its file.")
        return Run(key=key, state=RunState.LOST, error=lost)

    def _ask(self, method: str, place: str, told: Mapping[str, Any] | None) -> Any:
        options = self._options
        project = urllib.parse.quote(options.project, safe="")
        body = None if told is None else json.dumps(told, ensure_ascii=False).encode()
        return json.loads(
            ask(
                method, f"{options.url}/api/v4/projects/{project}/{place}", body,
                {"PRIVATE-TOKEN": options.token.reveal()}, timeout=options.timeout,
            )
        )  # fmt: skip


def _run(key: str, made: Mapping[str, Any]) -> Run:
    status = str(made.get("status"))
    state = _ENDED.get(status, RunState.RUNNING)
    failed = state is RunState.FAILED
    said = _("The pipeline ended as '{state}'.").format(state=status[:50]) if failed else ""
    return Run(key=key, state=state, handle=_place(made), error=said)


def _place(made: Mapping[str, Any]) -> str:
    return str(made.get("web_url", ""))
