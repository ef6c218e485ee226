"""One chart of a page with its words, and what an experiment says: what several pages show alike."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import streamlit as st

from core.foreign import one_line
from core.text import gettext as _
from core.values import MetricPoint, ValueState
from core.windows import Grain
from dashboard import charts, data, sections, text, widgets
from dashboard.drawing import Drawing, drawn
from dashboard.scene import Level
from dashboard.view import View
from metrics.measure import primary
from reports.experiments import verdict
from reports.standing import GoalStanding


def chart(
    view: View,
    item: sections.Chart,
    *,
    column: str = "",
    place: str = "",
    levels: Sequence[Level] = (),
    height: int = 260,
    words: bool = True,
    among: Sequence[sections.Chart] = (),
) -> int:
    """Draw one chart; return how many were drawn (0 where nothing is known and nothing is declared).

    Without `words` it is only shown; what it is stands on the page of its family. `among` are the charts of
    the same column that the page draws: their values are read together.
    """
    query = view.context.query
    name, title = item.metrics[0], item.title
    metrics = item.metrics
    if view.compare and len(metrics) > 1:  # one line for each version
        metrics, title = (name,), f"{title}: {item.labels[name]}"
    unit = query.unit(view.model.name, name)
    versions = view.versions if view.compare else (view.version,)
    grain = _grain(view, name)
    together = [
        one
        for item in among
        for one in (item.metrics[:1] if view.compare else item.metrics)
        if _grain(view, one) is grain
    ]
    lines = {}
    for version in versions:
        found = data.series(
            view.context,
            view.model.name,
            metrics,
            since=view.since,
            until=view.until,
            version=version,
            segment=view.segment,
            column=column,
            grain=grain,
            among=together,
        )
        for metric, points in found.items():
            label = item.labels.get(metric, item.title) if len(versions) == 1 else version
            lines[label] = points
    everything = [point for points in lines.values() for point in points]
    if not everything:
        return 0
    measured = text.axis_unit(unit)
    st.subheader(text.markdown(title, limit=60) + (f" · {measured}" if measured else ""))
    window = view.window if column and column == view.column else None
    key = (
        view.model.name, item, column, levels, height, window, versions, view.segment, view.since, view.until,
        view.scene.colours.ground,
    )  # fmt: skip

    def draw() -> Drawing:
        shades = data.shades(view.facts, name, primary(view.model.task), view.version, view.segment, column)
        return charts.trend(
            lines, unit, view.scene, shades=shades, levels=levels, log=item.log, window=window, height=height
        )

    widgets.figure(
        drawn(view.context.mark + str(view.context.as_of), key, draw),
        key=f"chart-{name}-{column}{place}",
        alt=_("{title} over time").format(title=title),
    )
    if name.startswith("business.") and any(_estimated(point) for point in everything):
        st.caption(
            _(
                "Hollow: outcomes still come in. Drawn is what they are likely to become, from how outcomes"
                " usually arrive; no rule judges it."
            )
        )
    if not words:
        return 1
    latest = max(everything, key=lambda point: point.window.start)
    _newest(latest)
    widgets.explain(query.declared().get(name), lambda: everything, name=name, key=f"{name}-{column}{place}")
    return 1


def _grain(view: View, metric: str) -> Grain | None:
    """Return the grain that a metric is drawn in: hours of the service where the range is short."""
    hourly = metric.startswith("service.") and view.until - view.since <= timedelta(days=7)
    return view.model.service_grain if hourly else None


def _estimated(point: MetricPoint) -> bool:
    return point.value.state is ValueState.IMMATURE and point.value.value is not None


def _newest(latest: MetricPoint) -> None:
    """Say why the newest window has no value; what still comes in is drawn hollow and needs no words."""
    if latest.value.state in (ValueState.NOT_ENOUGH_DATA, ValueState.ERROR) and latest.value.reason:
        st.caption(_("Newest window: {reason}").format(reason=text.markdown(latest.value.reason)))


def experiment(view: View) -> None:
    """Say what the model adds over its control arm, or what keeps the arms from being compared."""
    if view.context.as_of is not None:
        return
    with view.context.store.read() as session:
        found = verdict(session, view.model)
    if found is None:
        return
    with st.container(border=True, key="experiment"):
        st.markdown("**" + _("Is it the model?") + "**")
        for guard in found.guards:
            st.warning(text.markdown(guard), icon=":material/rule:")
        for sentence in found.said:
            st.markdown(text.markdown(sentence))
        st.caption(
            _("Counted by unit, once a day, of rows whose outcomes are mature; the ranges hold at all times.")
        )


def levels_of(standing: GoalStanding) -> list[Level]:
    return [
        Level(value=standing.goal.target, label=_("target"), kind="target"),
        Level(value=standing.goal.baseline, label=_("baseline"), kind="baseline"),
    ]


def family(view: View, name: str, wanted: Sequence[sections.Chart]) -> None:
    """Draw charts two and two, and offer every other declared metric of the family."""
    more = sections.more(view.context.query, view.model, name, wanted)
    chosen = [one for one in st.session_state.get(f"more-{name}", []) if one in more]
    added = [sections.Chart(title=_(more[one].title), metrics=(one,)) for one in chosen]
    drawn = [*wanted, *added]
    two_and_two(name, partial(chart, view, among=drawn), drawn, nothing(view))
    if more:
        st.multiselect(
            _("More metrics, computed now from the stored profiles"), list(more),
            format_func=lambda one: one_line(_(more[one].title)), key=f"more-{name}",
            placeholder=_("More metrics"), width=520,
        )  # fmt: skip


def columns(view: View, wanted: Sequence[sections.Chart]) -> None:
    """Draw charts of the column that the address names."""
    draw = partial(chart, view, column=view.column, place="column", height=220, among=wanted)
    two_and_two("column", draw, wanted, _("Nothing is known of this column in this range."))


def two_and_two(
    key: str, draw: Callable[[sections.Chart], int], wanted: Sequence[sections.Chart], empty: str
) -> None:
    """Draw charts side by side, on a narrow screen one under another; `empty` says that there is none."""
    with st.container(key=f"charts-{key}"):
        sides, count = st.columns(2, gap="large"), 0
        for item in wanted:
            with sides[count % 2]:
                count += draw(item)
        if not count:
            st.caption(empty)


def nothing(view: View) -> str:
    """Say why there is nothing to draw."""
    if view.context.as_of is not None:
        return _("Of an earlier time only stored values are known, and none is for this choice.")
    return _("Nothing of this kind was computed in this range.")


def onward(view: View, page: str, label: str, *, icon: str = ":material/arrow_forward:", **more: str) -> None:
    """Link to another page of the same model, with what is chosen here."""
    st.page_link(view.context.pages[page], label=label, query_params=view.address(**more), icon=icon)
