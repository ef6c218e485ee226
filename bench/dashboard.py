"""How fast the pages are on a large store, and what they hold in memory.

    python -m bench.dashboard                       # 500 models on PostgreSQL, then 60 on SQLite
    python -m bench.dashboard --stores sqlite --models 60

The models have two years of daily windows; one in sixteen has 21 columns, the others have 3. They are
collected once and copied, and the store is kept in bench/data for the next run. Each view is opened by five
sessions at once over the WebSocket of the real server, cold (something was collected since, so that nothing
kept is of use) and warm (the same again); a run lasts from the question to the script's end. Then one reader
opens each view in a real Chromium, cold: `browser_s` lasts from the address to the last chart, and
`browser_extra_s` is what that is more than an empty page of Streamlit's own with one chart, in the same run.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.browser import Reader, empty, reader
from bench.copied import copy_model
from bench.made import CONFIG, Made, make
from bench.soaked import postgres, tell
from bench.visits import Served, Visit, served, sessions, together
from core.config import load
from core.plugins import PORTS, names
from goalkeeper import __version__
from goalkeeper.jobs.passes import run_pass
from store import settings
from store.database import Store

HERE = Path(__file__).parent
DAYS, ROWS_A_DAY, WIDE_IN = 730, 1000, 16
SESSIONS, TURNS = 5, 6
MODELS = {"postgresql": 500, "sqlite": 60}
COLUMNS = (
    "cold_p95_s", "warm_p95_s", "alone_cold_s", "alone_warm_s", "browser_s", "browser_extra_s", "charts",
    "rss_mib",
)  # fmt: skip
WIDE, NARROW = "wide", "narrow"


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A large store and the project that it belongs to."""

    config: Path
    kind: str
    models: tuple[str, ...]
    points: int


def main() -> None:
    """Measure, print and write bench/dashboard.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stores", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--models", type=int, help="instead of 500 on PostgreSQL and 60 on SQLite")
    parser.add_argument("--views", nargs="*", default=names(PORTS["page"]))
    asked = parser.parse_args()
    rows = list[dict[str, Any]]()
    for kind in asked.stores:
        with filled(kind, asked.models or MODELS[kind]) as made:
            rows += _measured(made, asked.views)
    (HERE / "dashboard.json").write_text(json.dumps(rows, indent=2))


def _measured(made: Filled, views: Sequence[str]) -> list[dict[str, Any]]:
    print(f"{made.kind}: {len(made.models)} models, {made.points:,} points, {SESSIONS} sessions")
    print(f"{'view':<14}" + "".join(f"{name:>17}" for name in COLUMNS) + f"{'KiB':>10}")
    rows = []
    command = ["goalkeeper", "dashboard", "--config", str(made.config), "--port"]
    with served(command, made.config.parent) as at, reader() as browser, empty(made.config.parent) as plain:
        turn = itertools.cycle(made.models)
        with sessions(at.port, 1) as [first]:
            first.visit("overview", "")  # what a server does once
        for own, path in ((at, "overview"), (plain, "")):
            browser.open(own, path, 0)  # what a browser does once
        floor = statistics.median(browser.open(plain, "", 1) for _turn in range(TURNS))
        print(f"an empty page with one chart in Chromium: {floor:.2f} s")
        for view in views:
            row = _view(at, made, view, turn)
            rows.append(row | _seen(at, made, view, turn, browser, floor, row["charts"]))
            shown = "".join(f"{rows[-1][name]:>17}" for name in COLUMNS)
            print(f"{view:<14}{shown}{row['kib']:>10.0f}", flush=True)
    return rows


def _seen(
    at: Served, made: Filled, view: str, turn: Iterator[str], browser: Reader, floor: float, charts: int
) -> dict[str, float]:
    """Time one reader's browser; the median of some visits, each of them cold."""
    took = []
    for _turn in range(TURNS):
        _changed(made)
        took.append(browser.open(at, f"{view}?model={next(turn)}", charts))
    seen = statistics.median(took)
    return {"browser_s": round(seen, 2), "browser_extra_s": round(seen - floor, 2)}


