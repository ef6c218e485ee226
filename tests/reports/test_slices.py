"""Segments over a range are counted as from the rows, and two sides are held against each other."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon

from core.config import load
from core.values import MetricPoint, MetricValue
from core.windows import Grain, Window
from metrics.registry import all_metrics
from reports.query import Query
from reports.sides import BEFORE, Compared, compared, sides
from reports.slices import slices
from store import metrics
from store.database import Store
from tests.goalkeeper import small

DAY = timedelta(days=1)
START, END = small.START, small.START + small.DAYS * DAY


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Query, Path]]:
    folder = tmp_path_factory.mktemp("slices")
    path = small.write(folder)
    project, store, _result = small.collect(path, small.NOW)
    yield Query(store=store, project=project), folder
    store.close()


def test_a_segments_value_is_that_of_its_rows(made: tuple[Query, Path]) -> None:
    query, folder = made
    log, truth = (pd.read_parquet(folder / f"{name}.parquet") for name in ("log", "truth"))
    rows = log.merge(truth, on="id")
    until = END - 2 * DAY  # outcomes of what lies before are known
    rows = rows[rows["at"] < until]
    found = {
        one.segment: one
        for one in slices(
            query, query.project.models["lead"], "business.conversion", since=START, until=until
        )
    }
    assert set(found) == {"region=north", "region=south"}
    for name in ("north", "south"):
        own, rest = (rows[(rows["region"] == name) == wanted] for wanted in (True, False))
        one = found[f"region={name}"]
        assert (one.n, one.value) == (len(own), pytest.approx(own["y"].mean()))
        assert one.gap == pytest.approx(own["y"].mean() - rest["y"].mean())
        assert one.share == pytest.approx(len(own) / len(rows))


def test_the_worst_comes_first_and_small_ones_last(tmp_path: Path) -> None:
    project = load(small.write(tmp_path))
    store = Store.open(project.store.reveal())
    window = Window(start=START, end=START + DAY, grain=Grain.DAY)
    shares = {"": (500, 2000), "a=bad": (100, 800), "a=good": (390, 1100), "a=tiny": (0, 100)}
    with store.write() as session:
        metrics.save_points(
            session,
            [
                MetricPoint(
                    model="lead", metric="business.conversion", window=window, segment=segment,
                    value=MetricValue(value=k / n, n=n, numerator=float(k), denominator=float(n)),
                )
                for segment, (k, n) in shares.items()
            ],
            run_id=None, now=small.NOW, why="",
        )  # fmt: skip
    found = slices(
        Query(store=store, project=project), project.models["lead"], "business.conversion", since=START,
        until=END,
    )  # fmt: skip
    assert [one.segment for one in found] == ["a=bad", "a=good", "a=tiny"]
    assert [one.is_small for one in found] == [False, False, True]
    assert found[0].harm > 0 == found[1].harm
    store.close()


def test_two_stretches_are_compared_as_their_rows_are(made: tuple[Query, Path]) -> None:
    query, folder = made
    log = pd.read_parquet(folder / "log.parquet")
    since = START + 14 * DAY
    found = sides(query, query.project.models["lead"], since=since, until=since + 7 * DAY, against=BEFORE)
    both = compared(found, "region", all_metrics())
    assert isinstance(both, Compared)
    shares = [
        log[(log["at"] >= first) & (log["at"] < first + 7 * DAY)]["region"].value_counts(normalize=True)
        for first in (since, since - 7 * DAY)
    ]
    assert {one.level: one.now for one in both.bins} == pytest.approx(shares[0].to_dict())
    assert {one.level: one.then for one in both.bins} == pytest.approx(shares[1].to_dict())
    a, b = ([share.get(level, 0.0) for level in ("north", "south")] for share in shares)
    assert both.measures["drift.jensen_shannon"].value == pytest.approx(jensenshannon(a, b, base=2))
    assert both.n == (7 * small.A_DAY, 7 * small.A_DAY)


def test_outcomes_alone_are_the_same_and_held_against_nothing(made: tuple[Query, Path]) -> None:
    query, _folder = made
    since = START + 14 * DAY
    span = {"since": since, "until": since + 7 * DAY}
    whole = sides(query, query.project.models["lead"], **span)
    part = sides(query, query.project.models["lead"], **span, against=None, part="outcomes")
    assert part.then is None and whole.now is not None and part.now is not None
    assert part.now.outcomes.labelled == whole.now.outcomes.labelled > 0
    assert part.now.inputs.columns == {}


def test_what_cannot_be_compared_says_why(made: tuple[Query, Path]) -> None:
    query, _folder = made
    model = query.project.models["lead"]
    nothing = sides(query, model, since=START - 9 * DAY, until=START)
    assert compared(nothing, "age", all_metrics()) == "Nothing is known of it."
    alone = sides(query, model, since=START, until=START + DAY, against=BEFORE)
    assert compared(alone, "age", all_metrics()) == "Nothing comparable is known of the other side."
