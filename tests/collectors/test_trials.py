"""The arms of an experiment, counted by unit: as pandas counts them, natively and portably."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from collectors.engines import Engines
from collectors.opening import open_sources
from collectors.trials import count_trial
from core.config import load
from core.errors import SourceError
from core.grid import GridSet, NumericGrid
from core.trial import ARMS, Trial
from tests.collectors.house import write

START, SINCE = datetime(2026, 3, 1), datetime(2026, 3, 11)
NOW = datetime(2026, 4, 5, tzinfo=UTC)
MATURITY = timedelta(days=3)
GRIDS = GridSet(columns={}, score=NumericGrid(edges=np.array([0.0, 0.5, 1.0])), classes=("0", "1"))


def rows() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw visits of customers, one in five of whom is in the control arm; three are seen in both."""
    rng, n = np.random.default_rng(4), 6000
    customer = rng.integers(0, 900, n)
    control = customer % 5 == 0
    moved = np.isin(customer, [5, 10, 15]) & (rng.random(n) < 0.5)
    role = np.where(control & ~moved, "control", np.where(rng.random(n) < 0.1, "shadow", "champion"))
    seconds = np.sort(rng.uniform(0, 34 * 86_400, n)).round()
    log = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "at": pd.Timestamp(START) + pd.to_timedelta(seconds, unit="s"),
            "version": np.where(control, "none", "v1"), "role": role, "customer": [f"c{i}" for i in customer],
            "score": rng.random(n).round(4),
        }
    )  # fmt: skip
    truth = pd.DataFrame(
        {"id": log["id"], "y": (rng.random(n) < 0.2).astype(int), "calls": rng.integers(1, 4, n)}
    )
    truth["known_at"] = log["at"] + pd.Timedelta(hours=20)
    return log, truth.sample(frac=0.9, random_state=1)


@pytest.fixture(params=["parquet", "sql"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    log, truth = rows()
    url = f"sqlite:///{tmp_path}/log.db"
    columns = {"id": "id", "time": "at", "version": "version", "role": "role", "score": "score"}
    body = {
        "store": "sqlite:///gk.db",
        "models": {
            "lead": {
                "predictions": write(log, request.param, tmp_path, "log", url)
                | {"columns": columns},
                "ground_truth": write(truth, request.param, tmp_path, "truth", url)
                | {"columns": {"id": "id", "time": "known_at", "label": "y"}, "maturity": "3d"},
                "kpis": {"sold": {"numerator": "y", "denominator": "calls"}},
                "experiment": {"control": "control", "share": 0.2, "since": SINCE.date(), "unit": "customer"},
            }
        },
    }  # fmt: skip
    return tmp_path, body


def counted(folder: Path, body: dict[str, Any], **experiment: Any) -> tuple[Trial | None, Trial | None]:
    body["models"]["lead"]["experiment"] |= experiment
    (folder / "goalkeeper.yaml").write_text(yaml.safe_dump(body))
    project = load(folder / "goalkeeper.yaml")
    engines = Engines()
    opened = open_sources(project, project.models["lead"], engines)
    found = count_trial(opened, GRIDS, zone=project.zone, now=NOW, maturity=MATURITY)
    engines.close()
    return found


def expected(column: str, since: datetime, until: datetime) -> pd.DataFrame:
    log, truth = rows()
    log = log[(log["at"] >= since) & (log["at"] < until)].merge(truth, on="id", how="left")
    log["arm"] = log["role"].map({"control": "control", "champion": "model"})
    known = log.dropna(subset=["arm"])
    return known.groupby(["arm", column]).agg(x=("y", "sum"), y=("calls", "sum")).reset_index()


@pytest.mark.parametrize("unit", ["customer", None])
def test_units_are_summed_up_as_pandas_sums_them(
    folder: tuple[Path, dict[str, Any]], unit: str | None
) -> None:
    before, since = counted(*folder, unit=unit)
    until = (NOW - MATURITY).replace(tzinfo=None)

    for trial, first, last in ((before, START, SINCE), (since, SINCE, until)):
        assert trial is not None
        units = expected(unit or "id", max(first, SINCE - timedelta(days=22)), last)
        for arm in ARMS:
            own = units[units["arm"] == arm]
            found = trial.kpis["sold"][arm]
            assert trial.units[arm] == found.units == len(own)
            assert (found.x, found.y) == (own["x"].sum(), own["y"].sum())
            sums = ((own["x"] ** 2).sum(), (own["y"] ** 2).sum(), (own["x"] * own["y"]).sum())
            assert (found.xx, found.yy, found.xy) == sums
        twice = units.groupby(unit or "id")["arm"].nunique()
        assert trial.both == (twice > 1).sum()


def test_a_version_may_be_the_control_arm(folder: tuple[Path, dict[str, Any]]) -> None:
    _before, since = counted(*folder, control="none")
    log, _truth = rows()
    inside = log[(log["at"] >= SINCE) & (log["at"] < (NOW - MATURITY).replace(tzinfo=None))]
    assert since is not None
    assert since.units["control"] == inside[inside["version"] == "none"]["customer"].nunique()


def test_a_unit_that_is_no_column_is_named(folder: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(SourceError, match="no column 'client'"):
        counted(*folder, unit="client")


def test_before_it_began_there_is_nothing(folder: tuple[Path, dict[str, Any]]) -> None:
    assert counted(*folder, since=NOW.date()) == (None, None)
