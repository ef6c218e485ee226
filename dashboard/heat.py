"""A metric by column and window as a heat map, with boxes beside it for who does not click."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.text import gettext as _
from dashboard import charts, data, links, text, widgets
from dashboard.charts import SCORE
from dashboard.drawing import Drawing, drawn
from dashboard.view import View, choice


def columns_by_window(
    view: View, metric: str, *, unit: str, page: str, weights: Mapping[str, float] = charts.NO_WEIGHTS
) -> bool:
    """Draw it and offer the choice of a column and a window; return whether anything is known."""
    heat = data.heat(
        view.context, view.model.name, metric, since=view.since, until=view.until, version=view.version,
        segment=view.segment,
    )  # fmt: skip
    if heat.columns:
        known = [value for row in heat.values for value in row if value is not None]
        picked = (view.column, view.window) if view.column and view.window else None
        declared = view.context.query.declared().get(metric)
        title = _(declared.title) if declared is not None else metric
        top = max(0.1, max(known, default=0.1))
        shown = (
            view.model.name, metric, picked, view.version, view.segment, view.since, view.until,
            view.scene.colours.ground,
        )  # fmt: skip

        def draw() -> Drawing:
            return charts.heat_map(heat, view.scene, top=top, picked=picked, unit=unit, weights=weights)

        widgets.figure(
            drawn(f"{view.context.mark} {view.context.as_of}", shown, draw),
            key=f"heat-{page}-{view.column}-{view.window}",  # a new one after each choice: all can be clicked
            alt=_("{title} of each column by day; darker is more").format(title=title),
            clicked=_cell_clicked,
        )
        said = [_("Darker is more, × is not known. Click on a cell, or choose below.")]
        if weights:
            said += [_("Beside each name: how much of the score's variation the column tells by itself.")]
        st.caption(" ".join(said))
        widgets.explain(
            declared,
            lambda: data.column_points(view.context, view.model.name, metric, view.since, view.until),
            name=metric,
            key=f"heat-{page}",
        )
    zone = view.context.zone
    windows = {links.window_text(one, zone): one for one in reversed(heat.windows)}
    with st.container(horizontal=True, vertical_alignment="bottom", key="one-column"):
        columns = ["", *(heat.columns or (*view.facts.columns, SCORE))]
        if view.column not in columns:
            columns.append(view.column)
        choice("column", _("Column"), view.column, columns, _("choose a column"), width=260)
        if view.column and windows:
            asked = links.window_text(view.window, zone) if view.window else ""
            titles = {key: charts.when(one, zone) for key, one in windows.items()}
            if asked and asked not in titles:
                titles = {asked: text.day(view.window.start, zone) if view.window else ""} | titles
            choice("window", _("Window"), asked, ["", *titles], _("the whole range"), titles, width=260)
    return bool(heat.columns)


def _cell_clicked(cell: Sequence[str]) -> None:
    """Put a cell's column and window into the address."""
    st.query_params["column"], st.query_params["window"] = cell
