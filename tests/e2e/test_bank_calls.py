"""The crisis of 2008 in real calls: inputs drift, conversion rises far beyond what the model expects."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from alerts.tickets import findings_of
from bench.bank import CATEGORICAL, CONFIG, DATA, MODEL, NUMERIC, TRAINED, dated_calls, scores_of
from core.config import Project, load
from goalkeeper.jobs.passes import run_pass
from store import alerts, outbox, tickets
from store.database import Store
from store.tables import AlertRow, TicketRow

PASSES = (
    "2008-09-05", "2008-12-05", "2009-04-07", "2009-04-12", "2009-04-17", "2009-04-29", "2009-05-02",
    "2009-06-05", "2010-01-05", "2010-12-05",
)  # fmt: skip
"""Mornings on which a pass runs; more of them in the month in which it happens."""

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA.name} is not in ../shared/data")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Store]]:
    """Write what was logged and known by then, and run a pass, on each of the mornings."""
    folder = tmp_path_factory.mktemp("bank")
    calls = dated_calls()
    calls["p_deposit"] = scores_of(calls)
    log = ["call_id", "called_at", "version", "p_deposit", *NUMERIC, *CATEGORICAL]
    first = calls["month"].isin(TRAINED)
    calls.loc[first, [*log, "known_at", "deposit"]].to_parquet(folder / "reference.parquet", index=False)
    for name in ("predictions", "outcomes"):
        (folder / "logs" / name).mkdir(parents=True)
    (folder / "goalkeeper.yaml").write_text(CONFIG)
    project = load(folder / "goalkeeper.yaml")
    store = Store.open(project.store.reveal())
    since = calls.loc[~first, "called_at"].min()
    for day in PASSES:
        now = datetime.fromisoformat(day).replace(tzinfo=UTC, hour=9)
        midnight = now.replace(hour=0)
        called = calls[~first & (calls["called_at"] >= since) & (calls["called_at"] < midnight)]
        known = calls[~first & (calls["known_at"] >= since) & (calls["known_at"] < midnight)]
        called[log].to_parquet(folder / "logs" / "predictions" / f"{day}.parquet", index=False)
        known[["call_id", "known_at", "deposit"]].to_parquet(
            folder / "logs" / "outcomes" / f"{day}.parquet", index=False
        )
        since = midnight
        result = run_pass(project=project, store=store, now=now, models=[MODEL])
        assert not result.failed, result.models
    yield project, store
    store.close()


def alerts_of(store: Store, rule: str) -> list[AlertRow]:
    with store.read() as session:
        return [row for row in alerts.alerts(session, model=MODEL) if row.rule == rule]


def tickets_of(store: Store) -> list[TicketRow]:
    with store.read() as session:
        return list(tickets.tickets(session, model=MODEL))


def test_the_crisis_shows_as_drift_of_the_economy(replayed: tuple[Project, Store]) -> None:
    drifted = {row.column for row in alerts_of(replayed[1], "drift.columns")}

    assert {"emp.var.rate", "nr.employed"} <= drifted


def test_the_rise_of_the_kpi_is_told_as_good_and_opens_no_ticket(replayed: tuple[Project, Store]) -> None:
    found = alerts_of(replayed[1], "business.conversion")

    assert found
    assert all(row.evidence["good"] for row in found)
    rules = {finding["rule"] for ticket in tickets_of(replayed[1]) for finding in ticket.evidence["findings"]}
    assert "business.conversion" not in rules


def test_a_ticket_says_that_realised_conversion_is_far_above_the_expected(
    replayed: tuple[Project, Store],
) -> None:
    found = [ticket for ticket in tickets_of(replayed[1]) if ticket.kind == "retrain"]

    (ticket,) = found
    with replayed[1].read() as session:
        trail = tickets.events(session, ticket.id)
    assert f"{ticket.opened_at:%Y-%m}" == "2009-04"
    assert [f"{event.at:%Y-%m}" for event in trail if event.action == "back"] == ["2009-04", "2009-06"]
    said = {finding.rule: finding for finding in findings_of(ticket, trail)}
    effect = said["performance.calibration"].effect
    assert effect is not None and effect > 0.1
    assert set(said) == {"performance.calibration", "performance.primary", "performance.estimated"}


def test_a_level_that_the_first_months_did_not_know_is_told_as_a_matter_of_the_data(
    replayed: tuple[Project, Store],
) -> None:
    found = [ticket for ticket in tickets_of(replayed[1]) if ticket.kind == "fix_data"]

    assert [finding["column"] for ticket in found for finding in ticket.evidence["findings"]] == ["poutcome"]


def test_each_ticket_is_told_once(replayed: tuple[Project, Store]) -> None:
    with replayed[1].read() as session:
        opened = [row for row in outbox.messages(session) if row.kind == "opened"]
        times = Counter(row.payload["ticket"] for row in opened if "back" in row.payload)

    assert len(opened) - times.total() == len(tickets_of(replayed[1])) > 0
    with replayed[1].read() as session:
        for number, count in times.items():
            assert [event.action for event in tickets.events(session, number)].count("back") == count
