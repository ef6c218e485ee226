"""Work that a page asks a worker for: the button, how far it is, what came of it."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from core.text import gettext as _
from dashboard import text
from dashboard.context import Context
from store import requests
from store.tables import RequestRow

_POLL = 2


def ask(context: Context, kind: str, arguments: Mapping[str, Any]) -> int:
    """Ask for work and return the request's number; the same that waits already is not asked for twice."""
    with context.store.write() as session:
        row = requests.ask(session, kind, arguments, actor=context.reader.actor, now=context.clock)
        return row.id


def nobody(context: Context, command: str) -> None:
    """Say that no worker is alive, and which command does the same."""
    if context.worker:
        return
    st.caption(
        _("No worker is alive, so a request waits until `goalkeeper serve` runs. By hand it is this command:")
    )
    st.code(command, language=None, wrap_lines=True)


def progress(context: Context, kind: str, name: Callable[[RequestRow], str]) -> None:
    """Show what of a kind waits or runs, and poll while it does; what is done draws the page anew."""
    with context.store.read() as session:
        rows = [row for row in requests.requests(session, limit=50) if row.kind == kind]
    pending = [row for row in rows if row.state in ("queued", "running")]
    failed = [row for row in rows[:1] if row.state == "failed"]
    for row in failed:
        st.error(f"{name(row)}: {text.markdown(row.error)}", icon=":material/error:")
    if not pending:
        return
    waiting = tuple(row.id for row in pending)
    titles = {row.id: name(row) for row in pending}

    @st.fragment(run_every=_POLL)
    def poll() -> None:
        text.speak()
        with context.store.read() as session:
            now = [requests.request(session, one) for one in waiting]
        for row in now:
            if row is None or row.state not in ("queued", "running"):
                st.rerun()
            elif row.state == "queued":
                st.info(
                    _("{what}: waiting for a worker").format(what=titles[row.id]), icon=":material/hourglass:"
                )
            else:
                st.progress(min(max(row.progress, 0.0), 1.0), text=titles[row.id])

    poll()
