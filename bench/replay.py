"""Real logs in their real order: which default rules fire, when and why, as a table and as pictures.

    python -m bench.replay                       # tables, and bench/replay.json
    python -m bench.replay --pictures docs/images
    python -m bench.replay --write FOLDER        # the same rows as files for `bench.detection --streams`

Bank calls (the crisis of 2008), flights of 2013 (a season that the reference does not hold) and hotel
bookings (an outcome that is known days to a year later). Each log is collected by one pass at its end; labels
count only where they were known by their maturity, so what is told is what would have been told then.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from bench import bank
from core.config import load
from core.values import ValueState
from core.windows import Grain
from examples.flights import prepare as flights
from goalkeeper import __version__
from goalkeeper.jobs.passes import run_pass
from metrics.answers import LEAST_ROWS
from store import alerts, metrics
from store.database import Store

HERE = Path(__file__).parent
HOTELS = bank.DATA.with_name("hotel_bookings.parquet")
KINDS = {"business": "harm", "performance": "harm", "quality": "data", "service": "data"}
MOST = 14
"""Columns that a picture names."""
BOOKED = (
    "hotel", "meal", "country", "market_segment", "distribution_channel", "reserved_room_type",
    "deposit_type", "customer_type",
)  # fmt: skip
ASKED = (
    "lead_time", "stays_in_weekend_nights", "stays_in_week_nights", "adults", "children",
    "is_repeated_guest", "previous_cancellations", "previous_bookings_not_canceled", "adr",
    "total_of_special_requests",
)  # fmt: skip
LEARNT = (date(2015, 7, 1), date(2015, 11, 1))
HOTEL_CONFIG = f"""\
models:
  cancellations:
    title: Hotel bookings
    predictions:
      path: log.parquet
      columns: {{id: booking, time: booked, score: p_cancel}}
      features: {{numeric: [{", ".join(ASKED)}], categorical: [{", ".join(BOOKED)}]}}
    ground_truth:
      path: outcomes.parquet
      columns: {{id: booking, time: known, label: is_canceled}}
      maturity: 90d
    reference: {{path: reference.parquet}}
    segments: [hotel]
    kpis: {{kept: {{title: Bookings kept (known within 90 days), numerator: kept, unit: percent}}}}
