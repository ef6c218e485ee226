"""For who owns the goal: are we reaching it, and if not, why."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

import streamlit as st

from core.figures import figure, points
from core.text import N_, language, ngettext
from core.text import gettext as _
from core.values import ValueState
from dashboard import data, links, panel, sections, sentences, tables, text, waterfall, widgets
from dashboard.context import Context, Page
from dashboard.tables import Cell
from dashboard.theme import palette
from dashboard.view import View, choice, earlier, filters, is_collected
from metrics.decomposition import Split
from reports import pictures
from reports.moves import Move
from reports.standing import GoalStanding

PAGE = Page(title=N_("Goals"), icon=":material/flag:", order=1, of_model=True)
_MOST = 10
_MOSTLY = 0.5
"""From this part of a move on, one level is named for it."""
_AGO = 28
"""So many days before the newest complete one the comparison begins, if the address names no day."""


def render(context: Context) -> None:
    """Draw the page."""
    st.title(_("Goals"))
    models = [name for name, model in context.project.models.items() if model.kpis]
    if not models:
        widgets.empty(
            _("No KPI is declared yet."),
            _("Add `kpis:` and `goals:` to a model: a numerator and a denominator are enough."),
            "goalkeeper init --from log.parquet",
        )
        return
    asked = st.query_params.get("model")  # who asks for none is shown the one in most trouble
    worst = asked or next(one.model for one in data.overview(context) if one.model in models)
    picked = links.pick(st.query_params, "model", models, worst if worst in models else models[0])
    model = context.project.models[picked.value]
    sentences_place = st.container(key="lead")
    view, notes = filters(context, model, versions=False)
    widgets.notes([picked.note, *notes])
    if not is_collected(view):
        return
    earlier(view)
    since = _since(view)
    with sentences_place:
        said = _sentences(view, since)
    panel.experiment(view)
    for kpi in model.kpis:
        _kpi(view, kpi, since, said.get(kpi, ""))


def _sentences(view: View, since: date) -> dict[str, str]:
    """Say first, in words, where each KPI stands and what moved it; return what was said, by KPI."""
    context, model = view.context, view.model
    st.markdown(f"#### {text.markdown(model.shown_title, limit=80)}")
    standings = data.goals(context, model.name)
    told: dict[str, str] = {}
    for standing in standings:
        week = data.week(context, model.name, standing.goal.kpi)
        last = sentences.week_sentence(week, standing, context.zone)
        said = [sentences.goal_sentence(standing, last), sentences.money_sentence(week, standing)]
        move = data.move(context, model.name, standing.goal.kpi, *_span(view, since))
        if move is not None:
            said.append(text.markdown(moved_words(move, context.zone)))
        told[standing.goal.kpi] = " ".join(part for part in said if part)
        st.markdown(told[standing.goal.kpi])
    if not standings:
        st.markdown(_("No goal is declared: add one under `goals:` to see whether it will be reached."))
    for ticket in view.facts.tickets[:3]:
        st.page_link(
            context.pages["tickets"],
            label=_("Ticket {id} ({severity}): {title}").format(
                id=ticket.id, severity=widgets.severity_word(ticket.severity),
                title=text.markdown(ticket.title, limit=120),
            ),
            query_params={"ticket": str(ticket.id)},
            icon=":material/confirmation_number:",
        )  # fmt: skip
    return told


def moved_words(move: Move, zone: ZoneInfo) -> str:
    """Say in one sentence what moved a KPI; '' where it stayed or nothing tells."""
    split = next(iter(move.splits.values()), None)
    if split is None:
        return ""
    total, column, level = split.after - split.before, next(iter(move.splits)), split.levels[0]
    told = {
        "day": text.date(move.after[0].astimezone(zone).date()), "column": column,
        "change": points(total, move.unit, currency=move.currency),
    }  # fmt: skip
    if not total or level.effect / total < _MOSTLY:
        return _("Since {day} it moved by {change}; no single part of {column} carries that.").format(**told)
    told |= {
        "level": level.name or _("too few to tell apart"),
        "effect": points(level.effect, move.unit, currency=move.currency),
    }
    if abs(level.mix) >= abs(level.rate):
        return _(
            "Since {day} it moved by {change}. Most of it is who we called: {column} {level} was {before} of"
            " the cases and is {after} ({effect})."
        ).format(
            before=text.number(level.share_before, "percent"), after=text.number(level.share, "percent"),
            **told,
        )  # fmt: skip
    return _(
        "Since {day} it moved by {change}. Most of it is how well it worked in {column} {level}: {before}"
        " before, {after} since ({effect})."
    ).format(
        before=figure(level.before, move.unit, currency=move.currency),
        after=figure(level.after, move.unit, currency=move.currency), **told,
    )  # fmt: skip


def _since(view: View) -> date:
    """Offer the day from which on a KPI is compared with the time before."""
    newest = min(view.facts.newest or view.context.now, view.context.as_of or view.context.now)
    last = (newest - timedelta(seconds=1)).astimezone(view.context.zone).date()
    ripe = last - data.maturity(view.context, view.model.name)
    default = ripe - timedelta(days=_AGO - 1)
    asked, note = links.pick_day(st.query_params, "since", default)
    widgets.notes([note])
    return min(asked, last)


def _span(view: View, since: date) -> tuple[datetime, datetime]:
    begin = datetime.combine(since, time(), tzinfo=view.context.zone)
    return begin, min(view.until, view.context.as_of or view.context.now)


def _kpi(view: View, kpi: str, since: date, said: str) -> None:
    model, context = view.model, view.context
    standings = [one for one in data.goals(context, model.name) if one.goal.kpi == kpi]
    title = model.kpis[kpi].title or kpi
    panel.chart(
        view,
        sections.Chart(title=title, metrics=(f"business.{kpi}",), foreign=True),
        levels=[level for standing in standings for level in panel.levels_of(standing)],
        height=360,
    )
    st.caption(text.markdown(_counted(view, kpi), limit=900))
    _take_along(view, kpi, title, said, standings)
    rise_is_good = all(one.goal.target >= one.goal.baseline for one in standings)
    _move(view, kpi, since, rise_is_good)
    _restated(view, kpi)


def _take_along(
    view: View, kpi: str, title: str, said: str, standings: Sequence[GoalStanding]
) -> None:  # fmt: skip
    """Offer a page for a meeting."""
    if not pictures.can_draw():
        return
    context, spoken = view.context, text.language()
    zone, metric = context.zone, f"business.{kpi}"
    found = data.series(
        context, view.model.name, (metric,), since=view.since, until=view.until, segment=view.segment
    )
    dots = [
        pictures.Dot(
            day=point.window.local_day(zone), value=point.value.value, lower=point.value.lower,
            upper=point.value.upper, final=point.value.state is ValueState.OK,
        )
        for point in found[metric]
        if point.value.state in (ValueState.OK, ValueState.IMMATURE)
    ]  # fmt: skip
    if len([dot for dot in dots if dot.value is not None]) < 2:
        return
    goal = standings[0].goal if standings else None
    link = f"{context.project.public_url}/goals?model={quote(view.model.name)}"
    when = text.moment(context.as_of or context.now, zone)
    source = _("As of {when} ({zone}) · {link}").format(when=when, zone=zone, link=link)

    def page() -> bytes:
        with language(spoken):
            return pictures.sheet(
                dots,
                title=f"{view.model.shown_title}: {title}",
                lines=[text.unescaped(said)] if said else [],
                footer=[*([view.segment] if view.segment else []), _counted(view, kpi), source],
                percent=view.context.query.unit(view.model.name, metric) == "percent",
                target=goal.target if goal else None,
                normal=goal.baseline if goal else None,
                normal_word=_("baseline"),
                language=spoken,
            )

    st.download_button(
        _("Take it along: one page, PDF"), data=page, file_name=f"{view.model.name}-{kpi}.pdf",
        mime="application/pdf", icon=":material/picture_as_pdf:", key=f"pdf-{kpi}", on_click="ignore",
        type="tertiary",
    )  # fmt: skip


def _counted(view: View, kpi: str) -> str:
    """Say in one line what is counted, from where and by which day."""
    declared = view.model.kpis[kpi]
    among = (declared.denominator or _("predictions")).replace("_", " ")
    said = [
        _("Counted: {numerator} among {denominator}, by the day of the prediction.").format(
            numerator=(declared.numerator or kpi).replace("_", " "), denominator=among
        )
    ]
    days = data.maturity(view.context, view.model.name).days
    if days:
        said.append(
            ngettext(
                "Outcomes take up to {n} day; until then a day is still coming in.",
                "Outcomes take up to {n} days; until then a day is still coming in.",
                days,
            ).format(n=days)
        )
    return " ".join(said)


def _move(view: View, kpi: str, since: date, rise_is_good: bool) -> None:
    st.subheader(_("What moved it"), anchor=f"moved-{kpi}")
    if not view.model.segments:
        st.caption(_("Name columns under `segments:` to see which cases moved the figure."))
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"since-{kpi}"):
        key = f"since-day-{kpi}"
        st.session_state[key] = since

        def chosen() -> None:
            if st.session_state[key]:
                st.query_params["since"] = st.session_state[key].isoformat()

        st.date_input(_("Since"), key=key, on_change=chosen, format="YYYY-MM-DD", width=170)
        move = data.move(view.context, view.model.name, kpi, *_span(view, since))
        if move is None or not move.splits:
            st.caption(_("There are not enough complete days on both sides of this day."))
            return
        by = links.pick(st.query_params, "by", list(move.splits), next(iter(move.splits)))
        choice("by", _("By"), by.value, list(move.splits), "")
    split = move.splits[by.value]
    zone = view.context.zone
    spans = [
        f"{text.date(first.astimezone(zone).date())} – "
        f"{text.date((last - timedelta(seconds=1)).astimezone(zone).date())}"
        for first, last in (move.before, move.after)
    ]
    st.markdown(
        text.markdown(
            _(
                "{before} before ({span_before}), {after} since ({span}): {mix} because other cases came"
                " (who we called), {rate} because like cases went otherwise (how well it worked)."
            ).format(
                before=figure(split.before, move.unit, currency=move.currency), span_before=spans[0],
                after=figure(split.after, move.unit, currency=move.currency), span=spans[1],
                mix=points(split.mix, move.unit, currency=move.currency),
                rate=points(split.rate, move.unit, currency=move.currency),
            ),
            limit=600,
        )
    )  # fmt: skip
    widgets.figure(
        waterfall.draw(split, palette(), unit=move.unit, currency=move.currency, rise_is_good=rise_is_good),
        key=f"waterfall-{kpi}-{by.value}",
        alt=_("What each part added to the move"),
    )
    with st.expander(_("In figures"), icon=":material/table_rows:", type="compact"):
        _levels(view, move, by.value, split)


def _levels(view: View, move: Move, column: str, split: Split) -> None:
    def shown(value: float | None) -> str:
        return figure(value, move.unit, currency=move.currency)

    tables.table(
        [column, _("share before"), _("share since"), _("before"), _("after"), _("adds")],
        [
            [
                level.name or _("too few to tell apart"),
                Cell(text=text.number(level.share_before, "percent")),
                Cell(text=text.number(level.share, "percent")),
                shown(level.before), shown(level.after),
                points(level.effect, move.unit, currency=move.currency),
            ]
            for level in split.levels[: 3 * _MOST]
        ],
        figures=(1, 2, 3, 4, 5),
        label=_("What each part added to the move"),
    )  # fmt: skip


def _restated(view: View, kpi: str) -> None:
    """List the days whose complete figure was told otherwise before."""
    if view.context.as_of is not None or view.segment or view.version:
        return
    found = data.restated(view.context, view.model.name, f"business.{kpi}", view.since, view.until)
    if not found:
        return
    unit = view.context.query.unit(view.model.name, f"business.{kpi}")
    head = ngettext("{n} day was restated", "{n} days were restated", len(found)).format(n=len(found))
    with st.expander(head, icon=":material/history:", type="compact"):
        tables.table(
            [_("day"), _("was"), _("is"), _("why")],
            [
                [
                    text.day(one.window.start, view.context.zone), figure(one.first.value.value, unit),
                    figure(one.now.value.value, unit), one.now.why,
                ]
                for one in found[-_MOST:][::-1]
            ],
            figures=(1, 2),
            label=head,
        )  # fmt: skip
