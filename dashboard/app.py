"""Set the pages up and run the one that the address asks for."""

import gc
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import streamlit as st

from core import plugins
from core.config import ConfigError, load
from core.config.project import Project
from core.errors import GoalkeeperError
from core.text import gettext as _
from dashboard import links, text
from dashboard.context import Context, Group, Page, reader
from dashboard.theme import ICON, css, logo
from reports.query import Query
from store import changes, heartbeats, settings
from store.database import Store

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_REFRESH_S = 60


def run(config_path: str | Path, now: datetime, *, host: str = "127.0.0.1", first: str = "overview") -> None:
    """Draw one page of the project at `config_path`.

    `now` is aware; `host` is the address that the dashboard listens on: elsewhere than on loopback, pages are
    read-only without a login. `first` is the page of an address that names none.
    """
    st.set_page_config(page_title="Goalkeeper", page_icon=ICON, layout="wide")
    st.html(css())
    st.logo(logo(), size="medium")
    text.speak()
    try:
        context = _context(Path(config_path), now, host not in _LOOPBACK)
    except GoalkeeperError as error:
        st.title("Goalkeeper")
        _failed(error)
        return
    extra = context.project.plugin_dirs
    port = plugins.PORTS["page"]
    found: dict[str, tuple[Page, ModuleType]] = {}
    broken: list[str] = []
    for kind in plugins.names(port, extra):
        try:
            module = plugins.load(port, kind, extra)
            found[kind] = (cast(Page, module.PAGE), module)
        except GoalkeeperError as error:
            broken.append(str(error))
        except AttributeError:
            broken.append(_("The page '{kind}' says no PAGE of itself.").format(kind=kind))
    pages: dict[str, Any] = {}  # filled below; each page links to the others
    context = replace(context, pages=pages, side=st.sidebar.container(key="choices"))
    listed: dict[str, list[Any]] = {group: [] for group in ("", *(_(group) for group in Group if group))}
    for kind, (page, module) in sorted(found.items(), key=lambda item: item[1][0].order):
        pages[kind] = st.Page(
            _drawer(module, context, kind), title=_(page.title), icon=page.icon, url_path=kind,
            default=kind == first,
        )  # fmt: skip
        listed[_(page.group) if page.group else ""].append(pages[kind])
    current = st.navigation({group: some for group, some in listed.items() if some}, expanded=True)
    shown = next((kind for kind, page in pages.items() if page == current), first)
    links.carry(shown, of_model=shown in found and found[shown][0].of_model)
    _sidebar(context)
    _banners(context)
    for problem in broken:
        st.warning(text.markdown(problem), icon=":material/extension_off:")
    current.run()
    _refreshed(context)
    _settled()


def _refreshed(context: Context) -> None:
    """Draw the page anew once something was collected; what is chosen, and where one reads, stays.

    An earlier state stays as it was. The page's own run asks nothing: it has just read the version.
    """
    is_first = True

    @st.fragment(run_every=_REFRESH_S)
    def look() -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            return
        with context.store.read() as session:
            is_older = changes.data_version(session) != context.version
        if is_older:
            st.rerun()

    if context.as_of is None:
        look()


@st.cache_resource(show_spinner=False)
def _settled() -> bool:
    """Leave what was imported out of every later garbage collection: each would walk all of it, for 0.1 s."""
    gc.collect()
    gc.freeze()
    return True


def _drawer(module: ModuleType, context: Context, kind: str) -> Callable[[], None]:
    def draw() -> None:
        try:
            module.render(context)
        except GoalkeeperError as error:
            _failed(error)

    draw.__name__ = kind
    return draw


def _context(path: Path, now: datetime, foreign: bool) -> Context:
    project, problem = _project(path)
    store = _store(project.store.reveal())
    with store.read() as session:
        own = settings.get(session, "now")
        mark = changes.data_version(session)
        worker = heartbeats.has_worker(session, now)
        problem = problem or settings.get(session, heartbeats.CONFIG_ERROR) or ""
        health = heartbeats.health(session, now, project.schedule.collect.interval)
    shown = datetime.fromisoformat(own) if own else now
    as_of, note = links.pick_time(st.query_params, "as_of", shown)
    return Context(
        project=project,
        store=store,
        query=Query(store=store, project=project),
        now=shown,
        clock=now,
        demo=bool(own),
        version=mark,
        mark=f"{store.url}|{mark}|{_changed(path)}|{shown:%Y-%m-%dT%H}|{text.language()}",
        reader=reader(project, foreign=foreign),
        worker=worker,
        as_of=as_of,
        as_of_note=note,
        config_problem=problem,
        silent_since=health.last if not health.alive and not own else None,
    )


def _project(path: Path) -> tuple[Project, str]:
    """Return the project; where the newest file is not valid, the last valid one and what is wrong."""
    valid = _valid()
    try:
        project = _loaded(str(path), _changed(path))
    except ConfigError as error:
        if str(path) not in valid:
            raise
        return valid[str(path)], str(error)
    valid[str(path)] = project
    return project, ""


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@st.cache_resource(show_spinner=False)
def _valid() -> dict[str, Project]:
    return {}


@st.cache_resource(show_spinner=False, max_entries=4)
def _loaded(path: str, changed: int) -> Project:
    return load(Path(path))


@st.cache_resource(show_spinner=False, max_entries=4)
def _store(url: str) -> Store:
    return Store.open(url)


def _failed(error: GoalkeeperError) -> None:
    st.error(text.markdown(error.message), icon=":material/error:")
    if error.hint:
        st.code(error.hint, language=None, wrap_lines=True)


def _sidebar(context: Context) -> None:
    with st.sidebar:
        if context.demo:
            st.badge(
                _("Demo, {day}").format(day=text.day(context.now, context.zone)),
                icon=":material/science:",
                color="violet",
                help=_("A simulated call centre with fixed dates; nothing in it is anybody's."),
            )
        st.caption(_("Times are in {zone}.").format(zone=text.markdown(context.zone)))
        if context.reader.barred:
            st.info(context.reader.barred, icon=":material/lock:")
        if context.reader.door == "in":
            st.button(_("Log in"), icon=":material/login:", on_click=st.login)
        elif context.reader.door == "out":
            st.button(_("Log out"), icon=":material/logout:", on_click=st.logout)


def _banners(context: Context) -> None:
    if context.config_problem:
        st.error(
            _("The newest goalkeeper.yaml is not valid, so the last valid one is in force."),
            icon=":material/rule_settings:",
        )
        st.code(context.config_problem[:2000], language=None, wrap_lines=True)
    if context.silent_since is not None:
        st.warning(
            _("Nothing has been collected since {when}: is `goalkeeper serve` running?").format(
                when=text.moment(context.silent_since, context.zone)
            ),
            icon=":material/heart_broken:",
        )
    if context.as_of_note:
        st.warning(context.as_of_note, icon=":material/link_off:")
