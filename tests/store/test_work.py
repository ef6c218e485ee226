"""Work that is shared out: messages, requests, leases; and whether anything has changed."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from core.errors import StoreError
from store import changes, heartbeats, leases, marks, outbox, requests, settings
from store.database import Store
from store.metrics import save_points
from store.tables import SettingRow
from tests.store.made import DAY, HOUR, NOON, point


def queue(store, key="ticket:1|opened|owners", now=NOON, **more):
    facts = {
        "kind": "opened",
        "channel": "owners",
        "model": "lead",
        "severity": "major",
        "payload": {"id": 1},
    }
    with store.write() as session:
        return outbox.enqueue(session, key=key, now=now, **(facts | more))


def sent(store):
    with store.read() as session:
        return [(row.key, row.state, row.attempts) for row in outbox.messages(session)]


def test_a_message_is_queued_once(store):
    assert queue(store)
    assert not queue(store, now=NOON + HOUR, payload={"id": 2})
    with store.read() as session:
        (row,) = outbox.messages(session)
        assert outbox.message(session, row.id).payload == {"id": 1}
        assert outbox.message(session, 999) is None


def test_writers_at_once_queue_it_once(store):
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _at: queue(store), range(12)))
    assert done.count(True) == 1 and len(sent(store)) == 1


def test_two_transactions_that_do_not_see_each_other_queue_it_once(postgres_url):
    store = Store.open(postgres_url)
    with ThreadPoolExecutor(1) as pool:
        with store.write() as session:
            facts = {"kind": "k", "channel": "c", "model": "", "severity": "minor", "payload": {}}
            assert outbox.enqueue(session, key="a", now=NOON, **facts)
            other = pool.submit(queue, store, "a")
            _until_somebody_waits(store, other)
        assert other.result() is False
    assert len(sent(store)) == 1
    store.close()


def _until_somebody_waits(store, other) -> None:
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while not other.done():
        with store.read() as session:
            if session.scalar(waiting):
                return


def claim(store, worker="w", now=NOON, limit=9):
    return outbox.claim(store, worker, now, limit, clock=now)


def end(store, row, at=NOON, **facts):
    """Send a claimed message; tell whether it was still this sender's."""
    return outbox.send(store, row, at, lambda: outbox.Ended(at=at, **facts)) is not None


def never():
    pytest.fail("it was sent by one who had lost it")


def test_a_claimed_message_is_nobody_elses(store):
    queue(store, "a")
    queue(store, "b")
    assert [row.key for row in claim(store, "w1", limit=1)] == ["a"]
    assert [row.key for row in claim(store, "w2")] == ["b"]
    assert claim(store, "w3") == []


def test_senders_at_once_share_the_messages_out(store):
    for at in range(20):
        queue(store, f"{at:02}")
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda at: claim(store, f"w{at}", limit=5), range(4)))
    keys = sorted(row.key for rows in taken for row in rows)
    assert len(keys) == len(set(keys))
    left = [row.key for row in claim(store, "last", limit=99)]
    assert sorted(keys + left) == [f"{at:02}" for at in range(20)]


def test_what_is_not_due_is_left(store):
    queue(store, now=NOON + HOUR)
    assert claim(store) == []
    assert len(claim(store, now=NOON + HOUR)) == 1


def test_a_sent_message_is_sent_for_good(store):
    queue(store)
    (row,) = claim(store)
    assert end(store, row, subject="It fell")
    assert sent(store) == [("ticket:1|opened|owners", "sent", 1)]
    assert claim(store, now=NOON + DAY) == []
    with store.read() as session:
        found = outbox.message(session, row.id)
    assert (found.subject, found.sent_at, found.claimed_by) == ("It fell", NOON, "")


def test_a_failed_message_is_tried_again_at_its_time_or_never(store):
    queue(store)
    (row,) = claim(store)
    assert end(store, row, error="451 later", retry_at=NOON + HOUR)
    assert claim(store) == []
    (row,) = claim(store, now=NOON + HOUR)
    assert (row.attempts, row.error) == (2, "451 later")
    assert end(store, row, NOON + HOUR, error="550 no such user")
    assert sent(store) == [("ticket:1|opened|owners", "failed", 2)]
    assert claim(store, now=NOON + DAY) == []


