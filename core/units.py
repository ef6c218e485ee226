"""In which unit a KPI is written."""

from core.config.model import Kpi

_UNITS = ("percent", "points", "count", "ms", "hours", "score")


def kpi_unit(kpi: Kpi) -> tuple[str, str]:
    """Return unit and currency: as declared; a ratio without a unit is a share, a mean has none."""
    if kpi.unit in _UNITS:
        return kpi.unit, ""
    if len(kpi.unit) == 3 and kpi.unit.isupper():
        return "currency", kpi.unit
    return ("percent", "") if kpi.mean is None and not kpi.unit else ("", "")
