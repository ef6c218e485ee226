"""Profiles of any content, for laws."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.grid import AGE_BINS, LATENCY
from core.profile import ERROR_SUMS, KPI_SUMS, SCORE_SUMS, ColumnSummary, Inputs, Outcomes, Profile

BINS, SCORES = 7, 9
whole = st.integers(0, 2**40)
# sums of floats are associative only approximately: keep to numbers that add up exactly, then say so
sums = st.integers(-(2**30), 2**30).map(lambda found: found / 64)
names = st.sampled_from(["age", "city", "größe", "доход"])
moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def counts(*shape: int) -> st.SearchStrategy[Any]:
    return arrays(np.int64, shape, elements=whole)


def floats(*shape: int) -> st.SearchStrategy[Any]:
    return arrays(np.float64, shape, elements=sums)


columns = st.builds(
    ColumnSummary, counts=counts(BINS), missing=whole, invalid=whole, total=sums, squares=sums,
    minimum=st.none() | sums, maximum=st.none() | sums,
)  # fmt: skip
inputs = st.builds(
    Inputs, rows=whole, duplicates=whole, errors=whole, first=st.none() | moments, last=st.none() | moments,
    statuses=st.dictionaries(st.sampled_from(["ok", "500", "timeout"]), whole),
    latency=st.none() | st.integers(0, 2**20).map(lambda n: np.full(LATENCY.bins, n, dtype=np.int64)),
    latency_sum=sums, latency_missing=whole, columns=st.dictionaries(names, columns),
    score=st.none() | counts(2, SCORES), score_missing=whole, score_sum=sums, score_squares=sums,
    score_variance=sums, weight=sums, weight_squares=sums,
)  # fmt: skip
outcomes = st.builds(
    Outcomes, rows=whole, labelled=whole, unknown_labels=whole, duplicate_labels=whole,
    score_labelled=st.none() | counts(2, SCORES), score_positive=st.none() | counts(2, SCORES),
    score_sums=st.none() | floats(len(SCORE_SUMS)), confusion=st.none() | counts(2, 2),
    class_scores=st.none() | counts(3, 2, SCORES), error_sums=st.none() | floats(len(ERROR_SUMS)),
    errors=st.none() | counts(BINS), error_bins=st.none() | floats(BINS, 3),
    kpis=st.dictionaries(st.sampled_from(["conversion", "basket"]), floats(AGE_BINS, len(KPI_SUMS))),
    ages=st.none() | counts(AGE_BINS, SCORES, 2),
)  # fmt: skip
profiles = st.builds(Profile, grid_set=st.just("0123456789abcdef"), inputs=inputs, outcomes=outcomes)
