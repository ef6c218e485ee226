"""Opening: an empty database is made, an older or newer one is refused with the next step."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.codec import encode
from core.errors import StoreError
from core.profile import Inputs, Outcomes
from store import models, settings
from store.database import HEAD, Store, connect, file_of, shown, upgrade
from store.metrics import points, save_points
from store.profiles import profiles
from store.tables import Base, LeaseRow, ModelRow
from store.upgrading import migrate
from tests.store.made import DAY, NOON, START, model, point

ROOT = Path(__file__).parents[2]


def run(code: str, *arguments: str, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}, **more,
    )  # fmt: skip


def set_revision(url: str, revision: str) -> None:
    Store.open(url).close()
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    engine.dispose()


def at_first_revision(url: str) -> None:
    """Make a database as the first version made it, with a model, a profile, a value and a fact in it."""
    engine = connect(url)
    with engine.connect() as connection:
        migrate(connection, "0001")
        made = sa.MetaData()
        made.reflect(connection)  # the tables of that time, whatever they are today
        for name, facts in OF_OLD.items():
            connection.execute(made.tables[name].insert(), facts)
        connection.commit()
    engine.dispose()


OF_OLD = {
    "setting": {"name": "now", "value": "2026-03-01T12:00:00+00:00"},
    "model": {
        "name": "lead", "title": "Лиды", "task": "binary", "timezone": "UTC", "grain": "1d",
        "configuration": "c0ffee", "features": {"age": "numeric"}, "first_seen": START,
    },
    "profile": {
        "model": "lead", "grain": "1d", "start": START, "version": "v1", "role": "champion", "segment": "",
        "grid_set": "g", "inputs": encode(Inputs(rows=7)), "outcomes": encode(Outcomes(labelled=3)),
    },
    "metric": {
        "model": "lead", "version": "", "segment": "", "metric": "performance.roc_auc", "column": "",
        "grain": "1d", "window_start": START, "window_end": START + DAY, "value": 0.5, "n": 100,
        "state": "ok", "reason": "", "maturity": "final", "computed_at": START + DAY, "why": "",
    },
}  # fmt: skip


def test_an_empty_database_is_made_and_then_found(store_url):
    made = Store.open(store_url)
    with made.write() as session:
        settings.put(session, "now", "then")
    made.close()
    found = Store.open(store_url)
    with found.read() as session:
        assert settings.get(session, "now") == "then"
    found.close()


def test_the_folder_of_a_file_is_made(tmp_path):
    Store.open(f"sqlite:///{tmp_path}/a/b/store.db").close()
    assert (tmp_path / "a" / "b" / "store.db").is_file()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        Store.open(f"sqlite:///{tmp_path}/file/store.db")
    assert str(caught.value) == (
        f"The store's folder {tmp_path}/file cannot be made: File exists\n"
        "→ Is the server up, the address right, the folder writable? `store:` says where it is."
    )


def test_the_migrations_make_what_the_tables_say(store_url):
    """Where this fails: `python -m store.migrations "WHAT CHANGES"` writes the next migration."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    Store.open(store_url).close()
    engine = connect(store_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_one_the_code_knows():
    names = {path.stem for path in (ROOT / "store" / "migrations" / "versions").glob("r*.py")}
    assert max(names) == f"r{HEAD}"


def test_a_made_database_opens_without_alembic(tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    Store.open(url).close()
    code = (
        "import sys; from store.database import Store; Store.open(sys.argv[1]).close();"
        "print('alembic' in sys.modules)"
    )
    out, _err = run(code, url).communicate()
    assert out == "False\n"


def test_an_older_one_is_refused_with_the_command(store_url):
    at_first_revision(store_url)
    with pytest.raises(StoreError) as caught:
        Store.open(store_url)
    assert str(caught.value) == (
        f"The store was written by an older version (revision 0001, this one needs {HEAD}).\n"
        "→ Run `goalkeeper db upgrade`; a SQLite file is copied first."
    )


def test_a_newer_one_is_refused(store_url):
    set_revision(store_url, "9999")
    for refuses in (Store.open, upgrade):
        with pytest.raises(StoreError) as caught:
            refuses(store_url)
        assert str(caught.value) == (
            f"The store was written by a newer version (revision 9999, this one knows {HEAD}).\n"
            "→ Install the newer version of Goalkeeper, or go back to a copy of the store."
        )


def test_an_upgrade_keeps_what_is_there(store_url):
    at_first_revision(store_url)
    said = upgrade(store_url)
    assert said.startswith(f"The store went from revision 0001 to {HEAD}.")
    opened = Store.open(store_url)
    with opened.read() as session:
        assert settings.get(session, "now") == "2026-03-01T12:00:00+00:00"
        assert (models.model(session, "lead").title, models.model(session, "lead").features) == (
            "Лиды",
            {"age": "numeric"},
        )
        ((_key, kept),) = profiles(session, "lead", "1d", START, START + DAY)
        assert (kept.inputs.rows, kept.outcomes.labelled) == (7, 3)
        assert [one.value.value for one in points(session, "lead")] == [0.5]
    with opened.write() as session:  # and it is known for the same value when it comes again
        assert save_points(session, [point()], run_id=None, now=NOON, why="") == 0
    opened.close()
    assert upgrade(store_url) == f"The store is up to date (revision {HEAD})."


def test_an_upgrade_of_nothing_makes_it(store_url):
    assert upgrade(store_url) == f"The store was made (revision {HEAD})."
    Store.open(store_url).close()


def test_a_file_is_copied_before_an_upgrade_with_what_still_lies_in_its_log(tmp_path):
    path = tmp_path / "store.db"
    at_first_revision(f"sqlite:///{path}")
    writing = sqlite3.connect(path)  # keeps the write-ahead log from being folded in
    writing.execute("INSERT INTO setting VALUES ('last', 'word')")
    writing.commit()
    said = upgrade(f"sqlite:///{path}")
    writing.close()
    assert said.endswith(f"The old file is kept as {path}.0001.")
    copy = sqlite3.connect(f"{path}.0001")
    assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert copy.execute("SELECT value FROM setting WHERE name = 'last'").fetchall() == [("word",)]
    copy.close()
    assert not Path(f"{path}.0001.part").exists()


def test_where_no_copy_can_be_made_nothing_is_upgraded(tmp_path):
    path = tmp_path / "store.db"
    at_first_revision(f"sqlite:///{path}")
    (tmp_path / "store.db.0001").mkdir()
    with pytest.raises(StoreError, match=r"cannot be copied to .*store\.db\.0001"):
        upgrade(f"sqlite:///{path}")
    with pytest.raises(StoreError, match="older version"):
        Store.open(f"sqlite:///{path}")


OPEN = """
import sys
from store.database import Store
print("ready", flush=True)
sys.stdin.readline()
Store.open(sys.argv[1]).close()
"""


def test_processes_that_open_an_empty_database_at_once_all_succeed(store_url):
    opening = [run(OPEN, store_url, stdin=subprocess.PIPE) for _ in range(3)]
    for one in opening:
        assert one.stdout.readline() == "ready\n"
    for one in opening:
        one.stdin.write("go\n")
        one.stdin.flush()
    ended = [one.communicate() for one in opening]
    assert [one.returncode for one in opening] == [0, 0, 0], ended


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "`store` is not the address of a database.\n→ Write sqlite:///"),
        ("mysql://u:secret@h/d", "The store cannot be kept in mysql.\n→ Write sqlite:///"),
        (
            "postgresql+pg8000://u:secret@h/d",
            "The driver postgresql+pg8000 is not installed.\n→ Write sqlite:///",
        ),
    ],
)
def test_an_address_of_something_else_is_refused(url, says):
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    assert str(caught.value).startswith(says) and "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_named_without_its_password():
    for act in (Store.open, upgrade):
        with pytest.raises(StoreError) as caught:
            act("postgresql://me:secret@127.0.0.1:1/db")
        assert str(caught.value).startswith(
            "The store postgresql+psycopg://me:***@127.0.0.1:1/db does not answer: "
        )
        assert "→ Is the server up" in str(caught.value)
        assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "store.db").write_text("this is a letter to my grandmother, not a database" * 100)
    for act in (Store.open, upgrade):
        with pytest.raises(StoreError, match="does not answer: file is not a database"):
            act(f"sqlite:///{tmp_path}/store.db")


