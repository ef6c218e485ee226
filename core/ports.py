"""Protocols by which packages that may not see each other still meet."""

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa

from core.windows import Window


class RowReader(Protocol):
    """Hands out a bounded sample of raw rows of a window."""

    def sample(self, window: Window | None, columns: Sequence[str], limit: int) -> pa.Table:
        """Return at most `limit` rows of `window` (None: the reference); repeatable."""
        ...
