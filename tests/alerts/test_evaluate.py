"""From stored values to alerts, one ticket and one message."""

import pytest
from sqlalchemy import text

from core.evidence import Evidence
from core.rules import AlertState, Resolution, TicketKind, TicketState
from core.values import ValueState
from store import silences, tickets
from tests.alerts.house import QUIET, START, House, conversions, day, number, rows, share


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.store.close()


def calm(house, days=35, **metrics):
    """A quiet past, evaluated once, so that what follows is no first pass."""
    house.save(conversions([QUIET[at % 28] for at in range(days)]), rows(days))
    house.evaluate(days)


def everything(house):
    with house.store.read() as session:
        names = ["rule_state", "alert", "alert_change", "incident", "ticket", "ticket_event", "outbox"]
        return {name: session.execute(text(f"select * from {name}")).all() for name in names}


def test_it_is_quiet_where_nothing_happens(house):
    calm(house)
    assert house.alerts() == house.tickets() == house.messages() == []


def test_it_opens_one_ticket_and_queues_one_message(house):
    calm(house)
    house.save(conversions([0.06, 0.06], 35), rows(2, 35))
    result = house.evaluate(37)
    (alert,) = house.alerts()
    (ticket,) = house.tickets()
    (message,) = house.messages()
    assert (result.firing, result.tickets_opened, result.messages) == (1, 1, 1)
    assert (alert.rule, alert.state, alert.since) == ("business.conversion", AlertState.FIRING, day(35).start)
    assert (ticket.kind, ticket.severity, ticket.state) == ("investigate", "critical", TicketState.OPEN)
    assert ticket.title == "Call conversion fell to 6.0\xa0%"
    assert (ticket.acknowledge_by - ticket.opened_at).total_seconds() == 3600
    assert alert.incident_id == ticket.incident_id
    assert (message.kind, message.channel, message.payload) == ("opened", "owners", {"ticket": ticket.id})
    evidence = Evidence.model_validate(ticket.evidence)
    assert evidence.findings[0].value == 0.06
    assert evidence.findings[0].expected == pytest.approx(0.12, abs=0.001)
    assert evidence.goal is not None
    assert evidence.goal.target == 0.15


@pytest.mark.parametrize("column", ["", "age"])
def test_it_judges_a_metric_of_ones_own_wherever_it_is_stored(house, column):
    house.configure("    rules: {wild: {metric: quality.wildness, kind: threshold, above: 0.5}}")
    calm(house)
    house.save([share(35, "quality.wildness", 0.9, column=column)], rows(1, 35))
    house.evaluate(36)
    (alert,) = house.alerts("wild")
    assert (alert.column, alert.state) == (column, AlertState.FIRING)


def test_it_writes_nothing_twice(house):
    calm(house)
    house.save(conversions([0.06, 0.06], 35), rows(2, 35))
    house.evaluate(37)
    before = everything(house)
    with house.store.write() as session:
        session.execute(
            text("delete from setting where name = 'judged:lead'")
        )  # judge, though nothing changed
    result = house.evaluate(37)
    assert everything(house) == before
    assert (result.raised, result.tickets_opened, result.messages) == (0, 0, 0)


def test_it_closes_the_ticket_after_three_calm_windows(house):
    calm(house)
    house.save(conversions([0.06, 0.06], 35), rows(2, 35))
    house.evaluate(37)
    house.save(conversions([0.12, 0.12], 37), rows(2, 37))
    house.evaluate(39)
    assert house.tickets()[0].state == TicketState.OPEN
    house.save(conversions([0.12], 39), rows(1, 39))
    house.evaluate(40)
    (alert,) = house.alerts()
    (ticket,) = house.tickets()
    assert (alert.state, alert.until) == (AlertState.OK, day(36).end)
    assert (ticket.state, ticket.resolution) == (TicketState.CLOSED, Resolution.RECOVERED)
    assert [message.kind for message in house.messages()] == ["opened", "resolved"]


def test_what_comes_back_soon_opens_its_ticket_again_and_flapping_is_held(house):
    house.save(conversions([QUIET[at % 28] for at in range(35)]), rows(35))
    house.evaluate(35)
    at = 35
    for turn, calm in enumerate((4, 6, 9)):
        house.save(conversions([0.06] * 3, at), rows(3, at))
        at += 3
        house.evaluate(at)
        (ticket,) = house.tickets()
        assert ticket.state == "open"
        assert ticket.closed_at is None
        for still in range(1, calm + 1):
            house.save(conversions([0.12], at), rows(1, at))
            at += 1
            house.evaluate(at)
            (ticket,) = house.tickets()
            assert (ticket.state == "closed") is (still >= 3 * (turn + 1))
    kinds = [row.kind for row in house.messages() if row.model == "lead" and row.kind != "summary"]
    assert kinds == ["opened", "resolved"] * 3
    assert len({row.key for row in house.messages()}) == len(house.messages())
    with house.store.read() as session:
        trail = [event.action for event in tickets.events(session, ticket.id)]
    assert trail == ["opened", "recovered", *(["back", "joined", "recovered"] * 2)]
    house.save(conversions([0.12] * 10, at), rows(10, at))
    house.evaluate(at + 10)
    house.save(conversions([0.06] * 3, at + 10), rows(3, at + 10))
    house.evaluate(at + 13)
    assert len(house.tickets()) == 2


