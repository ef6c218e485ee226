"""Turn answers into the parts of profiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from collectors.counting import Counted, Key, Question
from collectors.statement import Job, segment_key
from collectors.zones import moment
from core.grid import AGE_BINS, CategoricalGrid, Counts, Floats, NumericGrid
from core.profile import ERROR_SUMS, KPI_SUMS, SCORE_SUMS, ColumnSummary, Inputs, Outcomes, Role

_FINE = ("", "ok", "success")
_BITS = 2.0**43
"""Sums keep 43 bits, 13 digits: what is beyond depends on the order in which an engine adds up."""


@dataclass(frozen=True, kw_only=True, order=True)
class Cell:
    """One window × version × role × segment."""

    window: int
    version: str
    role: Role
    segment: str = ""


def cell_of(key: Key, segment: Sequence[str]) -> Cell:
    """Read a group's key: window, version, role, segment levels."""
    return Cell(
        window=int(key[0] or 0),
        version=str(key[1]),
        role=Role(str(key[2])),
        segment=segment_key(segment, key[3 : 3 + len(segment)]) if segment else "",
    )


def is_error(status: str) -> bool:
    """Tell whether a status is an error: a number from 500 on, or any text but ok and success."""
    try:
        return float(status) >= 500
    except ValueError:
        return status.strip().lower() not in _FINE


def steady(values: Floats | np.float64) -> Floats:
    """Round sums to 43 bits, so that counting the same rows again gives the same bytes."""
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(mantissa * _BITS) / _BITS, exponent), dtype=np.float64)


def build_inputs(
    job: Job, counted: Counted, question: Question, segment: Sequence[str]
) -> dict[Cell, Inputs]:
    """Return the inputs part of each cell."""
    made: dict[Cell, Inputs] = {}
    for g, key in enumerate(counted.keys):
        cell = cell_of(key, segment)
        part = _inputs(job, counted, g)
        made[cell] = made[cell].merge(part) if cell in made else part
    return made


def _inputs(job: Job, counted: Counted, g: int) -> Inputs:
    values = counted.values
    rows = int(values["rows"][g])
    latency = counted.hists["latency"][g, 0] if "latency" in counted.hists else None
    statuses = counted.tallies["status"][g] if "status" in counted.tallies else {}
    score: Counts | None = None
    if "score" in counted.hists:
        score = counted.hists["score"][g]
    elif "class" in counted.hists:
        score = counted.hists["class"][g, 0, :-1, None]
    return Inputs(
        rows=rows,
        duplicates=_whole(values, "duplicates", g),
        errors=sum(n for status, n in statuses.items() if is_error(status)),
        first=_time(values["first"][g]),
        last=_time(values["last"][g]),
        statuses={status: int(n) for status, n in sorted(statuses.items())},
        latency=latency,
        latency_sum=_real(values, "latency_sum", g),
        latency_missing=0 if latency is None else rows - int(latency.sum()),
        columns=_summaries(job, counted, g, rows),
        score=score,
        score_missing=0 if score is None else rows - int(score.sum()),
        score_sum=_real(values, "score_sum", g),
        score_squares=_real(values, "score_squares", g),
        score_variance=_real(values, "score_variance", g),
        weight=_real(values, "weight", g) if "weight" in values else float(rows),
        weight_squares=_real(values, "weight_squares", g) if "weight_squares" in values else float(rows),
    )


def _summaries(job: Job, counted: Counted, g: int, rows: int) -> dict[str, ColumnSummary]:
    values = counted.values
    found: dict[str, ColumnSummary] = {}
    for column, grid in job.grids.columns.items():
        if isinstance(grid, CategoricalGrid) and column in counted.levels:
            counts = counted.levels[column][g]
            found[column] = ColumnSummary(counts=counts, missing=rows - int(counts.sum()))
        elif isinstance(grid, NumericGrid) and column in counted.hists:
            counts = counted.hists[column][g, 0]
            invalid = _whole(values, f"invalid:{column}", g)
            found[column] = ColumnSummary(
                counts=counts,
                missing=rows - int(counts.sum()) - invalid,
                invalid=invalid,
                total=_real(values, f"total:{column}", g),
                squares=_real(values, f"squares:{column}", g),
                minimum=_maybe(values, f"minimum:{column}", g),
                maximum=_maybe(values, f"maximum:{column}", g),
            )
    return found


