"""A DAG run of Apache Airflow, by its REST API.

The run's id is the retraining's key, so Airflow itself refuses a second one; the ticket is the run's `conf`.
A run that ended well may name its version by an XCom `version` of the task that `version_task` names.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field

from alerts.retrain.base import House, RetrainOptions, Run, RunState
from core.config import Secret
from core.config.values import Duration
from core.text import gettext as _
from core.web import Address, RefusedRequestError, ask

_STATES = {"queued": RunState.RUNNING, "running": RunState.RUNNING, "success": RunState.DONE}


class Options(RetrainOptions):
    """`url` is the web server, `dag` the DAG; either `token`, or `user` and `password`.

    `api` is v1 for Airflow 2, v2 for Airflow 3.
    """

    url: Address
    dag: str = Field(pattern=r"^[\w.-]+$")
    api: Literal["v1", "v2"] = "v1"
    user: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    version_task: str = ""
    timeout: Duration = Field(timedelta(seconds=20))


class Retrain:
    """Starts a run and asks how it stands."""

    def __init__(self, options: BaseModel | None, house: House) -> None:
        assert isinstance(options, Options)
        self._options = options

    def start(self, key: str, brief: Mapping[str, Any], now: datetime) -> Run:
        """Start the run; one of this id that is there already is it."""
        run: dict[str, Any] = {"dag_run_id": _id(key), "conf": dict(brief)}
        if self._options.api == "v2":
            run["logical_date"] = None
        try:
            self._ask("POST", "", run)
        except RefusedRequestError as error:
            if error.code != 409:
                raise
        return Run(key=key, state=RunState.RUNNING, handle=_id(key))

    def find(self, key: str, now: datetime) -> Run | None:
        """Ask for the run by its id."""
        try:
            told = self._ask("GET", f"/{urllib.parse.quote(_id(key), safe='')}", None)
        except RefusedRequestError as error:
            if error.code == 404:
                return None
            raise
        said, why = str(told.get("state")), ""
        state = _STATES.get(said, RunState.FAILED)
        if state is RunState.FAILED:
            why = _("The DAG run ended as '{state}'.").format(state=said[:50])
        version = self._version(key) if state is RunState.DONE else ""
        return Run(key=key, state=state, handle=_id(key), version=version, error=why)

    def _version(self, key: str) -> str:
        task = self._options.version_task
        if not task:
            return ""
        place = f"/{urllib.parse.quote(_id(key), safe='')}/taskInstances/{urllib.parse.quote(task)}"
        try:
            told = self._ask("GET", f"{place}/xcomEntries/version", None)
        except RefusedRequestError:
            return ""
        return str(told.get("value", "")).strip('"')[:200]

    def _ask(self, method: str, place: str, told: Mapping[str, Any] | None) -> Mapping[str, Any]:
        options = self._options
        headers = {}
        if options.token is not None:
            headers["Authorization"] = f"Bearer {options.token.reveal()}"
        elif options.user is not None:
            plain = f"{options.user}:{options.password.reveal() if options.password else ''}"
            headers["Authorization"] = f"Basic {base64.b64encode(plain.encode()).decode()}"
        url = f"{options.url}/api/{options.api}/dags/{options.dag}/dagRuns{place}"
        body = None if told is None else json.dumps(told, ensure_ascii=False).encode()
        answer = json.loads(ask(method, url, body, headers, timeout=options.timeout) or "{}")
        return answer if isinstance(answer, dict) else {}


def _id(key: str) -> str:
    """Return the run's id: Airflow allows these signs alone."""
    return re.sub(r"[^A-Za-z0-9_.~:+-]", "-", f"goalkeeper:{key}")
