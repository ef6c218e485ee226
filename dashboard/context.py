"""What every page gets: the project, the store, the query, the time and what the reader may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from zoneinfo import ZoneInfo

import streamlit as st

from core.config.project import Project
from core.text import N_
from core.text import gettext as _
from reports.query import Query
from store.database import Store

NOBODY = "unknown (local)"


class Group(StrEnum):
    """A part of the list of pages."""

    FIRST = ""
    MODEL = N_("One model")
    WORK = N_("How it is watched")


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a file in `views/` says of itself as PAGE; its `render(context)` draws it.

    `group` is where it stands in the list of pages; `of_model`: it is about one model, so what the reader
    chose on another such page (model, version, range) goes along.
    """

    title: str
    icon: str
    order: int
    group: Group = Group.FIRST
    of_model: bool = False


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who looks at the page: `actor` goes into the audit trail; `barred` says why nothing may be done.

    `door` is what Streamlit's login can do for the reader, '' where it is not configured.
    """

    actor: str = NOBODY
    barred: str = ""
    door: Literal["", "in", "out"] = ""


@dataclass(frozen=True, kw_only=True)
class Context:
    """One run of a page.

    `now` is the time that the pages speak of (the demo's own, where the store has one); `clock` is the
    time of the machine, for heartbeats and requests. `version` is that of the data; `mark` changes with it,
    with the configuration and the language. `as_of` is the
    earlier time that a message's link asks for, None for the newest state; `worker` tells whether somebody
    takes up what pages ask for. `side` is the place for choices at the side.
    """

    project: Project
    store: Store
    query: Query
    now: datetime
    clock: datetime
    demo: bool
    version: str
    mark: str
    reader: Reader
    worker: bool = False
    as_of: datetime | None = None
    as_of_note: str = ""
    config_problem: str = ""
    silent_since: datetime | None = None
    pages: Mapping[str, Any] = field(default_factory=dict)
    side: Any = None

    @property
    def zone(self) -> ZoneInfo:
        """Return the project's time zone."""
        return self.project.zone


def reader(project: Project, *, foreign: bool) -> Reader:
    """Tell who looks at the page: login, else a configured proxy header, else unknown.

    On a foreign address only a known reader may act, unless anonymous actions are allowed (SPEC.md).
    Streamlit says `is_logged_in` only where its secrets configure a login.
    """
    user = st.user.to_dict()
    door: Literal["", "in", "out"] = "in" if "is_logged_in" in user else ""
    email = ""
    if user.get("is_logged_in"):
        door, email = "out", str(user.get("email") or "")
    if not email and project.actor_header:
        email = st.context.headers.get(project.actor_header) or ""
    if email:
        return Reader(actor=email, door=door)
    if not foreign or project.allow_anonymous_actions:
        return Reader(door=door)
    if door or project.actor_header:
        return Reader(barred=_("Read only: log in to act on tickets, reports and collectors."), door=door)
    return Reader(
        barred=_(
            "Read only: nothing tells who you are. `actor_header:` or a login in Streamlit's secrets does."
        )
    )
