"""Ask DuckDB: one pass over the rows with its own histograms."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlglot import exp

from collectors.counting import Counted, Hist, Key, Levels, Question, SumsBy, with_ctes
from collectors.engines import Engine
from collectors.expressions import (
    both,
    call,
    cast,
    count,
    name,
    not_null,
    raw,
    real_text,
    select,
    string,
    total,
    within,
)
from core.grid import Counts, Floats

Column = tuple[exp.Expression, str]
_SET = "gk:set"
"""Which keys a row is not grouped by, as bits."""


def ask_duckdb(engine: Engine, question: Question) -> Iterator[Counted]:
    """Run one statement (and one more for each sum by bins), whatever is grouped by."""
    columns: list[Column] = [(_steady(key, value), f"v:{key}") for key, value in question.values.items()]
    for key, hist in question.hists.items():
        columns += _hist(key, hist)
    for key, levels in question.levels.items():
        columns += _levels(key, levels)
    columns += [(call("histogram", name(one.column)), f"t:{key}") for key, one in question.tallies.items()]
    answers = _answers(engine, question, columns)
    sums = {key: _sums(engine, question, one) for key, one in question.sums.items()}
    for i, (keys, found) in enumerate(zip(question.sets, answers, strict=True)):
        places, groups = keys_in(found, keys), found.num_rows
        yield Counted(
            keys=places,
            values={key: floats_of(found[f"v:{key}"]) for key in question.values},
            hists={key: _hist_counts(found, key, one, groups) for key, one in question.hists.items()},
            levels={key: _level_counts(found, key, one, groups) for key, one in question.levels.items()},
            tallies={
                key: [dict(row or ()) for row in found[f"t:{key}"].to_pylist()] for key in question.tallies
            },
            sums={
                key: lay_out_sums(sums[key][i], places, keys, len(one.edges) + 1, 1 + len(one.sums))
                for key, one in question.sums.items()
            },
        )


def _answers(
    engine: Engine, question: Question, columns: Sequence[Column], bins: Sequence[Column] = ()
) -> list[pa.Table]:
    """Run a statement grouped by each set of keys (and by `bins`); return the rows of each set."""
    keys, more = question.keys, [alias for _value, alias in bins]
    rows = within(question.rows, "rows")
    if bins:
        binned = select(bins, within(question.rows.copy(), "rows"))
        binned.set("expressions", [exp.Star(), *binned.expressions])
        rows = within(binned, "binned")
    asked: list[Column] = [(name(key), key) for key in (*keys, *more)]
    asked.append((call("grouping_id", *map(name, keys)), _SET))
    query = select([*asked, *columns], rows)
    sets = [exp.Tuple(expressions=[name(key) for key in (*own, *more)]) for own in question.sets]
    query.set("group", exp.Group(grouping_sets=[exp.GroupingSets(expressions=sets)]))
    found = engine.fetch(with_ctes(query, question))
    which = floats_of(found[_SET])
    left_out = [
        sum(1 << i for i, key in enumerate(reversed(keys)) if key not in own) for own in question.sets
    ]
    return [_rows(found, np.flatnonzero(which == one)) for one in left_out]


def _rows(found: pa.Table, places: Counts) -> pa.Table:
    """Return some rows; pyarrow's own way from numpy imports pandas."""
    return found.take(pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places)]))


def _steady(key: str, value: exp.Expression) -> exp.Expression:
    """Sum with Kahan's correction, so that the order in which threads end hardly matters."""
    if key.startswith(("mark:", "moment:", "pair_", "by_")):
        return value  # whole numbers, or rounded to far fewer digits than an order of adding up can move
    return value.transform(lambda node: call("fsum", node.this) if isinstance(node, exp.Sum) else node)


def keys_in(found: pa.Table, names: Sequence[str]) -> list[Key]:
    """Return the key of each row."""
    return list(zip(*(found[key].to_pylist() for key in names), strict=True))


def _hist(key: str, hist: Hist) -> list[Column]:
    column = name(hist.column)
    if hist.by is None:
        edges = raw(f"[{', '.join(real_text(edge) for edge in hist.edges)}]")
        return [(call("map_values", call("histogram", column, edges)), f"h:{key}")]
    # bins for every group and every `by`, most of them empty, would take longer than the rows' own values
    pair = call(
        "struct_pack",
        raw(f"b := {cast(name(hist.by), 'SMALLINT').sql('duckdb')}"),
        raw(f"x := {column.sql('duckdb')}"),
    )
    known = both(not_null(column), not_null(name(hist.by)))
    return [(exp.Filter(this=call("list", pair), expression=exp.Where(this=known)), f"h:{key}")]


