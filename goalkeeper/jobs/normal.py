"""What each window of a model is compared with."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.config import Model
from core.profile import Profile, Role, merge_all
from core.windows import Grain, Window
from store.database import Store
from store.profiles import profiles
from store.references import current_reference, reference_profiles
from store.tables import WindowRow

SERVED = (Role.CHAMPION, Role.CHALLENGER)


@dataclass(frozen=True, kw_only=True)
class Normal:
    """The reference of a model: the same for every window, or the log's own past (rolling, a year ago)."""

    model: Model
    store: Store
    rows: Sequence[WindowRow]
    _pooled: dict[str, Profile | None] = field(default_factory=dict)
    _mark: list[str] = field(default_factory=list)

    def mark(self, row: WindowRow) -> str:
        """Return a text that changes whenever what the window is compared with does; '' for an hour's."""
        if row.grain != self.model.grain:
            return ""
        if self._moves:
            past = [f"{one.start} {one.profile_digest}" for one in self._past(row)]
            return hashlib.sha256("\0".join(past).encode()).hexdigest()[:12]
        if not self._mark:
            with self.store.read() as session:
                found = current_reference(session, self.model.name)
            self._mark.append("" if found is None else str(found.id))
        return self._mark[0]

    def profile(self, row: WindowRow) -> Profile | None:
        """Return what the window is compared with, champion and challenger; None while there is nothing."""
        key = f"{row.grid_set} {self.mark(row)}"
        if row.grain != self.model.grain:
            key = f"{row.grid_set} fixed"
        if key not in self._pooled:
            moving = self._moves and row.grain == self.model.grain
            self._pooled[key] = self._of_past(row) if moving else self._fixed(row.grid_set)
        return self._pooled[key]

    @property
    def _moves(self) -> bool:
        reference = self.model.reference
        return reference is not None and reference.form in ("rolling", "same_period")

    def _past(self, row: WindowRow) -> list[WindowRow]:
        reference = self.model.reference
        window = Window(start=row.start, end=row.end, grain=Grain(row.grain))
        span = None if reference is None else reference.span_before(window)
        if span is None:
            return []
        return [
            one
            for one in self.rows
            if one.grain == row.grain
            and one.grid_set == row.grid_set
            and one.start < span[1]
            and one.end > span[0]
            and one.end <= row.start
        ]

    def _of_past(self, row: WindowRow) -> Profile | None:
        past = self._past(row)
        if not past:
            return None
        with self.store.read() as session:
            found = profiles(session, self.model.name, row.grain, past[0].start, past[-1].end, segment="")
        starts = {one.start for one in past}
        kept = [profile for key, profile in found if key.start in starts and key.role in SERVED]
        return merge_all(kept, grid_set=row.grid_set)

    def _fixed(self, grid_set: str) -> Profile | None:
        with self.store.read() as session:
            row = current_reference(session, self.model.name)
            if row is None or row.grid_set != grid_set:
                return None
            found = reference_profiles(session, row, segment="")
        return merge_all((one for key, one in found if key.role in SERVED), grid_set=grid_set)