def test_the_database_of_something_else_is_left_alone(store_url):
    engine = connect(store_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE model (id INTEGER)"))
    for act in (Store.open, upgrade):
        with pytest.raises(StoreError) as caught:
            act(store_url)
        assert str(caught.value) == (
            f"The database {shown(engine.url)} holds tables of something else: model.\n"
            "→ Give the store a database of its own; `store:` says where it is."
        )
    assert sa.inspect(engine).get_table_names() == ["model"]
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///a/store.db", "a/store.db"),
        ("sqlite:////var/store.db", "/var/store.db"),
        ("sqlite:///file:/var/my%20store.db?mode=ro&uri=true", "/var/my store.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("sqlite:///file::memory:?uri=true", None),
        ("sqlite:///file:shared?mode=memory&uri=true", None),
        ("postgresql://h/d", None),
    ],
)
def test_the_file_of_a_database(url, path):
    assert file_of(sa.make_url(url)) == (path and Path(path))


def test_an_address_in_the_way_of_sqlite_makes_no_folder_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at_first_revision(f"sqlite:///file:{tmp_path}/a/store.db?uri=true")
    upgrade(f"sqlite:///file:{tmp_path}/a/store.db?uri=true")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert sorted(path.name for path in (tmp_path / "a").glob("*.0001")) == ["store.db.0001"]


