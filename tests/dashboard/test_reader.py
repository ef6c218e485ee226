"""Who a page takes its reader for, and what it offers to those whom it does not know."""

from types import SimpleNamespace
from typing import Any

import pytest

from core.config.project import Project
from dashboard import context
from dashboard.context import NOBODY, Reader, reader
from tests.dashboard.made import Made
from tests.dashboard.test_pages import opened, words


def seen(
    monkeypatch: pytest.MonkeyPatch, user: dict[str, Any], headers: dict[str, str], **settings: Any
) -> Reader:
    fake = SimpleNamespace(
        user=SimpleNamespace(to_dict=lambda: user), context=SimpleNamespace(headers=headers)
    )
    monkeypatch.setattr(context, "st", fake)
    return reader(Project.model_validate({"path": "gk.yaml", "folder": ".", **settings}), foreign=True)


def test_a_header_that_nobody_configured_makes_nobody_known(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(monkeypatch, {}, {"X-Forwarded-Email": "ann@example.com"})

    assert (found.actor, found.door) == (NOBODY, "")
    assert "nothing tells who you are" in found.barred


def test_the_configured_header_names_the_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"X-Forwarded-Email": "ann@example.com"}

    assert seen(monkeypatch, {}, headers, actor_header="X-Forwarded-Email") == Reader(actor="ann@example.com")


def test_an_address_without_a_login_is_no_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen(monkeypatch, {"email": "ann@example.com"}, {})

    assert (found.actor, found.door) == (NOBODY, "")


def test_who_is_logged_in_acts_and_may_log_out(monkeypatch: pytest.MonkeyPatch) -> None:
    user = {"email": "ann@example.com", "is_logged_in": True}

    assert seen(monkeypatch, user, {}) == Reader(actor="ann@example.com", door="out")


def test_a_page_offers_the_login_where_one_is_configured(
    filled: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = opened(filled.path, host="0.0.0.0")
    monkeypatch.setattr("streamlit.user_info.get_secrets_auth_section", lambda: {"client_id": "made"})
    configured = opened(filled.path, host="0.0.0.0")

    assert "nothing tells who you are" in words(without)
    assert "Log in" not in [one.label for one in without.sidebar.button]
    assert "log in to act" in words(configured)
    assert "Log in" in [one.label for one in configured.sidebar.button]