def _levels(key: str, levels: Levels) -> list[Column]:
    known = sorted({*levels.levels, *levels.rare} - {""})
    column = name(levels.column)
    empty = exp.EQ(this=column, expression=string(""))
    made: list[Column] = [
        (exp.Filter(this=count(), expression=exp.Where(this=empty)), f"e:{key}"),
        (count(column.copy()), f"n:{key}"),
    ]
    if known:  # DuckDB keeps '' for everything else
        texts = raw(f"[{', '.join(string(level).sql('duckdb') for level in known)}]")
        value = call("nullif", column.copy(), string(""))
        made.append((call("map_values", call("histogram_exact", value, texts)), f"l:{key}"))
    return made


def floats_of(column: pa.ChunkedArray) -> Floats:
    """Return a column as doubles; NULL becomes NaN."""
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    chunks = pc.cast(column, pa.float64()).chunks
    return np.concatenate([np.zeros(0), *(_plain(chunk, np.float64, np.nan) for chunk in chunks)])


def _plain(array: pa.Array, dtype: type[np.generic], missing: float) -> NDArray[Any]:
    """Return an array as numpy's, NULL as `missing`: pyarrow's own way imports pandas."""
    if not len(array):
        return np.zeros(0, dtype=dtype)
    size = np.dtype(dtype).itemsize
    values = np.frombuffer(array.buffers()[1], dtype=dtype, count=len(array), offset=array.offset * size)
    if not array.null_count:
        return values
    valid = _plain(pc.cast(array.is_valid(), pa.uint8()), np.uint8, 0)
    return np.where(valid > 0, values, np.asarray(missing, dtype=dtype))


def _lay_out(column: pa.ChunkedArray, counts: Counts) -> None:
    """Write lists of counts (NULL: none) into the zeros of `counts` [groups, width]."""
    group = 0
    for chunk in column.chunks:
        inside = np.arange(counts.shape[1])[None, :] < _lengths(chunk)[:, None]
        flat = pc.cast(pc.list_flatten(chunk), pa.int64())
        counts[group : group + len(chunk)][inside] = _plain(flat, np.int64, 0)
        group += len(chunk)


def _lengths(lists: pa.Array) -> Counts:
    return _plain(pc.cast(pc.list_value_length(lists), pa.int64()), np.int64, 0)


def _hist_counts(found: pa.Table, key: str, hist: Hist, groups: int) -> Counts:
    shape = (groups, hist.size, len(hist.edges) + 1)
    if hist.by is None:
        counts = np.zeros(shape, dtype=np.int64)
        _lay_out(found[f"h:{key}"], counts[:, 0])
        return counts
    group, places = 0, [np.zeros(0, dtype=np.int64)]
    for chunk in found[f"h:{key}"].chunks:
        by, values = pc.list_flatten(chunk).flatten()
        bins = np.searchsorted(hist.edges, _plain(values, np.float64, np.nan))
        of_group = np.repeat(np.arange(group, group + len(chunk)), _lengths(chunk))
        places.append((of_group * hist.size + _plain(by, np.int16, 0)) * shape[2] + bins)
        group += len(chunk)
    return np.bincount(np.concatenate(places), minlength=prod(shape)).reshape(shape)


def _level_counts(found: pa.Table, key: str, levels: Levels, groups: int) -> Counts:
    known = sorted({*levels.levels, *levels.rare} - {""})
    exact = np.zeros((groups, 0), dtype=np.int64)
    if known:
        exact = np.zeros((groups, len(known) + 1), dtype=np.int64)
        _lay_out(found[f"l:{key}"], exact)
    by_level = {level: exact[:, i] for i, level in enumerate(known)}
    by_level[""] = floats_of(found[f"e:{key}"]).astype(np.int64)
    everything = floats_of(found[f"n:{key}"]).astype(np.int64)
    counts = np.zeros((groups, len(levels.levels) + 2), dtype=np.int64)
    for i, level in enumerate(levels.levels):
        counts[:, i] = by_level[level]
    for level in levels.rare:
        counts[:, -2] += by_level[level]
    counts[:, -1] = everything - counts.sum(axis=1)
    return counts


def _sums(engine: Engine, question: Question, wanted: SumsBy) -> list[pa.Table]:
    columns: list[Column] = [(count(name(wanted.column)), "s0")]
    columns += [(_steady("", total(name(one))), f"s{i + 1}") for i, one in enumerate(wanted.sums)]
    return _answers(engine, question, columns, [(engine.dialect.bin_of(wanted.column, wanted.edges), "bin")])


def lay_out_sums(found: pa.Table, keys: Sequence[Key], names: Sequence[str], width: int, size: int) -> Floats:
    """Lay rows (keys, bin, s0 …) out as float64 [groups, bins, size]."""
    place = {key: i for i, key in enumerate(keys)}
    sums = np.zeros((len(keys), width, size))
    valid = found.filter(pc.is_valid(found["bin"]))
    at = np.array([place[key] for key in keys_in(valid, names)], dtype=np.int64)
    bins = floats_of(valid["bin"]).astype(np.int64)
    for i in range(size):
        np.add.at(sums[:, :, i], (at, bins), floats_of(valid[f"s{i}"]))
    return sums
