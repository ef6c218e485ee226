"""Set the pages up and run the one that the address asks for."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import cast

import streamlit as st

from core import plugins
from core.config import load
from core.config.project import Project
from core.errors import GoalkeeperError
from core.text import gettext as _
from core.text import set_language
from dashboard import text
from dashboard.context import Context, Page, reader
from dashboard.theme import CSS
from reports.query import Query
from store import changes, settings
from store.database import Store


_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run(config_path: str | Path, now: datetime, *, host: str = "127.0.0.1") -> None:
    """Draw one page of the project at `config_path`.

    `now` is aware; `host` is the address that the dashboard listens on: elsewhere than on loopback, pages are
    read-only without a login.
    """
    st.set_page_config(page_title="Goalkeeper", page_icon=":material/sports_soccer:", layout="wide")
    st.html(CSS)
    set_language((st.context.locale or "en")[:2])
    try:
        context = _context(Path(config_path), now, host not in _LOOPBACK)
    except GoalkeeperError as error:
        st.title("Goalkeeper")
        _failed(error)
        return
    extra = context.project.plugin_dirs
    port = plugins.PORTS["page"]
    found: dict[str, tuple[Page, ModuleType]] = {}
    for kind in plugins.names(port, extra):
        module = plugins.load(port, kind, extra)
        found[kind] = (cast(Page, module.PAGE), module)
    pages: dict[str, object] = {}  # filled below; each page links to the others
    context = replace(context, pages=pages)
    pages |= {
        kind: st.Page(
            _drawer(module, context, kind),
            title=_(page.title),
            icon=page.icon,
            url_path=kind,
            default=kind == "overview",
        )
        for kind, (page, module) in sorted(found.items(), key=lambda item: item[1][0].order)
    }
    current = st.navigation(list(pages.values()))
    _sidebar(context)
    current.run()


def _drawer(module: ModuleType, context: Context, kind: str) -> Callable[[], None]:
    def draw() -> None:
        try:
            module.render(context)
        except GoalkeeperError as error:
            _failed(error)

    draw.__name__ = kind
    return draw


def _context(path: Path, now: datetime, foreign: bool) -> Context:
    project = _project(str(path), path.stat().st_mtime_ns if path.exists() else 0)
    store = _store(project.store.reveal())
    with store.read() as session:
        own = settings.get(session, "now")
        mark = changes.data_version(session)
    shown = datetime.fromisoformat(own) if own else now
    return Context(
        project=project,
        store=store,
        query=Query(store=store, project=project),
        now=shown,
        clock=now,
        demo=bool(own),
        mark=f"{store.url}|{mark}|{path.stat().st_mtime_ns}|{shown:%Y-%m-%dT%H}",
        reader=reader(project, foreign=foreign),
    )


@st.cache_resource(show_spinner=False, max_entries=4)
def _project(path: str, changed: int) -> Project:
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
                _("demo, {day}").format(day=text.day(context.now, context.zone)),
                icon=":material/science:",
                color="violet",
            )
        st.caption(_("Times are in {zone}.").format(zone=text.markdown(context.zone)))
        if context.reader.barred:
            st.info(context.reader.barred, icon=":material/lock:")


def main(arguments: list[str]) -> None:
    """Run with `--config PATH --now ISO` after `--` of `streamlit run`."""
    named = dict(zip(arguments[::2], arguments[1::2], strict=False))
    if "--config" not in named or "--now" not in named:
        st.error(_("Start this page with `-- --config PATH --now ISO-TIME`."))
        return
    run(named["--config"], datetime.fromisoformat(named["--now"]))


if __name__ == "__main__":
    main(sys.argv[1:])