def test_it_withdraws_what_was_restated(house):
    calm(house)
    house.save(conversions([0.06, 0.06], 35), rows(2, 35))
    house.evaluate(37)
    with house.store.write() as session:
        session.execute(text("delete from metric where metric = 'business.conversion' and value = 0.06"))
    house.save(conversions([0.12, 0.12], 35))
    house.evaluate(37)
    (alert,) = house.alerts()
    (ticket,) = house.tickets()
    assert alert.state == AlertState.WITHDRAWN
    assert "restated" in alert.reason
    assert ticket.resolution == Resolution.WITHDRAWN


def test_it_sends_one_summary_of_a_long_past_and_no_storm(house):
    past = [0.06 if 40 <= at < 45 or 80 <= at < 85 or at >= 118 else QUIET[at % 28] for at in range(120)]
    house.save(conversions(past), rows(120))
    result = house.evaluate(120)
    assert [alert.state for alert in house.alerts()] == [AlertState.OK, AlertState.OK, AlertState.FIRING]
    assert len(house.tickets()) == 1
    (message,) = house.messages()
    assert message.kind == "summary"
    assert message.payload["summary"]["harm"] == 3
    assert message.payload["summary"]["tickets"] == [house.tickets()[0].id]
    assert result.messages == 1


def test_it_keeps_what_fired_long_ago_as_history(house):
    house.save(conversions([*QUIET, 0.06, 0.06]), rows(30))
    house.configure("    rules: {service.freshness: {mute: true}, business.conversion: {for: 2}}")
    house.evaluate(60)
    assert [alert.state for alert in house.alerts()] == [AlertState.FIRING]
    assert house.tickets() == []


def test_it_waits_for_labels(house):
    calm(house)
    house.save(
        [share(35 + at, "business.conversion", 0.02, state=ValueState.IMMATURE) for at in range(5)],
        rows(5, 35),
    )
    house.evaluate(40)
    assert house.alerts() == []


def test_it_opens_a_ticket_on_ripened_labels_though_they_are_a_week_old(house):
    calm(house)
    late = [share(37 + at, "business.conversion", 0.12, state=ValueState.IMMATURE) for at in range(7)]
    house.save(conversions([0.06, 0.06], 35), late, rows(9, 35))
    house.evaluate(44)
    assert len(house.tickets()) == 1


def test_it_tells_a_move_the_good_way_and_opens_nothing(house):
    calm(house)
    house.save(conversions([0.2, 0.2], 35), rows(2, 35))
    result = house.evaluate(37)
    (alert,) = house.alerts()
    assert (alert.severity, alert.evidence["good"]) == ("notice", True)
    assert house.tickets() == house.messages() == []
    assert result.firing == 0


def test_it_makes_one_ticket_of_kpi_and_performance(house):
    calm(house)
    house.save([number(at, "performance.log_loss", 0.4 + 0.002 * (at % 5)) for at in range(35)])
    house.evaluate(35)
    loss = [number(at, "performance.log_loss", 0.9) for at in (35, 36)]
    house.save(conversions([0.06, 0.06], 35), rows(2, 35), loss)
    house.evaluate(37)
    (ticket,) = house.tickets()
    assert (ticket.kind, ticket.severity) == (TicketKind.RETRAIN, "critical")
    rules = [finding["rule"] for finding in ticket.evidence["findings"]]
    assert rules == ["business.conversion", "performance.primary"]


def missing(at, value, **more):
    return share(at, "quality.missing", value, column="age", **more)


def drift(at, value):
    return number(at, "drift.jensen_shannon", value, column="age")


