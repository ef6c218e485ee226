"""Mistakes: all of them at once, each with its line, value, what is allowed and the nearest spelling."""

from pathlib import Path

import pytest

from core.config import ConfigError, Problem, load
from core.text import language
from tests.core.config_examples import FULL, SECRETS, write

HEAD = "plugins: my_plugins\nmodels:\n  m:\n"
LOG = "    predictions: {path: log.csv, columns: {id: i, time: t, score: s}}\n"


def problems(tmp_path: Path, text: str, **files: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text, **files), environ={})
    return list(caught.value.problems)


def only(tmp_path: Path, text: str) -> Problem:
    found = problems(tmp_path, text)
    assert len(found) == 1, "\n".join(str(problem) for problem in found)
    return found[0]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_it_reports_five_mistakes_at_once_with_their_lines(tmp_path: Path) -> None:
    text = (
        FULL.replace("port: 587", "port: many")
        .replace("title: Lead scoring", "titel: Lead scoring")
        .replace("maturity: 7d", "maturity: 7 dayz")
        .replace("{kpi: call_conversion", "{kpi: call_convertion")
        .replace("by: 2027-03-31", "by: 2026-03-31")
    )

    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text), environ=SECRETS)

    told = {(p.key, p.line, p.nearest) for p in caught.value.problems}
    assert told == {
        ("smtp.port", line_of(text, "port: many"), ""),
        ("models.lead-scoring.titel", line_of(text, "titel"), "title"),
        ("models.lead-scoring.ground_truth.maturity", line_of(text, "7 dayz"), ""),
        ("models.lead-scoring.goals[0].kpi", line_of(text, "call_convertion"), "call_conversion"),
        ("models.lead-scoring.goals[0].by", line_of(text, "by: 2026-03-31"), ""),
    }
    assert all(p.file == tmp_path / "goalkeeper.yaml" for p in caught.value.problems)
    block = str(caught.value)
    assert (
        f"goalkeeper.yaml:{line_of(text, 'titel')}: models.lead-scoring.titel: There is no such key." in block
    )
    assert "did you mean title?" in block and "value: 7 dayz" in block and "5 mistakes" in block


@pytest.mark.parametrize(
    ("more", "key", "nearest"),
    [
        ("    tsak: binary\n", "models.m.tsak", "task"),
        ("    task: binry\n", "models.m.task", "binary"),
        ("    grain: 2d\n", "models.m.grain", ""),
        ("    notify: [nobody]\n", "models.m.notify[0]", ""),
        ("    trackers: [gitub]\n", "models.m.trackers[0]", ""),
        ("    segments: [a, a]\n", "models.m.segments[1]", ""),
        ("    segments: region\n", "models.m.segments", ""),
        ("    kpis: {k: {}}\n", "models.m.kpis.k", ""),
        ("    kpis: {k: {mean: x, denominator: y}}\n", "models.m.kpis.k.denominator", ""),
        ("    kpis: {k: {mean: x, by: outcome}}\n", "models.m.kpis.k.by", ""),
        ("    kpis: {k-k: {mean: x}}\n", "models.m.kpis.k-k", ""),
        (
            "    kpis: {k: {mean: x, value: {amount: 1, currency: rub}}}\n",
            "models.m.kpis.k.value.currency",
            "",
        ),
        ("    ground_truth: {path: t.csv, columns: {id: i}}\n", "models.m.ground_truth.columns.label", ""),
        ("    ground_truth: {path: t.csv, columns: {label: y}}\n", "models.m.ground_truth.columns.id", ""),
        (
            "    ground_truth: {in: predictions, path: x, columns: {label: y}}\n",
            "models.m.ground_truth.path",
            "",
        ),
        ("    reference: {path: r.csv, rolling: 28d}\n", "models.m.reference", ""),
        ("    reference: {from: 2026-02-01, to: 2026-01-01}\n", "models.m.reference.to", ""),
        ("    reference: {from: 2026-02-01}\n", "models.m.reference", ""),
        ("    reference: {path: r.xlsx}\n", "models.m.reference.path", ""),
        ("    reference: {connection: dhw, table: x}\n", "models.m.reference.connection", ""),
        ("    service_grain: 1w\n", "models.m.service_grain", ""),
        ("    false_alarms: {tickets: 1 per year}\n", "models.m.false_alarms.tickets", ""),
        ("    false_alarms: {tickets: often}\n", "models.m.false_alarms.tickets", ""),
        ("    rules: {business.k: {mute: true}}\n", "models.m.rules.business.k", ""),
        ("    rules: {x: {kind: treshold}}\n", "models.m.rules.x.kind", "threshold"),
        ("    rules: {x: {kind: threshold, abov: 1}}\n", "models.m.rules.x.abov", "above"),
        ("    retrain: {kind: command}\n", "models.m.retrain.run", ""),
        ("    retrain: {run: x}\n", "models.m.retrain", ""),
        ("    experiment: {control: c, share: 1.5, since: 2026-09-01}\n", "models.m.experiment.share", ""),
        ("    settle: 15\n", "models.m.settle", ""),
        ("    raw_rows: maybe\n", "models.m.raw_rows", ""),
        ("    tags: {a: b}\n", "models.m.tags", ""),
        ("  'a b':\n" + LOG, "models.a b", ""),
        ("timezone: Europe/Moskow\n", "timezone", "Europe/Moscow"),
        ("schedule: {collect: sometimes}\n", "schedule.collect", ""),
        ("digests: [{to: x, at: '8'}]\n", "digests[0].at", ""),
        ("retention: {base: 400}\n", "retention.base", ""),
        ("retention: {base: 90d, daily: 60d}\n", "retention.daily", ""),
        ("retention: {daily: forever, weekly: 9y}\n", "retention.weekly", ""),
        ("calendar: russia\n", "calendar", ""),
        ("memory_limit: lots\n", "memory_limit", ""),
        ("channels: {a: {kind: emial, to: [x]}}\n", "channels.a.kind", "email"),
        ("channels: {a: email}\n", "channels.a", ""),
        ("trackers: {a: {kind: github, repo: x}}\n", "trackers.a.token", ""),
        ("includes: x.yaml\n", "includes", "include"),
        ("include: x.yaml\n", "include", ""),
        ("defaults: {grian: 1h}\n", "defaults.grian", "grain"),
        ("store: ${STORE}\n", "store", ""),
        ("store: ${ST-ORE}\n", "store", ""),
    ],
)
def test_it_names_the_key_and_the_nearest_spelling(tmp_path: Path, more: str, key: str, nearest: str) -> None:
    text = HEAD + LOG + more

    found = problems(tmp_path, text)

    hit = [problem for problem in found if problem.key == key]
    assert hit, "\n".join(str(problem) for problem in found)
    assert hit[0].nearest == nearest
    assert hit[0].line >= line_of(text, more)
    follow_on = {"digests[0].to"}
    assert {problem.key for problem in found} - follow_on == {key}


