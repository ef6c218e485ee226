"""The least effect that matters to people, as the file says it."""

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from core.config.problems import RefusedError
from core.text import gettext as _


def _parse(value: object) -> object:
    """Read '10%' as a share of the normal level (negative inside), a number as it is.

    Raises:
        RefusedError: a text of another form, or a negative number.
    """
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value)
        if found is None:
            raise RefusedError(_("This is not a floor."), allowed=_("0.05 in the metric's unit, or 10%"))
        return 0.0 - float(found[1]) / 100
    if isinstance(value, int | float) and value < 0:
        raise RefusedError(_("This is not a floor."), allowed=_("0.05 in the metric's unit, or 10%"))
    return value


def _write(value: float) -> float | str:
    return f"{-100 * value:g}%" if value < 0 else value


Floor = Annotated[float, BeforeValidator(_parse), PlainSerializer(_write)]
"""In the metric's unit; negative inside: a share of the normal level."""


def least(floor: float, level: float) -> float:
    """Return the least effect that matters at a level, in the metric's unit."""
    return -floor * abs(level) if floor < 0 else floor