def test_it_makes_one_ticket_of_a_missing_column_and_the_drift_that_it_explains(house):
    calm(house)
    house.save(
        [missing(at, 0.01) for at in range(35)], [drift(at, 0.004 + 0.0005 * (at % 4)) for at in range(35)]
    )
    house.evaluate(35)
    house.save(
        [missing(at, 0.3) for at in (35, 36)],
        [missing(at, 0.95, segment="region=north") for at in (35, 36)],
        [drift(at, 0.2) for at in (35, 36)],
        conversions([0.12, 0.12], 35),
        rows(2, 35),
    )
    house.evaluate(37)
    (ticket,) = house.tickets()
    assert (ticket.kind, ticket.severity) == (TicketKind.FIX_DATA, "major")
    assert ticket.title == "Missing values in age rose to 30.0\xa0%"
    assert {alert.incident_id for alert in house.alerts()} == {ticket.incident_id}
    assert {alert.rule for alert in house.alerts()} == {"quality.missing", "drift.columns"}
    evidence = Evidence.model_validate(ticket.evidence)
    assert [column.column for column in evidence.drifted] == ["age"]
    assert [segment.segment for segment in evidence.segments] == ["region=north"]


def test_it_closes_though_the_drift_that_explained_it_lasts(house):
    calm(house)
    house.save(
        [missing(at, 0.01) for at in range(35)], [drift(at, 0.004 + 0.0005 * (at % 4)) for at in range(35)]
    )
    house.evaluate(35)
    house.save([missing(at, 0.3) for at in (35, 36)], [drift(at, 0.2) for at in range(35, 41)], rows(6, 35))
    house.save(conversions([0.12] * 6, 35))
    house.evaluate(37)
    house.save([missing(at, 0.01) for at in (37, 38, 39, 40)])
    house.evaluate(41)
    assert house.tickets()[0].resolution == Resolution.RECOVERED
    assert [alert.state for alert in house.alerts("drift.columns")] == [AlertState.FIRING]


def test_it_tells_only_of_kpis_that_they_moved_the_good_way(house):
    calm(house)
    house.save([number(at, "performance.log_loss", 0.4 + 0.002 * (at % 5)) for at in range(35)])
    house.save(
        [number(at, "performance.log_loss", 0.1) for at in (35, 36)], conversions([0.12] * 2, 35), rows(2, 35)
    )
    house.evaluate(37)
    assert house.alerts() == []


def test_it_keeps_drift_alone_as_a_notice(house):
    calm(house)
    house.save([drift(at, 0.004 + 0.0005 * (at % 4)) for at in range(35)])
    house.evaluate(35)
    house.save([drift(at, 0.2) for at in (35, 36)], conversions([0.12, 0.12], 35), rows(2, 35))
    house.evaluate(37)
    (alert,) = house.alerts()
    assert (alert.rule, alert.severity, alert.incident_id) == ("drift.columns", "notice", None)
    assert house.tickets() == house.messages() == []


def expected_loss(at, value):
    return number(at, "estimated.log_loss", value + 0.002 * (at % 5))


@pytest.mark.parametrize("drifts", [False, True])
def test_it_opens_a_ticket_for_expected_performance_only_beside_drift(house, drifts):
    calm(house)
    house.save([drift(at, 0.004 + 0.0005 * (at % 4)) for at in range(35)])
    house.save([expected_loss(at, 0.4) for at in range(35)])
    house.evaluate(35)
    house.save([expected_loss(at, 0.5) for at in (35, 36)], conversions([0.12, 0.12], 35), rows(2, 35))
    house.save([drift(at, 0.2 if drifts else 0.005) for at in (35, 36)])
    house.evaluate(37)
    assert [alert.rule for alert in house.alerts("performance.estimated")] == ["performance.estimated"]
    assert [ticket.kind for ticket in house.tickets()] == [TicketKind.RETRAIN] * drifts


def test_it_lets_effects_join_their_cause(house):
    calm(house)
    house.save([missing(at, 0.01) for at in range(35)])
    house.save([missing(at, 0.3) for at in (35, 36, 37)], conversions([0.12], 35), rows(1, 35))
    house.evaluate(36)
    house.save(conversions([0.06, 0.06], 36), rows(2, 36))
    house.evaluate(38)
    (ticket,) = house.tickets()
    assert (ticket.kind, ticket.severity) == (TicketKind.FIX_DATA, "critical")
    assert [message.kind for message in house.messages()] == ["opened", "update"]


def test_it_sees_a_feed_that_stopped(house):
    calm(house)
    house.evaluate(38)
    (ticket,) = house.tickets()
    assert (ticket.kind, ticket.severity) == (TicketKind.FIX_SERVICE, "critical")
    assert ticket.title == "No rows have come"


def test_it_opens_nothing_for_what_is_silenced_until_the_silence_ends(house):
    calm(house)
    house.save(conversions([0.06, 0.06, 0.06, 0.06], 35), rows(4, 35))
    with house.store.write() as session:
        silences.add(
            session, model="lead", rule="business.conversion", segment="", until=house.at(38), reason="known",
            actor="kim", now=START,
        )  # fmt: skip
    house.evaluate(37)
    assert [alert.evidence["silenced"] for alert in house.alerts()] == [True]
    assert house.tickets() == house.messages() == []
    house.evaluate(39)
    assert len(house.tickets()) == 1


