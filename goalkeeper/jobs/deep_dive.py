"""Make a deep dive: sample raw rows of a window and of the reference, and let reports render them."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.config import Model, Project
from core.dates import day_text
from core.errors import GoalkeeperError
from core.text import gettext as _
from core.windows import Window
from goalkeeper.jobs.rows import allowed, rows_of
from store import grids, metrics, models, references, reports
from store.database import Store
from store.normal import is_moving
from store.tables import ReportRow

ROWS = 20_000
"""How many rows are taken of the window and of the reference at most."""


def deep_dive(
    *,
    project: Project,
    store: Store,
    model: str,
    start: datetime,
    end: datetime,
    now: datetime,
    actor: str,
    say: Callable[[float], None] = lambda share: None,
    rows: int = ROWS,
) -> ReportRow:
    """Render an Evidently deep dive of [start, end) against the model's reference, and keep it.

    The reference of a model that moves is what lies before the window, or a year before it.

    Raises:
        GoalkeeperError: raw rows may not be read, there is no reference, or nothing to compare.
    """
    from collectors.engines import Engines
    from collectors.opening import open_sources, with_chosen
    from reports.deep_dive import Outline, render

    if model not in project.models:
        raise GoalkeeperError(
            _("There is no model '{model}'.").format(model=model),
            hint=_("There are: {known}.").format(known=", ".join(project.models)),
        )
    if start >= end:
        raise GoalkeeperError(
            _("The window ends before it starts."), hint=_("`--to` names the first moment after it.")
        )
    config = project.models[model]
    allowed(config)
    with store.read() as session:
        known, reference = models.model(session, model), references.current_reference(session, model)
        if known is None or known.grid_set is None or reference is None:
            raise GoalkeeperError(
                _("{model} has no reference yet.").format(model=model),
                hint=_("Run `goalkeeper collect` until a window is complete."),
            )
        grid = grids.grid_set(session, known.grid_set)
        found = metrics.points(
            session, model, metric="quality.rows", since=start, until=end, grain=config.grain
        )
    total = sum(int(point.value.value or 0) for point in found)
    features: Mapping[str, str] = known.features.get("columns", {})
    past = _past(config, start, end)
    say(0.05)
    engines = Engines(memory=project.memory_limit)
    try:
        opened = with_chosen(open_sources(project, config, engines), project, store)
        opened.log.source.slices({}, now)
        current = rows_of(config, opened, opened.log, (start, min(end, now)), features, now, rows)
        side = opened.reference
        if side is not None:
            side.source.slices({}, now)
            before = rows_of(config, opened, side, (None, None), features, now, rows)
        else:
            before = rows_of(
                config, opened, opened.log, past or (reference.first, reference.last), features, now, rows
            )
    finally:
        engines.close()
    say(0.3)
    span = span_text(start, end, project.zone)
    what = reference.description.rpartition("/")[2]
    if past is not None:
        what = span_text(*past, project.zone)
    elif reference.kind == "range" and reference.first is not None and reference.last is not None:
        what = span_text(reference.first, reference.last, project.zone)
    caption = _("{span}: {n} of {total} rows, against {m} rows of the reference ({what}).").format(
        span=span, n=f"{current.num_rows:,}", total=f"{max(total, current.num_rows):,}",
        m=f"{before.num_rows:,}", what=what,
    )  # fmt: skip
    outline = Outline(
        title=config.shown_title,
        caption=caption,
        task=config.task.value,
        numeric=tuple(name for name, kind in features.items() if kind == "numeric"),
        categorical=tuple(name for name, kind in features.items() if kind != "numeric"),
        classes=grid.classes,
    )
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", model)
    path = f"reports/{safe}-{start:%Y%m%dT%H%M}-{end:%Y%m%dT%H%M}-{now:%Y%m%dT%H%M%S}.html"
    render(current, before, outline, project.state_dir / path)
    with store.write() as session:
        return reports.add_report(
            session, model=model, kind="deep_dive", title=f"{config.shown_title}: {span}", path=path,
            arguments={"start": start.isoformat(), "end": end.isoformat()}, rows=current.num_rows,
            actor=actor, now=now,
        )  # fmt: skip


def span_text(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Write the half-open [start, end) as people say it: whole days by the last one inside, else with times.

    >>> utc = ZoneInfo("UTC")
    >>> span_text(datetime(2026, 4, 22, tzinfo=utc), datetime(2026, 4, 29, tzinfo=utc), utc)
    '22 April to 28 April 2026'
    >>> span_text(datetime(2026, 4, 22, 9, tzinfo=utc), datetime(2026, 4, 22, 11, 30, tzinfo=utc), utc)
    '22 April 2026, 09:00 to 11:30'
    """
    first, last = start.astimezone(zone), end.astimezone(zone)
    whole = first.time() == last.time() == time()
    ends_at = "24:00" if last.time() == time() else f"{last:%H:%M}"
    until = (last - timedelta(microseconds=1)).date()
    if first.date() == until:
        day = day_text(until, year=True)
        if whole:
            return day
        return _("{day}, {start} to {end}").format(day=day, start=f"{first:%H:%M}", end=ends_at)
    since, last_day = day_text(first.date(), year=first.year != until.year), day_text(until, year=True)
    if not whole:
        since, last_day = f"{since}, {first:%H:%M}", f"{last_day}, {ends_at}"
    return _("{first} to {last}").format(first=since, last=last_day)


def _past(config: Model, start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
    """Return what a moving reference compares a window with; None where the reference stands still."""
    if config.reference is None or not is_moving(config):
        return None
    return config.reference.span_before(Window(start=start, end=end, grain=config.grain))
