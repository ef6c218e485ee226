"""Make a deep dive: sample raw rows of a window and of the reference, and let reports render them."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pyarrow as pa

from core.config import Model, Project, Task
from core.dates import day_text
from core.errors import GoalkeeperError
from core.text import gettext as _
from core.windows import Window
from store import grids, metrics, models, references, reports
from store.database import Store
from store.normal import is_moving
from store.tables import ReportRow

if TYPE_CHECKING:
    import pandas as pd

    from collectors.opening import Opened
    from collectors.sides import Side

ROWS = 20_000
"""How many rows are taken of the window and of the reference at most."""
LABELS = 10
"""Of the truth, so many times as many rows are looked through for their labels."""


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
    if config.raw_rows == "deny":
        raise GoalkeeperError(
            _("{model} does not let raw rows leave their database.").format(model=model),
            hint=_("`raw_rows: allow` on the model would; the drift page needs no rows."),
        )
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
        current = _rows(config, opened, opened.log, (start, min(end, now)), features, now, rows)
        side = opened.reference
        if side is not None:
            side.source.slices({}, now)
            before = _rows(config, opened, side, (None, None), features, now, rows)
        else:
            before = _rows(
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


def _rows(
    config: Model,
    opened: "Opened",
    side: "Side",
    span: tuple[datetime | None, datetime | None],
    features: Mapping[str, str],
    now: datetime,
    rows: int,
) -> pa.Table:
    """Sample rows of a side: its features under their names, score, prediction and label under fixed ones."""
    import pandas as pd

    uses = {name: getattr(side.columns, name) for name in ("id", "score", "prediction")}
    uses = {name: column for name, column in uses.items() if isinstance(column, str) and side.has(column)}
    truth = opened.truth
    label = None if truth is None else truth.columns.label
    if label is not None and side.has(label):
        uses["label"] = label
    held = [column for column in features if side.has(column)]
    wanted = list(dict.fromkeys([*held, *uses.values()]))
    timed = side.has(side.columns.time)
    table = side.source.sample(span if timed else (None, None), wanted, rows).to_pandas()
    made = table[held].copy()
    for column, kind in features.items():
        if column not in made:
            made[column] = None
        if kind == "numeric":
            made[column] = pd.to_numeric(made[column], errors="coerce").astype("float64")
        else:
            made[column] = made[column].astype("string")
    for use, column in uses.items():
        made[use] = table[column].to_numpy()
    if "label" not in made and "id" in made and truth is not None and truth.source is not opened.log.source:
        made = made.merge(_labels(truth, span, now, rows), on="id", how="left")
    if "label" in made and config.task is not Task.REGRESSION:
        made["label"] = made["label"].map(_text)
    return pa.Table.from_pandas(made.drop(columns="id", errors="ignore"), preserve_index=False)


def _labels(
    truth: "Side", span: tuple[datetime | None, datetime | None], now: datetime, rows: int
) -> "pd.DataFrame":
    """Look labels up by id."""
    truth.source.slices({}, now)
    ident, label = truth.columns.id, truth.columns.label
    if ident is None:
        raise GoalkeeperError(_("The ground truth names no id."), hint=_("Add `id:` to its columns."))
    columns = [ident] if label is None else [ident, label]
    timed = truth.has(truth.columns.time)
    found: pd.DataFrame = truth.source.sample(
        (span[0], now) if timed else (None, None), columns, LABELS * rows
    ).to_pandas()
    found = found.rename(columns={ident: "id"} | ({} if label is None else {label: "label"}))
    if label is None:
        found["label"] = True
    kept: pd.DataFrame = found.drop_duplicates("id", keep="last")
    return kept


def _text(value: object) -> str | None:
    """Write a label as the grids do: true and false small, whole numbers without a point."""
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if str(value) in ("True", "False") else str(value)
