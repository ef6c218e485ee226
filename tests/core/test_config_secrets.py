"""Secrets are never seen."""

import json
import pickle
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import ConfigError, Masked, Project, Secret, SecretUrl, load
from core.config.secrets import is_secret_key, mask_url, mask_whole_url
from tests.core.config_examples import write

LOG = "    predictions: {path: log.csv, columns: {id: i, time: t, score: s}}\n"
VALUES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=40).map(
    "Zq9".__add__
)

EVERYWHERE = """\
plugins: my_plugins
store: postgresql+psycopg://gk:{secret}@db.example.com/gk
smtp: {{host: mail.example.com, from: a@example.com, password: "{secret}"}}
heartbeat_url: https://ping.example.com/{secret}
connections: {{dwh: {{url: "postgresql://gk:{secret}@db/x?sslkey={secret}"}}}}
channels: {{pager: {{kind: hook, url: "https://hooks.example.com/T1/{secret}", secret: "{secret}"}}}}
trackers: {{github: {{kind: github, repo: a/b, token: "{secret}"}}}}
models:
  m:
    predictions: {{path: log.csv, columns: {{id: i, time: t, score: s}}}}
    ground_truth: {{connection: dwh, table: truth, columns: {{id: i, label: y}}}}
    reference: {{url: "postgresql://gk:{secret}@db/x", table: truth}}
"""
FROM_ENVIRONMENT = """\
plugins: my_plugins
store: ${SECRET}
public_url: ${SECRET}
smtp: {host: ${SECRET}, from: ${SECRET}, user: ${SECRET}, password: ${SECRET}}
heartbeat_url: ${SECRET}
connections: {dwh: {url: ${SECRET}}}
channels: {pager: {kind: hook, url: "slack://${SECRET}/x", secret: ${SECRET}}}
trackers: {github: {kind: github, repo: ${SECRET}, token: ${SECRET}}}
models:
  m:
    owner: ${SECRET}
    predictions: {path: "${SECRET}/log.csv", columns: {id: i, time: t, score: s}}
    ground_truth: {connection: dwh, table: "${SECRET}", columns: {id: i, label: y}}
    retrain: {kind: command, run: "train --key ${SECRET}"}
"""


def seen(project: Project) -> str:
    parts = [repr(project), str(project), repr(project.model_dump()), project.model_dump_json()]
    options = [project.channels["pager"].options, project.trackers["github"].options]
    for model in project.models.values():
        options += [model.predictions.options, getattr(model.ground_truth, "options", None)]
        options += [getattr(model.reference, "options", None), getattr(model.retrain, "options", None)]
        parts += [repr(model), json.dumps(model.model_dump(mode="json"))]
    return " ".join([*parts, *map(repr, options), *map(str, options)])


@settings(max_examples=15, deadline=None)
@given(VALUES)
def test_it_never_shows_secrets_written_in_the_file(secret: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = load(write(Path(folder), EVERYWHERE.format(secret=secret)), environ={})

        assert project.smtp is not None and project.smtp.password == Secret(secret)
        assert getattr(project.trackers["github"].options, "token", "") == secret
        assert secret not in seen(project)


@settings(max_examples=15, deadline=None)
@given(VALUES)
def test_it_never_shows_values_of_the_environment(secret: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = load(write(Path(folder), FROM_ENVIRONMENT), environ={"SECRET": secret})

        assert project.store.reveal() == secret and project.models["m"].owner == secret
        assert getattr(project.models["m"].predictions.options, "path", "").endswith(f"{secret}/log.csv")
        assert secret not in seen(project)


@settings(max_examples=15, deadline=None)
@given(VALUES)
def test_errors_never_show_secrets(secret: str) -> None:
    text = EVERYWHERE.format(secret=secret) + (
        f"    retrain: {{kind: command, tokn: {secret}}}\n"
        "    task: ${SECRET}\n    grain: ${SECRET}\n    notify: [${SECRET}]\n"
        "    segments: ${SECRET}\n    false_alarms: {tickets: ${SECRET}}\n    settle: ${SECRET}\n"
        "timezone: ${SECRET}\nlanguage: ${SECRET}\nmemory_limit: ${SECRET}\ncalendar: ${SECRET}\n"
    )
    text = (
        text.replace('password: "', 'pasword: "').replace("token:", "tokens:").replace("secret:", "sercet:")
    )
    with tempfile.TemporaryDirectory() as folder, pytest.raises(ConfigError) as caught:
        load(write(Path(folder), text), environ={"SECRET": secret})

    assert len(caught.value.problems) >= 12
    assert secret not in str(caught.value) + repr(caught.value) + repr(caught.value.problems)


@pytest.mark.parametrize(
    "value", ["*{}", "&{} x", "!{} x", "'{}", '"{}', "[{}", "{{{}", "%{}", "@{}", "{}: x: y", "\\{}"]
)
def test_broken_yaml_never_shows_a_secret(tmp_path: Path, value: str) -> None:
    secret = "Zq9hush4711hush"
    text = f"smtp: \n  from: a@example.com\n  password: {value.format(secret)}\n"

    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text), environ={})

    assert secret not in str(caught.value)


def test_passwords_of_any_shape_become_text(tmp_path: Path) -> None:
    for value, text in (
        ("0123", "0123"),
        ("1e5", "1e5"),
        ("true", "true"),
        ("yes", "yes"),
        ("1_000", "1_000"),
    ):
        path = write(tmp_path, f"smtp: {{host: h, from: f, password: {value}}}\n")
        smtp = load(path, environ={}).smtp
        assert smtp is not None and smtp.password is not None and smtp.password.reveal() == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:********@h/d"),
        ("postgresql://u:p:q@h/d?password=x&a=b", "postgresql://u:********@h/d?password=********&a=b"),
        ("sqlite:///x.db", "sqlite:///x.db"),
        ("s3://bucket/x?X-Amz-Signature=abc", "s3://bucket/x?X-Amz-Signature=********"),
        ("a plain text: with@signs", "a plain text: with@signs"),
    ],
)
def test_it_masks_what_is_secret_in_an_address(url: str, shown: str) -> None:
    assert mask_url(url) == shown == str(SecretUrl.parse(url))
    assert SecretUrl.parse(url).reveal() == url


def test_it_masks_the_whole_of_a_webhook() -> None:
    assert mask_whole_url("https://u:p@hooks.example.com/a/b?c=d") == "https://hooks.example.com/********"
    assert mask_whole_url("tgram://bot/chat") == "tgram://********"
    assert mask_whole_url("no address") == "********"


def test_it_knows_the_names_of_secrets() -> None:
    secret = ["password", "token", "api_key", "apiKey", "webhook_secret", "private-key", "auth_token"]
    plain = ["path", "table", "key", "monkey", "tokens_per_second", "author", "secretary", "title"]
    assert all(is_secret_key(name) for name in secret)
    assert not any(is_secret_key(name) for name in plain if name != "tokens_per_second")


def test_masked_text_is_text(tmp_path: Path) -> None:
    text = Masked("hush", "${X}")

    assert text == "hush" and f"{text}" == "hush" and repr(text) == "'${X}'"
    assert pickle.loads(pickle.dumps(text)).shown == "${X}"
    assert Secret("a") == Secret("a") != Secret("b") and str(Secret("a")) == "********"
    assert not Secret("") and len({Secret("a"), Secret("a")}) == 1
