"""Turn answers into the parts of profiles."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from collectors.counting import Counted, Key
from collectors.dialects.base import NUMBER
from collectors.statement import FINE, Job, pair_key, score_bins, segment_key
from collectors.zones import moment
from core.grid import AGE_BINS, CategoricalGrid, Counts, Floats, NumericGrid
from core.profile import ERROR_SUMS, KPI_SUMS, SCORE_SUMS, ColumnSummary, Inputs, Outcomes, Role

_NUMBER = re.compile(NUMBER, re.ASCII)
_BITS = 43
"""Sums keep 43 bits, 13 digits: what is beyond depends on the order in which an engine adds up."""
_WHOLES = ("rows", "labelled", "unknown_labels", "duplicate_labels")
_EXACT = ("minimum:", "maximum:", "first", "last", "pair_", "moment:", "by_")
"""Values that are no sums, or rounded elsewhere."""
Array = TypeVar("Array", Floats, Counts)


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
    """Tell whether a status is an error: a number from 500 on, or any text but those that are fine.

    What is a number is what is one to every engine; `collectors.statement.failed` asks an engine the same.
    """
    number = float(status) if _NUMBER.fullmatch(status) else math.nan
    return number >= 500 if number == number else status.strip(" ").lower() not in FINE


def steady(values: Floats | np.float64, bits: int = _BITS) -> Floats:
    """Round sums to some bits, so that counting the same rows again gives the same bytes."""
    mantissa, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.round(mantissa * 2.0**bits), exponent - bits), dtype=np.float64)


def _known(values: Floats) -> Floats:
    """Return sums with 0 for NULL."""
    return np.where(np.isnan(values), 0.0, values)


def build_inputs(job: Job, counted: Counted, segment: Sequence[str]) -> dict[Cell, Inputs]:
    """Return the inputs part of each cell."""
    made: dict[Cell, Inputs] = {}
    sums = {
        key: steady(_known(values)) for key, values in counted.values.items() if not key.startswith(_EXACT)
    }
    moments, scores_by = _moments(job, counted), _scores_by(job, counted)
    for g, key in enumerate(counted.keys):
        cell = cell_of(key, segment)
        part = replace(
            _inputs(job, counted, sums, g),
            **{name: rows[g] for name, rows in moments.items()},
            score_by={column: rows[g] for column, rows in scores_by.items()},
        )
        made[cell] = made[cell].merge(part) if cell in made else part
    return made


def _inputs(job: Job, counted: Counted, sums: Mapping[str, Floats], g: int) -> Inputs:
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
        latency_sum=_real(sums, "latency_sum", g),
        latency_missing=0 if latency is None else rows - int(latency.sum()),
        columns=_summaries(job, counted, sums, g, rows),
        score=score,
        score_missing=0 if score is None else rows - int(score.sum()),
        score_sum=_real(sums, "score_sum", g),
        score_squares=_real(sums, "score_squares", g),
        score_variance=_real(sums, "score_variance", g),
        error_weight=_real(sums, "error_weight", g),
        error_squares=_real(sums, "error_squares", g),
        weight=_real(sums, "weight", g) if "weight" in values else float(rows),
        weight_squares=_real(sums, "weight_squares", g) if "weight_squares" in values else float(rows),
    )


def _moments(job: Job, counted: Counted) -> dict[str, Any]:
    """Return sums of columns and of their products, [groups, …]; 24 bits of each are more than enough."""
    values, columns = counted.values, job.grids.moments
    if not any(f"moment:{column}" in values for column in columns):
        return {}
    none = np.zeros(len(counted.keys))

    def table(keys: Iterable[str]) -> Floats:
        return _known(np.stack([values.get(key, none) for key in keys], axis=1))

    pairs = [(one, other) for i, one in enumerate(columns) for other in columns[i:]]
    return {
        "sums": steady(table(f"moment:{column}" for column in columns), bits=24),
        "pair_sums": steady(table(pair_key("pair_sums", *pair) for pair in pairs), bits=24),
        "pair_rows": table(pair_key("pair_rows", *pair) for pair in pairs).astype(np.int64),
    }


def _scores_by(job: Job, counted: Counted) -> dict[str, Floats]:
    """Return rows and sums of scores by bin, [groups, bins, 2]: up to an edge less up to the last."""
    values, found = counted.values, dict[str, Floats]()
    if not any(key.startswith("by_sum:") for key in values):
        return found
    for column, tests in score_bins(job.grids).items():
        keys = [f"{column}\x1f{at}" for at in range(len(tests))]
        if f"by_sum:{keys[0]}" not in values:
            continue
        sums = _known(
            np.stack([np.stack([values[f"by_rows:{key}"], values[f"by_sum:{key}"]], 1) for key in keys], 1)
        )
        if isinstance(job.grids.columns[column], NumericGrid):
            sums = np.diff(sums, axis=1, prepend=0.0)
        else:
            sums[:, -1] -= sums[:, :-1].sum(axis=1)
        found[column] = steady(sums, bits=24)
    return found


def _summaries(
    job: Job, counted: Counted, sums: Mapping[str, Floats], g: int, rows: int
) -> dict[str, ColumnSummary]:
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
                total=_real(sums, f"total:{column}", g),
                squares=_real(sums, f"squares:{column}", g),
                minimum=_maybe(values, f"minimum:{column}", g),
                maximum=_maybe(values, f"maximum:{column}", g),
            )
    return found


def build_outcomes(job: Job, counted: Counted, segment: Sequence[str]) -> dict[Cell, Outcomes]:
    """Return the outcomes part of each cell; the last key of a group is the label's age."""
    made: dict[Cell, Outcomes] = {}
    pile = _Pile(job, counted)
    for place, key in enumerate(pile.places):
        cell, part = cell_of(key, segment), pile.outcomes(place)
        made[cell] = made[cell].merge(part) if cell in made else part
    return made


