"""Labels, performance and KPIs of every task, from wherever the truth lies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from core.grid import AGES
from core.profile import ERROR_SUMS, SCORE_SUMS, Outcomes, merge_all
from tests.collectors.house import COLUMNS, House, body, log_rows, truth_rows, write

DAY = timedelta(days=1)
NOW = datetime(2026, 4, 8, tzinfo=UTC)
LOG = log_rows(a_day=100)
TRUTH = truth_rows(LOG)
KPIS = {"conversion": {"numerator": "converted"}, "basket": {"numerator": "amount", "denominator": "visits"}}
UTC_COLUMNS = {"id": "id", "time": "at", "version": "version"}


def plain_log(n: int) -> pd.DataFrame:
    """Make a row every five minutes."""
    at = pd.Timestamp("2026-03-27") + pd.to_timedelta(np.arange(n) * 5, unit="min")
    return pd.DataFrame({"id": np.arange(n).astype(str), "at": at, "version": "v1"})


def pooled(house: House) -> Outcomes:
    return merge_all(
        (p for k, p in house.cells().items() if not k.segment), grid_set=house.grids().id
    ).outcomes


def same(a: Outcomes, b: Outcomes) -> None:
    assert (a.rows, a.labelled, a.unknown_labels) == (b.rows, b.labelled, b.unknown_labels)
    assert np.array_equal(a.score_labelled, b.score_labelled)
    assert np.array_equal(a.score_positive, b.score_positive)
    assert np.array_equal(a.confusion, b.confusion)
    assert np.array_equal(a.ages, b.ages)
    for name in a.kpis.keys() | b.kpis.keys():
        assert np.allclose(a.kpis[name], b.kpis[name])


@pytest.mark.parametrize(
    ("log_kind", "truth_kind"), [("parquet", "sql"), ("sql", "parquet"), ("sql", "other sql")]
)
def test_a_truth_in_another_engine_is_counted_alike(house: House, log_kind: str, truth_kind: str) -> None:
    reference = write(log_rows(seed=9, days=3), "parquet", house.folder, "reference")
    near = House(folder=house.folder / "near")
    near.body = body(
        write(LOG, "parquet", near.folder, "log"), write(TRUTH, "parquet", near.folder, "truth"), reference,
        kpis=KPIS, service_grain="1d",
    )  # fmt: skip
    near.collect(NOW)
    urls = {"sql": f"sqlite:///{house.folder}/log.db", "other sql": f"sqlite:///{house.folder}/truth.db"}
    house.body = body(
        write(LOG, log_kind, house.folder, "log", urls["sql"]),
        write(TRUTH, truth_kind.removeprefix("other "), house.folder, "truth", urls.get(truth_kind, "")),
        reference, kpis=KPIS, service_grain="1d",
    )  # fmt: skip
    house.collect(NOW)
    same(pooled(house), pooled(near))
    near.close()
    assert house.collect(NOW + DAY).windows == 0


@pytest.mark.parametrize("log_kind", ["parquet", "sql"])
def test_a_reference_learnt_from_the_log_joins_a_truth_in_another_engine(house: House, log_kind: str) -> None:
    near, found = House(folder=house.folder / "near"), []
    for one, kinds in (
        (near, ("parquet", "parquet")),
        (house, (log_kind, "sql" if log_kind != "sql" else "csv")),
    ):
        log, truth = (
            write(rows, kind, one.folder, name, f"sqlite:///{one.folder}/{name}.db" if kind == "sql" else "")
            for rows, kind, name in zip((LOG, TRUTH), kinds, ("log", "truth"), strict=True)
        )
        one.body = body(log, truth, kpis=KPIS, service_grain="1d")
        assert not one.collect(NOW).error
        _row, cells = one.reference()
        found.append(
            merge_all((p for k, p in cells.items() if not k.segment), grid_set=one.grids().id).outcomes
        )
    near.close()
    assert found[0].labelled > 0
    same(found[0], found[1])


def test_features_never_travel(house: House) -> None:
    reference = write(log_rows(seed=9, days=3), "parquet", house.folder, "reference")
    url = f"sqlite:///{house.folder}/log.db"
    house.body = body(
        write(LOG, "sql", house.folder, "log", url),
        write(TRUTH, "parquet", house.folder, "truth"), reference,
        kpis={"conversion": {"numerator": "converted"}}, service_grain="1d",
    )  # fmt: skip
    from collectors.crossing import travelling
    from collectors.engines import Engines
    from collectors.opening import open_sources

    model = house.project.models["m"]
    engines = Engines()
    opened = open_sources(house.project, model, engines)
    assert travelling(model, opened.log) == ["id", "at", "version", "arm", "score", "region"]
    engines.close()


def test_a_label_in_the_same_row(house: House) -> None:
    rows = LOG.drop_duplicates("id").merge(TRUTH.drop_duplicates("id", keep="last"), on="id", how="left")
    made = body(write(rows.drop(columns="closed_at"), "parquet", house.folder, "log"), None)
    made["ground_truth"] = {"in": "predictions", "columns": {"label": "converted"}}
    house.body = made | {"kpis": {"conversion": {"numerator": "converted = '1'"}}, "service_grain": "1d"}
    house.collect(NOW)
    found = pooled(house)
    assert found.labelled == rows["converted"].isin(["0", "1"]).sum()
    assert found.unknown_labels == (rows["converted"] == "maybe").sum()
    assert found.kpis["conversion"].sum(axis=0)[1] == (rows["converted"] == "1").sum()
    assert house.collect(NOW + DAY).windows == 0


def test_absent_labels_count_as_negative_once_mature(house: House) -> None:
    positives = TRUTH[TRUTH["converted"] == "1"].drop_duplicates("id")
    made = body(
        write(LOG, "parquet", house.folder, "log"),
        write(positives[["id", "closed_at"]], "parquet", house.folder, "truth"), service_grain="1d",
    )  # fmt: skip
    made["ground_truth"] |= {"columns": {"id": "id", "time": "closed_at"}, "absent": "negative"}
    del made["positive_label"]
    house.body = made
    ripe = datetime(2026, 4, 5, tzinfo=UTC)  # the windows of 27 and 28 March are older than 7 days
    house.collect(ripe)
    unique = LOG.drop_duplicates("id", keep="last")
    known = unique["id"].isin(set(positives[positives["closed_at"] <= ripe.replace(tzinfo=None)]["id"]))
    mature = unique["at"] < "2026-03-29"
    assert pooled(house).labelled == (known | mature).sum()
    assert pooled(house).confusion is not None
    assert pooled(house).confusion.sum(axis=1)[1] == (known & unique["score"].notna()).sum()
    house.collect(ripe + 10 * DAY)
    assert pooled(house).labelled == len(unique)
    assert house.collect(ripe + 11 * DAY).windows == 0


def test_a_kpi_by_outcome_counts_on_the_day_the_label_came(house: House) -> None:
    house.body = body(
        write(LOG, "parquet", house.folder, "log"), write(TRUTH, "parquet", house.folder, "truth"),
        service_grain="1d", kpis={"won": {"numerator": "converted", "by": "outcome"}},
    )  # fmt: skip
    house.collect(NOW)
    last = TRUTH.sort_values("closed_at").drop_duplicates("id", keep="last")
    day = last["closed_at"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin").dt.date
    wanted = (
        last[last["converted"].isin(["0", "1"])].groupby(day)["converted"].agg(lambda s: (s == "1").sum())
    )
    found: dict[Any, float] = {}
    for key, profile in house.cells().items():
        if not key.segment and "won" in profile.outcomes.kpis:
            local = pd.Timestamp(key.start).tz_convert("Europe/Berlin").date()
            found[local] = found.get(local, 0) + profile.outcomes.kpis["won"].sum(axis=0)[1]
    window_days = {(row.start + DAY / 2).date() for row in house.windows()}
    assert {k: v for k, v in found.items() if v} == {
        k: v for k, v in wanted.items() if k in window_days and v
    }


@pytest.mark.parametrize("kind", ["parquet", "sql"])
def test_a_kpi_from_a_table_of_its_own(house: House, kind: str) -> None:
    sales = pd.DataFrame(
        {"day": pd.to_datetime(["2026-03-27 10:00", "2026-03-28 11:00", "2026-03-28 12:00"]),
         "sold": [3, 4, 5], "calls": [10, 20, 30], "region": ["north", "south", "mars"]}
    )  # fmt: skip
    source = write(sales, kind, house.folder, "sales", f"sqlite:///{house.folder}/sales.db")
    source |= {"columns": {"time": "day"}, "timezone": "Europe/Berlin", "segments": ["region"]}
    kpi = {"numerator": "sold", "denominator": "calls", "source": source}
    house.body = body(
        write(LOG, "parquet", house.folder, "log"), None, kpis={"sales": kpi}, service_grain="1d"
    )
    house.collect(NOW)
    sums = pooled(house).kpis["sales"].sum(axis=0)
    assert tuple(sums[:3]) == (3, 12, 60)
    by_segment = {k.segment: p.outcomes.kpis["sales"].sum(axis=0)[1] for k, p in house.cells().items()
                  if k.segment and "sales" in p.outcomes.kpis and p.outcomes.kpis["sales"].any()}  # fmt: skip
    assert by_segment == {"region=north": 3, "region=south": 4, "region=other": 5}
    more = pd.concat([sales, sales.iloc[[0]].assign(sold=7)])
    write(more, kind, house.folder, "sales", f"sqlite:///{house.folder}/sales.db")
    house.collect(NOW + DAY)
    assert pooled(house).kpis["sales"].sum(axis=0)[1] == 19


def test_many_classes(house: House) -> None:
    rng = np.random.default_rng(3)
    n, classes = 600, ["cat", "dog", "owl"]
    chances = rng.dirichlet([1, 1, 1], n)
    labels = np.array([rng.choice(classes, p=row) for row in chances])
    log = plain_log(n).assign(**{f"p_{one}": chances[:, i] for i, one in enumerate(classes)})
    truth = pd.DataFrame({"id": log["id"], "label": labels})
    score = {one: f"p_{one}" for one in classes}
    house.body = {
        "task": "multiclass",
        "predictions": {
            **write(log, "parquet", house.folder, "log"), "columns": UTC_COLUMNS | {"score": score}
        },
        "ground_truth": {**write(truth, "parquet", house.folder, "truth"),
                         "columns": {"id": "id", "label": "label"}, "maturity": "7d"},
    }  # fmt: skip
    house.collect(NOW)
    found = pooled(house)
    assert house.grids().classes == ("cat", "dog", "owl")
    predicted = np.array(classes)[chances.argmax(axis=1)]
    wanted = [[((labels == a) & (predicted == p)).sum() for p in classes] for a in classes]
    assert np.array_equal(found.confusion, wanted)
    assert found.score_sums is not None
    sums = dict(zip(SCORE_SUMS, found.score_sums, strict=True))
    assert sums["log_loss"] / n == pytest.approx(log_loss(labels, chances, labels=classes), abs=1e-9)
    assert found.class_scores is not None
    assert found.class_scores.shape[:2] == (3, 2)
    assert [found.class_scores[i, 1].sum() for i in range(3)] == [(labels == one).sum() for one in classes]


@pytest.mark.parametrize("kind", ["parquet", "sql"])
def test_regression(house: House, kind: str) -> None:
    rng = np.random.default_rng(4)
    n = 500
    value = rng.normal(10, 5, n)
    log = plain_log(n).assign(score=value + rng.normal(1, 2, n))
    truth = pd.DataFrame({"id": log["id"], "value": value}).iloc[:400]
    url = f"sqlite:///{house.folder}/log.db"
    house.body = {
        "task": "regression",
        "predictions": {
            **write(log, kind, house.folder, "log", url), "columns": UTC_COLUMNS | {"prediction": "score"}
        },
        "ground_truth": {**write(truth, kind, house.folder, "truth", url),
                         "columns": {"id": "id", "label": "value"}, "maturity": "7d"},
    }  # fmt: skip
    house.collect(NOW)
    found = pooled(house)
    assert found.error_sums is not None
    sums = dict(zip(ERROR_SUMS, found.error_sums, strict=True))
    error = (log["score"] - log["id"].map(truth.set_index("id")["value"])).dropna().to_numpy()
    assert (found.rows, found.labelled, sums["n"]) == (n, 400, 400)
    assert sums["error"] == pytest.approx(error.sum())
    assert sums["absolute"] == pytest.approx(np.abs(error).sum())
    assert sums["squared"] == pytest.approx((error**2).sum())
    assert found.errors is not None
    assert found.errors.sum() == 400
    assert found.error_bins is not None
    assert found.error_bins[:, 1].sum() == pytest.approx(np.abs(error).sum())


@pytest.mark.parametrize("kind", ["parquet", "sql"])
@pytest.mark.parametrize("use", ["score", "prediction"])
def test_the_score_of_a_ranking_is_a_number(house: House, kind: str, use: str) -> None:
    rng = np.random.default_rng(5)
    n = 500
    score = rng.normal(3, 5, n)
    score[:20] = np.nan
    log = plain_log(n).assign(score=score)
    truth = pd.DataFrame({"id": log["id"], "label": rng.integers(0, 5, n)}).iloc[:400]
    url = f"sqlite:///{house.folder}/log.db"
    house.body = {
        "task": "ranking",
        "predictions": {
            **write(log, kind, house.folder, "log", url), "columns": UTC_COLUMNS | {use: "score"}
        },
        "ground_truth": {**write(truth, kind, house.folder, "truth", url),
                         "columns": {"id": "id", "label": "label"}, "maturity": "7d"},
    }  # fmt: skip
    house.collect(NOW)
    said = merge_all(house.cells().values(), grid_set=house.grids().id).inputs
    grid = house.grids().score
    assert grid is not None
    assert grid.edges[-1] == pytest.approx(np.nanmax(score))
    assert said.score is not None
    assert (said.score.sum(), said.score_missing) == (480, 20)
    assert said.score_sum == pytest.approx(np.nansum(score))
    assert (pooled(house).labelled, pooled(house).score_sums) == (400, None)


def test_labels_keep_their_age(house: House) -> None:
    house.body = body(
        write(LOG, "parquet", house.folder, "log"), write(TRUTH, "parquet", house.folder, "truth"),
        service_grain="1d", kpis={"conversion": {"numerator": "converted"}},
    )  # fmt: skip
    house.collect(NOW)
    last = TRUTH.sort_values("closed_at").drop_duplicates("id", keep="last").set_index("id")
    unique = LOG.sort_values("at").drop_duplicates("id", keep="last")
    at = unique["at"].dt.tz_localize("Europe/Berlin").dt.tz_convert("UTC").dt.tz_localize(None)
    age = (unique["id"].map(last["closed_at"]) - at) / (7 * DAY)
    known = unique["id"].map(last["converted"]).isin(["0", "1"])
    bins = np.searchsorted(AGES, age[known], side="left")
    found = pooled(house).kpis["conversion"][:, 0]
    assert np.array_equal(found, np.bincount(bins, minlength=len(found)))


def test_a_maturity_that_is_not_given_is_learnt(house: House) -> None:
    log = log_rows(a_day=60, days=20, start=datetime(2026, 3, 1))
    house.body = body(
        write(log, "parquet", house.folder, "log"),
        write(truth_rows(log, delay_days=4), "parquet", house.folder, "truth"), service_grain="1d",
    )  # fmt: skip
    del house.body["ground_truth"]["maturity"]
    house.collect(NOW)
    from store import settings

    with house.store.read() as session:
        kept = settings.get(session, "maturity:m")
    assert kept == f"{4 * 86_400} 20"
    assert house.collect(NOW + DAY).windows == 0


def test_columns_of_the_house_are_those_of_the_log() -> None:
    assert set(COLUMNS.values()) <= set(LOG.columns)


@pytest.mark.parametrize(("lookback", "labels"), [("14d", [0, 200]), ("60d", [50, 250])])
@pytest.mark.parametrize("kind", ["parquet", "sql"])
def test_a_label_that_comes_after_its_row_was_final_does_not_count(
    house: House, kind: str, lookback: str, labels: list[int]
) -> None:
    log = plain_log(300).assign(score=0.7)
    first = pd.DataFrame({"id": log["id"], "label": "1", "known": log["at"] + 2 * DAY}).iloc[:200]
    changed = first.iloc[:50].assign(label="0", known=lambda rows: rows["known"] + 40 * DAY)
    late = pd.DataFrame({"id": log["id"], "label": "1", "known": log["at"] + 40 * DAY}).iloc[200:]
    truth = pd.concat([first, changed, late])
    url = f"sqlite:///{house.folder}/log.db"
    house.body = {
        "predictions": {
            **write(log, kind, house.folder, "log", url), "columns": UTC_COLUMNS | {"score": "score"}
        },
        "ground_truth": {**write(truth, kind, house.folder, "truth", url),
                         "columns": {"id": "id", "label": "label", "time": "known"}, "maturity": "7d"},
        "positive_label": "1", "lookback": lookback, "service_grain": "1d",
    }  # fmt: skip
    house.collect(NOW + 60 * DAY)
    found = pooled(house)
    assert found.confusion is not None
    assert found.confusion.sum(axis=1).tolist() == labels
    assert found.labelled == sum(labels)
