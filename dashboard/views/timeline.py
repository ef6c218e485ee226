"""Service, data, model and goal on one time axis: it shows which of them moved first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial

import streamlit as st

from alerts.defaults import rules_of
from core.config import Model
from core.marks import MarkKind
from core.text import N_
from core.text import gettext as _
from core.values import MetricPoint
from dashboard import charts, data, sections, tables, text, widgets
from dashboard.charts import SCORE
from dashboard.context import Context, Group, Page
from dashboard.drawing import Drawing, drawn
from dashboard.view import View, filters, is_collected, model_of
from metrics.measure import primary
from store import marks

PAGE = Page(title=N_("Timeline"), icon=":material/timeline:", order=11, group=Group.MODEL, of_model=True)
_SAID = "mark-said"
_LEFT, _RIGHT = 64, 28
"""Every strip has the same margins, so one day stands over the other."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One line of the axis: whose it is, and the metric that speaks for it."""

    family: str
    title: str
    metric: str
    column: str = ""


def render(context: Context) -> None:
    """Draw the page."""
    st.title(_("Timeline"))
    model, note = model_of(context)
    if model is None:
        return
    view, notes = filters(context, model)
    widgets.notes([note, *notes])
    if not is_collected(view):
        return
    st.markdown(_("Read it from top to bottom: was it the service, the data, the model, or the market?"))
    _strips(view)
    _happened(view)
    _mark(context, model)


def strips(model: Model) -> list[Strip]:
    """Return the lines of a model's axis, from the service down to the goal."""
    found = [
        Strip(family=_("Service"), title=_("Predictions"), metric="service.requests"),
        Strip(family=_("Service"), title=_("Share of errors"), metric="service.error_share"),
        Strip(family=_("Service"), title=_("Latency, 95 % are faster"), metric="service.latency_p95_ms"),
        Strip(family=_("Data"), title=_("Drift of columns together"), metric="drift.multivariate"),
        Strip(family=_("Data"), title=_("Drift of the score"), metric=sections.COLUMN_DRIFT, column=SCORE),
    ]
    judged = sections.performance(model)
    if judged:
        found.append(Strip(family=_("Model"), title=judged[0].title, metric=primary(model.task)))
    found += [
        Strip(family=_("Goal"), title=kpi.title or name, metric=f"business.{name}")
        for name, kpi in model.kpis.items()
    ]
    return found


def _strips(view: View) -> None:
    """Draw every line that has values under the one before."""
    known = []
    every = strips(view.model)
    for strip in every:
        found = data.series(
            view.context, view.model.name, (strip.metric,), since=view.since, until=view.until,
            version=view.version, segment=view.segment, column=strip.column,
            among=[one.metric for one in every if one.column == strip.column],
        )  # fmt: skip
        if any(point.value.value is not None for point in found[strip.metric]):
            known.append((strip, found[strip.metric]))
    if not known:
        st.caption(_("Nothing of this kind was computed in this range."))
        return
    with st.container(key="timeline", gap=None):
        family = ""
        for at, (strip, points) in enumerate(known):
            first, last = at == 0, at == len(known) - 1
            if strip.family != family:
                family = strip.family
                st.markdown(f"**{text.markdown(family)}**")
            unit = view.context.query.unit(view.model.name, strip.metric)
            measured = text.axis_unit(unit)
            st.caption(text.markdown(strip.title, limit=60) + (f" · {measured}" if measured else ""))
            key = (
                view.model.name, strip, at, last, view.version, view.segment, view.since, view.until,
                view.scene.colours.ground,
            )  # fmt: skip
            chart = drawn(
                view.context.mark + str(view.context.as_of), key,
                partial(_draw, view, strip, points, unit, first=first, last=last),
            )  # fmt: skip
            widgets.figure(
                chart, key=f"strip-{strip.metric}-{strip.column}",
                alt=_("{title} over time").format(title=strip.title),
            )  # fmt: skip


def _draw(
    view: View, strip: Strip, points: Sequence[MetricPoint], unit: str, *, first: bool, last: bool
) -> Drawing:
    shades = data.shades(
        view.facts, strip.metric, primary(view.model.task), view.version, view.segment, strip.column
    )
    height = 150 if first or last else 116
    chart = charts.trend({strip.title: points}, unit, view.scene, names=first, height=height, shades=shades)
    chart.lay(margin={"l": _LEFT, "r": _RIGHT, "b": 24 if last else 4}, showlegend=False)
    chart.axis("y", automargin=False, nticks=4)
    chart.axis("x", showticklabels=last)
    return chart


def _happened(view: View) -> None:
    """List what happened in the range, newest first."""
    st.header(_("What happened"), anchor="happened")
    zone = view.context.zone
    words = {
        "release": _("release"), "configuration": _("configuration"), "mark": _("mark"),
        "ticket": _("ticket"), "retraining": _("retraining"),
    }  # fmt: skip
    events = [(moment.at, words[moment.kind], moment.label) for moment in view.facts.moments]
    titles = {watch.id: _(watch.title) for watch in rules_of(view.model)}
    events += [
        (
            fired.since,
            _("better") if fired.good else _("alert"),
            _what(titles.get(fired.rule.partition(":")[0], fired.rule), fired.column, fired.segment),
        )
        for fired in view.facts.fired
    ]
    shown = sorted((one for one in events if view.since <= one[0] < view.until), reverse=True)
    if not shown:
        st.caption(_("Nothing was released, marked or seen in this range."))
        return
    tables.table(
        [_("when"), _("kind"), _("what")],
        [[text.moment(at, zone), kind, what] for at, kind, what in shown[:40]],
        label=_("What happened"),
    )


def _what(title: str, column: str, segment: str) -> str:
    where = ", ".join(filter(None, ("" if column == SCORE else column, segment)))
    return f"{title}: {where}" if where else title


def _mark(context: Context, model: Model) -> None:
    """Offer to set a mark, which every chart then shows."""
    said = st.session_state.pop(_SAID, "")
    if said:
        st.success(said, icon=":material/check:")
    if context.reader.barred:
        st.caption(context.reader.barred)
        return
    with (
        st.popover(_("Set a mark"), icon=":material/add_location_alt:"),
        st.form("mark", border=False, clear_on_submit=True),
    ):
        today = context.now.astimezone(context.zone).date()
        days = st.date_input(_("Day, or first and last day"), value=(today, today), format="YYYY-MM-DD")
        words = st.text_input(_("What happened"), max_chars=200, placeholder=_("the price list changed"))
        kind = st.selectbox(_("Kind"), [str(one) for one in MarkKind], format_func=_kind)
        everywhere = st.checkbox(_("It concerns every model"))
        if st.form_submit_button(_("Set the mark"), type="primary"):
            if not words.strip():
                st.error(_("Say in a few words what happened."))
                return
            first, last = min(days), max(days)
            after = datetime.combine(last + timedelta(days=1), time(), tzinfo=context.zone)
            with context.store.write() as session:
                marks.add_mark(
                    session, model="" if everywhere else model.name, kind=str(kind), text=words.strip(),
                    start=datetime.combine(first, time(), tzinfo=context.zone),
                    end=after if last > first else None,
                    actor=context.reader.actor, now=context.now,
                )  # fmt: skip
            st.session_state[_SAID] = _("It stands on every chart now.")
            st.rerun()


def _kind(kind: str) -> str:
    words = {
        "note": _("note"), "campaign": _("campaign"), "incident": _("incident"), "release": _("release"),
        "holiday": _("holiday"),
    }  # fmt: skip
    return words[kind]