"""


@dataclass(frozen=True, kw_only=True)
class Log:
    """A real log, put into a folder: its project, model and KPI, and the time at which the pass runs.

    `rows` are all of it in time order with `label`, `score` and the columns.
    """

    name: str
    config: str
    kpi: str
    now: datetime
    rows: pd.DataFrame


def bank_calls(folder: Path) -> Log:
    """Calls that sell a deposit; the model knows May to July 2008."""
    calls = bank.dated_calls()
    calls["p_deposit"] = bank.scores_of(calls)
    first, inputs = calls["month"].isin(bank.TRAINED), [*bank.NUMERIC, *bank.CATEGORICAL]
    log = ["call_id", "called_at", "version", "p_deposit", *inputs]
    calls.loc[first, [*log, "known_at", "deposit"]].to_parquet(folder / "reference.parquet", index=False)
    _put(folder / "logs" / "predictions" / "all.parquet", calls.loc[~first, log])
    _put(folder / "logs" / "outcomes" / "all.parquet", calls.loc[~first, ["call_id", "known_at", "deposit"]])
    rows = calls[[*inputs, "p_deposit", "deposit"]]
    return Log(
        name="Bank calls", config=bank.CONFIG, kpi="conversion", now=datetime(2010, 12, 10, 9, tzinfo=UTC),
        rows=rows.rename(columns={"p_deposit": "score", "deposit": "label"}),
    )  # fmt: skip


def late_flights(folder: Path) -> Log:
    """Flights out of New York; the model knows January to March."""
    found = flights.scored_flights()
    flights.write_reference(folder, found)
    for month in flights.MONTHS:
        flights.write_month(folder, found, month)
    inputs = ["distance", "sched_hour", "weekday", "carrier", "origin"]
    known = found[found["known"]]
    return Log(
        name="Flights", config=(flights.HERE / "goalkeeper.yaml").read_text(), kpi="on_time",
        now=datetime(2014, 1, 5, 9, tzinfo=UTC),
        rows=known[[*inputs, "p_late", "late"]].rename(columns={"p_late": "score", "late": "label"}),
    )  # fmt: skip


def hotel_bookings(folder: Path) -> Log:
    """Bookings by the day they were made; the model knows July to October 2015."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    found = pd.read_parquet(HOTELS).sort_values("booked", ignore_index=True, kind="stable")
    found["known"] = pd.to_datetime(found["reservation_status_date"], format="%m/%d/%Y")
    found["booking"], found["kept"] = found.index.astype(str), 1 - found["is_canceled"]
    first = found["booked"].between(*map(pd.Timestamp, LEARNT), inclusive="left")
    inputs = found[[*ASKED, *BOOKED]].astype(dict.fromkeys(BOOKED, "category"))
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=1)
    model.fit(inputs.drop(columns="country")[first], found.loc[first, "is_canceled"])
    found["p_cancel"] = model.predict_proba(inputs.drop(columns="country"))[:, 1]
    log = ["booking", "booked", "p_cancel", *ASKED, *BOOKED]
    later = found["booked"] >= pd.Timestamp(LEARNT[1])
    within = found["known"] <= found["booked"] + pd.Timedelta(days=90)
    outcomes = ["booking", "known", "is_canceled", "kept"]
    reference = found.loc[first, [*log, *outcomes[1:]]].copy()
    reference[["is_canceled", "kept"]] = (
        reference[["is_canceled", "kept"]].astype("Int64").where(within, pd.NA)
    )
    reference.to_parquet(folder / "reference.parquet", index=False)
    found.loc[later, log].to_parquet(folder / "log.parquet", index=False)
    found.loc[later, outcomes].to_parquet(folder / "outcomes.parquet", index=False)
    rows = found[[*ASKED, *BOOKED, "p_cancel", "is_canceled"]]
    return Log(
        name="Hotel bookings", config=HOTEL_CONFIG, kpi="kept", now=datetime(2017, 9, 5, 9, tzinfo=UTC),
        rows=rows.rename(columns={"p_cancel": "score", "is_canceled": "label"}),
    )  # fmt: skip


LOGS: tuple[Callable[[Path], Log], ...] = (bank_calls, late_flights, hotel_bookings)