def test_it_takes_an_accepted_level_as_normal(house):
    from alerts.tickets import accept

    calm(house)
    house.save(conversions([0.06] * 3, 35), rows(3, 35))
    house.evaluate(38)
    with house.store.write() as session:
        accept(
            session,
            house.tickets()[0].id,
            since=day(35).start,
            reason="new price",
            actor="kim",
            now=house.at(38),
        )
    house.save(conversions([0.06 + 0.001 * (at % 3) for at in range(20)], 38), rows(20, 38))
    house.evaluate(58)
    (alert,) = house.alerts()
    assert (alert.state, alert.reason) == (AlertState.OK, "The new level was accepted as normal.")
    assert len(house.tickets()) == 1
    house.save(conversions([0.02, 0.02], 58), rows(2, 58))
    house.evaluate(60)
    assert len(house.tickets()) == 2


def test_it_does_not_open_again_what_was_dismissed(house):
    from alerts.tickets import dismiss

    calm(house)
    house.save(conversions([0.06] * 3, 35), rows(3, 35))
    house.evaluate(37)
    with house.store.write() as session:
        dismiss(session, house.tickets()[0].id, "known_cause", actor="kim", now=house.at(37))
    house.evaluate(38)
    assert len(house.tickets()) == 1
    assert [message.kind for message in house.messages()] == ["opened", "resolved"]


def test_it_obeys_the_file(house):
    calm(house)
    house.configure("    rules: {business.conversion: {severity: minor, floor: 200%}}")
    house.save(conversions([0.06, 0.06], 35), rows(2, 35))
    house.evaluate(37)
    assert house.alerts() == []
    house.configure(
        "    rules:\n"
        "      business.conversion: {for: 2}\n"
        "      low: {metric: business.conversion, kind: threshold, below: 0.08, severity: minor}"
    )
    house.evaluate(37)
    assert sorted((alert.rule, alert.severity) for alert in house.alerts()) == [
        ("business.conversion", "critical"),
        ("low", "minor"),
    ]


def test_it_withdraws_what_a_muted_rule_had_raised(house):
    calm(house)
    house.save(conversions([0.06, 0.06], 35), rows(2, 35))
    house.evaluate(37)
    house.configure("    rules: {business.conversion: {mute: true}}")
    house.evaluate(37)
    assert house.alerts()[0].reason == "The rule was muted or removed."
    assert house.tickets()[0].state == TicketState.CLOSED


def test_it_writes_the_audit_trail(house):
    calm(house)
    house.save(conversions([0.06, 0.06], 35), rows(2, 35))
    house.evaluate(37)
    with house.store.read() as session:
        events = tickets.events(session, house.tickets()[0].id)
    assert [(event.action, event.actor) for event in events] == [("opened", "goalkeeper")]


def hours(count, soon):
    """Hourly windows of a log: collected as they end, or a day later."""
    from datetime import timedelta

    from store.tables import WindowRow

    late = timedelta(minutes=30) if soon else timedelta(hours=20)
    for at in range(count):
        start = START + timedelta(hours=at)
        end = start + timedelta(hours=1)
        yield WindowRow(
            model="lead", grain="1h", start=start, end=end, grid_set="", inputs_mark="", outcomes_mark="",
            profile_digest="", computed="", stage="final", state="ok", reason="", notes={},
            collected_at=end + late,
        )  # fmt: skip


@pytest.mark.parametrize(("soon", "opened"), [(True, 1), (False, 0)])
def test_it_counts_hours_only_where_the_log_is_written_as_things_happen(house, soon, opened):
    from dataclasses import replace
    from datetime import timedelta

    from core.windows import Grain, Window
    from store import windows

    requests = []
    for at in range(24 * 10):
        start = START + timedelta(hours=at)
        window = Window(start=start, end=start + timedelta(hours=1), grain=Grain.HOUR)
        requests.append(replace(number(0, "service.requests", 100.0), window=window))
    house.save(requests, rows(10))
    with house.store.write() as session:
        for row in hours(24 * 10, soon):
            windows.save_window(session, row)
    house.evaluate(10)  # six hours after the last row
    assert len(house.tickets()) == opened


@pytest.mark.parametrize("left", [900.0, 200.0, 20.0])
def test_a_log_that_loses_more_than_half_of_its_rows_opens_a_ticket(tmp_path, left):
    house = House(tmp_path, rules="")
    house.save(rows(35), rows(2, first=35, value=left))
    house.evaluate(35)

    house.evaluate(37)

    (ticket,) = house.tickets()
    assert (ticket.kind, [row.rule for row in house.alerts()]) == ("fix_data", ["quality.rows"])