@pytest.mark.parametrize(
    ("columns", "task", "key"),
    [
        ("{score: s}", "binary", "time"),
        ("{time: t}", "binary", "score"),
        ("{time: t, score: s}", "regression", None),
        ("{time: t}", "regression", "prediction"),
        ("{time: t, score: {a: b}}", "binary", "score"),
        ("{time: t, score: s}", "multiclass", "score"),
        ("{time: t, scor: s}", "binary", "scor"),
    ],
)
def test_a_task_needs_its_columns(tmp_path: Path, columns: str, task: str, key: str | None) -> None:
    text = f"{HEAD}    task: {task}\n    predictions: {{path: log.csv, columns: {columns}}}\n"

    if key is None:
        assert load(write(tmp_path, text), environ={}).models["m"].task == task
    else:
        assert f"models.m.predictions.columns.{key}" in {problem.key for problem in problems(tmp_path, text)}


def test_a_key_twice_is_a_problem(tmp_path: Path) -> None:
    problem = only(tmp_path, HEAD + LOG + "    title: a\n    title: b\n")

    assert (problem.key, problem.line) == ("models.m.title", 6) and "line 5" in problem.message


def test_a_model_defined_twice_names_both_places(tmp_path: Path) -> None:
    found = problems(tmp_path, HEAD + LOG + "include: models/*.yaml\n", models__m=LOG.replace("    ", "", 1))

    assert [(p.file.name, p.line) for p in found] == [("m.yaml", 1)]
    assert "goalkeeper.yaml, line 3" in found[0].message


def test_a_mistake_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    text = "predictions:\n  path: log.csv\n  columns: {time: t, score: s}\ntaks: binary\n"

    found = problems(tmp_path, HEAD + LOG + "include: models/*.yaml\n", models__other=text)

    assert [(p.file.name, p.line, p.key) for p in found] == [("other.yaml", 4, "models.other.taks")]


def test_a_mistake_in_defaults_is_told_once(tmp_path: Path) -> None:
    text = HEAD + LOG + "  n:\n" + LOG + "defaults: {notify: [nobody], maturity: 7d, task: binry}\n"

    assert sorted(p.nearest for p in problems(tmp_path, text)) == ["", "", "binary"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1, 2\nb: c\n", 2),
        ("models:\n\tm: 1\n", 2),
        ("a: b: c\n", 1),
        ("- a\n- b\n", 1),
        ("a: 1\n---\nb: 2\n", 2),
        ("models: &m\n  m: *m\n", 2),
        ("models: *nothing\n", 1),
        ("? [a]\n: b\n", 1),
    ],
)
def test_what_is_not_our_yaml_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    assert line in {problem.line for problem in problems(tmp_path, text)}


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; `goalkeeper init` writes one"):
        load(tmp_path / "goalkeeper.yaml")
    (tmp_path / "goalkeeper.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(tmp_path / "goalkeeper.yaml")


def test_an_explosion_of_aliases_is_stopped(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9))

    assert any("nested too deeply" in problem.message for problem in problems(tmp_path, bomb))


def test_an_unset_variable_is_told_with_its_line(tmp_path: Path) -> None:
    problem = only(tmp_path, HEAD + LOG + "smtp: {host: ${MAIL_HOST}, from: a@example.com}\n")

    assert (problem.key, problem.line) == ("smtp.host", 5) and "MAIL_HOST is not set" in problem.message


def test_two_dollars_write_one(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + LOG + "    retrain: {kind: command, run: 'echo $${HOME} $HOME'}\n")

    options = load(path, environ={}).models["m"].retrain
    assert options is not None and getattr(options.options, "run", "") == "echo ${HOME} $HOME"


def test_a_missing_extra_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + LOG.replace("path: log.csv", "kind: lake, path: x"))
    plugin = "import a_package_that_is_not_there\n\nEXTRA = 'lake'\n"
    (tmp_path / "my_plugins/sources/lake.py").write_text(plugin, encoding="utf-8")

    with pytest.raises(ConfigError, match=r"needs goalkeeper\[lake\]"):
        load(path, environ={})


def test_it_speaks_through_gettext(tmp_path: Path) -> None:
    with language("ru"):
        assert problems(tmp_path, "timezone: Mars/Base\n")
