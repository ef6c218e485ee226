"""The port of telemetry: ask a monitoring system for one number of each window.

A kind is a file in this folder with `Options`, a pydantic model of its own keys, and `Telemetry`, a class
made from them.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from core.windows import Window


class Telemetry(ABC):
    """One monitoring system."""

    def __init__(self, options: BaseModel) -> None:
        self.options = options

    @abstractmethod
    def values(self, query: str, windows: Sequence[Window]) -> Mapping[Window, float]:
        """Return what a query says of each window; one that it says nothing of is left out.

        Args:
            query: holds `$window`.

        Raises:
            SourceError: it cannot be reached, or refuses the query.
        """
