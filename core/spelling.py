"""Find the spelling that was probably meant."""

import difflib
from collections.abc import Iterable


def nearest_of(word: str, known: Iterable[str]) -> str:
    """Return the known spelling nearest to `word`, or '' where none is near."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else ""


def listed(names: Iterable[str], limit: int = 40) -> str:
    """Join names for a sentence, sorted, cut after `limit`."""
    ordered = sorted(set(names))
    return ", ".join(ordered[:limit]) + (", …" if len(ordered) > limit else "")
