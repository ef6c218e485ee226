"""How well changes are told from noise: our default rules beside the field's, on the same windows.

    python -m bench.detection                      # seeds 0–99, simulated
    python -m bench.detection --seeds 100-199
    python -m bench.detection --streams FOLDER     # Parquet files in time order with a column `label`

False alarms are counted on streams in which nothing changes (30,000 windows for each size and flavour), as
episodes (alerts raised; alerts of a rule in one window count once) and as windows in which something fires;
`upper95` is the upper limit of a 95 % interval, clustered by stream. Detection: the share found within 1, 7
and 40 windows of the change, the median delay (1: in the window of the change; empty where fewer than half
were found in 40), and the share in which the first alert names the column that changed.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.streams import Change, Stream, real, simulated
from goalkeeper import __version__

HERE = Path(__file__).parent
SIZES = (500, 5_000, 50_000)
QUIET, LATEST = 300, 40
SCENARIOS = {
    "shift .5": ("shift", 0.5), "shift .25": ("shift", 0.25), "shift .1": ("shift", 0.1),
    "gradual .25": ("gradual", 0.25), "kpi 10→9": ("kpi", -0.1), "kpi 10→8": ("kpi", -0.2),
    "accuracy −5": ("accuracy", 0.05), "accuracy −2": ("accuracy", 0.02),
    "correlation .6→.3": ("correlation", 0.3),
}  # fmt: skip
OURS = {
    "goalkeeper": None,
    "goalkeeper:tickets": ("kpi", "performance", "estimated", "quality", "service"),
    "goalkeeper:notices": ("columns", "score", "multivariate"),
    "goalkeeper:columns": ("columns",),
    "goalkeeper:kpi": ("kpi",),
    "goalkeeper:performance": ("performance",),
    "goalkeeper:multivariate": ("multivariate",),
}
Told = tuple[int, int | None, str]
"""Window in which an alert was raised, the one in which it was over, and its column."""
RIGHT = {"shift": "columns", "gradual": "columns", "kpi": "kpi", "accuracy": "performance",
         "correlation": "multivariate"}  # fmt: skip
"""Which class of rules is asked whether it found a change."""
FIELD = {
    "columns": ("evidently:any", "evidently:share", "nannyml:any"),
    "kpi": ("nannyml:kpi",),
    "performance": ("nannyml:performance",),
    "multivariate": (),
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One stream to judge."""

    scenario: str
    seed: int | None
    rows: int
    lifelike: bool = False
    count: int = QUIET
    path: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one rule did on one stream."""

    rule: str
    episodes: int
    windows: int
    quiet: int
    delay: int | None = None
    named: bool | None = None


def work(job: Job) -> tuple[str, Job, list[Seen]]:
    """Judge one stream by all rules."""
    from bench.field import decisions
    from bench.ours import judge

    stream = _stream(job)
    if stream is None:
        return "", job, []
    change = stream.change
    found = []
    alerts = judge(stream)
    for rule, kinds in OURS.items():
        own = [(one.raised, one.over, one.column) for one in alerts if kinds is None or one.kind in kinds]
        found.append(_seen(rule, own, len(stream.windows), change))
    for rule, (fires, names) in decisions(stream).items():
        starts = np.flatnonzero(fires & ~np.concatenate([[False], fires[:-1]]))
        ends = np.flatnonzero(fires & ~np.concatenate([fires[1:], [False]]))
        own = [(int(a), int(b), "") for a, b in zip(starts, ends, strict=True)]
        each = [(int(at), int(at), name) for at in np.flatnonzero(fires) for name in names[at] or {""}]
        found.append(_seen(rule, own, len(stream.windows), change, each))
    return stream.name, job, found


def _seen(
    rule: str, alerts: Sequence[Told], windows: int, change: Change | None, each: Sequence[Told] | None = None
) -> Seen:
    """Sum up; `each` are the single windows that fire, of a rule that says the same anew in every window."""
    quiet = windows if change is None else change.at
    early = [one for one in alerts if one[0] < quiet]
    firing = {at for a, b, _c in early for at in range(a, min(quiet, windows if b is None else b + 1))}
    told = alerts if each is None else each
    late = sorted((one for one in told if quiet <= one[0] < quiet + LATEST), key=lambda one: one[0])
    first = None if change is None or not late else late[0][0]
    named = None
    if change is not None and change.column and first is not None:
        named = change.column in {column for at, _b, column in late if at == first}
    return Seen(
        rule=rule, episodes=len({at for at, _b, _c in early}), windows=len(firing), quiet=quiet,
        delay=None if first is None else first - quiet + 1, named=named,
    )  # fmt: skip


def _stream(job: Job) -> Stream | None:
    if job.path is not None:
        return real(job.path, job.rows, job.seed)
    change = None
    assert job.seed is not None
    if job.scenario != "quiet":
        what, size = SCENARIOS[job.scenario]
        rng = np.random.default_rng([job.seed, 7])
        at = int(rng.integers(14, 28))
        column = f"x{rng.integers(0, 16)}" if what in ("shift", "gradual") else ""
        size *= -1 if column and rng.integers(0, 2) else 1
        change = Change(what=what, size=size, at=at, column=column)
    count = job.count if change is None else change.at + LATEST
    return simulated(job.seed, job.rows, lifelike=job.lifelike, count=count, change=change)


def jobs(seeds: Sequence[int], quick: bool) -> Iterator[Job]:
    """Yield every simulated stream: all seeds quiet, a part of them with each change."""
    count, some = (60, seeds[:2]) if quick else (QUIET, seeds[:40])
    for lifelike in (False, True):
        for rows in SIZES:
            for seed in seeds if not quick else seeds[:3]:
                yield Job(scenario="quiet", seed=seed, rows=rows, lifelike=lifelike, count=count)
            for scenario, (what, _size) in SCENARIOS.items():
                odd = what == "accuracy"  # even seeds have the KPI, odd ones the accuracy
                for seed in some:
                    own = 2 * seed + odd if what in ("kpi", "accuracy") else seed
                    yield Job(scenario=scenario, seed=own, rows=rows, lifelike=lifelike)


def real_jobs(folder: Path, permutations: int) -> Iterator[Job]:
    """Yield each file in order and permuted, in the largest windows of which there are enough."""
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("*.parquet")):
        held = pq.ParquetFile(path)
        if "label" not in held.schema_arrow.names:
            print(f"{path.name}: has no column `label`, left out", file=sys.stderr)
            continue
        for rows in (5_000, 1_000, 500, 200):
            if held.metadata.num_rows >= 120 * rows or rows == 200:
                yield Job(scenario="in order", seed=None, rows=rows, path=path)
                for seed in range(permutations):
                    yield Job(scenario="quiet", seed=seed, rows=rows, path=path)
                break


def table(results: Sequence[tuple[str, Job, list[Seen]]]) -> list[dict[str, Any]]:
    """Sum up streams of one name, scenario and size."""
    cells: defaultdict[tuple[str, str, int, str], list[Seen]] = defaultdict(list)
    for name, job, seen in results:
        for one in seen:
            cells[name, job.scenario, job.rows, one.rule].append(one)
            if job.scenario == "quiet":
                pooled = f"{name.partition(',')[0] if job.path is None else 'real'}, all sizes"
                cells[pooled if job.path is None else "permuted, all", "quiet", 0, one.rule].append(one)
    return [_row(place, seen) for place, seen in cells.items()]


def _row(place: tuple[str, str, int, str], seen: Sequence[Seen]) -> dict[str, Any]:
    name, scenario, rows, rule = place
    quiet = sum(one.quiet for one in seen)
    rates = np.array([one.episodes / one.quiet for one in seen if one.quiet])
    rate = sum(one.episodes for one in seen) / quiet if quiet else 0.0
    error = float(rates.std(ddof=1) / np.sqrt(len(rates))) if len(rates) > 1 else 0.0
    upper = max(rate + 1.96 * error, 3 / quiet if quiet else 0.0)
    found: dict[str, Any] = {
        "stream": name, "scenario": scenario, "n": rows, "rule": rule, "version": __version__,
        "quiet_windows": quiet, "episodes": sum(one.episodes for one in seen),
        "false_per_1000": 1000 * rate,
        "false_windows_per_1000": 1000 * sum(one.windows for one in seen) / quiet if quiet else 0.0,
        "upper95": 1000 * upper, "streams": len(seen),
    }  # fmt: skip
    if scenario in SCENARIOS:
        delays = np.array([one.delay if one.delay is not None else np.inf for one in seen])
        middle = float(np.median(delays))
        told = [one.named for one in seen if one.named is not None]
        found |= {
            "found_1": float((delays <= 1).mean()), "found_7": float((delays <= 7).mean()),
            "found_40": float((delays <= 40).mean()), "median_delay": middle if np.isfinite(middle) else None,
            "named": float(np.mean(told)) if told else None,
        }  # fmt: skip
    return found


def shown(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the printed table: false alarms, then detection by the rules that are asked."""
    head = f"{'windows':>9}{'episodes':>9}{'per 1000':>10}{'upper 95':>10}{'windows/1000':>14}"
    yield f"{'stream':<24}{'n':>7}  {'rule':<24}" + head
    for row in rows:
        if row["scenario"] in ("quiet", "in order"):
            name = row["stream"] + (", in order" if row["scenario"] == "in order" else "")
            yield (
                f"{name:<24}{row['n'] or '':>7}  {row['rule']:<24}{row['quiet_windows']:>9,}"
                f"{row['episodes']:>9}{row['false_per_1000']:>10.2f}{row['upper95']:>10.2f}"
                f"{row['false_windows_per_1000']:>14.1f}"
            )
    yield ""
    head = f"{'in 1':>7}{'in 7':>7}{'in 40':>7}{'median':>8}{'named':>7}"
    yield f"{'stream':<10}{'n':>7}  {'change':<13}{'rule':<24}" + head
    for row in rows:
        if row["scenario"] not in SCENARIOS:
            continue
        kind = RIGHT[SCENARIOS[row["scenario"]][0]]
        if row["rule"] in (f"goalkeeper:{kind}", *FIELD[kind]):
            middle = "—" if row["median_delay"] is None else f"{row['median_delay']:.1f}"
            named = "" if row["named"] is None else f"{row['named']:.2f}"
            yield (
                f"{row['stream']:<10}{row['n']:>7}  {row['scenario']:<13}{row['rule']:<24}"
                f"{row['found_1']:>7.2f}{row['found_7']:>7.2f}{row['found_40']:>7.2f}{middle:>8}{named:>7}"
            )


def main() -> None:
    """Judge all streams in two processes, print the tables and write bench/detection.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", default="0-99", help="first-last")
    parser.add_argument("--streams", type=Path, help="a folder of Parquet files instead of simulated streams")
    parser.add_argument("--permutations", type=int, default=20, help="of each file")
    parser.add_argument("--quick", action="store_true", help="a short version")
    parser.add_argument("--out", type=Path, default=HERE / "detection.json")
    asked = parser.parse_args()
    first, _dash, last = asked.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    todo = list(real_jobs(asked.streams, asked.permutations) if asked.streams else jobs(seeds, asked.quick))
    results = []
    with ProcessPoolExecutor(2) as pool:
        for at, result in enumerate(pool.map(work, todo, chunksize=2)):
            results.append(result)
            if sys.stderr.isatty() or at % 100 == 99:
                print(
                    f"{at + 1} of {len(todo)} streams",
                    end="\r" if sys.stderr.isatty() else "\n",
                    file=sys.stderr,
                )
    rows = table(results)
    print("\n".join(shown(rows)))
    asked.out.write_text(json.dumps(rows, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
