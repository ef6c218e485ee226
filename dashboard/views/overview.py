"""Every model at a glance, the one in most trouble first."""

import html
from collections.abc import Sequence

import streamlit as st

from core.text import N_, ngettext
from core.text import gettext as _
from dashboard import data, links, sentences, sparkline, text, widgets
from dashboard.context import Context, Page
from dashboard.theme import palette
from dashboard.view import choice
from reports.standing import Light, Standing

PAGE = Page(title=N_("Overview"), icon=":material/dashboard:", order=0)
_SHOWN = 25
_STATES = ("trouble", "watch", "unknown", "fine", "tickets")


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
    choices = st.container(horizontal=True, vertical_alignment="bottom", key="filters")
    with choices:
        shown = _wanted(standings)
    if not shown:
        widgets.empty(_("No model matches."), _("Search looks at title, name, owner and tags."))
    with choices:
        listed = _page(shown)
    history = data.history(context, [standing.model for standing in listed])
    for standing in listed:
        _card(context, standing, history.get(standing.model, ()))


def _headline(standings: list[Standing]) -> None:
    bad = sum(_state(item) is Light.BAD for item in standings)
    work = sum(len(item.tickets) for item in standings)
    models = ngettext("{n} model", "{n} models", len(standings)).format(n=len(standings))
    trouble = ngettext("{n} in trouble", "{n} in trouble", bad).format(n=bad) if bad else _("none in trouble")
    tickets = (
        ngettext("{n} open ticket", "{n} open tickets", work).format(n=work) if work else _("no open ticket")
    )
    st.markdown(f"{models} · {trouble} · {tickets}")


def _state(standing: Standing) -> Light:
    """Return the worst of a model's lights."""
    lights = {standing.service.light, standing.performance.light, standing.goal.light}
    return next(light for light in (Light.BAD, Light.WATCH, Light.UNKNOWN, Light.GOOD) if light in lights)


def _wanted(standings: list[Standing]) -> list[Standing]:
    """Offer search, state, owner and tag as the address has them; return the models that match."""
    if len(standings) < 2:
        return standings
    owners = sorted({item.owner for item in standings if item.owner})
    tags = sorted({tag for item in standings for tag in item.tags})
    state = links.pick(st.query_params, "state", ["", *_STATES], "")
    owner = links.pick(st.query_params, "owner", ["", *owners], "")
    tag = links.pick(st.query_params, "tag", ["", *tags], "")
    words = {
        "trouble": _("in trouble"), "watch": _("watch"), "unknown": _("unknown"), "fine": _("fine"),
        "tickets": _("with an open ticket"),
    }  # fmt: skip
    widgets.notes([state.note, owner.note, tag.note])
    search = st.text_input(
        _("Search"),
        key=links.bound("search", st.query_params.get("search", "")),
        placeholder=_("title, owner or tag"),
        icon=":material/search:",
        width=300,
        on_change=links.write,
        args=("search",),
    )
    choice("state", _("State"), state.value, ["", *_STATES], _("every state"), words, width=190)
    if len(owners) > 1:
        choice("owner", _("Owner"), owner.value, ["", *owners], _("everybody"), width=230)
    if len(tags) > 1:
        choice("tag", _("Tag"), tag.value, ["", *tags], _("any"), width=190)
    return [
        item
        for item in standings
        if _matches(item, search)
        and (not owner.value or item.owner == owner.value)
        and (not tag.value or tag.value in item.tags)
        and (not state.value or _is_in(item, state.value))
    ]


def _matches(standing: Standing, wanted: str) -> bool:
    words = " ".join((standing.model, standing.title, standing.owner, *standing.tags)).lower()
    return all(word in words for word in wanted.lower().split())


def _is_in(standing: Standing, state: str) -> bool:
    if state == "tickets":
        return bool(standing.tickets)
    named = {"trouble": Light.BAD, "watch": Light.WATCH, "unknown": Light.UNKNOWN, "fine": Light.GOOD}
    return _state(standing) is named[state]


def _page(shown: list[Standing]) -> list[Standing]:
    """Offer the pages of a long list; return those of the one that the address names."""
    pages = -(-len(shown) // _SHOWN)
    if pages < 2:
        return shown
    asked, note = links.pick_number(st.query_params, "page")
    widgets.notes([note])
    key = links.bound("page", min(max(asked or 1, 1), pages))
    label = _("Page, of {n}").format(n=pages)
    page = int(st.number_input(label, 1, pages, key=key, on_change=links.write, args=("page",), width=160))
    return shown[(page - 1) * _SHOWN : page * _SHOWN]


def _card(context: Context, standing: Standing, history: Sequence[float | None]) -> None:
    """Draw a model: its name leads to it; all the rest is one element, for there may be hundreds."""
    with st.container(border=True, key=f"card-{standing.model}"):
        with st.container(key=f"name-{standing.model}"):
            st.page_link(
                context.pages["model"],
                label=text.markdown(standing.title, limit=80),
                query_params={"model": standing.model},
                icon=":material/monitoring:",
            )
        goal = standing.goals[0] if standing.goals else None
        picture = sparkline.image(
            history, palette(), target=goal.goal.target if goal else None, unit=goal.unit if goal else "none"
        )
        goals = "".join(f"<p>{sentences.goal_html(one)}</p>" for one in standing.goals) or (
            "<p>"
            + html.escape(_("No goal is declared: add one under goals: to see whether it will be reached."))
            + "</p>"
        )
        said = f"{goals}{widgets.lights(standing)}{_facts(context, standing)}"
        st.html(f'<div class="gk-model"><div>{said}</div>{picture}</div>')


def _facts(context: Context, standing: Standing) -> str:
    fresh = html.escape(
        widgets.freshness(standing.fresh, context)
        if standing.fresh is not None
        else _("Nothing is collected yet. Run `goalkeeper collect`.").replace("`", "")
    )
    words = [
        _("Ticket {id} ({severity})").format(id=ticket, severity=widgets.severity_word(severity))
        for ticket, severity in standing.tickets[:3]
    ]
    work = [
        f'<a href="tickets?ticket={ticket}" target="_self">{html.escape(said)}</a>'
        for (ticket, _severity), said in zip(standing.tickets, words, strict=False)
    ] or [html.escape(_("no open ticket"))]
    return f"<small>{' · '.join([fresh, *work])}</small>"
