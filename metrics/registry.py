"""Find every metric by its file."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from core.errors import GoalkeeperError
from core.plugins import PORTS, load, names
from core.text import gettext as _
from metrics.base import Metric


def all_metrics(extra_dirs: Sequence[Path] = ()) -> Mapping[str, Metric]:
    """Return every declaration by its name, sorted; `extra_dirs` are projects' plug-in folders.

    Raises:
        GoalkeeperError: a file declares no METRIC, or one of another name.
    """
    return _found(tuple(extra_dirs))


@cache
def _found(extra_dirs: tuple[Path, ...]) -> Mapping[str, Metric]:
    found: dict[str, Metric] = {}
    for kind in names(PORTS["metric"], extra_dirs):
        declared = getattr(load(PORTS["metric"], kind, extra_dirs), "METRIC", None)
        if not isinstance(declared, Metric):
            raise GoalkeeperError(
                _("The metric file '{kind}' declares no METRIC.").format(kind=kind),
                hint=_("Write METRIC = Metric(name='{kind}', …) in it.").format(kind=kind),
            )
        if declared.name != kind:
            raise GoalkeeperError(
                _("The metric file '{kind}' declares the name '{name}'.").format(
                    kind=kind, name=declared.name
                ),
                hint=_("A metric is called <family>.<file>: '{kind}'.").format(kind=kind),
            )
        found[kind] = declared
    return found
