"""Every model at a glance, the one in most trouble first."""

from collections.abc import Sequence

import streamlit as st

from core.text import N_, ngettext
from core.text import gettext as _
from dashboard import charts, data, sentences, text, widgets
from dashboard.context import Context, Page
from dashboard.theme import palette
from reports.standing import Light, Standing

PAGE = Page(title=N_("Overview"), icon=":material/dashboard:", order=0)
_SHOWN = 25


def render(context: Context) -> None:
    """Draw the page."""
    st.title(_("Overview"))
    if not context.project.models:
        widgets.empty(
            _("No model is watched yet."),
            _("Name a model in the configuration; from a sample of its log most is found by itself."),
            "goalkeeper init --from log.parquet",
        )
        return
    if context.as_of is not None:
        st.caption(
            _("The link is of {when}; this is how everything stands now.").format(
                when=text.moment(context.as_of, context.zone)
            )
        )
    standings = data.overview(context)
    _headline(standings)
    wanted = _search(len(standings))
    shown = [item for item in standings if _matches(item, wanted)]
    if not shown:
        widgets.empty(_("No model matches."), _("Search looks at title, name, owner and tags."))
    page = 1
    if len(shown) > _SHOWN:
        page = int(st.number_input(_("Page"), 1, -(-len(shown) // _SHOWN), key="page"))
    listed = shown[(page - 1) * _SHOWN : page * _SHOWN]
    history = data.history(context, [standing.model for standing in listed])
    for standing in listed:
        _card(context, standing, history.get(standing.model, ()))


def _headline(standings: list[Standing]) -> None:
    bad = sum(
        1 for item in standings if Light.BAD in (item.service.light, item.performance.light, item.goal.light)
    )
    work = sum(len(item.tickets) for item in standings)
    models = ngettext("{n} model", "{n} models", len(standings)).format(n=len(standings))
    trouble = ngettext("{n} in trouble", "{n} in trouble", bad).format(n=bad) if bad else _("none in trouble")
    tickets = (
        ngettext("{n} open ticket", "{n} open tickets", work).format(n=work) if work else _("no open ticket")
    )
    st.markdown(f"{models} · {trouble} · {tickets}")


def _search(count: int) -> str:
    if count < 2:
        return ""
    key = "url-search"
    st.session_state[key] = st.query_params.get("search", "")

    def changed() -> None:
        st.query_params["search"] = st.session_state[key]

    return st.text_input(
        _("Search"),
        key=key,
        placeholder=_("title, owner or tag"),
        label_visibility="collapsed",
        icon=":material/search:",
        width=360,
        on_change=changed,
    )


def _matches(standing: Standing, wanted: str) -> bool:
    words = " ".join((standing.model, standing.title, standing.owner, *standing.tags)).lower()
    return all(word in words for word in wanted.lower().split())


def _card(context: Context, standing: Standing, history: Sequence[float | None]) -> None:
    with st.container(border=True, key=f"card-{standing.model}"):
        left, right = st.columns([5, 3], gap="medium", vertical_alignment="center")
        with left:
            with st.container(key=f"name-{standing.model}"):
                st.page_link(
                    context.pages["model"],
                    label=text.markdown(standing.title, limit=80),
                    query_params={"model": standing.model},
                    icon=":material/monitoring:",
                )
            for goal in standing.goals:
                st.markdown(sentences.goal_line(goal))
            if not standing.goals:
                st.markdown(
                    _("No goal is declared: add one under `goals:` to see whether it will be reached.")
                )
            widgets.lights(standing)
            _facts(context, standing)
        with right:
            if sum(value is not None for value in history) > 1:
                _sparkline(standing, history)
            elif standing.fresh is None:
                st.caption(_("Nothing is collected yet. Run `goalkeeper collect`."))


def _facts(context: Context, standing: Standing) -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        st.caption(widgets.freshness(standing.fresh, context), width="content")
        for ticket, severity in standing.tickets[:3]:
            st.page_link(
                context.pages["tickets"],
                label=_("Ticket {id} ({severity})").format(
                    id=ticket, severity=widgets.severity_word(severity)
                ),
                query_params={"ticket": str(ticket)},
                icon=":material/confirmation_number:",
            )
        if not standing.tickets:
            st.caption(_("no open ticket"), width="content")


def _sparkline(standing: Standing, history: Sequence[float | None]) -> None:
    goal = standing.goals[0] if standing.goals else None
    unit = goal.unit if goal else "none"
    widgets.figure(
        charts.sparkline(history, palette(), target=goal.goal.target if goal else None, unit=unit),
        key=f"spark-{standing.model}",
        alt=_("The last 60 windows of the KPI"),
    )