def _view(at: Served, made: Filled, view: str, turn: Iterator[str]) -> dict[str, Any]:
    cold, warm = list[Visit](), list[Visit]()
    with sessions(at.port, SESSIONS) as readers:
        for _turn in range(TURNS):
            queries = [f"model={next(turn)}" for _reader in readers]
            _changed(made)
            cold += together(readers, view, queries)
            warm += together(readers, view, queries)
        query = f"model={next(turn)}"
        _changed(made)
        alone = [readers[0].visit(view, query) for _turn in range(4)]
    errors = {error for one in (*cold, *warm, *alone) for error in one.errors}
    if errors:
        raise RuntimeError(f"{view}: {errors}")
    return {
        "view": view, "store": made.kind, "points": made.points, "sessions": SESSIONS, "version": __version__,
        "cold_p95_s": _p95(cold), "warm_p95_s": _p95(warm), "alone_cold_s": round(alone[0].seconds, 3),
        "alone_warm_s": round(statistics.median(one.seconds for one in alone[1:]), 3),
        "charts": min(one.charts for one in cold), "rss_mib": round(at.rss_mib),
        "kib": round(max(one.kib for one in cold)),
    }  # fmt: skip


def _changed(made: Filled) -> None:
    """Change what is stored, so that pages read everything anew."""
    store = Store.open(load(made.config).store.reveal())
    with store.write() as session:
        settings.put(session, "bench", f"{time.time()}")
    store.close()


def _p95(visits: Sequence[Visit]) -> float:
    return round(statistics.quantiles([one.seconds for one in visits], n=20, method="inclusive")[-1], 3)


@contextmanager
def filled(kind: str, many: int) -> Iterator[Filled]:
    """Return the large store, made on the first time."""
    folder = HERE / "data" / f"dashboard-{kind}-{many}"
    folder.mkdir(parents=True, exist_ok=True)
    logs = {
        name: make(HERE / "data", DAYS * ROWS_A_DAY, days=DAYS, numeric=numeric, categorical=categorical)
        for name, numeric, categorical in ((WIDE, 16, 5), (NARROW, 2, 1))
    }
    copies = {f"m{at:03}": WIDE if at % WIDE_IN == 0 else NARROW for at in range(many)}
    if kind == "sqlite":
        yield _filled(folder, kind, f"sqlite:///{folder / 'gk.db'}", logs, copies)
        return
    with postgres(folder / "server", keep=True) as url:
        yield _filled(folder, kind, url, logs, copies)


def _filled(folder: Path, kind: str, url: str, logs: dict[str, Made], copies: dict[str, str]) -> Filled:
    config, done = folder / "goalkeeper.yaml", folder / "points"
    parts = {name: CONFIG.format(data=log.folder).split("  bench:\n")[1] for name, log in logs.items()}
    parts = {name: part + "    service_grain: 1d\n" for name, part in parts.items()}
    both = {name: name for name in logs} | copies
    config.write_text(
        f"store: {url}\nmodels:\n" + "".join(f"  {name}:\n{parts[of]}" for name, of in both.items())
    )
    if not done.exists():
        _fill(config, next(iter(logs.values())), copies)
        store = Store.open(url)
        with store.read() as session:
            done.write_text(str(session.scalar(text("SELECT count(*) FROM metric"))))
        store.close()
    return Filled(config=config, kind=kind, models=tuple(copies), points=int(done.read_text()))


def _fill(config: Path, log: Made, copies: dict[str, str]) -> None:
    project = load(config)
    store = Store.open(project.store.reveal())
    begun = time.perf_counter()
    run_pass(project=project, store=store, now=log.now, models=[WIDE, NARROW])
    for at, (name, source) in enumerate(copies.items()):
        with store.write() as session:
            copy_model(session, source, name, 1000 + at)
        if at % 20 == 19:
            print(f"  {at + 1} of {len(copies)} models, {time.perf_counter() - begun:.0f} s", flush=True)
    with store.write() as session:
        settings.put(session, "now", (log.now + timedelta(hours=8)).isoformat())
    store.close()
    tell(project.store.reveal(), "ANALYZE")


if __name__ == "__main__":
    main()
