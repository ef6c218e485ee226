"""What people and rules do: goals, alerts, tickets, silences, marks, reports."""

from core.messages import Severity
from core.rules import AlertKey, AlertState, RuleState, TicketState
from store import alerts, goals, marks, reports, silences, tickets
from tests.store.made import DAY, HOUR, NOON, START, goal

KEY = AlertKey(model="lead", rule="business.conversion", segment="region=north")


def raised(session, key=KEY, since=START):
    return alerts.raise_alert(
        session, key, since=since, severity="major", reason="fell", evidence={"n": 5}, now=NOON
    )


def opened(session, key="lead|drop", **more):
    incident = tickets.open_incident(
        session, model="lead", cause="drop", severity="major", since=START, now=NOON
    )
    return tickets.open_ticket(
        session, key=key, model="lead", incident_id=incident.id, kind="retrain", severity="major",
        title="Conversion fell", evidence={"from": 0.12}, acknowledge_by=NOON + DAY, now=NOON, actor="rule",
    )  # fmt: skip


def test_a_goal_is_written_down_only_when_it_stands_otherwise(store):
    with store.write() as session:
        assert goals.save_goal(session, goal())
        assert not goals.save_goal(session, goal(as_of=NOON + HOUR))
        assert goals.save_goal(session, goal(as_of=NOON + DAY, state="at risk"))
        assert goals.save_goal(session, goal(kpi="basket"))
        assert goals.save_goal(session, goal(model="churn"))
    with store.read() as session:
        assert [row.state for row in goals.goal_history(session, "lead", "conversion")] == [
            "on track",
            "at risk",
        ]
        now = goals.current_goals(session, "lead")
        assert [(row.kpi, row.state) for row in now] == [("basket", "on track"), ("conversion", "at risk")]
        assert len(goals.current_goals(session)) == 3


def test_each_change_of_an_alert_is_a_row(store):
    with store.write() as session:
        row = raised(session)
        alerts.change_alert(session, row, AlertState.OK, now=NOON + DAY, reason="back", until=NOON)
    with store.read() as session:
        (found,) = alerts.alerts(session, "lead")
        changes = [(one.state, one.as_of, one.reason) for one in alerts.changes(session, row.id)]
        assert alerts.alerts(session, "churn") == []
    assert (found.state, found.until, found.segment, found.evidence) == (
        "ok",
        NOON,
        "region=north",
        {"n": 5},
    )
    assert changes == [("firing", NOON, "fell"), ("ok", NOON + DAY, "back")]


def test_an_alert_joins_an_incident(store):
    with store.write() as session:
        row, ticket = raised(session), opened(session)
        alerts.join_incident(row, ticket.incident_id)
    with store.read() as session:
        assert alerts.alerts(session)[0].incident_id == ticket.incident_id


def state(key=KEY, **more):
    facts = {"state": AlertState.OK, "severity": Severity.MAJOR, "since": None, "as_of": NOON, "reason": ""}
    return RuleState(key=key, **(facts | more))


def test_the_newest_answers_take_the_place_of_the_earlier_ones(store):
    other = AlertKey(model="lead", rule="quality.rows")
    with store.write() as session:
        alerts.save_rule_states(session, [state(), state(other)], {})
    with store.write() as session:
        firing = state(state=AlertState.FIRING, since=START, as_of=NOON + DAY)
        new = AlertKey(model="lead", rule="drift.score")
        alerts.save_rule_states(session, [firing, state(new)], {KEY: {"n": 5}})
    with store.read() as session:
        found = [
            (row.rule, row.state, row.since, row.evidence) for row in alerts.rule_states(session, "lead")
        ]
    assert found == [("business.conversion", "firing", START, {"n": 5}), ("drift.score", "ok", None, {})]


def test_answers_of_another_model_are_left_alone(store):
    with store.write() as session:
        alerts.save_rule_states(session, [state(AlertKey(model="churn", rule="quality.rows"))], {})
        alerts.save_rule_states(session, [state()], {})
        assert len(alerts.rule_states(session)) == 2
        alerts.forget_rule_states(session, "lead")
        assert [row.model for row in alerts.rule_states(session)] == ["churn"]


