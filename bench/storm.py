"""A storm: all columns of many models break at once; what is opened, what is sent, and how long it takes.

    python -m bench.storm [--models 500]

Each model has 20 columns and 30 quiet days in the store; on the next one half of every column is missing. One
pass evaluates all models and delivers to one recipient over SMTP; collecting is left out. Two processes share
the models, as two schedulers do.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.config import load
from core.values import MetricPoint, MetricValue
from core.windows import Grain, Window
from goalkeeper import __version__
from goalkeeper.jobs.deliver import deliver_due
from goalkeeper.jobs.evaluate import evaluate_model
from store import alerts, outbox, tickets
from store.database import Store
from store.metrics import save_points
from tests.notify.servers import free_port, mail_server

HERE = Path(__file__).parent
START, DAYS, COLUMNS = datetime(2026, 3, 1, tzinfo=UTC), 31, 20
FILE = """\
plugins: my_plugins
smtp: {{host: 127.0.0.1, port: {port}, tls: none, from: goalkeeper@example.com}}
channels: {{owners: {{kind: email, to: [growth@example.com]}}}}
defaults: {{notify: [owners]}}
models:
"""
MODEL = "  {name}: {{predictions: {{kind: made, columns: {{id: id, time: at, version: v, score: p}}}}}}\n"


def main() -> None:
    """Measure, print and write bench/storm.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=int, default=500)
    asked = parser.parse_args()
    names = [f"m{at:03}" for at in range(asked.models)]
    with tempfile.TemporaryDirectory(prefix="goalkeeper-storm-") as folder:
        place, port = Path(folder), free_port()
        plug = place / "my_plugins" / "sources" / "made.py"
        plug.parent.mkdir(parents=True)
        plug.write_text("from pydantic import BaseModel\n\n\nclass Options(BaseModel):\n    pass\n")
        path = place / "goalkeeper.yaml"
        path.write_text(FILE.format(port=port) + "".join(MODEL.format(name=name) for name in names))
        project = load(path)
        store = Store.open(project.store.reveal())
        calm, storm = _morning(DAYS - 1), _morning(DAYS)
        for name in names:
            _save(store, name, range(DAYS - 1))
        _evaluate(path, names, calm)
        for name in names:
            _save(store, name, range(DAYS - 1, DAYS))
        with mail_server(port=port) as (box, _port), ProcessPoolExecutor(2) as pool:
            begun = time.perf_counter()
            list(pool.map(_evaluate, [path] * 2, [names[::2], names[1::2]], [storm] * 2))
            judged = time.perf_counter() - begun
            deliver_due(project=project, store=store, now=storm)
            wall = time.perf_counter() - begun
        with store.read() as session:
            row = {
                "version": __version__, "models": len(names), "columns": COLUMNS,
                "alerts": len(alerts.alerts(session)), "incidents": len(tickets.incidents(session)),
                "tickets": len(tickets.tickets(session)), "messages": len(outbox.messages(session)),
                "mails": len(box.mails), "evaluate_s": round(judged, 2), "wall_s": round(wall, 2),
            }  # fmt: skip
        store.close()
    for name, value in row.items():
        print(f"{name:<12}{value:>12}")
    print(*(str(mail["Subject"]) for mail in box.mails[:3]), sep="\n")
    (HERE / "storm.json").write_text(json.dumps(row, indent=2))


def _evaluate(path: Path, names: Sequence[str], now: datetime) -> None:
    project = load(path)
    store = Store.open(project.store.reveal())
    for name in names:
        evaluate_model(project=project, name=name, store=store, now=now)
    store.close()


def _morning(day: int) -> datetime:
    return START + timedelta(days=day, hours=6)


def _save(store: Store, name: str, days: range) -> None:
    points = []
    for at in days:
        start = START + timedelta(days=at)
        window = Window(start=start, end=start + timedelta(days=1), grain=Grain.DAY)
        points.append(
            MetricPoint(
                model=name, metric="quality.rows", window=window, value=MetricValue(value=2000.0, n=2000)
            )
        )
        share = 0.5 if at == DAYS - 1 else 0.01 + 0.001 * (at % 3)
        value = MetricValue(
            value=share,
            n=2000,
            numerator=share * 2000,
            denominator=2000,
            lower=share * 0.8,
            upper=share * 1.2,
        )
        points += [
            MetricPoint(model=name, metric="quality.missing", window=window, column=f"c{c:02}", value=value)
            for c in range(COLUMNS)
        ]
    with store.write() as session:
        save_points(session, points, run_id=None, now=_morning(days.stop), why="")


if __name__ == "__main__":
    main()