def build_outcomes(job: Job, counted: Counted, segment: Sequence[str]) -> dict[Cell, Outcomes]:
    """Return the outcomes part of each cell; the last key of a group is the label's age."""
    made: dict[Cell, Outcomes] = {}
    for g, key in enumerate(counted.keys):
        cell = cell_of(key, segment)
        part = _outcomes(job, counted, g, int(key[-1] or 0))
        made[cell] = made[cell].merge(part) if cell in made else part
    return made


def _outcomes(job: Job, counted: Counted, g: int, age: int) -> Outcomes:
    values, hists = counted.values, counted.hists
    classes = max(len(job.grids.classes), 1)
    labelled = positive = ages = confusion = class_scores = errors = error_bins = None
    if "score" in hists:  # [predicted × (missed, hit), bins]
        cells = hists["score"][g].reshape(classes, 2, hists["score"].shape[-1])
        labelled, positive = cells.sum(axis=1), cells[:, 1]
        if classes == 2:
            ages = _ages(job, labelled.sum(axis=0), positive.sum(axis=0), age)
    if "confusion" in hists:
        confusion = hists["confusion"][g, 0, :-1].reshape(classes, classes)
    if "class_scores:0" in hists:
        parts = [hists[f"class_scores:{i}"][g] for i in range(classes) if f"class_scores:{i}" in hists]
        class_scores = np.stack([np.stack([part.sum(axis=0), part[1]]) for part in parts])
    if "errors" in hists:
        errors = hists["errors"][g, 0]
    if "error_bins" in counted.sums:
        error_bins = steady(counted.sums["error_bins"][g])
    return Outcomes(
        rows=_whole(values, "rows", g),
        labelled=_whole(values, "labelled", g),
        unknown_labels=_whole(values, "unknown_labels", g),
        duplicate_labels=_whole(values, "duplicate_labels", g),
        score_labelled=labelled,
        score_positive=positive,
        score_sums=_row(values, "score", SCORE_SUMS, g),
        confusion=confusion,
        class_scores=class_scores,
        error_sums=_row(values, "error", ERROR_SUMS, g),
        errors=errors,
        error_bins=error_bins,
        kpis={name: kpi_row(values, name, g, age) for name in job.kpi_names},
        ages=ages,
    )


def kpi_row(values: Mapping[str, Any], name: str, g: int, age: int) -> Any:
    """Return a KPI's array with the sums of one group at its age."""
    made = np.zeros((AGE_BINS, len(KPI_SUMS)))
    made[age] = [_real(values, f"kpi:{name}:{one}", g) for one in KPI_SUMS]
    return made


def _ages(job: Job, labelled: Counts, positive: Counts, age: int) -> Counts | None:
    grid = job.grids.score
    if grid is None:
        return None
    coarse = grid.coarse()
    starts = np.concatenate([[0], np.searchsorted(grid.edges, coarse.edges) + 1])
    made = np.zeros((AGE_BINS, coarse.bins, 2), dtype=np.int64)
    made[age, :, 0] = np.add.reduceat(labelled, starts)
    made[age, :, 1] = np.add.reduceat(positive, starts)
    return made


def _row(values: Mapping[str, Any], head: str, names: Sequence[str], g: int) -> Any:
    if f"{head}:{names[0]}" not in values:
        return None
    return np.array([_real(values, f"{head}:{one}", g) for one in names], dtype=np.float64)


def _whole(values: Mapping[str, Any], key: str, g: int) -> int:
    return int(values[key][g]) if key in values and not np.isnan(values[key][g]) else 0


def _real(values: Mapping[str, Any], key: str, g: int) -> float:
    found = _maybe(values, key, g)
    return 0.0 if found is None else float(steady(np.float64(found)))


def _maybe(values: Mapping[str, Any], key: str, g: int) -> float | None:
    if key not in values:
        return None
    found = float(values[key][g])
    return None if np.isnan(found) else found


def _time(value: float) -> datetime | None:
    return None if np.isnan(value) else moment(int(value))