def test_what_failed_for_good_is_sent_again_when_a_person_asks(store):
    queue(store)
    (row,) = claim(store)
    end(store, row, error="550 no such user")
    with store.write() as session:
        assert outbox.again(session, row.id, NOON)
        assert not outbox.again(session, row.id, NOON)
    (row,) = claim(store)
    assert end(store, row, subject="It fell")
    with store.write() as session:
        assert not outbox.again(session, row.id, NOON)
    assert sent(store) == [("ticket:1|opened|owners", "sent", 1)]


@pytest.mark.parametrize("other", ["another", "w"], ids=["of another", "of its own name"])
def test_a_sender_that_was_overtaken_neither_sends_nor_ends_the_message(store, other):
    """Two processes in containers may bear one name: how often it was claimed tells them apart."""
    queue(store)
    (late,) = claim(store)
    assert claim(store, other, NOON + outbox.PATIENCE) == []
    later = NOON + outbox.PATIENCE + HOUR
    (row,) = claim(store, other, later)
    assert outbox.send(store, late, later, never) is None
    assert sent(store) == [("ticket:1|opened|owners", "claimed", 2)]
    assert end(store, row, later, subject="It fell")
    assert outbox.send(store, row, later, never) is None
    assert outbox.send(store, late, later, never) is None
    assert sent(store) == [("ticket:1|opened|owners", "sent", 2)]


def test_claims_lapse_by_the_clock_and_not_by_the_time_of_a_pass(store):
    queue(store)
    claim(store)
    assert outbox.claim(store, "w", NOON + DAY, 9, clock=NOON + HOUR / 60) == []
    assert len(outbox.claim(store, "w", NOON, 9, clock=NOON + DAY)) == 1


def test_nobody_takes_a_message_while_it_is_sent_however_long_that_lasts(postgres_url):
    store = Store.open(postgres_url)
    queue(store, "a")
    queue(store, "b")
    rows = claim(store, "slow")
    taken = []

    def act():
        taken.extend(claim(store, "quick", NOON + DAY))
        return outbox.Ended(at=NOON, subject="It fell")

    assert outbox.send(store, rows[0], NOON, act) is not None
    assert [row.key for row in taken] == ["b"]
    assert outbox.send(store, rows[1], NOON, never) is None
    assert sent(store) == [("a", "sent", 1), ("b", "claimed", 2)]
    store.close()


