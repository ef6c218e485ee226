"""Whether the data are whole: rows, joins, and what is missing or strange in each column."""

import streamlit as st

from core.text import N_
from core.text import gettext as _
from dashboard import panel, sections
from dashboard.context import Context, Group, Page
from dashboard.heat import columns_by_window
from dashboard.view import opened

PAGE = Page(title=N_("Data quality"), icon=":material/verified:", order=14, group=Group.MODEL, of_model=True)
MISSING = "quality.missing"


def render(context: Context) -> None:
    """Draw the page."""
    view = opened(context, _("Data quality"))
    if view is None:
        return
    panel.family(view, "quality", sections.quality(view.model))
    st.header(_("Missing values by column"), anchor="columns")
    if not columns_by_window(view, MISSING, unit="percent", page="quality"):
        st.caption(panel.nothing(view))
    if view.column:
        panel.columns(view, sections.column_quality(view.facts.columns.get(view.column, "numeric")))
    with st.container(horizontal=True):
        if view.column:
            panel.onward(view, "drift", _("How this column's values changed"),
                         icon=":material/difference:", column=view.column)  # fmt: skip
        st.page_link(
            context.pages["collectors"], label=_("Rows that were set aside, and files that cannot be read"),
            query_params={"model": view.model.name}, icon=":material/sync:",
        )  # fmt: skip
