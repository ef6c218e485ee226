"""Read raw rows with their labels: a sample for a deep dive, the labelled ones to retrain on."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from alerts.readiness import harm_since
from alerts.tickets import find
from core.config import Model, Project, Task
from core.errors import GoalkeeperError
from core.text import gettext as _
from store import models
from store.database import Store
from store.normal import maturity_of

if TYPE_CHECKING:
    import pandas as pd

    from collectors.opening import Opened
    from collectors.sides import Side

LABELS = 10
"""Of the truth, so many times as many rows are looked through for their labels."""
MOST = 500_000
BEFORE = timedelta(days=56)
"""How long before the harm the rows to retrain on begin."""


def allowed(model: Model) -> None:
    """Refuse where raw rows may not be read.

    Raises:
        GoalkeeperError: the model says `raw_rows: deny`.
    """
    if model.raw_rows == "deny":
        raise GoalkeeperError(
            _("{model} does not let raw rows leave their database.").format(model=model.name),
            hint=_("`raw_rows: allow` on the model would; the drift page needs no rows."),
        )


def rows_of_ticket(
    *, project: Project, store: Store, ticket_id: int, now: datetime, most: int = MOST
) -> pa.Table:
    """Return the labelled rows to retrain on: from eight weeks before the harm to the newest mature ones.

    Columns: id, time, version, the features, score, prediction, label.

    Raises:
        GoalkeeperError: raw rows may not be read, or there is no ticket of this number.
    """
    from collectors.engines import Engines
    from collectors.opening import open_sources, with_chosen

    with store.read() as session:
        ticket = find(session, ticket_id)
        if ticket.model not in project.models:
            raise GoalkeeperError(_("The project no longer holds {model}.").format(model=ticket.model))
        model = project.models[ticket.model]
        allowed(model)
        known = models.model(session, model.name)
        span = (harm_since(ticket) - BEFORE, now - maturity_of(session, model))
    features: Mapping[str, str] = known.features.get("columns", {}) if known is not None else {}
    engines = Engines(memory=project.memory_limit)
    try:
        opened = with_chosen(open_sources(project, model, engines), project, store)
        opened.log.source.slices({}, now)
        table = rows_of(model, opened, opened.log, span, features, now, most, keys=True)
    finally:
        engines.close()
    if "label" not in table.column_names:
        raise GoalkeeperError(
            _("{model} has no labels to learn from.").format(model=model.name),
            hint=_("Name a `ground_truth` with its label."),
        )
    return table.filter(table["label"].is_valid())


def write_rows(table: pa.Table, path: Path) -> None:
    """Write rows as the ending of a path says: Parquet, or CSV as UTF-8, safe against formulas.

    Raises:
        GoalkeeperError: another ending.
    """
    from reports.export import safe_cell

    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, path)
    elif path.suffix == ".csv":
        frame = table.to_pandas()
        for column in frame.select_dtypes(["object", "string"]):
            frame[column] = frame[column].map(safe_cell, na_action="ignore")
        frame.to_csv(path, index=False, encoding="utf-8-sig")
    else:
        raise GoalkeeperError(
            _("It cannot be told from {path} how to write it.").format(path=path),
            hint=_("Allowed endings: {endings}.").format(endings=".parquet, .csv"),
        )


def rows_of(
    config: Model,
    opened: "Opened",
    side: "Side",
    span: tuple[datetime | None, datetime | None],
    features: Mapping[str, str],
    now: datetime,
    rows: int,
    keys: bool = False,
) -> pa.Table:
    """Sample rows of a side: its features under their names, score, prediction and label under fixed ones.

    With `keys` their id, time and version stand first.
    """
    import pandas as pd

    named = ("id", "time", "version", "score", "prediction") if keys else ("id", "score", "prediction")
    uses = {name: getattr(side.columns, name) for name in named}
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
    first = [name for name in ("id", "time", "version") if keys and name in made]
    kept = [*first, *(column for column in made if column not in ("id", *first))]
    return pa.Table.from_pandas(made[kept], preserve_index=False)


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
