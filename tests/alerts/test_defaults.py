"""Which rules a model has, and what the file changes."""

import pytest

from alerts.defaults import rules_of
from alerts.rules.base import Side
from core.errors import GoalkeeperError
from core.messages import Severity
from core.rules import TicketKind
from tests.alerts.house import project


def watches(tmp_path, rules=""):
    made = project(tmp_path, f"    rules: {rules}" if rules else "")
    return {watch.id: watch for watch in rules_of(made.models["lead"])}


def test_it_has_the_default_rules_under_their_names(tmp_path):
    assert set(watches(tmp_path)) == {
        "service.freshness", "service.error_share", "service.latency_p95_ms", "quality.rows",
        "quality.missing",
        "quality.unseen", "quality.schema", "quality.join_coverage", "performance.primary",
        "performance.estimated", "performance.calibration", "business.conversion",
        "drift.columns", "drift.score", "drift.multivariate",
    }  # fmt: skip


def test_it_asks_for_the_right_work(tmp_path):
    found = watches(tmp_path)
    assert found["service.error_share"].asks is TicketKind.FIX_SERVICE
    assert found["quality.missing"].asks is TicketKind.FIX_DATA
    assert found["performance.primary"].asks is TicketKind.RETRAIN
    assert found["drift.columns"].asks is None
    assert found["business.conversion"].severity is Severity.CRITICAL  # a goal hangs on it
    assert found["business.conversion"].harm is Side.DOWN


def test_it_changes_a_knob_and_keeps_the_others(tmp_path):
    found = watches(tmp_path, "{business.conversion: {threshold: 6000}}")["business.conversion"]
    assert (found.options.threshold, found.options.floor) == (6000, -0.05)


def test_it_takes_another_kind(tmp_path):
    found = watches(tmp_path, "{service.latency_p95_ms: {kind: threshold, above: 800, for: 2}}")
    rule = found["service.latency_p95_ms"]
    assert (rule.kind, rule.options.above, rule.options.for_) == ("threshold", 800, 2)


def test_it_mutes_and_adds(tmp_path):
    found = watches(
        tmp_path, "{quality.rows: {mute: true}, tight: {metric: drift.psi, kind: threshold, above: 0.2}}"
    )
    assert found["quality.rows"].muted
    assert (found["tight"].metric, found["tight"].column) == ("drift.psi", None)


@pytest.mark.parametrize(
    ("rules", "told", "hint"),
    [
        ("{quality.rowz: {mute: true}}", "no rule 'quality.rowz'", "Did you mean quality.rows?"),
        ("{nonsense: {mute: true}}", "no rule 'nonsense'", "Known rules"),
        (
            "{business.conversion: {treshold: 6}}",
            "rules.business.conversion.treshold",
            "Did you mean threshold?",
        ),
        ("{business.conversion: {threshold: high}}", "rules.business.conversion.threshold", "Allowed"),
        ("{business.conversion: {floor: -0.3}}", "rules.business.conversion.floor", "Allowed"),
    ],
)
def test_it_says_what_does_not_fit(tmp_path, rules, told, hint):
    with pytest.raises(GoalkeeperError, match=told) as caught:
        watches(tmp_path, rules)
    assert hint in caught.value.hint