def test_sqlite_writes_on_while_a_message_is_sent_and_claims_it_anew(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    queue(store, "a")
    (row,) = claim(store)
    at = NOON + outbox.PATIENCE / 2

    def act():
        queue(store, "b")
        assert [one.key for one in claim(store, "quick", NOON + outbox.PATIENCE + HOUR / 60)] == ["b"]
        return outbox.Ended(at=at, subject="It fell")

    assert outbox.send(store, row, at, act) is not None
    assert sent(store) == [("a", "sent", 1), ("b", "claimed", 1)]
    store.close()


def test_claims_of_the_dead_are_freed_at_once(store):
    queue(store, "a")
    queue(store, "b")
    claim(store, "dead", limit=1)
    claim(store, "alive", limit=1)
    assert outbox.release(store, lambda worker: worker == "dead") == 1
    assert [row.key for row in claim(store)] == ["a"]


def test_two_who_free_the_claims_of_the_dead_do_not_free_what_is_being_sent(postgres_url):
    store = Store.open(postgres_url)
    queue(store)
    claim(store, "dead")

    assert outbox.release(store, lambda worker: worker == "dead") == 1
    (row,) = claim(store, "alive")

    def act():
        assert outbox.release(store, lambda _worker: True) == 0
        return outbox.Ended(at=NOON)

    assert outbox.send(store, row, NOON, act) is not None
    assert sent(store) == [("ticket:1|opened|owners", "sent", 2)]
    store.close()


def test_of_many_messages_the_newest_come_in_their_order(store):
    for key in "abc":
        queue(store, key, model="churn" if key == "b" else "lead")
    with store.read() as session:
        assert [row.key for row in outbox.messages(session, limit=2)] == ["b", "c"]
        assert [row.key for row in outbox.messages(session, "lead")] == ["a", "c"]


def ask(store, kind="collect", now=NOON, **arguments):
    with store.write() as session:
        return requests.ask(session, kind, arguments, actor="me", now=now)


def test_a_request_goes_from_the_page_to_the_worker_and_back(store):
    asked = ask(store, model="lead")
    assert (asked.state, asked.progress) == ("queued", 0.0)
    taken = requests.take(store, NOON + HOUR)
    assert (taken.id, taken.arguments, taken.state) == (asked.id, {"model": "lead"}, "running")
    assert requests.take(store, NOON + HOUR) is None
    requests.progress(store, asked.id, 0.5, NOON + HOUR)
    with store.read() as session:
        assert requests.request(session, asked.id).progress == 0.5
    requests.done(store, asked.id, {"windows": 3}, NOON + 2 * HOUR)
    with store.read() as session:
        found = requests.request(session, asked.id)
        assert requests.request(session, 999) is None
    assert (found.state, found.progress, found.result) == ("done", 1.0, {"windows": 3})


def test_what_waits_already_is_not_asked_for_twice(store):
    first = ask(store, model="lead")
    assert ask(store, model="lead").id == first.id
    assert ask(store, model="churn").id != first.id
    requests.take(store, NOON)
    assert ask(store, model="lead").id != first.id
    with store.read() as session:
        assert [row.id for row in requests.requests(session, limit=2)] == [first.id + 2, first.id + 1]


def test_a_request_that_fails_says_why(store):
    asked = ask(store)
    requests.take(store, NOON)
    requests.fail(store, asked.id, "no such file", NOON)
    with store.read() as session:
        found = requests.request(session, asked.id)
    assert (found.state, found.error) == ("failed", "no such file")
    assert requests.take(store, NOON + DAY) is None


def test_a_request_of_a_dead_worker_is_taken_up_again_and_of_a_living_one_not(store):
    asked = ask(store)
    requests.take(store, NOON)
    alive = NOON + requests.PATIENCE
    requests.progress(store, asked.id, 0.1, alive)
    assert requests.take(store, alive + requests.PATIENCE) is None
    assert requests.take(store, alive + requests.PATIENCE + HOUR).id == asked.id


def test_what_has_ended_stays_as_it_ended(store):
    """A worker that was thought dead comes back when another one has done its work."""
    asked = ask(store)
    requests.take(store, NOON)
    requests.done(store, asked.id, {"windows": 3}, NOON + HOUR)
    requests.progress(store, asked.id, 0.1, NOON + DAY)
    requests.fail(store, asked.id, "late", NOON + DAY)
    with store.read() as session:
        found = requests.request(session, asked.id)
    assert (found.state, found.progress, found.error) == ("done", 1.0, "")
    assert (found.result, found.updated_at) == ({"windows": 3}, NOON + HOUR)


def test_a_lease_has_one_holder_and_its_number_grows(store):
    first = leases.acquire(store, "model lead", "a", NOON, HOUR)
    assert leases.acquire(store, "model lead", "b", NOON, HOUR) is None
    assert leases.acquire(store, "model churn", "b", NOON, HOUR) == 1
    assert leases.held(store, "model lead").holder == "a"
    assert leases.release(store, "model lead", "a", first)
    assert leases.held(store, "model lead") is None
    second = leases.acquire(store, "model lead", "b", NOON, HOUR)
    assert second > first


def test_a_lapsed_lease_is_lost_to_the_next_one(store):
    first = leases.acquire(store, "model lead", "a", NOON, HOUR)
    second = leases.acquire(store, "model lead", "b", NOON + HOUR, HOUR)
    assert second > first
    assert not leases.renew(store, "model lead", "a", first, NOON + HOUR, HOUR)
    assert not leases.release(store, "model lead", "a", first)
    assert leases.held(store, "model lead").holder == "b"


def test_a_renewed_lease_lasts_longer(store):
    fence = leases.acquire(store, "model lead", "a", NOON, HOUR)
    assert leases.renew(store, "model lead", "a", fence, NOON + HOUR, HOUR)
    assert leases.acquire(store, "model lead", "b", NOON + HOUR, HOUR) is None


def test_of_many_who_ask_at_once_one_gets_the_lease(store):
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda at: leases.acquire(store, "model lead", f"w{at}", NOON, HOUR), range(6)))
    assert len([fence for fence in found if fence is not None]) == 1


