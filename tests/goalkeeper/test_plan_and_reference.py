"""What `plan`, `reference` and `regrid` say and do."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from core.errors import GoalkeeperError
from goalkeeper.jobs.evaluate import mark_stale
from reports.digest import preview
from reports.query import Query
from reports.references import propose, stale
from store import alerts, grids, marks, metrics, models
from store.references import current_reference
from tests.goalkeeper import small
from tests.goalkeeper.test_commands import change, printed, run

NOW = small.NOW.isoformat()
SET = ("reference", "set", "--now", NOW)
RANGE = ("--from", "2026-03-06", "--to", "2026-03-26")


@pytest.fixture
def seen(own: Path) -> Path:
    """Return a copy whose files were looked at where they lie now."""
    run(own, "collect", "--now", NOW)
    return own


def grid_set(config: Path) -> str:
    return str(printed(config, "reference", "show")[0]["grid_set"])


def marked(config: Path) -> list[tuple[str, str]]:
    found = printed(config, "marks", "list")
    return [(one["kind"], one["text"]) for one in found if one["kind"] in ("configuration", "note")]


def shorten(config: Path, since: str) -> None:
    """Let the log lose what lies before a day."""
    path = config.parent / "log.parquet"
    rows = pd.read_parquet(path)
    rows[rows["at"] >= pd.Timestamp(since, tz="UTC")].to_parquet(path, index=False)


# ---- plan


@pytest.mark.parametrize(
    ("changes", "does", "says"),
    [
        ({}, "nothing", ""),
        ({"title": "Another title"}, "nothing", ""),
        ({"rules": {"service.error_share": {"mute": True}}}, "nothing", ""),
        ({"segments": []}, "collect_again", '`segments`: [["region"]] → —'),
        (
            {"kpis": {"conversion": {"numerator": "y"}, "sure": {"numerator": "p > 0.9"}}},
            "outcomes",
            "`kpis.sure` is new",
        ),
        (
            {"kpis": {"conversion": {"numerator": "y", "denominator": "age"}}},
            "collect_again",
            "no longer watched as features, because the file names them otherwise: age",
        ),
        (
            {"reference": {"from": "2026-03-02", "to": "2026-03-21"}},
            "compute",
            "`reference.to`: 2026-03-20 → 2026-03-21",
        ),
        ({"reference": {"rolling": "7d"}}, "compute", "`reference.rolling`: — → 7d"),
        ({"grain": "1w"}, "refuse", "`grain` was 1d and is 1w"),
    ],
)
def test_plan_says_what_a_change_costs_and_why(
    changes: dict[str, Any], does: str, says: str, own: Path
) -> None:
    change(own, **changes)

    (row,) = printed(own, "plan")

    assert row["does"] == does
    assert row["why"]
    assert says in " ".join(row["changes"])
    assert row["windows"] == (0 if does == "nothing" else 28)
    assert row["why"] in run(own, "plan")


def test_what_plan_says_of_a_kpi_is_what_happens(seen: Path) -> None:
    before = grid_set(seen)
    change(seen, kpis={"conversion": {"numerator": "y"}, "sure": {"numerator": "p > 0.9"}})

    said = printed(seen, "plan")[0]
    done = printed(seen, "collect", "--now", NOW)["models"][0]

    assert "what was predicted is not read again" in said["why"]
    assert (done["windows"], done["rows"]) == (said["windows"], 0)
    assert grid_set(seen) == before
    assert printed(seen, "plan")[0]["does"] == "nothing"


def test_plan_counts_what_the_log_no_longer_reaches(own: Path) -> None:
    shorten(own, "2026-03-12")
    run(own, "collect", "--now", NOW)
    change(own, segments=[])

    (row,) = printed(own, "plan")

    assert (row["does"], row["windows"], row["stays"]) == ("collect_again", 18, 10)
    assert "10 windows that the log no longer reaches stay as they were counted" in row["why"]


def test_plan_names_new_and_vanished_models(own: Path) -> None:
    own.write_text(own.read_text().replace("  lead:", "  other:"))

    assert {row["model"]: row["does"] for row in printed(own, "plan")} == {"other": "collect", "lead": "keep"}


# ---- reference


def test_the_reference_in_force_is_shown_with_its_grids(collected: Path) -> None:
    (row,) = printed(collected, "reference", "show", "--now", NOW)

    assert (row["form"], row["windows"], row["rows"]) == ("range", 18, 18 * small.A_DAY)
    assert (row["age"], row["set"], row["notices"]) == ("10 days", None, [])
    grids = {one["column"]: (one["kind"], one["bins"], one["what"]) for one in row["grids"]}
    assert grids["region"] == ("categorical", 4, "north, south")
    assert grids["age"][0] == "numeric"
    assert row["grid_set"] in run(collected, "reference", "show")


def test_the_last_quiet_days_are_proposed_with_what_would_change(collected: Path) -> None:
    (row,) = printed(collected, "reference", "propose", "--now", NOW)

    assert (row["from"], row["to"], row["windows"]) == ("2026-03-02", "2026-03-27", small.DAYS - small.BROKEN)
    assert set(row["distances"]) == {"age", "region", "@score"}
    assert all(0 <= value < 0.05 for value in row["distances"].values())
    said = run(collected, "reference", "propose", "--now", NOW, "--windows", "14")
    assert "reference: {from: 2026-03-13, to: 2026-03-27}" in said
    assert "goalkeeper reference set --model lead --from 2026-03-13 --to 2026-03-27" in said


def test_where_there_are_too_few_quiet_days_that_is_said(collected: Path) -> None:
    project, store = small.opened(collected)
    query = Query(store=store, project=project)

    found = propose(query, project.models["lead"], small.START + timedelta(days=8))

    assert found.since is None
    assert "at most 7 lie in a row; 14 are needed" in found.reason
    store.close()


def test_setting_a_reference_tells_first_and_needs_a_confirmation_and_a_reason(own: Path) -> None:
    said = run(own, *SET, *RANGE, code=2)
    assert "20 windows in it" in said
    assert "28 windows are compared anew; the bins stay" in said
    assert "--confirm" in said
    assert "Say why" in run(own, *SET, *RANGE, "--confirm", code=2)
    assert marked(own) == []


def test_a_reference_that_is_set_is_marked_and_in_force_from_the_next_pass(seen: Path) -> None:
    before = grid_set(seen)

    run(seen, *SET, *RANGE, "--reason", "quiet days", "--confirm")

    assert marked(seen) == [("configuration", "Reference set: 2026-03-06 to 2026-03-26 (quiet days)")]
    (plan,) = printed(seen, "plan")
    assert (plan["does"], plan["windows"]) == ("compute", 28)
    assert "in force from the next pass on" in run(seen, "reference", "show")
    done = printed(seen, "collect", "--now", NOW)["models"][0]
    assert done["windows"] == 0 and done["points"] > 0
    (row,) = printed(seen, "reference", "show")
    assert (row["windows"], row["grid_set"], row["set"]["reason"]) == (20, before, "quiet days")
    assert printed(seen, "plan")[0]["does"] == "nothing"

    run(seen, *SET, "--as-in-file", "--reason", "back", "--confirm")
    run(seen, "collect", "--now", NOW)
    assert printed(seen, "reference", "show")[0]["windows"] == 18


def test_a_file_may_be_set_and_what_it_lacks_is_said(own: Path) -> None:
    rows = pd.read_parquet(own.parent / "log.parquet").drop(columns=["region"]).head(900)
    rows.to_parquet(own.parent / "training.parquet", index=False)

    said = run(own, *SET, "--path", "training.parquet", "--reason", "retrained", "--confirm")

    assert "not compared any more, because it does not hold them: region" in said
    run(own, "collect", "--now", NOW)
    (row,) = printed(own, "reference", "show")
    assert (row["form"], row["kind"], row["rows"]) == ("source", "source", 900)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--from", "2026-03-06"), 2, "Say one: --from DAY --to DAY, --path FILE or --as-in-file."),
        (("--from", "2026-03-06", "--to", "2026-03-01"), 2, "The range ends before it starts."),
        (("--from", "May", "--to", "2026-03-01"), 2, "'May' is not a day; write 2026-03-01."),
        (("--from", "2025-03-06", "--to", "2025-03-20"), 1, "Nothing was collected from 2025-03-06"),
        (("--path", "rows.xyz"), 1, "It cannot be told from rows.xyz what kind of file it is."),
        (("--path", "no.parquet"), 1, "reference: no file matches"),
    ],
)
def test_a_reference_that_cannot_be_is_refused(
    words: tuple[str, ...], code: int, says: str, collected: Path
) -> None:
    if code == 2:
        assert says in " ".join(run(collected, *SET, *words, code=2).split())
    else:
        with pytest.raises(Exception, match=says.replace("(", r"\(")):
            run(collected, *SET, *words)


def test_beside_a_reference_that_moves_none_is_set(own: Path) -> None:
    change(own, reference={"rolling": "7d"})

    with pytest.raises(Exception, match="moves along with the log"):
        run(own, *SET, *RANGE)


# ---- regrid


def test_a_regrid_tells_first_and_then_collects_again_what_the_log_reaches(own: Path) -> None:
    run(own, *SET, *RANGE, "--reason", "quiet days", "--confirm")
    run(own, "collect", "--now", NOW)
    before = grid_set(own)
    shorten(own, "2026-03-04")
    run(own, "collect", "--now", NOW)

    said = run(own, "regrid", "lead", "--now", NOW, code=2)
    assert "collected again: 26 windows, since 4 March 2026; 2 windows that the log no longer reaches" in said
    assert grid_set(own) == before

    said = run(own, "regrid", "lead", "--now", NOW, "--reason", "new scores", "--confirm")
    after = grid_set(own)
    assert after != before
    assert f"grid set {after}, 26 windows collected on it" in said
    assert "2 windows that the log no longer reaches stay on the old one: not comparable" in said
    assert ("configuration", f"New grid set {after} (new scores)") in marked(own)
    assert printed(own, "plan")[0]["does"] == "nothing"


def test_windows_on_the_old_grid_answer_that_they_are_not_comparable(own: Path) -> None:
    run(own, *SET, *RANGE, "--reason", "quiet days", "--confirm")
    shorten(own, "2026-03-04")
    run(own, "regrid", "lead", "--now", NOW, "--confirm")
    project, store = small.opened(own)
    query = Query(store=store, project=project)
    span = {"since": small.START, "until": small.START + timedelta(days=4), "now": small.NOW}

    days = query.series("lead", "drift.jensen_shannon", column="age", **span)

    assert [(one.value.value is None, one.value.state) for one in days] == [
        (True, "error"), (True, "error"), (False, "ok"), (False, "ok"),
    ]  # fmt: skip
    assert days[0].value.reason == "The reference was counted on another grid set."
    assert "not comparable" in query.value("lead", "drift.psi", column="age", **span).value.reason
    store.close()


@pytest.mark.parametrize("first", ["2026-03-10", "2026-03-22"])
def test_where_the_log_no_longer_reaches_the_reference_no_bins_are_made(first: str, own: Path) -> None:
    before = grid_set(own)
    shorten(own, first)

    with pytest.raises(GoalkeeperError, match="no longer reaches the reference in force") as caught:
        run(own, "regrid", "lead", "--now", NOW, "--confirm")

    assert "goalkeeper reference propose" in caught.value.hint
    run(own, "collect", "--now", NOW)
    (row,) = printed(own, "reference", "show")
    assert (row["grid_set"], row["windows"]) == (before, 18)
    assert printed(own, "plan")[0]["does"] == "nothing"


def test_a_changed_file_keeps_bins_whose_reference_the_log_lost(own: Path) -> None:
    columns = printed(own, "reference", "show")[0]["columns"]
    shorten(own, "2026-03-22")
    change(own, segments=[])

    said = run(own, "collect", "--now", NOW)

    assert "what is new in the file gets no bins" in said
    _project, store = small.opened(own)
    with store.read() as session:
        row = models.model(session, "lead")
        assert row is not None and row.grid_set is not None
        assert len(grids.grid_set(session, row.grid_set).columns) == columns
    store.close()


def test_bins_that_come_out_the_same_collect_nothing(seen: Path) -> None:
    assert "come out the same" in run(seen, "regrid", "lead", "--now", NOW, "--confirm")
    assert marked(seen) == []


# ---- when a reference is stale


def test_a_reference_of_half_a_year_ago_is_a_notice_and_a_mark(own: Path) -> None:
    project, store = small.opened(own)
    query, model = Query(store=store, project=project), project.models["lead"]
    end = small.START + timedelta(days=18)

    assert stale(query, model, end + timedelta(days=180)) == []
    later = end + timedelta(days=181)
    (one,) = stale(query, model, later)
    assert one.text == "The reference is more than 180 days old: it ends on 20 March 2026."
    assert one.since == end + timedelta(days=180)
    assert mark_stale(project=project, name="lead", store=store, now=later) == 1
    assert mark_stale(project=project, name="lead", store=store, now=later) == 0
    with store.read() as session:
        assert [row.text for row in marks.marks(session, "lead") if row.kind == "note"] == [one.text]
    assert one.text in preview(store, project, later).text
    store.close()


def test_columns_that_drifted_for_long_are_a_notice(own: Path) -> None:
    project, store = small.opened(own)
    query, model = Query(store=store, project=project), project.models["lead"]
    now = small.NOW + timedelta(days=1)
    with store.write() as session:
        row = models.model(session, "lead")
        assert row is not None
        assert set(row.features["columns"]) == {"age", "region"}
        _drifts(session, "age", small.START)
    assert stale(query, model, now) == []  # one of two is not more than half
    with store.write() as session:
        _drifts(session, "region", small.START + timedelta(days=1))
    assert stale(query, model, now) == []  # not for 28 windows yet
    with store.write() as session:
        found = [one for one in alerts.alerts(session, "lead") if one.column == "region"]
        found[-1].since = small.START
    (one,) = stale(query, model, now)
    assert one.text.startswith("More than half of the columns have drifted from the reference for 28 windows")
    assert one.text.endswith("2 of 2.")
    with store.read() as session:
        assert current_reference(session, "lead") is not None
    store.close()


def _drifts(session: Any, column: str, since: Any) -> None:
    from core.rules import AlertKey

    key = AlertKey(model="lead", rule="drift.columns", version="", segment="", column=column)
    alerts.raise_alert(session, key, since=since, severity="notice", reason="", evidence={}, now=small.NOW)


# ---- windows cut anew


def test_a_changed_zone_drops_all_windows_and_collects_again_once_confirmed(seen: Path) -> None:
    body = yaml.safe_load(seen.read_text())
    body["timezone"] = "Europe/Moscow"
    seen.write_text(yaml.safe_dump(body, sort_keys=False))
    (plan,) = printed(seen, "plan")
    assert plan["does"] == "refuse" and "goalkeeper regrid" in plan["changes"][0]
    assert "goalkeeper regrid lead" in run(seen, "collect", "--now", NOW, code=1)
    told = run(seen, "regrid", "lead", "--now", NOW, code=2)
    assert "`timezone` was UTC and is Europe/Moscow" in told and "would be dropped" in told
    before = stored(seen)
    done = run(seen, "regrid", "lead", "--now", NOW, "--reason", "moved", "--confirm")
    assert f"lead: {small.DAYS} windows dropped, {small.DAYS + 1} windows collected again" in done
    after = stored(seen)
    assert len(after) == small.DAYS + 1 and not set(after) & set(before)
    assert sum(after.values()) == sum(before.values())
    assert ("configuration", "Windows cut anew: 1d, Europe/Moscow (moved)") in marked(seen)
    assert printed(seen, "plan")[0]["does"] == "nothing"


def test_days_that_the_log_no_longer_reaches_are_told_before_they_are_lost(seen: Path) -> None:
    shorten(seen, "2026-03-09")
    run(seen, "collect", "--now", NOW)
    change(seen, grain="1w")
    assert "7 of them the log no longer reaches" in run(seen, "regrid", "lead", "--now", NOW, code=2)


def stored(config: Path) -> dict[datetime, int]:
    """Return the rows of each stored window by its start."""
    _project, store = small.opened(config)
    with store.read() as session:
        found = metrics.points(session, "lead", metric="quality.rows")
    store.close()
    return {point.window.start: int(point.value.value or 0) for point in found}
