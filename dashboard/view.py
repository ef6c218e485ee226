"""What a model's page is asked for: version, segment, column and range, all of them in the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType

import streamlit as st

from core.config.model import Model
from core.foreign import one_line
from core.text import gettext as _
from core.windows import Window
from dashboard import data, links, widgets
from dashboard.charts import SCORE
from dashboard.context import Context
from dashboard.scene import Scene
from dashboard.theme import palette

NO_TITLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class View:
    """What the address asks for, checked."""

    context: Context
    model: Model
    version: str
    segment: str
    versions: tuple[str, ...]
    column: str
    window: Window | None
    compare: bool
    scene: Scene
    facts: data.Facts

    @property
    def since(self) -> datetime:
        """Return the start of the range."""
        return self.scene.since

    @property
    def until(self) -> datetime:
        """Return the end of the range."""
        return self.scene.until


def model_of(context: Context) -> tuple[Model | None, str]:
    """Return the model that the address names, and a note where it erred.

    None, and a word on the page, where no model is watched.
    """
    models = context.project.models
    if not models:
        widgets.empty(_("No model is watched yet."), _("Name one in the configuration."), "goalkeeper init")
        return None, ""
    picked = links.pick(st.query_params, "model", list(models), next(iter(models)))
    return models[picked.value], picked.note


def is_collected(view: "View") -> bool:
    """Tell whether anything is collected; where nothing is, say how."""
    if view.facts.newest is None:
        widgets.empty(
            _("Nothing is collected for this model yet."),
            _("Collect once by hand, or start `goalkeeper serve`, which collects by itself."),
            f"goalkeeper collect --model {view.model.name}",
        )
    return view.facts.newest is not None


def filters(context: Context, model: Model, *, versions: bool = True) -> tuple[View, list[str]]:
    """Offer version, segment and range as the address has them; return them, and notes on its errors.

    Without `versions` all of them are meant, and none is offered.
    """
    facts = data.facts(context, model.name)
    latest = context.as_of or context.now
    if facts.newest is not None:
        latest = min(latest, facts.newest - timedelta(seconds=1))
    today = latest.astimezone(context.zone)
    span, range_note = links.pick_range(st.query_params, today.date())
    params = st.query_params if versions else {**st.query_params.to_dict(), "version": "", "compare": ""}
    version = links.pick(params, "version", ["", *facts.versions], "")
    segment = links.pick(st.query_params, "segment", ["", *facts.segments], "")
    column = links.pick(st.query_params, "column", ["", *facts.columns, SCORE], "")
    window, window_note = links.pick_window(st.query_params, "window", model.grain, context.zone)
    compare = params.get("compare") == "1" and not version.value and len(facts.versions) > 1
    with st.container(horizontal=True, vertical_alignment="top", key="filters"):
        if len(context.project.models) > 1:
            titles = {name: one.shown_title for name, one in context.project.models.items()}
            choice("model", _("Model"), model.name, list(titles), "", titles)
        if versions and len(facts.versions) > 1:
            choice("version", _("Version"), version.value, ["", *facts.versions], _("all versions"))
        if facts.segments:
            choice("segment", _("Segment"), segment.value, ["", *facts.segments], _("all rows"))
        _range(span, today.date())
        if versions and len(facts.versions) > 1 and not version.value:
            st.toggle(
                _("Compare versions"),
                key=links.bound("compare", compare),
                on_change=links.write_flag,
                args=("compare",),
            )
    since, until = span.bounds(context.zone)
    scene = Scene(since=since, until=until, zone=context.zone, colours=palette(), moments=facts.moments)
    view = View(
        context=context,
        model=model,
        version=version.value,
        segment=segment.value,
        column=column.value,
        window=data.kept_window(context, model, window),
        versions=facts.versions,
        compare=compare,
        scene=scene,
        facts=facts,
    )
    return view, [range_note, version.note, segment.note, column.note, window_note]


def choice(
    name: str,
    label: str,
    value: str,
    options: Sequence[str],
    all_: str,
    titles: Mapping[str, str] = NO_TITLES,
) -> None:
    """Offer one value, kept in the address; '' stands for all; `titles` are shown instead of names."""
    words = {"": all_, SCORE: _("the score")} | {key: one_line(title) for key, title in titles.items()}
    st.selectbox(
        label,
        options,
        key=links.bound(name, value),
        format_func=lambda option: words.get(option) or one_line(option),
        on_change=links.write,
        args=(name,),
        width=210,
    )


def _range(span: links.Range, last: date) -> None:
    preset = next((p for p, days in links.PRESETS.items() if days == span.days and span.last == last), None)
    key = "range-preset"
    st.session_state[key] = preset

    def preset_chosen() -> None:
        chosen = st.session_state[key]
        if chosen:
            first = last - timedelta(days=links.PRESETS[chosen] - 1)
            st.query_params["from"], st.query_params["to"] = first.isoformat(), last.isoformat()

    st.segmented_control(
        _("Range"),
        list(links.PRESETS),
        key=key,
        on_change=preset_chosen,
        format_func=lambda item: {
            "7d": _("7 days"),
            "28d": _("28 days"),
            "90d": _("90 days"),
            "1y": _("1 year"),
        }[item],
    )
    own = "range-own"
    st.session_state[own] = (span.first, span.last)

    def own_chosen() -> None:
        chosen = st.session_state[own]
        if len(chosen) == 2:
            st.query_params["from"], st.query_params["to"] = (day.isoformat() for day in chosen)

    st.date_input(_("From – to"), key=own, on_change=own_chosen, format="YYYY-MM-DD", width=230)
