"""Ask an engine without histograms: bin numbers by trees of comparisons, then a GROUP BY for each thing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlglot import exp

from collectors.counting import Counted, Key, Question, with_ctes
from collectors.dialects.base import Item
from collectors.engines import Engine
from collectors.expressions import (
    cast,
    count,
    either,
    is_null,
    name,
    not_null,
    null,
    one_of,
    select,
    table,
    total,
    whole,
    within,
)  # fmt: skip
from collectors.native import floats_of, keys_in, lay_out_sums
from collectors.parsing import star
from core.grid import Counts, Floats

BINNED = "gk:binned"  # no table of a source is called so
MOST_PARTS = 100  # SQLite compounds at most 500 selects
MOST_VALUES = 1000  # PostgreSQL answers with at most 1,664 columns
Column = tuple[exp.Expression, str]


def ask_portably(engine: Engine, question: Question) -> Counted:
    """Run one statement for single numbers and one (or a few) for everything that is counted by bins."""
    keys, values = _values(engine, question)
    counts = _Counts(engine, question, keys)
    return Counted(
        keys=keys,
        values=values,
        hists={
            key: counts.of(f"h:{key}", hist.size, len(hist.edges) + 1) for key, hist in question.hists.items()
        },
        levels={
            key: counts.of(f"l:{key}", 1, len(one.levels) + 2)[:, 0] for key, one in question.levels.items()
        },
        tallies={key: counts.tally(one.column) for key, one in question.tallies.items()},
        sums={
            key: _sums(engine, question, keys, one.column, one.edges, one.sums)
            for key, one in question.sums.items()
        },
    )


def _values(engine: Engine, question: Question) -> tuple[list[Key], dict[str, Floats]]:
    """Return the groups and every single number of them, by a statement for each thousand."""
    groups: list[Column] = [(name(key), key) for key in question.keys]
    asked, keys, values = list(question.values), list[Key](), dict[str, Floats]()
    for start in range(0, len(asked), MOST_VALUES):
        some = asked[start : start + MOST_VALUES]
        columns = groups + [  # names are short: PostgreSQL cuts them at 63 bytes
            (cast(question.values[key], engine.dialect.double), f"v{i}") for i, key in enumerate(some)
        ]
        query = select(columns, within(question.rows.copy(), "rows"), group=len(groups))
        found = engine.fetch(with_ctes(query, question))
        own = keys_in(found, question.keys)
        keys = keys or own
        place = {key: at for at, key in enumerate(own)}
        order = [place[key] for key in keys]
        values |= {key: floats_of(found[f"v{i}"])[order] for i, key in enumerate(some)}
    return keys, values


class _Counts:
    """Everything that is counted by bins: rows (keys, item, by, bin, n)."""

    def __init__(self, engine: Engine, question: Question, keys: Sequence[Key]) -> None:
        self._engine, self._question, self._keys = engine, question, keys
        self._items = [f"h:{key}" for key in question.hists] + [f"l:{key}" for key in question.levels]
        parts = [self._run(i, i + MOST_PARTS) for i in range(0, len(self._items), MOST_PARTS)]
        self._place = pd.MultiIndex.from_tuples(keys) if keys else None
        self._found = {}
        for part in parts:
            which = floats_of(part["item"]).astype(np.int64)
            for item in np.unique(which):
                self._found[self._items[item]] = part.filter(pa.array(which == item))

    def _run(self, start: int, end: int) -> pa.Table:
        question, dialect = self._question, self._engine.dialect
        binned: list[Column] = [(name(key), key) for key in question.keys]
        selects: list[exp.Select] = []
        piled: list[Item] = []
        for number, item in list(enumerate(self._items))[start:end]:
            kind, key = item.split(":", 1)
            by: exp.Expression = whole(0)
            if kind == "h":
                hist = question.hists[key]
                binned.append((dialect.bin_of(hist.column, hist.edges), f"b{number}"))
                if hist.by is not None:
                    binned.append((name(hist.by), f"y{number}"))
                    by = name(f"y{number}")
            else:
                levels = question.levels[key]
                binned.append((_level(levels.column, levels.levels, levels.rare), f"b{number}"))
            piled.append((number, by.copy(), name(f"b{number}")))
            columns: list[Column] = [(name(one), one) for one in question.keys]
            columns += [(whole(number), "item"), (by, "by"), (name(f"b{number}"), "bin"), (count(), "n")]
            grouped = [name(one) for one in question.keys]
            grouped += [name(f"b{number}")] + ([by.copy()] if isinstance(by, exp.Column) else [])
            query = select(columns, table(BINNED), not_null(name(f"b{number}")))
            query.set("group", exp.Group(expressions=grouped))
            selects.append(query)
        body = select(binned, within(question.rows.copy(), "rows"))
        unfolded = dialect.piled(piled)
        if unfolded:
            return self._engine.fetch(with_ctes(_unfold(question.keys, unfolded, body), question))
        united: exp.Expression = selects[0]
        for query in selects[1:]:
            united = exp.Union(this=united, expression=query, distinct=False)
        whole_query = with_ctes(star(within(united, "counts")), question)
        return self._engine.fetch(
            whole_query.with_(exp.to_identifier(BINNED, quoted=True), as_=body, copy=False)
        )

    def of(self, item: str, size: int, width: int) -> Counts:
        """Lay one item out as int64 [groups, size, width]."""
        made = np.zeros((len(self._keys), size, width), dtype=np.int64)
        found = self._found.get(item)
        if found is None or self._place is None:
            return made
        found = found.filter(pa.array(~np.isnan(floats_of(found["by"]))))
        rows = pd.MultiIndex.from_arrays([found[key].to_pandas() for key in self._question.keys])
        at = self._place.get_indexer(rows)
        by, bins, n = (floats_of(found[one]).astype(np.int64) for one in ("by", "bin", "n"))
        kept = (at >= 0) & (by >= 0) & (by < size)
        made[at[kept], by[kept], bins[kept]] = n[kept]
        return made

    def tally(self, column: str) -> list[dict[str, int]]:
        """Count every value of a text column."""
        question = self._question
        columns: list[Column] = [(name(key), key) for key in question.keys]
        columns.append((name(column), "value"))
        query = select(
            columns, within(question.rows.copy(), "rows"), not_null(name(column)), group=len(columns)
        )
        query = query.select(exp.Alias(this=count(), alias=exp.to_identifier("n", quoted=True)), copy=False)
        found = self._engine.fetch(with_ctes(query, question))
        made: list[dict[str, int]] = [{} for _key in self._keys]
        place = {key: i for i, key in enumerate(self._keys)}
        rows = zip(
            keys_in(found, question.keys), found["value"].to_pylist(), found["n"].to_pylist(), strict=True
        )
        for key, value, n in rows:
            made[place[key]][str(value)] = int(n)
        return made


def _unfold(keys: Sequence[str], unfolded: Sequence[exp.Expression], body: exp.Select) -> exp.Select:
    """Count rows (keys, item, by, bin) that each row was unfolded to."""
    rows = select([(name(key), key) for key in keys], within(body, "binned"))
    rows.set("expressions", [*rows.expressions, *unfolded])
    names = [*keys, "item", "by", "bin"]
    columns: list[Column] = [(name(one), one) for one in names]
    columns.append((count(), "n"))
    return select(columns, within(rows, "counts"), not_null(name("bin")), group=len(names))


def _level(column: str, levels: Sequence[str], rare: Sequence[str]) -> exp.Expression:
    choices: list[tuple[exp.Expression, exp.Expression]] = [(is_null(name(column)), null())]
    choices += [
        (exp.EQ(this=name(column), expression=exp.Literal.string(level)), whole(i))
        for i, level in enumerate(levels)
    ]
    if rare:
        choices.append((one_of(name(column), rare), whole(len(levels))))
    return either(choices, whole(len(levels) + 1))


def _sums(
    engine: Engine, question: Question, keys: Sequence[Key], column: str, edges: Floats, sums: Sequence[str]
) -> Floats:
    binned: list[Column] = [(name(key), key) for key in question.keys]
    binned += [
        (engine.dialect.bin_of(column, edges), "bin"),
        (name(column), "s0"),
        *((name(one), one) for one in sums),
    ]
    columns: list[Column] = [(name(key), key) for key in question.keys]
    columns += [(name("bin"), "bin"), (count(name("s0")), "s0")]
    columns += [(total(name(one)), f"s{i + 1}") for i, one in enumerate(sums)]
    inner = within(select(binned, within(question.rows.copy(), "rows")), "binned")
    found = engine.fetch(with_ctes(select(columns, inner, group=len(question.keys) + 1), question))
    return lay_out_sums(found, keys, question.keys, len(edges) + 1, 1 + len(sums))