def replay(log: Log, folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Collect a log by one pass; return its alerts, and its KPI by window."""
    (folder / "goalkeeper.yaml").write_text(log.config)
    project = load(folder / "goalkeeper.yaml")
    store = Store.open(project.store.reveal())
    (model,) = project.models
    result = run_pass(project=project, store=store, now=log.now, models=[model])
    assert not result.failed, result.models
    with store.read() as session:
        points = metrics.points(session, model, metric=f"business.{log.kpi}", grain=Grain.DAY)
        found = [
            {
                "log": log.name, "version": __version__, "rule": row.rule, "column": row.column,
                "segment": row.segment, "since": f"{row.since:%Y-%m-%d}",
                "until": f"{row.until or log.now:%Y-%m-%d}", "lasts": row.until is None,
                "good": bool(row.evidence.get("good")), "reason": row.evidence["reason"],
            }
            for row in sorted(alerts.alerts(session, model=model), key=lambda row: (row.since, row.rule))
        ]  # fmt: skip
    store.close()
    values = [
        {
            "day": f"{point.window.start:%Y-%m-%d}", "numerator": point.value.numerator,
            "denominator": point.value.denominator,
        }
        for point in points
        if point.value.denominator and point.value.state in (ValueState.OK, ValueState.NOT_ENOUGH_DATA)
    ]  # fmt: skip
    return found, values


def picture(log: Log, found: Sequence[dict[str, Any]], values: Sequence[dict[str, Any]]) -> bytes:
    """Draw the KPI by week, and below it what fired from when to when, as PNG."""
    import vl_convert

    days = pd.DataFrame(values).assign(day=lambda rows: pd.to_datetime(rows["day"]))
    weeks = days.resample("W-MON", on="day", label="left")[["numerator", "denominator"]].sum()
    line = [
        {
            "day": f"{day:%Y-%m-%d}",
            "value": row["numerator"] / row["denominator"] if row["denominator"] >= LEAST_ROWS else None,
        }
        for day, row in weeks.iterrows()
    ]
    bars, kinds = [], {"harm": "#b3261e", "good": "#00694e", "drift": "#8a6d1a", "data": "#5b6675"}
    for one in found:
        kind = "good" if one["good"] else one["rule"].partition(".")[0]
        named = {"drift.columns": one["column"], "drift.score": "the score"}.get(one["rule"], one["rule"])
        if one["column"] and not one["rule"].startswith("drift."):
            named += f" ({one['column']})"
        bars.append({"what": named, "from": one["since"], "to": one["until"], "kind": KINDS.get(kind, kind)})
    ranked = sorted(bars, key=lambda bar: bar["kind"] == "drift")
    order = list(dict.fromkeys(bar["what"] for bar in ranked))[:MOST]
    bars = [bar for bar in bars if bar["what"] in order]
    x = {"type": "temporal", "title": None, "axis": {"format": "%b %Y", "tickCount": 8, "grid": False}}
    top = {
        "width": 760, "height": 150, "data": {"values": line},
        "mark": {"type": "line", "color": "#0072b2", "point": {"size": 14}},
        "encoding": {
            "x": {**x, "field": "day"},
            "y": {"field": "value", "type": "quantitative", "title": None, "axis": {"format": ".0%"}},
        },
        "title": {"text": f"{log.kpi.replace('_', ' ')}, by week", "anchor": "start", "fontSize": 12},
    }  # fmt: skip
    under = {
        "width": 760, "height": {"step": 16}, "data": {"values": bars},
        "mark": {"type": "bar", "cornerRadius": 2, "height": 9},
        "encoding": {
            "x": {**x, "field": "from"}, "x2": {"field": "to"},
            "y": {"field": "what", "type": "nominal", "sort": order, "title": None},
            "color": {
                "field": "kind", "type": "nominal", "title": None,
                "scale": {"domain": list(kinds), "range": list(kinds.values())},
            },
        },
        "title": {"text": "What was told, from when to when", "anchor": "start", "fontSize": 12},
    }  # fmt: skip
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json", "background": "white", "padding": 12,
        "vconcat": [top, under], "resolve": {"scale": {"x": "shared"}},
        "config": {"font": "Arial, Helvetica, sans-serif", "view": {"stroke": None}},
    }  # fmt: skip
    found_png: bytes = vl_convert.vegalite_to_png(spec, scale=2)
    return found_png


def _put(path: Path, rows: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(path, index=False)


def main() -> None:
    """Replay each log, print what was told and write bench/replay.json."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=Path, help="a folder for one PNG a log")
    parser.add_argument("--write", type=Path, help="a folder for the rows; nothing is replayed then")
    asked = parser.parse_args()
    everything = []
    for make in LOGS:
        with tempfile.TemporaryDirectory(prefix="goalkeeper-replay-") as place:
            log = make(Path(place))
            if asked.write is not None:
                _put(asked.write / f"{log.name.lower().replace(' ', '-')}.parquet", log.rows)
                continue
            found, values = replay(log, Path(place))
            everything += found
            print(f"\n{log.name}: {len(found)} alerts")
            for one in found:
                span = f"{one['since']} … {'' if one['lasts'] else one['until']:<11}"
                place_, good = one["column"] or one["segment"], "good" if one["good"] else ""
                print(f"{span}{one['rule']:<26}{place_:<20}{good:<6}{one['reason']}")
            if asked.pictures is not None:
                asked.pictures.mkdir(parents=True, exist_ok=True)
                name = f"{log.name.lower().replace(' ', '-')}.png"
                (asked.pictures / name).write_bytes(picture(log, found, values))
    if asked.write is None:
        (HERE / "replay.json").write_text(json.dumps(everything, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
