"""Keep alerts quiet for a while: the form, and what is quiet now."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import streamlit as st

from core.text import gettext as _
from core.text import ngettext
from dashboard import text
from dashboard.context import Context
from store import silences

_DAYS = (1, 3, 7, 14, 30)
_LONGEST = 500


def form(
    key: str, rules: Mapping[str, str], keep: Callable[[str, datetime, str], None], now: datetime
) -> None:
    """Offer to keep one of the rules (titles by id), or all, quiet; `keep` gets rule, end and reason."""
    with (
        st.popover(_("Silence"), icon=":material/notifications_off:"),
        st.form(key, border=False),
    ):
        st.caption(_("Its alerts are still written down, but they open no ticket and send nothing."))
        titles = {"": _("every rule of the model"), **rules}
        rule = st.selectbox(
            _("What"), list(titles), format_func=lambda one: titles[one], index=1 if rules else 0
        )
        days = st.select_slider(
            _("For how long"), _DAYS, value=3,
            format_func=lambda n: ngettext("{n} day", "{n} days", n).format(n=n),
        )  # fmt: skip
        reason = st.text_input(
            _("Why"), max_chars=_LONGEST, placeholder=_("planned maintenance until Friday")
        )
        if st.form_submit_button(_("Keep it quiet"), type="primary"):
            if not reason.strip():
                st.error(_("Say in a few words why."))
                return
            keep(str(rule), now + timedelta(days=int(days)), reason.strip())


def listed(context: Context, model: str, titles: Mapping[str, str]) -> None:
    """List what of a model is quiet now, with a button that ends it."""
    with context.store.read() as session:
        found = silences.active(session, model, context.now)
    for row in found:
        with st.container(horizontal=True, vertical_alignment="center", key=f"silence-{row.id}"):
            st.info(
                _("{what} is quiet until {until}: {reason} ({who})").format(
                    what=" ".join(
                        filter(None, (titles.get(row.rule, row.rule) or _("Every rule"), row.segment))
                    ),
                    until=text.moment(row.until, context.zone), reason=text.markdown(row.reason, limit=200),
                    who=text.markdown(row.actor, limit=60),
                ),
                icon=":material/notifications_off:",
            )  # fmt: skip
            if not context.reader.barred and st.button(_("End it"), key=f"end-silence-{row.id}"):
                with context.store.write() as session:
                    silences.end(session, row.id, now=context.now)
                st.rerun()
