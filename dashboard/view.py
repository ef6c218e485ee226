"""What a model's page is asked for: version, segment, column and range, all of them in the address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Literal

import streamlit as st

from core.config.model import Model
from core.foreign import one_line
from core.roles import Role
from core.text import gettext as _
from core.windows import Window
from dashboard import data, links, text, widgets
from dashboard.charts import SCORE
from dashboard.context import Context
from dashboard.scene import Scene
from dashboard.theme import palette
from reports.sides import BEFORE, BESIDE

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
    against: str
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

    @property
    def asked(self) -> data.Asked:
        """Return the range with its version and segment, and what it is held against."""
        return data.Asked(
            since=self.since, until=self.until, version=self.version, segment=self.segment,
            against=self.against,
        )  # fmt: skip

    def address(self, **more: str) -> dict[str, str]:
        """Return what a link to another page of this model carries; '' leaves a part out."""
        kept = {name: st.query_params[name] for name in links.CARRIED if name in st.query_params}
        return {name: value for name, value in ({"model": self.model.name} | kept | more).items() if value}


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


def filters(
    context: Context, model: Model, *, versions: bool = True, compare: bool = True, against: bool = False
) -> tuple[View, list[str]]:
    """Offer at the side what the address has: version, segment, range; return it, and notes on its errors.

    Without `versions` all of them are meant, and none is offered; without `compare` there is no line for each
    of them; `against` offers what to compare with.
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
    beside = [key for key, role in BESIDE.items() if role in facts.roles]
    others = ["", BEFORE, *beside, *(one for one in facts.versions if one != version.value)]
    held = links.pick(params if against else {}, "against", others, "")
    each = compare and params.get("compare") == "1" and not version.value and len(facts.versions) > 1
    with context.side:
        if len(context.project.models) > 1:
            titles = {name: one.shown_title for name, one in context.project.models.items()}
            choice("model", _("Model"), model.name, list(titles), "", titles)
        if versions and len(facts.versions) > 1:
            choice("version", _("Version"), version.value, ["", *facts.versions], _("all versions"))
        if facts.segments:
            choice("segment", _("Segment"), segment.value, ["", *facts.segments], _("all rows"))
        _range(span, today.date())
        if against:
            choice(
                "against", _("Compare with"), held.value, others, other(""),
                {one: other(one) for one in (BEFORE, *beside)},
            )  # fmt: skip
        elif versions and compare and len(facts.versions) > 1 and not version.value:
            st.toggle(
                _("Compare versions"),
                key=links.bound("compare", each),
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
        compare=each,
        against=held.value,
        scene=scene,
        facts=facts,
    )
    return view, [range_note, version.note, segment.note, column.note, window_note, held.note]


def opened(context: Context, title: str, *, compare: bool = True, against: bool = False) -> View | None:
    """Draw the head of a page about one model; None where there is nothing to show, which it says.

    The title names the page, the line under it what is shown; an earlier state says so.
    """
    head = st.container()
    model, note = model_of(context)
    if model is None:
        head.title(title)
        return None
    view, notes = filters(context, model, compare=compare, against=against)
    with head:
        st.title(title)
        st.caption(_shown(view))
    widgets.notes([note, *notes])
    if not is_collected(view):
        return None
    earlier(view)
    return view


def earlier(view: View) -> None:
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


def role_word(role: Role) -> str:
    """Translate a role of traffic."""
    words = {
        Role.CHAMPION: _("the champion"), Role.CHALLENGER: _("the challenger"), Role.SHADOW: _("the shadow"),
        Role.CONTROL: _("control"),
    }  # fmt: skip
    return words[role]


def own_side(view: View) -> str:
    """Say what a range's own side is, where it is held against another version or role; '' for all."""
    if view.against in BESIDE:
        return role_word(Role.CHAMPION)
    return _("version {version}").format(version=view.version) if view.version else ""


def other(against: str) -> str:
    """Say what a range is held against."""
    words = {"": _("the reference"), BEFORE: _("as long before")} | {
        key: role_word(role) for key, role in BESIDE.items()
    }
    return words.get(against) or _("version {version}").format(version=against)


def _shown(view: View) -> str:
    """Say in one line what the page shows: model, version, segment and days."""
    parts = [
        text.markdown(view.model.shown_title, limit=80),
        _("version {version}").format(version=text.markdown(view.version, limit=40)) if view.version else "",
        text.markdown(view.segment, limit=60),
        text.days(view.since, view.until, view.context.zone, year=True),
    ]
    return " · ".join(part for part in parts if part)


def choice(
    name: str,
    label: str,
    value: str,
    options: Sequence[str],
    all_: str,
    titles: Mapping[str, str] = NO_TITLES,
    *,
    width: int | Literal["stretch"] = "stretch",
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
        width=width,
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
        _("Range, days"),
        list(links.PRESETS),
        key=key,
        on_change=preset_chosen,
        format_func=lambda item: f"{links.PRESETS[item]}",
        width="stretch",
    )
    own = "range-own"
    st.session_state[own] = (span.first, span.last)

    def own_chosen() -> None:
        chosen = st.session_state[own]
        if len(chosen) == 2:
            st.query_params["from"], st.query_params["to"] = (day.isoformat() for day in chosen)

    st.date_input(_("From – to"), key=own, on_change=own_chosen, format="YYYY-MM-DD")
