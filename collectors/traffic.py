"""Who answers: versions as they are first seen, and a split of the traffic that changes."""

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.config import Model
from core.profile import Profile, ProfileKey
from core.roles import Role
from core.text import gettext as _
from core.windows import Grain
from store import marks, models, profiles

MOVED, SURE = 0.1, 4.0
"""A share that moves by less than a tenth, or by fewer standard errors, is no change of the split."""
Cells = Mapping[datetime, Mapping[ProfileKey, Profile]]


def see_traffic(session: Session, model: Model, cells: Cells, now: datetime) -> None:
    """Keep first and last times of versions; mark a new version as a release, and a changed split."""
    name = model.name
    seen = versions_in(cells)
    first = not models.versions(session, name)
    new = models.see_versions(session, name, seen, now)
    oldest = min(seen, key=lambda one: seen[one], default="") if first else ""
    for version in new:
        if version != oldest:
            marks.add_mark(
                session, model=name, kind="release", start=seen[version][0], text=version, actor="", now=now
            )
    starts = sorted(start for start, found in cells.items() if found)
    before = _rows_before(session, name, model.grain, starts[0]) if starts else {}
    for start in starts:
        rows = rows_by_role(cells[start])
        text = split_change(before, rows)
        if text:
            marks.add_mark(session, model=name, kind="traffic", start=start, text=text, actor="", now=now)
        before = rows or before


def versions_in(cells: Cells) -> dict[str, tuple[datetime, datetime]]:
    """Return first and last event time of each version."""
    seen: dict[str, tuple[datetime, datetime]] = {}
    for found in cells.values():
        for key, profile in found.items():
            first, last = profile.inputs.first, profile.inputs.last
            if key.segment or first is None or last is None:
                continue
            a, b = seen.get(key.version, (first, last))
            seen[key.version] = (min(a, first), max(b, last))
    return seen


def rows_by_role(cells: Mapping[ProfileKey, Profile]) -> dict[Role, int]:
    """Count a window's rows by role."""
    rows: defaultdict[Role, int] = defaultdict(int)
    for key, profile in cells.items():
        if not key.segment and profile.inputs.rows:
            rows[key.role] += profile.inputs.rows
    return dict(rows)


def split_change(before: Mapping[Role, int], after: Mapping[Role, int]) -> str:
    """Say which roles' shares moved from one window to the next; '' where none did.

    >>> split_change({Role.CHAMPION: 900, Role.CONTROL: 100}, {Role.CHAMPION: 500, Role.CONTROL: 500})
    'traffic: champion 90 % → 50 %, control 10 % → 50 %'
    """
    n, m = sum(before.values()), sum(after.values())
    if not n or not m:
        return ""
    moved = []
    for role in Role:
        a, b = before.get(role, 0) / n, after.get(role, 0) / m
        pooled = (before.get(role, 0) + after.get(role, 0)) / (n + m)
        error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        if abs(b - a) > MOVED and abs(b - a) > SURE * error:
            moved.append(f"{role.value} {a:.0%} → {b:.0%}".replace("%", " %"))
    return _("traffic: {what}").format(what=", ".join(moved)) if moved else ""


def _rows_before(session: Session, model: str, grain: Grain, start: datetime) -> dict[Role, int]:
    found = profiles.profiles(
        session, model, grain, start - 8 * grain.length, start - timedelta(microseconds=1), segment="",
        part="inputs",
    )  # fmt: skip
    last = max((key.start for key, _profile in found), default=None)
    return rows_by_role({key: profile for key, profile in found if key.start == last})