def test_of_many_who_find_it_lapsed_at_once_one_gets_the_lease(store):
    leases.acquire(store, "model lead", "dead", NOON, HOUR)
    for turn in range(1, 6):
        with ThreadPoolExecutor(6) as pool:
            found = list(
                pool.map(
                    lambda at, now=NOON + turn * HOUR: leases.acquire(
                        store, "model lead", f"w{at}", now, HOUR
                    ),
                    range(6),
                )
            )
        assert [fence for fence in found if fence is not None] == [turn + 1]


def put_under(store, value):
    with store.write() as session:
        settings.put(session, "now", value)


def got(store):
    with store.read() as session:
        return settings.get(session, "now")


def under(store, holder, now):
    fence = leases.acquire(store, "model lead", holder, now, HOUR)
    return leases.fenced(store, "model lead", holder, fence), fence


@pytest.mark.parametrize("other", ["b", "a"], ids=["of another", "of its own name"])
def test_what_an_overtaken_holder_writes_is_refused(store, other):
    late, _fence = under(store, "a", NOON)
    put_under(late, "first")
    quick, _fence = under(store, other, NOON + HOUR)
    put_under(quick, "second")
    seen = version(store)
    with pytest.raises(leases.LostLeaseError, match=f"model lead was taken over by {other}"):
        put_under(late, "late")
    assert (got(store), version(store)) == ("second", seen)
    put_under(store, "whoever asks for no lease")


def test_a_lapsed_lease_that_nobody_took_is_still_held(store):
    late, fence = under(store, "a", NOON)
    put_under(late, "late")
    assert leases.renew(store, "model lead", "a", fence, NOON + DAY, HOUR)
    assert got(store) == "late"


def test_a_lease_that_was_given_back_lets_nobody_write(store):
    late, fence = under(store, "a", NOON)
    leases.release(store, "model lead", "a", fence)
    with pytest.raises(leases.LostLeaseError):
        put_under(late, "late")
    assert got(store) is None


def test_a_holder_renews_its_lease_while_it_writes(postgres_url):
    store = Store.open(postgres_url)
    busy, fence = under(store, "a", NOON)
    with busy.write() as session:
        settings.put(session, "now", "whole")
        assert leases.renew(store, "model lead", "a", fence, NOON + DAY, HOUR)
        assert leases.acquire(store, "model lead", "b", NOON + DAY, HOUR) is None
    assert got(store) == "whole"
    store.close()


@pytest.mark.parametrize("pipelined", [False, True], ids=["one statement", "a pipeline"])
def test_who_stands_still_inside_a_write_loses_it(postgres_url, pipelined):
    store = Store.open(postgres_url)
    still, _fence = under(store, "a", NOON)
    other = leases.acquire(store, "model churn", "a", NOON, HOUR)
    busy = leases.fenced(store, "model churn", "a", other)
    many = [{"name": f"s{at}", "value": "half"} for at in range(3 if pipelined else 1)]
    with busy.write() as unharmed, pytest.raises(StoreError, match="administrator"), still.write() as session:
        settings.put(unharmed, "now", "whole")
        session.execute(sa.insert(SettingRow), many)
        assert leases.acquire(store, "model lead", "b", NOON + HOUR / 2, HOUR) is None  # it is not over
        while leases.acquire(store, "model lead", "b", NOON + HOUR, HOUR) is None:
            time.sleep(0.01)
        settings.put(session, "s0", "whole")
    assert got(store) == "whole"
    with store.read() as session:
        assert settings.get(session, "s0") is None
    store.close()


