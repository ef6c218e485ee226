"""The bench of detection, in small: what it draws is what it says, and it tells changes from noise."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from bench import detection
from bench.detection import Job, work
from bench.field import decisions
from bench.ours import judge
from bench.streams import Change, real, simulated
from core.profile import merge_all


def test_quiet_windows_are_drawn_from_the_references_probabilities():
    stream = simulated(0, 5000, lifelike=False, count=40)
    whole = merge_all(stream.reference, grid_set=stream.grids.id).inputs.columns
    later = merge_all(stream.windows, grid_set=stream.grids.id).inputs.columns
    p = []
    for name in stream.grids.columns:
        then, now = whole[name].counts, later[name].counts
        enough = then + now >= 20
        p.append(chi2_contingency(np.array([then[enough], now[enough]])).pvalue)
    assert min(p) > 1e-4


def test_a_shift_moves_the_column_by_its_size():
    change = Change(what="shift", size=0.5, at=0, column="x2")
    stream = simulated(0, 50_000, lifelike=False, count=5, change=change)
    edges = stream.grids.columns["x2"].edges
    shares = np.mean([one.inputs.columns["x2"].counts for one in stream.windows], axis=0) / 50_000
    at = np.concatenate([edges, edges[-1:]])
    assert (shares * at).sum() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("what", "size", "seed"), [("kpi", -0.2, 0), ("accuracy", 0.05, 1)])
def test_outcomes_change_as_told(what, size, seed):
    stream = simulated(seed, 50_000, lifelike=False, count=6, change=Change(what=what, size=size, at=0))

    def level(windows):
        if what == "kpi":
            return np.mean([one.outcomes.score_sums[5] for one in windows]) / 50_000
        return np.mean([np.trace(one.outcomes.confusion) for one in windows]) / 50_000

    before, after = level(stream.reference), level(stream.windows)
    assert after - before == pytest.approx(-0.02 if what == "kpi" else -0.05, abs=0.003)


def test_our_rules_find_a_shift_name_its_column_and_keep_quiet_before():
    change = Change(what="shift", size=0.25, at=12, column="x5")
    found = judge(simulated(4, 5000, lifelike=True, count=20, change=change))
    assert {(one.kind, one.column, one.raised) for one in found} == {("columns", "x5", 12)}


def test_the_fields_rules_say_what_their_distances_say():
    change = Change(what="shift", size=0.5, at=10, column="x2")
    found = decisions(simulated(0, 5000, lifelike=False, count=20, change=change))
    fires, names = found["evidently:any"]
    assert fires[10:].all()
    assert names[10] == {"x2"}
    assert not found["evidently:share"][0].any()
    assert found["nannyml:any"][0][10:].all()


def test_a_stream_sums_up_to_rows_of_the_table():
    rows = detection.table([
        work(Job(scenario="quiet", seed=2, rows=500, count=30)),
        work(Job(scenario="shift .5", seed=2, rows=5000)),
    ])  # fmt: skip
    quiet = next(row for row in rows if row["scenario"] == "quiet" and row["rule"] == "goalkeeper")
    shift = next(row for row in rows if row["scenario"] == "shift .5" and row["rule"] == "goalkeeper:columns")
    assert quiet["quiet_windows"] == 30
    assert quiet["upper95"] >= 100  # thirty windows without an alarm prove no less
    assert (shift["found_7"], shift["named"]) == (1.0, 1.0)
    json.dumps(rows)


def test_real_rows_are_cut_in_order_or_permuted(tmp_path):
    rng = np.random.default_rng(3)
    rows = 70 * 200
    x = np.concatenate([rng.normal(0, 1, rows // 2), rng.normal(2, 1, rows // 2)])
    score = 1 / (1 + np.exp(-rng.normal(0, 1, rows)))
    data = pd.DataFrame({"x": x, "kind": rng.choice(["a", "b"], rows), "score": score})
    data["label"] = (rng.random(rows) < score).astype(int)
    data.to_parquet(tmp_path / "made.parquet")

    ordered, mixed = real(tmp_path / "made.parquet", 200, None), real(tmp_path / "made.parquet", 200, 1)

    assert {one.column for one in judge(ordered) if one.kind == "columns"} == {"x"}
    assert not judge(mixed)
    assert real(tmp_path / "made.parquet", 5000, None) is None
