"""Pages that read profiles: both distributions of a column, and the curves of a range."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard import curves, distribution, options
from metrics.curves import Band, Curve
from reports.query import Query
from reports.sides import Bin, Compared, sides
from store import settings
from store.database import Store
from tests.dashboard.test_pages import opened, words
from tests.goalkeeper import small


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = small.write(tmp_path_factory.mktemp("compared"))
    project, store, _result = small.collect(path, small.NOW)
    store.close()
    own = Store.open(project.store.reveal())
    with own.write() as session:
        settings.put(session, "now", small.NOW.isoformat())
    own.close()
    return path


def test_a_column_shows_both_sides_and_every_measure(collected: Path) -> None:
    page = opened(collected, "drift", column="age", window="2026-03-25")
    said = words(page)
    assert "How its values are spread" in said and "Jensen–Shannon distance" in said
    assert "Half are below" in said and "No rule has fired on this column." in said
    assert not page.warning


def test_a_columns_segments_are_computed_when_asked_for(collected: Path) -> None:
    page = opened(collected, "drift", column="age")
    assert "region=north" not in " ".join(one.proto.body for one in page.get("html"))
    page.toggle[0].set_value(True)
    page.run()
    assert "region=north" in " ".join(one.proto.body for one in page.get("html"))


def test_performance_draws_curves_and_the_confusion_of_a_range(collected: Path) -> None:
    said = words(opened(collected, "performance"))
    assert "How well it ranks (ROC)" in said and "What was said, and what it was" in said
    assert "predictions whose outcome is known" in said
    before = words(opened(collected, "performance", against="before"))
    assert "Nothing comparable is known of the other side." in before


def test_a_champion_stands_beside_its_challenger(tmp_path: Path) -> None:
    path = small.write(tmp_path)
    log = pd.read_parquet(tmp_path / "log.parquet")
    log["arm"] = np.where(np.arange(len(log)) % 3 == 0, "challenger", "champion")
    log.to_parquet(tmp_path / "log.parquet", index=False)
    path.write_text(path.read_text().replace("version: version,", "version: version, role: arm,"))
    project, store, _result = small.collect(path, small.NOW)
    since, until = small.START + timedelta(days=1), small.START + timedelta(days=21)
    query = Query(store=store, project=project)
    found = sides(query, project.models["lead"], since=since, until=until, against="role:challenger")
    inside = log[(log["at"] >= since) & (log["at"] < until)]["arm"].value_counts()
    assert found.now is not None and found.then is not None
    assert (found.now.inputs.rows, found.then.inputs.rows) == (inside["champion"], inside["challenger"])
    with store.write() as session:
        settings.put(session, "now", small.NOW.isoformat())
    store.close()
    page = opened(path, "performance", against="role:challenger")
    assert not page.warning and "What was said, and what it was: the challenger" in words(page)
    assert "What was said, and what it was: the champion" in words(page)


def test_who_answered_in_no_other_role_is_not_offered_one(collected: Path) -> None:
    page = opened(collected, "performance", against="role:challenger")
    assert "which does not exist here; showing all instead" in page.warning[0].value


def test_segments_name_their_values(collected: Path) -> None:
    said = words(opened(collected, "segments"))
    assert "region=north" in said and "beside the others" in said


def both(*bins: Bin, numeric: bool) -> Compared:
    return Compared(
        column="c", bins=bins, numeric=numeric, n=(9, 9), missing=(0.0, 0.0), measures={}, quantiles=(),
        came=(), gone=(), unseen=0.0,
    )  # fmt: skip


def test_bins_of_any_width_have_the_area_of_their_share() -> None:
    edges: list[float | None] = [None, 0.0, 1.0, 3.0, 10.0, None]
    shares = (0.0, 0.2, 0.3, 0.4, 0.1)
    bins = [
        Bin(lower=edges[at], upper=edges[at + 1], level="", now=share, then=share)
        for at, share in enumerate(shares)
    ]
    found = both(*bins, numeric=True)
    chart = go.Figure(distribution.draw(found, options.LIGHT, names=("now", "then")).spec)
    line: Any = chart.data[1]
    areas = [high * (line.x[at + 1] - line.x[at]) for at, high in enumerate(line.y[:-1])]
    assert areas == pytest.approx([0.2, 0.3, 0.4])
    assert distribution.outside(found) == "Above it: 10.0\u00a0%, before 10.0\u00a0%"


def test_many_levels_are_one_rest() -> None:
    bins = [Bin(lower=None, upper=None, level=f"l{at}", now=0.05, then=0.05) for at in range(20)]
    chart = go.Figure(distribution.draw(both(*bins, numeric=False), options.DARK, names=("a", "b")).spec)
    bar: Any = chart.data[0]
    assert bar.x[-1] == "the rest" and bar.y[-1] == pytest.approx(0.05 * (20 - distribution.LEVELS))


def test_curves_are_what_plotly_can_draw() -> None:
    import numpy as np

    line = Curve(x=np.linspace(0, 1, 1000), y=np.linspace(0, 1, 1000))
    drawn: Any = go.Figure(curves.draw({"a": line}, options.LIGHT, x="x", y="y", diagonal=True).spec)
    assert len(drawn.data[0].x) < 500 and drawn.data[0].x[-1] == 1.0
    band = Band(score=0.4, share=0.5, lower=0.3, upper=0.7, n=20)
    points: Any = go.Figure(curves.reliability({"a": [band]}, options.LIGHT, x="x", y="y").spec)
    assert list(points.data[0].error_y.array) == pytest.approx([0.2])
