"""Bank calls of 2008 to 2010 as a prediction log: with times, and the score of a model of the first months.

Moro, S., Cortez, P., Rita, P. (2014), 'A data-driven approach to predict the success of bank telemarketing',
Decision Support Systems 62; UCI dataset 222, CC BY 4.0.
"""

from calendar import monthrange
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).parents[2] / "shared" / "data" / "bank_additional.parquet"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
TRAINED = ("2008-05", "2008-06", "2008-07")
MACRO = ("emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed")
NUMERIC = ("age", "campaign", "pdays", "previous", *MACRO)
CATEGORICAL = (
    "job", "marital", "education", "default", "housing", "loan", "contact", "poutcome", "day_of_week",
)  # fmt: skip
MODEL = "term-deposit"
CONFIG = f"""\
channels: {{owners: {{kind: file, to: sales@example.com}}}}
models:
  {MODEL}:
    notify: owners
    predictions:
      path: logs/predictions/*.parquet
      columns: {{id: call_id, time: called_at, version: version, score: p_deposit}}
    ground_truth:
      path: logs/outcomes/*.parquet
      columns: {{id: call_id, time: known_at, label: deposit}}
      maturity: 3d
    reference: {{path: reference.parquet}}
    lookback: 45d
    kpis: {{conversion: {{title: Conversion, numerator: deposit, unit: percent}}}}
    goals: [{{kpi: conversion, baseline: 0.04, target: 0.08, since: 2008-08-01, by: 2011-03-31}}]
    rules:
      # A month's calls are spread evenly over its days, and some months have none: volume tells nothing.
      service.freshness: {{mute: true}}
      quality.rows: {{mute: true}}
"""


def dated_calls() -> pd.DataFrame:
    """Return the calls with a time: the year follows from the order, a month's calls fill its days evenly."""
    calls = pd.read_parquet(DATA).drop(columns="duration")
    month = calls["month"].map({name: number for number, name in enumerate(MONTHS, start=1)})
    year = 2008 + (month.diff() < 0).cumsum()
    block = (month.diff().fillna(0) != 0).cumsum()
    place = (calls.groupby(block).cumcount() + 0.5) / calls.groupby(block)["age"].transform("size")
    days = np.array([monthrange(y, m)[1] for y, m in zip(year, month, strict=True)])
    first = pd.to_datetime({"year": year, "month": month, "day": 1}, utc=True)
    at = first + pd.to_timedelta((place * days * 86_400).round(), unit="s")
    assert at.is_monotonic_increasing
    return calls.assign(
        call_id=[f"call-{n}" for n in range(len(calls))],
        called_at=at,
        known_at=at + timedelta(hours=30),
        month=at.dt.strftime("%Y-%m"),
        deposit=(calls["y"] == "yes").astype("int64"),
        version="2008",
    )


def scores_of(calls: pd.DataFrame) -> np.ndarray:
    """Return what trees fitted on the first months expect; beyond what they saw they say what they know."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    inputs = calls[[*NUMERIC, *CATEGORICAL]].astype(dict.fromkeys(CATEGORICAL, "category"))
    first = calls["month"].isin(TRAINED)
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, learning_rate=0.05, categorical_features="from_dtype", random_state=1
    )
    model.fit(inputs[first], calls.loc[first, "deposit"])
    found: np.ndarray = model.predict_proba(inputs)[:, 1]
    return found
