"""What is counted of an experiment: sums of KPIs over the units of each arm."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

ARMS, SUMS = ("model", "control"), ("x", "y", "xx", "yy", "xy")


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Units of one arm and, over them, Σx, Σy, Σx², Σy², Σxy of a KPI's numerator x and denominator y."""

    units: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    yy: float = 0.0
    xy: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One span of an experiment: units by arm, how many were seen in both, and each KPI's arms."""

    first: datetime
    last: datetime
    units: Mapping[str, int]
    both: int
    kpis: Mapping[str, Mapping[str, Arm]]
