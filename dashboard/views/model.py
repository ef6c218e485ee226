"""One model: its goal first, then service, performance, drift and data quality on one time axis."""

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from core.foreign import one_line
from core.text import N_
from core.text import gettext as _
from dashboard import charts, data, panel, sections, sentences, text, widgets
from dashboard.context import Context, Page
from dashboard.view import View, choice, filters, is_collected, model_of
from reports import wording
from reports.standing import Standing

PAGE = Page(title=N_("Model"), icon=":material/monitoring:", order=2)


def render(context: Context) -> None:
    """Draw the page."""
    title = st.container()
    model, note = model_of(context)
    if model is None:
        title.title(_("Model"))
        return
    view, notes = filters(context, model)
    title.title(text.markdown(model.shown_title, limit=80))
    widgets.notes([note, *notes])
    if not is_collected(view):
        return
    _earlier(view)
    _lead(view)
    _goals(view)
    _family(view, "service", _("Service"), sections.service(view.model))
    _family(view, "performance", _("Performance"), sections.performance(view.model))
    _drift(view)
    _family(view, "quality", _("Data quality"), sections.quality(view.model))


def _earlier(view: View) -> None:
    """Say that the page shows an earlier state, and offer the newest."""
    as_of = view.context.as_of
    if as_of is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="earlier"):
        st.info(
            _("As it was known on {when}: what came later is left out.").format(
                when=text.moment(as_of, view.context.zone)
            ),
            icon=":material/history:",
        )
        if st.button(_("Show the newest"), key="newest"):
            st.query_params.pop("as_of", None)
            st.rerun()


def _lead(view: View) -> None:
    context, model = view.context, view.model
    standing = data.standing(context, model.name)
    if standing is not None and context.as_of is None:
        widgets.lights(standing)
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        st.caption(widgets.freshness(view.facts.newest, context), width="content")
        if model.owner:
            st.caption(_("owner: {owner}").format(owner=text.markdown(model.owner)), width="content")
        if model.runbook.startswith(("https://", "http://")):
            st.link_button(_("Runbook"), model.runbook, type="tertiary", icon=":material/menu_book:")
    _next(view, standing)


def _next(view: View, standing: Standing | None) -> None:
    """Say what to do next: the open tickets first."""
    with st.container(border=True, key="card-next"):
        st.markdown("**" + _("What to do next") + "**")
        for ticket in view.facts.tickets[:5]:
            st.page_link(
                view.context.pages["tickets"],
                label=_("Ticket {id} ({severity}) asks to {what}: {title}").format(
                    id=ticket.id,
                    severity=widgets.severity_word(ticket.severity),
                    what=wording.asks_word(ticket.kind),
                    title=text.markdown(ticket.title, limit=120),
                ),
                query_params={"ticket": str(ticket.id)},
                icon=":material/confirmation_number:",
            )
        if len(view.facts.tickets) > 5:
            st.caption(_("and {n} more under Tickets").format(n=len(view.facts.tickets) - 5))
        if not view.facts.tickets:
            st.markdown(sentences.next_step(standing))


def _goals(view: View) -> None:
    st.header(_("Goal"), anchor="goal")
    standings = data.goals(view.context, view.model.name)
    if not view.model.kpis:
        widgets.empty(
            _("No KPI is declared, so nobody can say whether this model does its work."),
            _("Add `kpis:` and `goals:` to the model: a numerator and a denominator are enough."),
        )
    with st.container(key="lead"):
        for standing in standings:
            st.markdown(sentences.goal_sentence(standing))
    if standings and view.model.experiment is None:
        st.caption(
            _(
                "Without a control group a move of the KPI cannot be credited to the model:"
                " the market moves it too."
            )
        )
    panel.experiment(view)
    for kpi in view.model.kpis:
        levels = [
            level for standing in standings if standing.goal.kpi == kpi for level in panel.levels_of(standing)
        ]
        title = view.model.kpis[kpi].title or kpi
        panel.chart(
            view,
            sections.Chart(title=title, metrics=(f"business.{kpi}",), foreign=True),
            levels=levels,
            height=330,
        )


