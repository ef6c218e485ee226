"""What an experiment says: guards before anything else, then what the model adds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.trial import Arm, Trial
from goalkeeper.jobs.passes import run_pass
from reports.experiments import Verdict, verdict
from store.trials import Counted, counted_trial, keep_trial
from tests.goalkeeper import small

SINCE = datetime(2026, 3, 10, tzinfo=UTC)
EXPERIMENT = "experiment: {{control: control, share: 0.2, since: 2026-03-10, unit: customer}}"


def arm(units: int, rate: float, seed: int = 1) -> Arm:
    """Draw units of about five rows each."""
    rng = np.random.default_rng([seed, units])
    y = rng.poisson(4, units) + 1
    x = rng.binomial(y, rate)
    return Arm(
        units=units, x=float(x.sum()), y=float(y.sum()), xx=float((x * x).sum()), yy=float((y * y).sum()),
        xy=float((x * y).sum()),
    )  # fmt: skip


def trial(model: Arm, control: Arm, both: int = 0) -> Trial:
    return Trial(
        first=SINCE, last=SINCE + timedelta(days=30), units={"model": model.units, "control": control.units},
        both=both, kpis={"conversion": {"model": model, "control": control}},
    )  # fmt: skip


@pytest.fixture
def said(tmp_path: Path) -> Iterator[object]:
    path = small.write(tmp_path)
    path.write_text(path.read_text() + "    " + EXPERIMENT.format() + "\n")
    project, store = small.opened(path)

    def ask(since: Trial | None, before: Trial | None = None) -> Verdict:
        with store.write() as session:
            keep_trial(session, "lead", Counted(as_of=SINCE, asked="", before=before, since=since))
        with store.read() as session:
            found = verdict(session, project.models["lead"])
        assert found is not None
        return found

    yield ask
    store.close()


def test_a_clear_gain_is_told_in_points_and_in_cases_a_month(said):
    found = said(trial(arm(20_000, 0.14), arm(5_000, 0.10)))
    assert found.guards == ()
    assert found.said[0].startswith("The model does good: Conversion +")
    assert " against control, likely +" in found.said[0]
    assert found.said[0].endswith(" more a month.")


def test_a_clear_loss_is_harm(said):
    (sentence,) = said(trial(arm(20_000, 0.08), arm(5_000, 0.12))).said
    assert sentence.startswith("The model does harm: Conversion −")
    assert sentence.endswith(" fewer a month.")


def test_it_says_how_much_longer_it_takes(said):
    (sentence,) = said(trial(arm(1_600, 0.115), arm(400, 0.10))).said
    assert sentence.startswith("Conversion: too early, +")
    assert "more will tell" in sentence or "more than a year" in sentence


def test_too_few_units_are_named(said):
    assert said(trial(arm(200, 0.12), arm(50, 0.10))).said == (
        "Conversion: too early, 50 units in the smaller arm; 100 are needed.",
    )
    assert said(None).said == ("The experiment has no rows whose outcomes are known yet.",)


def test_a_share_that_is_no_chance_blocks_the_verdict(said):
    found = said(trial(arm(20_000, 0.14), arm(4_000, 0.10)))
    assert found.said == ()
    assert found.guards[0].startswith("The control arm holds 16.7\xa0% of the units, 20.0\xa0% were planned")


def test_units_in_both_arms_block_it(said):
    found = said(trial(arm(20_000, 0.14), arm(5_000, 0.10), both=600))
    assert found.said == ()
    assert "seen in both arms" in found.guards[0]


def test_arms_that_differed_before_block_it(said):
    before = trial(arm(20_000, 0.14, seed=2), arm(5_000, 0.10, seed=2))
    found = said(trial(arm(20_000, 0.14), arm(5_000, 0.10)), before)
    assert found.said == ()
    assert "differed between the arms before the experiment began" in found.guards[0]


def test_a_pass_counts_the_arms_once_a_day(tmp_path: Path) -> None:
    import pandas as pd

    path = small.write(tmp_path)
    log = pd.read_parquet(tmp_path / "log.parquet")
    number = np.arange(len(log)) % 700
    log["customer"] = [f"c{one}" for one in number]
    log["role"] = np.where(number % 5 == 0, "control", "champion")
    log.to_parquet(tmp_path / "log.parquet", index=False)
    body = path.read_text().replace("status: status}", "status: status, role: role}")
    path.write_text(body + "    " + EXPERIMENT.format() + "\n")
    project, store = small.opened(path)

    def passed(now: datetime) -> Counted | None:
        result = run_pass(project=project, store=store, now=now, models=["lead"])
        assert not result.failed, result
        with store.read() as session:
            return counted_trial(session, "lead")

    first, again = passed(small.NOW), passed(small.NOW + timedelta(hours=1))
    later = passed(small.NOW + timedelta(days=1))

    assert first is not None and first.since is not None and first.before is not None
    assert first.since.units == {"model": 560, "control": 140}
    assert again == first
    assert later is not None and later.as_of > first.as_of
    store.close()
