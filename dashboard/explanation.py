"""What may explain a ticket's harm: mix and rate, segments, columns that look different."""

from urllib.parse import urlsplit

import streamlit as st

from core.evidence import Evidence, Finding, SplitFact
from core.figures import figure, points
from core.text import gettext as _
from dashboard import data, tables, text
from dashboard.context import Context
from dashboard.tables import Cell
from reports import reasons
from reports.wording import Links

_MOST = 12


def why(context: Context, model: str, evidence: Evidence) -> None:
    """Say what may explain it, show what each level adds, and whether it may be the season."""
    said = reasons.moved(evidence)
    if not (said or evidence.season):
        return
    st.header(_("What may explain it"), anchor="why")
    for sentence in said:
        st.markdown(text.markdown(sentence))
    if evidence.split is not None:
        _levels(evidence.split, _links(context, model, evidence))
    if evidence.season:
        st.caption(text.markdown(evidence.season))


def elsewhere(context: Context, model: str, evidence: Evidence) -> None:
    """Show the segments in which it shows, and the columns that look different."""
    links = _links(context, model, evidence)
    worst = next(iter(evidence.findings), None)
    if evidence.segments and worst is not None:
        _segments(evidence, worst, links)
    if evidence.drifted:
        _drifted(context, model, evidence, links)


def _links(context: Context, model: str, evidence: Evidence) -> Links:
    return Links(urlsplit(context.project.public_url).path, model, evidence.as_of)


def _levels(split: SplitFact, links: Links) -> None:
    unit, currency = split.unit, split.currency
    earlier = _("before: {value}")
    rows: list[list[str | Cell]] = [
        [
            Cell(text=one.level, link=links.model(segment=f"{split.column}={one.level}"))
            if one.level
            else _("too few to tell apart"),
            Cell(
                text=text.number(one.share, "percent"),
                note=earlier.format(value=text.number(one.share_before, "percent")),
            ),
            Cell(
                text=figure(one.value, unit, currency=currency),
                note=earlier.format(value=figure(one.before, unit, currency=currency)),
            ),
            points(one.effect, unit, currency=currency),
        ]
        for one in split.levels
    ]
    tables.table(
        [split.column, _("Share"), split.title, _("Adds to the move")],
        rows,
        figures=(1, 2, 3),
        label=_("What each level adds to the move"),
    )


def _segments(evidence: Evidence, worst: Finding, links: Links) -> None:
    st.header(_("Where it shows"), anchor="segments")
    rows: list[list[str | Cell]] = []
    for one in evidence.segments[:_MOST]:
        change = points(one.value - one.before, worst.unit) if one.before is not None else ""
        rows.append(
            [
                Cell(text=one.segment, link=links.model(segment=one.segment)),
                text.number(one.value, worst.unit),
                text.number(one.before, worst.unit),
                change,
                text.number(one.n, "count"),
            ]
        )
    tables.table(
        [_("Segment"), _("Then"), _("Before"), _("Change"), "n"],
        rows,
        figures=(1, 2, 3, 4),
        label=_("The same metric by segment"),
    )


def _drifted(context: Context, model: str, evidence: Evidence, links: Links) -> None:
    weighed = reasons.weighed(evidence)
    st.header(_("What looks different"), anchor="drifted")
    st.caption(
        _(
            "Drift alone is no harm, but it may explain it. Distance to the reference: 0 is the same, 1"
            " nothing in common. Weight: how much of the score's variation the column tells by itself."
        )
        if weighed
        else _(
            "Drift alone is no harm, but it may explain it. Distance to the reference: 0 is the same, 1"
            " nothing in common. The reference has no score that would say which column matters more."
        )
    )
    known = data.facts(context, model).columns if model in context.project.models else {}
    worst = next(iter(evidence.findings), None)
    window = f"{worst.window_start.astimezone(context.zone):%Y-%m-%dT%H:%M}" if worst is not None else ""
    rows: list[list[str | Cell]] = []
    for one in evidence.drifted[:_MOST]:
        link = links.model("drift", column=one.column, window=window) if one.column in known else ""
        rows.append([Cell(text=one.column, note=one.reason, link=link), text.number(one.value)])
        if weighed:
            rows[-1].append(text.number(one.importance, "percent"))
    tables.table(
        [_("Column"), _("Distance"), *([_("Weight")] if weighed else [])],
        rows,
        figures=(1, 2),
        label=_("Columns that drifted"),
    )
