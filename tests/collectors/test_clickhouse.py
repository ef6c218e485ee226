"""ClickHouse behind HTTP and in a folder: what is asked, what comes back, and what errors say."""

import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from collectors.engines import Engines
from collectors.parsing import star
from collectors.sources.base import Setting
from collectors.sources.clickhouse import Options, Source
from core.errors import SourceError
from tests.collectors.house import House, assert_alike
from tests.collectors.odd import odd_body, odd_log, odd_truth, to_chdb, to_parquet

LATER = datetime(2026, 4, 20, tzinfo=UTC)
slow = pytest.mark.slow


@dataclass(kw_only=True)
class Front:
    """A server on 127.0.0.1 that answers as ClickHouse's own HTTP interface does, with chdb behind it."""

    folder: Path
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    logins: set[str] = field(default_factory=set)

    def answer(self, text: str, said: dict[str, str]) -> tuple[int, bytes]:
        from chdb.session import Session

        self.asked.append(said)
        session = Session(str(self.folder))
        try:
            for key, value in said.items():
                if key not in ("default_format", "wait_end_of_query", "readonly"):
                    session.query(f"SET {key} = '{value}'")
            return 200, session.query(text, said["default_format"]).bytes()
        except RuntimeError as error:
            return 404, str(error).encode()
        finally:
            session.close()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    pytest.importorskip("chdb", reason="left out: chdb is not installed (make test-all installs it)")
    made, lock = Front(folder=tmp_path / "chdb"), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            said = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
            made.logins.add(self.headers["Authorization"])
            with lock:
                status, body = made.answer(text, said)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made.url = f"http://reader:s3cret-word@127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def source(engines: Engines, **said: Any) -> Source:
    return Source(Setting(options=Options(**said), engines=engines, use="predictions", time="calledAt",
                          id="Call Id"))  # fmt: skip


@slow
def test_a_server_counts_as_a_file_is_counted(front: Front, house: House, tmp_path: Path) -> None:
    days = [datetime(2026, 3, 28), datetime(2026, 3, 29)]
    log = odd_log(zoned=False, a_day=100, days=days)
    truth = odd_truth(log, zoned=False)
    files = [to_parquet(rows, tmp_path / "files", name) for rows, name in ((log, "log"), (truth, "truth"))]
    to_chdb(log, front.folder, "Log")
    near = House(folder=tmp_path / "near")
    near.folder.mkdir()
    near.body = odd_body(*files, files[0])
    house.body = odd_body({"kind": "clickhouse", "url": front.url, "table": "Log"}, files[1], files[0])
    for one in (near, house):
        assert not one.collect(LATER).error
    assert assert_alike(house, near) > 20  # the truth lies elsewhere: what it needs of the log travels
    near.close()
    assert {one["readonly"] for one in front.asked} == {"2"}
    assert {one["session_timezone"] for one in front.asked} == {"UTC"}
    assert front.logins == {"Basic cmVhZGVyOnMzY3JldC13b3Jk"}


@slow
@pytest.mark.parametrize("served", [False, True])
def test_errors_say_what_is_there(front: Front, served: bool) -> None:
    to_chdb(odd_log(zoned=True, a_day=5), front.folder, "Log")
    place = {"url": front.url} if served else {"path": str(front.folder)}
    engines = Engines()
    with pytest.raises(SourceError) as missing:
        source(engines, table="Lug", **place).columns()
    assert missing.value.message.startswith("predictions: there is no table 'Lug' in ")
    assert missing.value.hint == "Did you mean Log? There are: Log."
    with pytest.raises(SourceError, match="nothere") as wrong:
        source(engines, query="SELECT nothere FROM Log", **place).columns()
    assert "s3cret" not in missing.value.message + wrong.value.message
    assert not source(engines, table="Log", **place).describe().count("s3cret")
    parts = list(
        source(engines, table="Log", **place).engine.stream(
            star(source(engines, table="Log", **place).rows()), 10
        )
    )
    assert [part.num_rows for part in parts] and sum(part.num_rows for part in parts) == 50
    assert max(part.num_rows for part in parts) == 10
    engines.close()


@slow
def test_a_process_opens_one_folder(front: Front, tmp_path: Path) -> None:
    engines = Engines()
    for name in ("a", "b"):
        to_chdb(pa.table({"x": ["1"]}), tmp_path / name, "t")
    assert source(engines, table="t", path=str(tmp_path / "a")).columns()[0].name == "x"
    with pytest.raises(SourceError) as busy:
        source(engines, table="t", path=str(tmp_path / "b")).columns()
    assert busy.value.hint.startswith("One process opens one folder")
    engines.close()
    assert source(engines, table="t", path=str(tmp_path / "b")).columns()[0].name == "x"
    engines.close()


def test_a_server_that_does_not_answer_is_named() -> None:
    engines = Engines()
    with pytest.raises(SourceError) as silent:
        source(engines, table="t", url="http://reader:s3cret-word@127.0.0.1:9/db").columns()
    assert silent.value.message.startswith("http://reader:********@127.0.0.1:9/db: ")
    assert silent.value.hint == "Look at the url and whether the server runs."


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"url": "http://host:8123"}, "either table or query is needed"),
        ({"table": "a"}, "either url or path is needed"),
        ({"table": "a", "path": "b", "url": "http://host"}, "either url or path is needed"),
        ({"table": "a", "url": "clickhouse://host"}, "url is http://user:password@host:8123/database"),
    ],
)
def test_options_that_do_not_fit_are_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Options(**said)
