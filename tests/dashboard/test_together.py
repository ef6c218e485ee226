"""People act on tickets while a pass collects, on one SQLite file: nobody is turned away, nothing is lost."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alerts import tickets as desk
from core.windows import Grain
from store import metrics, tickets
from store.windows import windows
from tests.dashboard.made import START, Made, made

DAYS, ROWS = 4, 200
COLLECT = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from core.config import load
from goalkeeper.jobs.passes import run_pass
from store.database import Store

project = load(Path(sys.argv[1]))
store = Store.open(project.store.reveal())
first = datetime.fromisoformat(sys.argv[2])
for day in range(int(sys.argv[3])):
    now = first + timedelta(days=day + 1, hours=8)
    result = run_pass(project=project, store=store, now=now, models=["calls"])
    assert not result.failed, result
    print(day, flush=True)
"""
MORE = """\
  calls:
    predictions: {path: calls.parquet, columns: {id: id, time: at, version: v, score: p}}
    ground_truth: {in: predictions, columns: {label: y}}
"""


def test_acting_while_collecting_loses_nothing(tmp_path: Path) -> None:
    own = made(tmp_path)
    first = START + timedelta(days=200)
    _log(own, first)
    store = own.store()
    command = [sys.executable, "-c", COLLECT, str(own.path), first.isoformat(), str(DAYS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = 0
    while process.poll() is None:
        with store.write() as session:
            desk.comment(session, own.ticket, f"word {said}", actor="ann", now=first)
        said += 1
    _out, trouble = process.communicate()
    assert process.returncode == 0, trouble
    assert said > 20
    with store.read() as session:
        trail = [
            one.detail["text"] for one in tickets.events(session, own.ticket) if one.action == "commented"
        ]
        collected = windows(session, "calls", Grain.DAY)
        rows = metrics.points(session, "calls", metric="quality.rows", grain=Grain.DAY)
    assert trail == [f"word {at}" for at in range(said)]
    assert len([row for row in collected if row.state == "ok"]) >= DAYS
    assert [point.value.value for point in rows][:DAYS] == [ROWS] * DAYS


def _log(own: Made, first: datetime) -> None:
    at = [first + timedelta(days=day, minutes=7 * row) for day in range(DAYS) for row in range(ROWS)]
    count = len(at)
    table = pa.table(
        {
            "id": [f"c{one}" for one in range(count)],
            "at": at,
            "v": ["v1"] * count,
            "p": [(one % 97) / 97 for one in range(count)],
            "y": [one % 7 == 0 for one in range(count)],
            "age": [float(one % 50) for one in range(count)],
        }
    )
    pq.write_table(table, own.path.parent / "calls.parquet")
    own.path.write_text(own.path.read_text() + MORE)
