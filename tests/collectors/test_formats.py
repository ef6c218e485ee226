"""Every platform's files count as the plain Parquet of the same rows does; what does not fit is told."""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from collectors.sources._payloads import PayloadSource
from core.plugins import PORTS, MissingExtraError, load, names
from tests.collectors import formats
from tests.collectors.formats import made
from tests.collectors.house import House, assert_alike

NOW = made.START + pd.Timedelta(days=made.DAYS, hours=20)
PLATFORMS = {one.name for one in pkgutil.iter_modules(formats.__path__)} - {"made"}


def is_platform(kind: str) -> bool:
    try:
        return issubclass(load(PORTS["source"], kind).Source, PayloadSource)
    except MissingExtraError:  # no reader of payloads needs more than is always installed
        return False


KINDS = [kind for kind in names(PORTS["source"]) if is_platform(kind)]


def test_every_platform_is_written_here() -> None:
    assert set(KINDS) == PLATFORMS


def written(kind: str) -> ModuleType:
    """Return the module that writes a kind's files."""
    return importlib.import_module(f"tests.collectors.formats.{kind}")


def house(folder: Path, log: dict[str, Any], score: str) -> House:
    """Make a project over a log and the common truth."""
    folder.mkdir()
    model = {
        "predictions": log | {"columns": {**log["columns"], "score": score},
                              "features": {"numeric": ["age", "amount"], "categorical": ["plan"]}},
        "ground_truth": {
            "path": str(folder.parent / "truth.parquet"), "maturity": "1d",
            "columns": {"id": "request_id", "row_index": "row_index", "time": "known_at", "label": "label"},
        },
        "segments": ["plan"],
        "kpis": {"conversion": {"numerator": "label"}},
    }  # fmt: skip
    return House(folder=folder, body=model, more={"timezone": "UTC"})


@pytest.mark.parametrize("kind", KINDS)
def test_it_counts_as_the_parquet_of_the_same_rows(kind: str, tmp_path: Path) -> None:
    platform = written(kind)
    rows = made.log()
    made.truth(rows).to_parquet(tmp_path / "truth.parquet", index=False)
    meant = platform.write(rows, tmp_path / "logs")
    meant["amount"] = meant["amount"].astype(float)
    meant.to_parquet(tmp_path / "meant.parquet", index=False)
    score = getattr(platform, "SCORE", "output")
    patterns = load(PORTS["source"], kind).Source.patterns
    log = {"kind": kind, "path": [str(tmp_path / "logs" / one) for one in patterns], **platform.SAYS}
    plain = {"kind": "parquet", "path": str(tmp_path / "meant.parquet")}
    found = house(tmp_path / "found", log | {"columns": platform.USES}, score)
    expected = house(tmp_path / "expected", plain | {"columns": platform.USES}, score)

    found.collect(now=NOW)
    expected.collect(now=NOW)

    assert assert_alike(found, expected) > 10
    found.close()
    expected.close()