def test_a_ticket_goes_its_way_and_its_trail_says_how(store):
    with store.write() as session:
        row = opened(session)
        tickets.set_state(session, row, TicketState.ACKNOWLEDGED, now=NOON + HOUR)
        tickets.set_assignee(session, row, "growth@example.com", now=NOON + HOUR)
        tickets.set_severity(session, row, "critical", title="Worse", now=NOON + HOUR)
        tickets.add_event(session, row.id, at=NOON + HOUR, actor="me", action="acknowledged", detail={})
        tickets.close_ticket(
            session, row, resolution="dismissed", dismissal="false_alarm", now=NOON + DAY, actor="me",
            detail={"why": "holiday"},
        )  # fmt: skip
    with store.read() as session:
        found = tickets.ticket(session, row.id)
        trail = [(one.action, one.actor, one.detail) for one in tickets.events(session, row.id)]
        (incident,) = tickets.incidents(session, "lead")
    assert (found.state, found.resolution, found.dismissal) == ("closed", "dismissed", "false_alarm")
    assert (found.assignee, found.severity) == ("growth@example.com", "critical")
    assert (found.acknowledged_at, found.closed_at, found.updated_at) == (NOON + HOUR, NOON + DAY, NOON + DAY)
    assert incident.closed_at == NOON + DAY
    assert trail == [
        ("opened", "rule", {}),
        ("acknowledged", "me", {}),
        ("dismissed", "me", {"why": "holiday"}),
    ]


def test_acknowledging_again_keeps_the_first_time(store):
    with store.write() as session:
        row = opened(session)
        for at in (NOON, NOON + HOUR):
            tickets.set_state(session, row, TicketState.ACKNOWLEDGED, now=at)
    assert row.acknowledged_at == NOON


def test_tickets_come_newest_first_and_open_incidents_alone_where_asked(store):
    with store.write() as session:
        first, second = opened(session, "a"), opened(session, "b")
        tickets.close_ticket(session, first, resolution="recovered", now=NOON, actor="rule")
    with store.read() as session:
        assert [row.id for row in tickets.tickets(session)] == [second.id, first.id]
        assert tickets.tickets(session, "churn") == []
        assert [row.id for row in tickets.incidents(session, open_only=True)] == [second.incident_id]
        assert tickets.ticket(session, 999) is None


def silence(session, model="lead", until=NOON + DAY, now=NOON):
    return silences.add(
        session, model=model, rule="", segment="", until=until, reason="release", actor="me", now=now
    )


def test_a_silence_holds_from_when_it_was_said_until_its_time(store):
    with store.write() as session:
        row, every = silence(session), silence(session, model="")
        silence(session, model="churn")
    with store.read() as session:
        held = [one.id for one in silences.active(session, "lead", NOON)]
        assert held == [row.id, every.id]
        assert silences.active(session, "lead", NOON - HOUR) == []
        assert silences.active(session, "lead", NOON + DAY) == []
        assert [one.id for one in silences.silences(session, "lead")] == [every.id, row.id]
        assert len(silences.silences(session)) == 3


def test_a_silence_is_ended_once(store):
    with store.write() as session:
        row = silence(session)
        assert silences.end(session, row.id, now=NOON + HOUR).ended_at == NOON + HOUR
        assert silences.end(session, row.id, now=NOON + 2 * HOUR).ended_at == NOON + HOUR
        assert silences.end(session, 999, now=NOON) is None
    with store.read() as session:
        assert len(silences.active(session, "lead", NOON)) == 1  # as it was then
        assert silences.active(session, "lead", NOON + HOUR) == []


def test_a_mark_is_set_once(store):
    def add(session, **more):
        facts = {"model": "lead", "kind": "release", "start": START, "text": "v2", "actor": "me", "now": NOON}
        return marks.add_mark(session, **(facts | more))

    with store.write() as session:
        assert add(session) and not add(session)
        assert add(session, text="v3", start=START - DAY, end=START)
        assert add(session, model="", kind="holiday", text="8 March")
        assert add(session, model="churn")
    with store.read() as session:
        found = [(row.model, row.text, row.end) for row in marks.marks(session, "lead")]
        assert len(marks.marks(session)) == 4
    assert found == [("lead", "v3", START), ("lead", "v2", None), ("", "8 March", None)]


def test_reports_come_newest_first(store):
    def add(session, model, kind):
        return reports.add_report(
            session, model=model, kind=kind, title="T", path="reports/1.html", arguments={"column": "age"},
            rows=10, actor="me", now=NOON,
        )  # fmt: skip

    with store.write() as session:
        first, second = add(session, "lead", "deep_dive"), add(session, "churn", "digest")
    with store.read() as session:
        assert [row.id for row in reports.reports(session)] == [second.id, first.id]
        assert [row.id for row in reports.reports(session, model="lead")] == [first.id]
        assert [row.id for row in reports.reports(session, kind="digest")] == [second.id]
        assert reports.report(session, first.id).arguments == {"column": "age"}
        assert reports.report(session, 999) is None
