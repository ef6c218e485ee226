"""What is asked of a relation in one go, and what comes back: counts, by group, of several things."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from collectors.engines import Engine
from core.grid import Counts, Floats

Key = tuple[int | str | None, ...]


@dataclass(frozen=True, kw_only=True)
class Hist:
    """Counts of a double column in right-closed bins; `by` is a column of whole numbers 0 … size − 1."""

    column: str
    edges: Floats
    by: str | None = None
    size: int = 1


@dataclass(frozen=True, kw_only=True)
class Levels:
    """Counts of a text column: each level, then all rare ones together, then everything else."""

    column: str
    levels: tuple[str, ...]
    rare: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of every value of a text column that is not NULL (few values)."""

    column: str


@dataclass(frozen=True, kw_only=True)
class SumsBy:
    """Counts and sums of double columns by right-closed bins of another."""

    column: str
    edges: Floats
    sums: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Aggregates over `rows`, grouped by each of some sets of columns in turn.

    `values` are aggregates of one number each; everything else is as its class says.
    """

    rows: exp.Expression
    sets: tuple[tuple[str, ...], ...]
    values: Mapping[str, exp.Expression] = field(default_factory=dict)
    hists: Mapping[str, Hist] = field(default_factory=dict)
    levels: Mapping[str, Levels] = field(default_factory=dict)
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    sums: Mapping[str, SumsBy] = field(default_factory=dict)
    ctes: tuple[tuple[str, exp.Expression], ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Every column that is grouped by."""
        return tuple(dict.fromkeys(key for keys in self.sets for key in keys))


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The answers for one set of keys; the first axis of every array is the group.

    `values` float64 [groups] (NaN: NULL), `hists` int64 [groups, size, bins], `levels` int64 [groups, bins],
    `tallies` a mapping for each group, `sums` float64 [groups, bins, 1 + sums].
    """

    keys: Sequence[Key]
    values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    hists: Mapping[str, Counts] = field(default_factory=dict)
    levels: Mapping[str, Counts] = field(default_factory=dict)
    tallies: Mapping[str, Sequence[Mapping[str, int]]] = field(default_factory=dict)
    sums: Mapping[str, Floats] = field(default_factory=dict)


def ask(engine: Engine, question: Question) -> Iterator[Counted]:
    """Put a question to an engine in its own way; yield the answers for each set of keys, one at a time."""
    if engine.dialect.native:
        from collectors.native import ask_duckdb

        yield from ask_duckdb(engine, question)
    else:
        from collectors.portable import ask_portably

        for keys in question.sets:
            yield ask_portably(engine, replace(question, sets=(keys,)))


def with_ctes(query: exp.Select, question: Question) -> exp.Select:
    """Put the question's common parts before a statement."""
    for alias, body in question.ctes:
        query = query.with_(exp.to_identifier(alias, quoted=True), as_=body, copy=False)
    return query
