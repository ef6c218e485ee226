"""Environments of their own for tools whose packages do not go with ours."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.environments import python_with


def python_for(name: str, packages: Sequence[str]) -> Path:
    """Return the interpreter of a tool; the test is skipped where its packages cannot be installed."""
    try:
        return python_with(name, packages)
    except RuntimeError as error:
        pytest.skip(f"left out: {error}")
