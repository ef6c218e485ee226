"""What each window of a model is compared with, and when its labels count as known."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core.config import Model
from core.profile import Profile, merge_all
from core.roles import SERVED
from core.windows import Grain, Window
from store import settings
from store.database import Store
from store.profiles import profiles
from store.references import current_reference, reference_profiles
from store.registered import own_versions
from store.tables import WindowRow


@dataclass(frozen=True, kw_only=True)
class Normal:
    """The reference of a model: the same for every window, or the log's own past (rolling, a year ago).

    A version may bring its own, which does not move; it stands for what is normal of that version alone.
    `rows` are the model's collected windows of every grain; only a reference that moves needs them. `segment`
    is the one whose past counts, '' for all rows.
    """

    model: Model
    store: Store
    rows: Sequence[WindowRow]
    segment: str = ""
    _pooled: dict[str, Profile | None] = field(default_factory=dict)
    _mark: list[str] = field(default_factory=list)
    _marks_of_own: list[str] = field(default_factory=list)
    _with_own: list[Collection[str]] = field(default_factory=list)
    _read: dict[datetime, list[Profile]] = field(default_factory=dict)

    def mark(self, row: WindowRow) -> str:
        """Return a text that changes whenever what the window is compared with does; '' for an hour's."""
        if Grain(row.grain).length < self.model.grain.length:
            return ""
        return "+".join([self._mark_of(window_of(row), row.grid_set), *self._own_marks()])

    def fixed_mark(self, grain: Grain) -> str | None:
        """Return the mark of every window of a grain; None where they differ."""
        if grain.length < self.model.grain.length:
            return ""
        return None if is_moving(self.model) else "+".join([self._fixed_mark(), *self._own_marks()])

    def is_rolled_up(self, row: WindowRow) -> bool:
        """Tell whether of the past that a window was compared with only coarser windows are left."""
        if not is_moving(self.model) or row.grain != self.model.grain:
            return False
        return any(one.grain != row.grain for one in self._past(window_of(row), row.grid_set))

    def profile(self, row: WindowRow) -> Profile | None:
        """Return what the window is compared with, champion and challenger; None while there is nothing."""
        return self.of(window_of(row), row.grid_set)

    def own(self) -> dict[str, Profile]:
        """Return what each version is compared with that brings a reference of its own."""
        found = {version: self._own(version) for version in self._versions()}
        return {version: profile for version, profile in found.items() if profile is not None}

    def of(self, window: Window, grid_set: str, version: str = "") -> Profile | None:
        """Return what a window of any grain, counted on `grid_set`, is compared with, or a version in it.

        A fixed reference may have been counted on another grid set: then the metrics answer 'not comparable'.
        """
        own = self._own(version) if version in self._versions() else None
        if own is not None:
            return own
        moving = is_moving(self.model) and window.grain.length >= self.model.grain.length
        key = f"{grid_set} {self._mark_of(window, grid_set) if moving else 'fixed'}"
        if key not in self._pooled:
            self._pooled[key] = self._of_past(window, grid_set) if moving else self._fixed("")
        return self._pooled[key]

    def _mark_of(self, window: Window, grid_set: str) -> str:
        if is_moving(self.model):
            past = [f"{one.start} {one.profile_digest}" for one in self._past(window, grid_set)]
            return hashlib.sha256("\0".join(past).encode()).hexdigest()[:12]
        return self._fixed_mark()

    def _fixed_mark(self) -> str:
        if not self._mark:
            with self.store.read() as session:
                found = current_reference(session, self.model.name)
            self._mark.append("" if found is None else str(found.id))
        return self._mark[0]

    def _past(self, window: Window, grid_set: str) -> list[WindowRow]:
        reference = self.model.reference
        span = None if reference is None else reference.span_before(window)
        if span is None:
            return []
        return [
            one
            for one in self.rows
            if Grain(one.grain).length >= self.model.grain.length
            and one.grid_set == grid_set
            and one.start < span[1]
            and one.end > span[0]
            and one.end <= window.start
        ]

    def _of_past(self, window: Window, grid_set: str) -> Profile | None:
        past = {one.start: one.grain for one in self._past(window, grid_set)}
        if not past:
            return None
        for start in self._read.keys() - past.keys():
            del self._read[start]
        missing = {start: grain for start, grain in past.items() if start not in self._read}
        self._read.update({start: [] for start in missing})
        for grain in sorted(set(missing.values())):
            starts = {start for start, own in missing.items() if own == grain}
            until = max(starts) + timedelta(microseconds=1)
            with self.store.read() as session:
                found = profiles(session, self.model.name, grain, min(starts), until, segment=self.segment)
            for key, profile in found:
                if key.start in starts and key.role in SERVED:
                    self._read[key.start].append(profile)
        kept = [profile for start in past for profile in self._read[start]]
        return merge_all(kept, grid_set=grid_set)

    def _versions(self) -> Collection[str]:
        if self.model.registry is None:
            return () if self.model.reference is None else self.model.reference.versions
        if not self._with_own:
            with self.store.read() as session:
                self._with_own.append(own_versions(session, self.model))
        return self._with_own[0]

    def _own(self, version: str) -> Profile | None:
        key = f"version {version}"
        if key not in self._pooled:
            self._pooled[key] = self._fixed(version)
        return self._pooled[key]

    def _own_marks(self) -> list[str]:
        if self._versions() and not self._marks_of_own:
            with self.store.read() as session:
                rows = [current_reference(session, self.model.name, one) for one in self._versions()]
            self._marks_of_own.extend("" if row is None else str(row.id) for row in rows)
        return self._marks_of_own

    def _fixed(self, version: str) -> Profile | None:
        with self.store.read() as session:
            row = current_reference(session, self.model.name, version)
            if row is None:
                return None
            found = reference_profiles(session, row, segment=self.segment)
        return merge_all((one for key, one in found if key.role in SERVED), grid_set=row.grid_set)


def is_moving(model: Model) -> bool:
    """Tell whether what a window is compared with moves along with it."""
    return model.reference is not None and model.reference.form in ("rolling", "same_period")


def window_of(row: WindowRow) -> Window:
    """Return the window that a row is about."""
    return Window(start=row.start, end=row.end, grain=Grain(row.grain))


def maturity_of(session: Session, model: Model) -> timedelta:
    """Return the age at which the model's labels count as known: as configured, else as learnt.

    Zero without ground truth, or while nothing was learnt.
    """
    truth = model.ground_truth
    if truth is None:
        return timedelta()
    return kept_maturity(session, model.name)[0] if truth.maturity is None else truth.maturity


def kept_maturity(session: Session, model: str) -> tuple[timedelta, int]:
    """Return the learnt maturity and from how many windows it was; zeros before that."""
    seconds, _space, windows = (settings.get(session, f"maturity:{model}") or "0 0").partition(" ")
    return timedelta(seconds=float(seconds)), int(windows or 0)


def keep_maturity(session: Session, model: str, maturity: timedelta, windows: int) -> None:
    """Keep the maturity that was learnt from so many windows."""
    settings.put(session, f"maturity:{model}", f"{maturity.total_seconds():.0f} {windows}")
