"""What changed in the data: columns by importance and drift, and both distributions of the one chosen."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from core.figures import figure
from core.text import N_
from core.text import gettext as _
from dashboard import charts, data, distribution, panel, sections, tables, text, widgets
from dashboard.context import Context, Group, Page
from dashboard.heat import columns_by_window
from dashboard.view import View, opened, other, own_side
from metrics.base import Better
from reports.sides import Compared, compared

PAGE = Page(title=N_("Drift"), icon=":material/difference:", order=13, group=Group.MODEL, of_model=True)
_SEGMENTS = 12
_LEVELS = 8
_FEW = 0.001


def render(context: Context) -> None:
    """Draw the page."""
    view = opened(context, _("Drift"), against=True)
    if view is None:
        return
    st.markdown(_("Drift alone is no harm: it helps to explain it once the goal or the model suffers."))
    with st.container(key="charts-drift"):
        sides = st.columns(2, gap="large")
        with sides[0]:
            panel.chart(view, sections.score_drift(), column=charts.SCORE, height=210)
        with sides[1]:
            panel.chart(view, sections.joint_drift(), height=210)
    st.header(_("Columns, what matters most and drifted most on top"), anchor="columns")
    weights = data.weights(context, view.model.name)
    if not columns_by_window(view, sections.COLUMN_DRIFT, unit="score", page="drift", weights=weights):
        st.caption(
            panel.nothing(view)
            if view.context.as_of
            else _("No column's drift is stored for this choice; all versions and rows always are.")
        )
    if not weights:
        st.caption(_("The reference has no score that would say which column matters more."))
    if view.column:
        _column(view)


def _column(view: View) -> None:
    """Show one column: both distributions, what changed by how much, since when, and where."""
    name = _("the score") if view.column == charts.SCORE else view.column
    st.header(text.markdown(name, limit=80), anchor="column")
    asked = _asked(view)
    found = data.sides(view.context, view.model.name, asked)
    both = compared(found, view.column, view.context.query.declared())
    _since_when(view)
    if isinstance(both, str):
        st.info(text.markdown(both) or _("Nothing is known of this column here."), icon=":material/help:")
    else:
        with st.container(key="charts-sides"):
            left, right = st.columns([5, 3], gap="large")
            with left:
                _distributions(view, both, asked)
            with right:
                _measures(view, both)
        _changed(both)
    panel.columns(view, sections.column())
    _by_segment(view, asked)
    _rows(view)


def _asked(view: View) -> data.Asked:
    """Return the window that was picked, else the whole range."""
    own = view.asked
    if view.window is None:
        return own
    return data.Asked(
        since=view.window.start, until=view.window.end, version=own.version, segment=own.segment,
        against=own.against,
    )  # fmt: skip


def _distributions(view: View, both: Compared, asked: data.Asked) -> None:
    st.subheader(_("How its values are spread"))
    mine = own_side(view) or text.days(asked.since, asked.until, view.context.zone)
    widgets.figure(
        distribution.draw(both, view.scene.colours, names=(mine, other(asked.against or ""))),
        key=f"spread-{view.column}",
        alt=_("The shares of the values of {column}, both sides").format(column=view.column),
    )
    outside = distribution.outside(both)
    if outside:
        st.caption(outside)


def _measures(view: View, both: Compared) -> None:
    st.subheader(_("By how much"))
    declared = view.context.query.declared()
    rows: list[list[Any]] = [
        [
            tables.Cell(text=_(declared[name].title), note=_way(declared[name].better)),
            text.number(value.value, declared[name].unit.value)
            if value.value is not None
            else value.reason or "—",
        ]
        for name, value in both.measures.items()
    ]
    rows += [
        [_("Missing values"), f"{text.number(both.missing[1], 'percent')} → "
         f"{text.number(both.missing[0], 'percent')}"],
        [_("Rows"), f"{figure(both.n[1], 'count')} → {figure(both.n[0], 'count')}"],
    ]  # fmt: skip
    for share, now, then in both.quantiles:
        title = (
            _("Half are below")
            if share == 0.5
            else _("{share} are below").format(share=text.number(share, "percent"))
        )
        rows.append([title, f"{_number(then)} → {_number(now)}"])
    tables.table([_("measure"), _("then → now")], rows, figures=(1,), label=_("By how much"))


def _way(better: Better) -> str:
    return _("0 is the same") if better is Better.LOWER else ""


def _number(value: float) -> str:
    return f"{value:,.4g}"


def _changed(both: Compared) -> None:
    """Name the levels that came or went, and how many values nobody knew before."""
    if both.unseen >= _FEW:
        st.markdown(
            _("Values that the reference does not know make {share} of the rows.").format(
                share=text.number(both.unseen, "percent")
            )
        )
    for levels, words in (
        (both.came, _("New: {levels}.")), (both.gone, _("No longer there: {levels}.")),
    ):  # fmt: skip
        if levels:
            shown = ", ".join(text.markdown(one, limit=40) for one in levels[:_LEVELS])
            more = len(levels) - _LEVELS
            st.markdown(words.format(levels=shown + (_(" and {n} more").format(n=more) if more > 0 else "")))


def _since_when(view: View) -> None:
    """Say since when an alert on this column lasts, and lead to its ticket."""
    fired = [one for one in view.facts.fired if one.column == view.column]
    if not fired:
        st.caption(_("No rule has fired on this column."))
        return
    last = max(fired, key=lambda one: one.since)
    since = text.day(last.since, view.context.zone)
    st.markdown(
        _("An alert has lasted since {day}.").format(day=since)
        if last.until is None
        else _("The last alert lasted from {day} to {until}.").format(
            day=since, until=text.until(last.until, view.context.zone)
        )
    )


def _by_segment(view: View, asked: data.Asked) -> None:
    """Offer the drift of this column in each segment; it is computed only when asked for."""
    if not view.facts.segments:
        return
    if not st.toggle(_("In which segments"), key="by-segment"):
        return
    rows = list[tuple[float, list[str | tables.Cell]]]()
    for segment in view.facts.segments[:_SEGMENTS]:
        own = data.Asked(
            since=asked.since, until=asked.until, version=asked.version, segment=segment,
            against=asked.against,
        )  # fmt: skip
        both = compared(
            data.sides(view.context, view.model.name, own), view.column, view.context.query.declared()
        )
        if isinstance(both, str):
            rows.append((-1.0, [tables.Cell(text=segment), "—", both]))
            continue
        value = both.measures[sections.COLUMN_DRIFT].value
        link = f"drift?{urlencode(view.address(segment=segment, column=view.column))}"
        rows.append(
            (value or 0.0, [tables.Cell(text=segment, link=link), text.number(value),
                            figure(both.n[0], "count")])
        )  # fmt: skip
    tables.table(
        [_("segment"), _("distance"), _("rows")],
        [cells for _value, cells in sorted(rows, key=lambda row: -row[0])],
        figures=(1, 2), label=_("In which segments"),
    )  # fmt: skip


def _rows(view: View) -> None:
    """Lead to a deep dive into the rows of the window, or of the range."""
    zone, asked = view.context.zone, {"model": view.model.name}
    label = _("Compare the rows themselves: a deep dive")
    if view.window is not None:
        last = view.window.end - timedelta(seconds=1)
        asked |= {"from": f"{view.window.local_day(zone)}", "to": f"{last.astimezone(zone):%Y-%m-%d}"}
        label = _("Compare the rows of {day} themselves: a deep dive").format(
            day=text.day(view.window.start, zone)
        )
    st.page_link(
        view.context.pages["reports"], label=label, query_params=asked, icon=":material/query_stats:"
    )