def test_a_write_that_stands_still_without_a_lease_is_ended_as_well(postgres_url):
    store = Store.open(postgres_url)
    with pytest.raises(StoreError, match="idle-in-transaction"), store.write(still=HOUR / 36_000) as session:
        settings.put(session, "now", "half")
        time.sleep(0.5)
        settings.put(session, "now", "whole")
    assert got(store) is None
    store.close()


def test_a_setting_is_what_was_set_last(store):
    with store.write() as session:
        assert settings.get(session, "now") is None
        settings.put(session, "now", "a")
        settings.put(session, "now", "b")
        assert settings.get(session, "now") == "b"


def test_three_passes_may_be_missed_before_health_is_in_doubt(store):
    def health(at, every=HOUR):
        with store.read() as session:
            return heartbeats.health(session, at, every)

    assert not health(NOON).alive and health(NOON).last is None
    with store.write() as session:
        heartbeats.beat(session, heartbeats.PASS, NOON)
    assert health(NOON + 3 * HOUR).alive
    assert not health(NOON + 4 * HOUR).alive
    assert health(NOON + heartbeats.LEAST, every=HOUR / 60).alive  # however often passes run


def test_a_worker_is_there_while_it_gives_signs_of_life(store):
    with store.write() as session:
        assert not heartbeats.has_worker(session, NOON)
        heartbeats.beat(session, heartbeats.WORKER, NOON)
        assert heartbeats.has_worker(session, NOON + heartbeats.WORKER_PATIENCE)
        assert not heartbeats.has_worker(session, NOON + HOUR)


def version(store) -> str:
    with store.read() as session:
        return changes.data_version(session)


def save(store):
    with store.write() as session:
        save_points(session, [point()], run_id=None, now=NOON, why="")


def mark(store):
    with store.write() as session:
        marks.add_mark(session, model="", kind="note", start=NOON, text="x", actor="me", now=NOON)


def put(store):
    with store.write() as session:
        settings.put(session, "now", "then")


@pytest.mark.parametrize("write", [save, mark, put, queue, ask], ids=lambda one: one.__name__)
def test_whatever_is_written_changes_the_version_once(store, write):
    seen = [version(store)]
    write(store)
    seen.append(version(store))
    write(store)  # the same again is no change
    seen.append(version(store))
    assert seen[0] != seen[1] == seen[2]


def test_a_change_at_the_same_moment_is_a_change_too(store):
    queue(store)
    (row,) = claim(store)
    seen = version(store)
    end(store, row, error="451", retry_at=NOON)
    assert version(store) != seen


def test_what_was_taken_back_changes_nothing(store):
    seen = version(store)
    with pytest.raises(ZeroDivisionError), store.write() as session:
        settings.put(session, "now", "then")
        raise ZeroDivisionError
    with store.write() as session:
        settings.get(session, "now")
    assert version(store) == seen


def test_signs_of_life_and_leases_redraw_no_page(store):
    asked = ask(store)
    seen = version(store)
    fence = leases.acquire(store, "model lead", "a", NOON, HOUR)
    leases.renew(store, "model lead", "a", fence, NOON, HOUR)
    leases.release(store, "model lead", "a", fence)
    requests.progress(store, asked.id, 0.5, NOON)
    with store.write() as session:
        heartbeats.beat(session, heartbeats.WORKER, NOON)
    assert version(store) == seen
    with store.write() as session:
        settings.put(session, "now", "then")
        heartbeats.beat(session, heartbeats.WORKER, NOON + HOUR)
    assert version(store) != seen


def test_every_writer_is_counted(store):
    def write(at: int) -> None:
        with store.write() as session:
            settings.put(session, f"s{at}", "x")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(12)))
    assert version(store) == "12"
