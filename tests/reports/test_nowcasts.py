"""A KPI's young windows are drawn as what they are likely to become."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from core.values import MetricPoint, ValueState
from reports.nowcasts import with_nowcasts
from reports.query import Query
from tests.goalkeeper import small


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Query]:
    """Collect a log whose sales are known after half a day and whose refusals after two days."""
    path = small.write(tmp_path)
    truth = pd.read_parquet(tmp_path / "truth.parquet")
    log = pd.read_parquet(tmp_path / "log.parquet").set_index("id")
    truth.to_parquet(tmp_path / "final.parquet", index=False)
    rng = np.random.default_rng(3)
    hours = np.minimum(rng.exponential(np.where(truth["y"], 12, 48)), 24 * 6.9)
    truth["known_at"] = truth["id"].map(log["at"]) + pd.to_timedelta(hours, unit="h")
    truth[truth["known_at"] <= pd.Timestamp(small.NOW)].to_parquet(tmp_path / "truth.parquet", index=False)
    body = yaml.safe_load(path.read_text())
    body["models"]["lead"]["ground_truth"]["maturity"] = "7d"
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    project, store, result = small.collect(path)
    assert not result.failed, result
    yield Query(store=store, project=project)
    store.close()


def conversion(query: Query, segment: str = "") -> list[MetricPoint]:
    return query.series(
        "lead", "business.conversion", since=small.START, until=small.NOW, now=small.NOW, segment=segment
    )


@pytest.mark.parametrize("segment", ["", "region=north"])
def test_what_is_known_so_far_is_replaced_by_what_it_is_likely_to_become(
    late: Query, tmp_path: Path, segment: str
) -> None:
    known = conversion(late, segment)
    shown = with_nowcasts(late, known, "conversion", now=small.NOW)
    young = [at for at, point in enumerate(known) if point.value.state is ValueState.IMMATURE]

    assert len(young) == 7
    assert [shown[at] for at in range(len(shown)) if at not in young] == known[:-7]
    naive, likely = (np.mean([points[at].value.value for at in young[-4:-1]]) for points in (known, shown))
    assert naive > 0.55
    assert likely == pytest.approx(0.5, abs=0.05)
    came, inside = finally_(tmp_path, segment), 0
    for at in young[:-1]:
        value = shown[at].value
        assert value.state is ValueState.IMMATURE
        assert value.lower is not None and value.upper is not None
        assert "usually known by now" in value.reason
        inside += value.lower <= came[shown[at].window.start] <= value.upper
    assert inside >= 5


def finally_(folder: Path, segment: str) -> dict[datetime, float]:
    """Return what each day's conversion came to in the end."""
    log = pd.read_parquet(folder / "log.parquet").merge(pd.read_parquet(folder / "final.parquet"), on="id")
    rows = log[log["region"] == "north"] if segment else log
    return rows.groupby(rows["at"].dt.floor("D"))["y"].mean().to_dict()


def test_nothing_young_is_nothing_to_estimate(late: Query) -> None:
    known = conversion(late)[:-8]
    assert with_nowcasts(late, known, "conversion", now=small.NOW) == known