def _family(view: View, family: str, title: str, wanted: Sequence[sections.Chart]) -> None:
    st.header(title, anchor=family)
    more = sections.more(view.context.query, view.model, family, wanted)
    if more:
        chosen = st.multiselect(
            _("More metrics, computed now from the stored profiles"),
            list(more),
            format_func=lambda name: one_line(_(more[name].title)),
            key=f"more-{family}",
            placeholder=_("More metrics"),
            label_visibility="collapsed",
            width=420,
        )
        wanted = [*wanted, *(sections.Chart(title=_(more[name].title), metrics=(name,)) for name in chosen)]
    with st.container(key=f"charts-{family}"):
        drawn = 0
        columns = st.columns(2, gap="large")
        for item in wanted:
            with columns[drawn % 2]:
                drawn += panel.chart(view, item)
        if not drawn:
            st.caption(_nothing(view))


def _nothing(view: View) -> str:
    if view.context.as_of is not None:
        return _("Of an earlier time only stored values are known, and none is for this choice.")
    return _("Nothing of this kind was computed in this range.")


def _drift(view: View) -> None:
    st.header(_("Drift"), anchor="drift")
    with st.container(key="charts-drift"):
        sides = st.columns(2, gap="large")
        with sides[0]:
            panel.chart(view, sections.score_drift(), column=charts.SCORE, height=230)
        with sides[1]:
            panel.chart(view, sections.joint_drift(), height=230)
    heat = data.heat(
        view.context,
        view.model.name,
        sections.COLUMN_DRIFT,
        since=view.since,
        until=view.until,
        version=view.version,
        segment=view.segment,
    )
    if not heat.columns:
        st.caption(
            _nothing(view)
            if view.context.as_of
            else _("No column's drift is stored for this choice; all versions and rows always are.")
        )
        _column(view)
        return
    st.subheader(_("Columns by day, most drifted last week on top"))
    known = [value for row in heat.values for value in row if value is not None]
    picked = (view.column, view.window) if view.column and view.window else None
    widgets.figure(
        charts.heat_map(heat, view.scene, top=max(0.1, max(known, default=0.1)), picked=picked),
        key=f"heat-{view.column}-{view.window}",  # a new one after each choice: any cell can be clicked
        alt=_("Drift of each column by day; darker is more"),
        clicked=_cell_clicked,
    )
    st.caption(_("Darker is more. A click on a cell shows that column by itself, with that day framed."))
    declared = view.context.query.declared().get(sections.COLUMN_DRIFT)
    points = data.column_points(view.context, view.model.name, sections.COLUMN_DRIFT, view.since, view.until)
    widgets.explain(declared, points, name=sections.COLUMN_DRIFT, unit="score", key="heat")
    _column(view)


def _cell_clicked(cell: Sequence[str]) -> None:
    """Put a cell's column and window into the address."""
    st.query_params["column"], st.query_params["window"] = cell


def _column(view: View) -> None:
    """Show one column by itself, the one that the address names, with the window that it names framed."""
    zone, asked = view.context.zone, {"model": view.model.name}
    label = _("Compare the rows themselves: a deep dive")
    if view.column and view.window is not None:
        last = view.window.end - timedelta(seconds=1)
        asked |= {"from": f"{view.window.local_day(zone)}", "to": f"{last.astimezone(zone):%Y-%m-%d}"}
        label = _("Compare the rows of {day} themselves: a deep dive").format(
            day=text.day(view.window.start, zone)
        )
    with st.container(horizontal=True, vertical_alignment="bottom", key="one-column"):
        columns = ["", *view.facts.columns, charts.SCORE]
        choice("column", _("One column by itself"), view.column, columns, _("choose a column"))
        st.page_link(
            view.context.pages["reports"], label=label, query_params=asked, icon=":material/query_stats:"
        )
    if not view.column:
        return
    with st.container(key="charts-column"):
        sides, drawn = st.columns(2, gap="large"), 0
        for item in sections.column(view.facts.columns.get(view.column, "numeric")):
            with sides[drawn % 2]:
                drawn += panel.chart(view, item, column=view.column, place="column")
        if not drawn:
            st.caption(_("Nothing is known of this column in this range."))