class _Pile:
    """Groups (place × age of the label) summed up over the ages, all places at once."""

    def __init__(self, job: Job, counted: Counted) -> None:
        self._job, self._counted = job, counted
        at: dict[Key, int] = {}
        place_of = np.array([at.setdefault(key[:-1], len(at)) for key in counted.keys], dtype=np.int64)
        self.places = list(at)
        ages = [key[-1] for key in counted.keys]
        self._of_age = [  # within an age every place comes once
            (int(age or 0), groups, place_of[groups])
            for age in sorted(set(ages), key=lambda age: int(age or 0))
            for groups in [np.array([g for g, one in enumerate(ages) if one == age], dtype=np.int64)]
        ]
        self._wholes = {
            key: self._summed(_known(counted.values[key])) for key in _WHOLES if key in counted.values
        }
        self._reals = {
            key: self._summed(steady(_known(values)))
            for key, values in counted.values.items()
            if key not in _WHOLES and not key.startswith(("kpi:", "mark:"))
        }
        self._hists = {key: self._summed(counts) for key, counts in counted.hists.items()}
        self._sums = {key: self._summed(steady(values)) for key, values in counted.sums.items()}
        self._kpis = {name: self._kpi(name) for name in job.kpi_names}
        self._ages = self._coarse_by_age()

    def outcomes(self, place: int) -> Outcomes:
        """Return one place's part."""
        hists, classes = self._hists, max(len(self._job.grids.classes), 1)
        labelled = positive = confusion = class_scores = None
        if "score" in hists:  # [predicted × (missed, hit), bins]
            cells = hists["score"][place].reshape(classes, 2, -1)
            labelled, positive = cells.sum(axis=1), cells[:, 1]
        if "confusion" in hists:
            confusion = hists["confusion"][place, 0, :-1].reshape(classes, classes)
        if "class_scores:0" in hists:
            parts = [
                hists[f"class_scores:{i}"][place] for i in range(classes) if f"class_scores:{i}" in hists
            ]
            class_scores = np.stack([np.stack([part.sum(axis=0), part[1]]) for part in parts])
        return Outcomes(
            **{key: int(values[place]) for key, values in self._wholes.items()},
            weight=float(self._reals["weight"][place]) if "weight" in self._reals else 0.0,
            score_labelled=labelled,
            score_positive=positive,
            score_sums=self._row("score", SCORE_SUMS, place),
            confusion=confusion,
            class_scores=class_scores,
            error_sums=self._row("error", ERROR_SUMS, place),
            errors=hists["errors"][place, 0] if "errors" in hists else None,
            error_bins=self._sums["error_bins"][place] if "error_bins" in self._sums else None,
            kpis={name: values[place] for name, values in self._kpis.items()},
            ages=None if self._ages is None else self._ages[place],
        )

    def _summed(self, values: Array) -> Array:
        made = np.zeros((len(self.places), *values.shape[1:]), dtype=values.dtype)
        for _age, groups, places in self._of_age:
            made[places] += values[groups]
        return made

    def _kpi(self, name: str) -> Floats:
        made = np.zeros((len(self.places), AGE_BINS, len(KPI_SUMS)))
        for i, one in enumerate(KPI_SUMS):
            values = steady(_known(self._counted.values[f"kpi:{name}:{one}"]))
            for age, groups, places in self._of_age:
                made[places, age, i] += values[groups]
        return made

    def _coarse_by_age(self) -> Counts | None:
        """Labelled and positive [places, AGE_BINS, coarse score bins, 2], of a binary model alone."""
        grid, scores = self._job.grids.score, self._counted.hists.get("score")
        if grid is None or scores is None or len(self._job.grids.classes) != 2:
            return None
        coarse = grid.coarse()
        starts = np.concatenate([[0], np.searchsorted(grid.edges, coarse.edges) + 1])
        made = np.zeros((len(self.places), AGE_BINS, coarse.bins, 2), dtype=np.int64)
        for age, groups, places in self._of_age:
            cells = np.add.reduceat(scores[groups], starts, axis=-1)
            cells = cells.reshape(len(groups), 2, 2, -1).sum(axis=1)
            made[places, age, :, 0] += cells.sum(axis=1)
            made[places, age, :, 1] += cells[:, 1]
        return made

    def _row(self, head: str, names: Sequence[str], place: int) -> Floats | None:
        if f"{head}:{names[0]}" not in self._reals:
            return None
        return np.array([self._reals[f"{head}:{one}"][place] for one in names], dtype=np.float64)


def _real(sums: Mapping[str, Floats], key: str, g: int) -> float:
    return float(sums[key][g]) if key in sums else 0.0


def _whole(values: Mapping[str, Any], key: str, g: int) -> int:
    return int(values[key][g]) if key in values and not np.isnan(values[key][g]) else 0


def _maybe(values: Mapping[str, Any], key: str, g: int) -> float | None:
    if key not in values:
        return None
    found = float(values[key][g])
    return None if np.isnan(found) else found


def _time(value: float) -> datetime | None:
    return None if np.isnan(value) else moment(int(value))