def test_a_read_only_file_says_so_when_written(tmp_path):
    Store.open(f"sqlite:///{tmp_path}/store.db").close()
    store = Store.open(f"sqlite:///file:{tmp_path}/store.db?mode=ro&uri=true")
    with pytest.raises(StoreError, match="readonly database"), store.write() as session:
        settings.put(session, "now", "then")
    store.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql+psycopg://me:secret@h/db", "postgresql+psycopg://me:***@h/db"),
        ("postgresql+psycopg://h/db?password=secret", "postgresql+psycopg://h/db?password=***"),
        (
            "postgresql+psycopg://me:secret@h/db?sslpassword=secret&sslmode=require",
            "postgresql+psycopg://me:***@h/db?sslmode=require&sslpassword=***",
        ),
    ],
)
def test_the_store_tells_its_address_without_the_password(url, told):
    assert Store(sa.create_engine(url), url).url == told


def test_what_fails_leaves_nothing_half(store):
    with pytest.raises(ZeroDivisionError), store.write() as session:
        session.add(model("lead"))
        session.flush()
        session.add(model("churn"))
        raise ZeroDivisionError
    with store.read() as session:
        assert session.scalars(sa.select(ModelRow)).all() == []


def test_rows_outlive_their_session(store):
    with store.write() as session:
        row = model()
        session.add(row)
    assert row.title == "Lead"
    with store.read() as session:
        found = session.get(ModelRow, "lead")
    assert found.features == {"age": "numeric"}


def test_reading_never_writes(store):
    with store.read() as session:
        session.add(model())
        session.flush()
    with store.read() as session:
        assert session.get(ModelRow, "lead") is None


def test_a_read_sees_one_state_to_its_end(store):
    with store.write() as session:
        session.add(model())
    with store.read() as reading:
        assert reading.scalar(sa.select(ModelRow.title)) == "Lead"
        with store.write() as session:
            session.get(ModelRow, "lead").title = "Leads"
        assert reading.scalar(sa.select(ModelRow.title)) == "Lead"
    with store.read() as reading:
        assert reading.scalar(sa.select(ModelRow.title)) == "Leads"


def test_writers_wait_for_each_other(store):
    """Twenty threads read, add and write at once: no 'database is locked', and no count is lost."""

    def count(_at: int) -> None:
        with store.write() as session:
            row = session.scalars(sa.select(ModelRow).with_for_update()).one()
            row.reference_id = (row.reference_id or 0) + 1

    with store.write() as session:
        session.add(model())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(20)))
    with store.read() as session:
        assert session.get(ModelRow, "lead").reference_id == 20


def test_a_writer_that_waited_too_long_says_who_is_in_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr("store.database._BUSY", 1)
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    with store.write(), pytest.raises(StoreError) as caught, store.write():
        pass
    store.close()
    assert "does not answer: database is locked" in str(caught.value)
    assert "→ Another process has been writing" in str(caught.value)


def test_a_reader_does_not_wait_for_a_writer(store):
    with store.write() as writing:
        writing.add(model())
        writing.flush()
        with store.read() as session:
            assert session.get(ModelRow, "lead") is None


KILLED = """
import sys
from store.database import Store
from tests.store.made import model
store = Store.open(sys.argv[1])
with store.write() as session:
    for at in range(500):
        session.add(model(f"m{at}"))
    session.flush()
    print("half", flush=True)
    sys.stdin.readline()
"""


def test_a_process_killed_while_writing_leaves_nothing_half_and_nobody_locked_out(store_url):
    store = Store.open(store_url)
    killed = run(KILLED, store_url, stdin=subprocess.PIPE)
    assert killed.stdout.readline() == "half\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    with store.write() as session:
        assert session.scalars(sa.select(ModelRow)).all() == []
        session.add(model())
    store.close()


def test_foreign_keys_are_kept(store):
    from store.tables import TicketEventRow

    with pytest.raises(sa.exc.IntegrityError), store.write() as session:
        session.add(TicketEventRow(ticket_id=7, at=NOON, actor="me", action="opened", detail={}))


def test_a_naive_time_is_refused(store):
    with pytest.raises(sa.exc.StatementError, match="naive time"), store.write() as session:
        naive = NOON.replace(tzinfo=None)
        session.add(LeaseRow(name="a", holder="b", fence=1, until=naive, heartbeat=NOON))


def test_numbers_that_are_none_become_null_in_what_is_kept_as_json(store):
    kept = {"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": float("-inf")}, "e": "NaN"}
    with store.write() as session:
        session.add(model(features=kept))
    with store.read() as session:
        found = session.get(ModelRow, "lead").features
    assert found == {"a": None, "b": [None, 1.5], "c": {"d": None}, "e": "NaN"}


def test_sqlite_is_set_up_as_promised(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    asked = ("journal_mode", "busy_timeout", "synchronous", "foreign_keys")
    with store.read() as session:
        found = {name: session.execute(sa.text(f"PRAGMA {name}")).scalar() for name in asked}
    store.close()
    assert found == {"journal_mode": "wal", "busy_timeout": 10_000, "synchronous": 1, "foreign_keys": 1}
