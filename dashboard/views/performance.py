"""Whether the model is right: realised and estimated over time, and its curves for the range."""

from dataclasses import replace

import streamlit as st

from core.config.model import Task
from core.figures import figure
from core.grid import NumericGrid
from core.profile import Outcomes
from core.text import N_
from core.text import gettext as _
from dashboard import curves, data, panel, sections, tables, text, widgets
from dashboard.context import Context, Group, Page
from dashboard.view import View, opened, other, own_side
from metrics.curves import labels_by_score, precision_recall, reliability, roc
from metrics.scores import average_precision, roc_area

PAGE = Page(
    title=N_("Performance"), icon=":material/target:", order=12, group=Group.MODEL, of_model=True
)  # fmt: skip
_CLASSES = 12


def render(context: Context) -> None:
    """Draw the page."""
    view = opened(context, _("Performance"), against=True)
    if view is None:
        return
    st.header(_("Over time"), anchor="time")
    panel.family(view, "performance", sections.performance(view.model))
    with st.container(key="charts-coverage"):
        sides = st.columns(2, gap="large")
        with sides[0]:
            panel.chart(view, sections.quality(view.model)[1], height=200)
    if context.as_of is not None:
        st.caption(panel.nothing(view))
        return
    st.header(_("In this range"), anchor="range")
    # a reference is no range of this model's answers: its curves say nothing of who is compared here
    asked = replace(view.asked, part="outcomes", against=view.against or None)
    found = data.sides(context, view.model.name, asked)
    if found.now is None or not found.now.outcomes.labelled:
        widgets.empty(
            _("No outcome of this range is known yet."),
            _("Outcomes come in with time: choose an earlier range, or look at what the scores promise."),
        )
        return
    known = figure(found.now.outcomes.labelled, "count")
    st.caption(_("From {n} predictions whose outcome is known.").format(n=known))
    if view.against and found.then is None:
        st.caption(text.markdown(found.reason))
    outcomes = {own_side(view) or text.days(view.since, view.until, context.zone): found.now.outcomes}
    if found.then is not None:
        outcomes[other(view.against)] = found.then.outcomes
    if view.model.task is Task.BINARY and isinstance(found.grids.score, NumericGrid):
        _curves(view, outcomes, found.grids.score)
    for name, one in outcomes.items():
        _confusion(one, found.grids.classes, name if len(outcomes) > 1 else "")


def _curves(view: View, outcomes: dict[str, Outcomes], grid: NumericGrid) -> None:
    labels = {name: found for name, one in outcomes.items() if (found := labels_by_score(one)) is not None}
    if not labels:
        st.caption(_("Outcomes of one kind only: there is no curve to draw."))
        return
    palette = view.scene.colours
    with st.container(key="charts-curves"):
        sides = st.columns(3, gap="large")
        with sides[0]:
            st.subheader(_("How well it ranks (ROC)"))
            lines = {
                _("{name}, area {area}").format(name=name, area=f"{roc_area(*one):.3f}"): roc(*one)
                for name, one in labels.items()
            }
            drawn = curves.draw(
                lines, palette, diagonal=True, x=_("false alarms, share"), y=_("found, share")
            )
            widgets.figure(drawn, key="roc", alt=_("ROC curve"))
        with sides[1]:
            st.subheader(_("Precision and recall"))
            lines = {
                _("{name}, average {area}").format(
                    name=name, area=f"{average_precision(*one):.3f}"
                ): precision_recall(*one)
                for name, one in labels.items()
            }
            drawn = curves.draw(lines, palette, x=_("found, share"), y=_("right among named, share"))
            widgets.figure(drawn, key="pr", alt=_("Precision over recall"))
        with sides[2]:
            st.subheader(_("Scores and what came true"))
            widgets.figure(
                curves.reliability(
                    {name: reliability(*one, grid) for name, one in labels.items()}, palette,
                    x=_("score"), y=_("came true, share"),
                ),
                key="calibration", alt=_("Share that came true over the score"),
            )  # fmt: skip


def _confusion(outcomes: Outcomes, classes: tuple[str, ...], name: str) -> None:
    """Show who was taken for what, as shares of those who really were it."""
    counts = outcomes.confusion
    if counts is None or not counts.sum():
        return
    title = _("What was said, and what it was")
    st.subheader(f"{title}: {text.markdown(name, limit=60)}" if name else title)
    shown = classes[:_CLASSES]
    rows: list[list[str | tables.Cell]] = [
        [
            _("was {label}").format(label=label),
            *(
                tables.Cell(
                    text=figure(int(counts[at, other]), "count"),
                    note=text.number(float(counts[at, other] / counts[at].sum()), "percent")
                    if counts[at].sum()
                    else "",
                )
                for other in range(len(shown))
            ),
        ]
        for at, label in enumerate(shown)
    ]
    tables.table(
        ["", *(_("said {label}").format(label=label) for label in shown)], rows,
        figures=tuple(range(1, len(shown) + 1)), label=title,
    )  # fmt: skip
    if len(classes) > len(shown):
        st.caption(_("The first {n} classes of {all}.").format(n=len(shown), all=len(classes)))
