"""Where it is worst: one metric in each segment over the range, small slices marked."""

from urllib.parse import urlencode

import streamlit as st

from core.figures import figure, points
from core.text import N_
from core.text import gettext as _
from dashboard import data, links, tables, text, widgets
from dashboard.context import Context, Group, Page
from dashboard.tables import Cell
from dashboard.view import View, choice, opened
from metrics.measure import primary
from reports.slices import LEAST, Slice, offered

PAGE = Page(title=N_("Segments"), icon=":material/view_list:", order=16, group=Group.MODEL, of_model=True)


def render(context: Context) -> None:
    """Draw the page."""
    view = opened(context, _("Segments"), compare=False)
    if view is None:
        return
    if not view.facts.segments:
        widgets.empty(
            _("No segment is declared for this model."),
            _("Name the columns to look at one by one, and collect again."),
            "segments: [region, campaign]",
        )
        return
    metrics = offered(view.model, primary(view.model.task))
    titles = {name: view.context.query.title(view.model.name, name) for name in metrics}
    picked = links.pick(st.query_params, "metric", metrics, metrics[0])
    widgets.notes([picked.note])
    choice("metric", _("Metric"), picked.value, metrics, "", titles, width=320)
    found = data.slices(view.context, view.model.name, picked.value, view.asked)
    if not found:
        st.info(_("No complete window of this metric by segment lies in this range."), icon=":material/help:")
        return
    _said(view, picked.value, found)
    _table(view, picked.value, found)


def _said(view: View, metric: str, found: list[Slice]) -> None:
    """Say first which segment harms most."""
    worst = found[0]
    if not worst.harm or worst.gap is None:
        st.markdown(_("No segment is clearly worse than the others here."))
        return
    unit = view.context.query.unit(view.model.name, metric)
    st.markdown(
        _("Worst: **{segment}**, {value} where the others have {rest}; {share} of the rows.").format(
            segment=text.markdown(worst.segment, limit=60), value=figure(worst.value, unit),
            rest=figure(worst.value - worst.gap, unit), share=text.number(worst.share, "percent"),
        )
    )  # fmt: skip


def _table(view: View, metric: str, found: list[Slice]) -> None:
    unit = view.context.query.unit(view.model.name, metric)
    rows: list[list[str | Cell]] = []
    for one in found:
        link = f"model?{urlencode(view.address(segment=one.segment))}"
        note = _("small: may be chance") if one.is_small else ""
        if one.gap is not None and not note:
            note = _("clearly worse") if one.harm else "" if one.is_clear else _("no clear difference")
        likely = f"{figure(one.lower, unit)} – {figure(one.upper, unit)}" if one.lower is not None else "—"
        rows.append(
            [
                Cell(text=one.segment, link=link, note=note), figure(one.value, unit), likely,
                points(one.gap, unit) if one.gap is not None else "—", figure(one.n, "count"),
                text.number(one.share, "percent"),
            ]
        )  # fmt: skip
    tables.table(
        [_("segment"), _("value"), _("likely range"), _("beside the others"), _("rows"), _("share")],
        rows, figures=(1, 2, 3, 4, 5), label=_("Segments"),
    )  # fmt: skip
    st.caption(
        _(
            "Of complete windows in the range, the worst first. Slices under {n} rows come last: what they"
            " show may be chance."
        ).format(n=LEAST)
    )
