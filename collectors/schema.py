"""Watch the shape of a log: columns that vanished, appeared or changed type, and units that changed."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collectors.features import Features
from collectors.sides import Side
from collectors.sources.base import Slice
from collectors.windows import touching
from core.grid import NumericGrid
from core.profile import Profile
from core.text import gettext as _
from core.windows import Window

LEAST_ROWS = 30
FACTORS = {
    1000.0: "× 1000", 1e-3: "÷ 1000", 100.0: "× 100", 0.01: "÷ 100", 10.0: "× 10", 0.1: "÷ 10",
    60.0: "× 60", 1 / 60: "÷ 60", 3600.0: "× 3600", 1 / 3600: "÷ 3600", 24.0: "× 24", 1 / 24: "÷ 24",
    1e6: "× 1,000,000", 1e-6: "÷ 1,000,000",
}  # fmt: skip
_CLOSE, _OUTSIDE = 0.1, 0.3
_OTHER = {"numeric": ("categorical", "time", "other"), "categorical": ("time", "other")}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A log's columns when its features were resolved: kind by name, and why some are left out."""

    columns: Mapping[str, str] = field(default_factory=dict)
    used: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, features: Features, log: Side) -> "Shape":
        """Describe a log."""
        kinds = {info.name: info.kind for info in log.source.columns()}
        watched = dict.fromkeys(features.numeric, "numeric") | dict.fromkeys(
            features.categorical, "categorical"
        )
        used = {name: str(kinds[name]) for name in log.columns.used() if name in kinds}
        rest = {name: "" for name in kinds if name not in watched and name not in used}
        return cls(columns=watched, used=used, left_out=rest | dict(features.left_out))

    def to_json(self) -> dict[str, Any]:
        """Write for the store."""
        return {"columns": dict(self.columns), "used": dict(self.used), "left_out": dict(self.left_out)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Shape":
        """Read what `to_json` wrote."""
        return cls(
            columns=body.get("columns", {}), used=body.get("used", {}), left_out=body.get("left_out", {})
        )

    @property
    def features(self) -> Features:
        """Return the watched columns by kind."""
        return Features(
            numeric=tuple(one for one, kind in self.columns.items() if kind == "numeric"),
            categorical=tuple(one for one, kind in self.columns.items() if kind == "categorical"),
            left_out=self.left_out,
        )


def check_columns(log: Side, known: Collection[str]) -> None:
    """Refuse a configured column that the log does not have and never had.

    Args:
        known: columns that had a use when the log's shape was kept; of these a vanished one is marked.

    Raises:
        SourceError: there is none; its text names the nearest.
    """
    for column in log.columns.used():
        if column not in known:
            log.info(column)


def changes(
    shape: Shape, log: Side, slices: Sequence[Slice], windows: Sequence[Window]
) -> dict[datetime, dict[str, str]]:
    """Return, by start of window and by column, what differs from the shape of the log, in words."""
    found: dict[datetime, dict[str, str]] = {}
    seen = {*shape.columns, *shape.used, *shape.left_out}
    told: dict[str, dict[str, str]] = {}
    good = [one for one in slices if not one.error]
    for one in sorted(good, key=lambda one: (one.first is None, one.first, one.name)):
        kinds = {
            column: str(log.source.kind_of(kind)) if kind else "" for column, kind in one.columns.items()
        }
        if not kinds:
            continue
        told[one.name] = differences(shape, kinds, seen)
        seen |= {column for column, kind in kinds.items() if kind}
    if not any(one.columns for one in good):
        kinds = {info.name: str(info.kind) for info in log.source.columns()}
        now = differences(shape, kinds, seen)
        return {window.start: now for window in windows if now}
    for start, inside in touching(windows, good).items():
        words: dict[str, str] = {}
        for one in inside:
            words |= told.get(one.name, {})
        if words:
            found[start] = words
    return found


def differences(shape: Shape, kinds: Mapping[str, str], seen: set[str]) -> dict[str, str]:
    """Compare the kinds of some rows' columns with the shape; `seen` are columns that are nothing new.

    A kind of '' says that these rows hold no value there.
    """
    found: dict[str, str] = {}
    for column, kind in (dict(shape.columns) | dict(shape.used)).items():
        now = kinds.get(column)
        if now is None:
            found[column] = _("{column} vanished; it was {kind}").format(column=column, kind=_word(kind))
        elif now in _OTHER.get(kind if kind == "numeric" or column in shape.columns else "", ()):
            found[column] = _("{column} was {kind} and is {now}").format(
                column=column, kind=_word(kind), now=_word(now)
            )
    for column in {column for column, kind in kinds.items() if kind} - seen:
        found[column] = _("{column} appeared: {kind}").format(column=column, kind=_word(kinds[column]))
    return dict(sorted(found.items()))


def scaled(grids: Mapping[str, object], reference: Profile | None, window: Profile) -> dict[str, str]:
    """Return the columns that moved by a constant factor: many lie outside, level and spread agree."""
    found: dict[str, str] = {}
    for column, grid in grids.items():
        then = None if reference is None else reference.inputs.columns.get(column)
        now = window.inputs.columns.get(column)
        if not isinstance(grid, NumericGrid) or then is None or now is None:
            continue
        n, m = int(now.counts.sum()), int(then.counts.sum())
        if min(n, m) < LEAST_ROWS or now.counts[0] + now.counts[-1] < _OUTSIDE * n:
            continue
        level, spread = _moments(now.total, now.squares, n), _moments(then.total, then.squares, m)
        for factor, words in FACTORS.items():
            if all(_near(a, b * factor) for a, b in zip(level, spread, strict=True)):
                found[column] = _("unit of {column} changed? {factor}").format(column=column, factor=words)
                break
    return found


def _moments(total: float, squares: float, n: int) -> tuple[float, float]:
    mean = total / n
    return mean, math.sqrt(max(squares / n - mean * mean, 0.0))


def _near(value: float, wanted: float) -> bool:
    return wanted != 0 and abs(value / wanted - 1) < _CLOSE


def _word(kind: str) -> str:
    words = {
        "numeric": _("a number"),
        "categorical": _("a text"),
        "time": _("a time"),
        "boolean": _("true or false"),
    }
    return words.get(kind, _("of another type"))
