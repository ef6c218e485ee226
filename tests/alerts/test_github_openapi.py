"""What is asked of GitHub, beside the description of its interface that GitHub publishes."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

pytest.importorskip("github")

from openapi_schema_validator import OAS30Validator

from alerts.retrain.base import House
from core.plugins import PORTS, load
from tests.alerts.github import TOKEN, github
from tests.alerts.test_retrain import BRIEF, KEY, SECRET, a_yard, actions
from tests.alerts.test_trackers import NOW, TICKET
from tests.npm import file_of


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the description from npm's `@octokit/openapi`."""
    folder = tmp_path_factory.mktemp("octokit")
    return dict(json.loads(file_of("@octokit/openapi", "generated/api.github.com.json", folder)))


def fit(description: dict[str, Any], method: str, address: str, raw: bytes) -> None:
    """Fail where a request does not fit the description: its path, its query, its body."""
    asked = urlsplit(address)
    for path, item in description["paths"].items():
        if (
            re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)), asked.path)
            and method.lower() in item
        ):
            break
    else:
        raise AssertionError(f"{method} {asked.path} is not described")
    found = item[method.lower()]
    described = [
        _whole(description, one) for one in [*item.get("parameters", []), *found.get("parameters", [])]
    ]
    queries = {one["name"]: one["schema"] for one in described if one["in"] == "query"}
    for name, value in parse_qsl(asked.query):
        assert name in queries, f"{method} {path} knows no {name}"
        assert value in queries[name].get("enum", [value]), f"{name}={value}"
    if raw:
        schema = found["requestBody"]["content"]["application/json"]["schema"]
        OAS30Validator(_whole(description, schema)).validate(json.loads(raw))
        named = schema.get("properties") or _whole(description, schema).get("properties", {})
        assert not set(json.loads(raw)) - set(named), f"{method} {path}"


def _whole(description: dict[str, Any], found: Any) -> Any:
    if isinstance(found, list):
        return [_whole(description, one) for one in found]
    if not isinstance(found, dict):
        return found
    if "$ref" in found:
        held = description
        for part in found["$ref"].removeprefix("#/").split("/"):
            held = held[part]
        return _whole(description, held)
    return {name: _whole(description, one) for name, one in found.items()}


@pytest.mark.slow
def test_issues_are_asked_for_as_github_describes(description: dict[str, Any]) -> None:
    module = load(PORTS["tracker"], "github")
    with github() as hub:
        options = {"repo": "acme/leads", "token": TOKEN, "url": hub.url}
        one = module.Tracker(module.Options.model_validate(options))
        place = one.mirror(TICKET, "", NOW)
        one.mirror(replace(TICKET, closed=True, said="It is over."), place.handle, NOW)
        one.heard(place.handle, NOW)
        assert len(hub.asked) > 5
        for method, address, raw in hub.asked:
            fit(description, method, address, raw)


@pytest.mark.slow
@pytest.mark.parametrize("what", [{"workflow": "train.yml"}, {"event": "retrain"}])
def test_runs_are_started_as_github_describes(
    description: dict[str, Any], what: dict[str, str], tmp_path: Path
) -> None:
    module = load(PORTS["retrain"], "github")
    with a_yard(actions) as yard:
        options = {"repo": "acme/leads", "token": SECRET, "url": yard.url, **what}
        way = module.Retrain(
            module.Options.model_validate(options), House(state_dir=tmp_path, folder=tmp_path)
        )
        way.start(KEY, BRIEF, NOW)
        way.find(KEY, NOW)
        for method, address, _headers, raw in yard.asked:
            fit(description, method, address, raw)
