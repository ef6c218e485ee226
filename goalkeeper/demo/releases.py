"""Which version serves on which day: v1 and v2 as the story says, then what was trained in the replay."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from core.files import write_atomically
from goalkeeper.demo import story
from goalkeeper.demo.scoring import Logistic, versions

MODELS = "models"


@dataclass(frozen=True, kw_only=True)
class Releases:
    """The versions that were trained in the replay, by the day from which they serve."""

    trained: Mapping[date, Logistic]

    @classmethod
    def of(cls, folder: Path) -> "Releases":
        """Read what lies in a project's folder."""
        paths = sorted((folder / MODELS).glob("*.json"))
        return _read(tuple((path, path.stat().st_mtime_ns) for path in paths)) if paths else STORY

    def on(self, day: date) -> Logistic:
        """Return the version that serves on a day."""
        newest = max((since for since in self.trained if since <= day), default=None)
        if newest is not None:
            return self.trained[newest]
        return versions()["v2" if day >= story.RELEASE else "v1"]


STORY = Releases(trained={})
"""Nothing was trained yet."""


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int], ...]) -> Releases:
    found = {}
    for path, _changed in files:
        told = json.loads(path.read_text())
        arrays = {name: np.array(told[name], dtype=np.float64) for name in ("means", "scales", "weights")}
        found[date.fromisoformat(told["serves_from"])] = Logistic(
            version=told["version"],
            columns=tuple(told["columns"]),
            cut=told["cut"],
            apart=told["apart"],
            **arrays,
        )
    return Releases(trained=found)


def release(folder: Path, model: Logistic, serves_from: date) -> Path:
    """Put a trained version into a project's folder; it serves from a day on."""
    told: dict[str, Any] = {
        "version": model.version, "serves_from": serves_from.isoformat(), "columns": list(model.columns),
        "means": model.means.tolist(), "scales": model.scales.tolist(), "weights": model.weights.tolist(),
        "cut": model.cut, "apart": model.apart,
    }  # fmt: skip
    path = folder / MODELS / f"{model.version}.json"
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, json.dumps(told, indent=1).encode())
    return path
