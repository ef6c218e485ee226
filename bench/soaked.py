"""What a soak found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """What came of the kills on one kind of store; `faults` holds what differed, in words."""

    what: str
    kills: int
    lost: int
    doubled: int
    reached: Mapping[str, int]
    faults: tuple[str, ...] = ()

    def row(self) -> dict[str, Any]:
        """Return the row of bench/soak.json."""
        return {"what": self.what, "kills": self.kills, "lost": self.lost, "doubled": self.doubled}
