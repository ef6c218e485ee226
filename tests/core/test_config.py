"""Loading whole projects."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.config import Model, configuration_hash, load
from core.messages import Severity
from core.windows import Grain
from tests.core.config_examples import FULL, SECRETS, SHORT, write

MODEL = """\
plugins: my_plugins
models:
  m:
    predictions: {path: log.csv, columns: {time: t, score: s}}
"""


def model(tmp_path: Path, more: str = "", outer: str = "", **files: str) -> Model:
    text = MODEL + "".join(f"    {line}\n" for line in more.splitlines()) + outer
    return load(write(tmp_path, text, **files), environ={}).models["m"]


def test_it_loads_the_full_example(tmp_path: Path) -> None:
    project = load(write(tmp_path, FULL), environ=SECRETS)

    leads = project.models["lead-scoring"]
    assert project.zone == leads.zone == ZoneInfo("Europe/Moscow")
    assert project.store.reveal() == f"sqlite:///{tmp_path}/goalkeeper.db"
    assert project.state_dir == tmp_path / ".goalkeeper"
    assert project.smtp is not None and project.smtp.password is not None
    assert project.smtp.password.reveal() == SECRETS["SMTP_PASSWORD"]
    assert project.connections["dwh"].url.reveal() == SECRETS["DWH_URL"]
    assert project.digests[0].days == (0, 1, 2, 3, 4)
    assert project.retention.weekly is None and project.retention.daily == timedelta(days=1095)
    assert project.calendar.country == "RU"
    assert project.plugin_dirs == (tmp_path / "my_plugins",)
    assert leads.channels("notice") == ["owners"]
    assert leads.segments == (("region",), ("campaign",), ("region", "campaign"))
    assert getattr(leads.predictions.options, "path", "") == f"{tmp_path}/logs/predictions/*.parquet"
    assert leads.ground_truth is not None and leads.ground_truth.maturity == timedelta(days=7)
    assert leads.reference is not None and leads.reference.form == "source"
    assert leads.goals[0].since == date(2026, 9, 1) and leads.goals[0].over == timedelta(days=28)
    assert leads.rules["quality.rows"].mute and leads.rules["quality.rows"].options is None
    assert getattr(leads.rules["service.latency_p95_ms"].options, "for_", 0) == 2
    assert leads.decision_threshold is None


def test_it_loads_the_useful_ten_lines(tmp_path: Path) -> None:
    assert len(SHORT.splitlines()) <= 10

    leads = load(write(tmp_path, SHORT), environ={}).models["leads"]

    assert leads.predictions.kind == "parquet"
    assert leads.ground_truth is not None and leads.ground_truth.kind == "csv"
    assert leads.kpis["conversion"].denominator is None
    assert leads.direction_of("conversion") == "up"


def test_it_has_the_defaults_of_the_specification(tmp_path: Path) -> None:
    project = load(write(tmp_path, MODEL), environ={})

    m = project.models["m"]
    assert project.zone == ZoneInfo("UTC") and project.language == "en"
    assert project.schedule.collect.every == timedelta(minutes=15)
    assert project.lookback == m.lookback == timedelta(days=14)
    assert project.retention.base == timedelta(days=400)
    assert project.memory_limit == 2**30
    assert project.public_url == "http://localhost:8501"
    assert not project.allow_anonymous_actions
    assert (m.task, m.grain, m.service_grain, m.raw_rows) == ("binary", Grain.DAY, Grain.HOUR, "allow")
    assert m.settle_of(Grain.DAY) == timedelta(hours=3) and m.settle_of(Grain.HOUR) == timedelta(minutes=15)
    assert m.decision_threshold == 0.5
    assert m.predictions.features.auto
    assert m.ground_truth is None and m.reference is None
    assert m.false_alarms.tickets.windows_per_alarm(timedelta(days=1)) == 1000


def test_it_merges_defaults_under_every_model(tmp_path: Path) -> None:
    outer = (
        "defaults:\n  grain: 1h\n  tags: [a]\n"
        "  predictions: {where: 'x > 0', columns: {id: id, time: other}}\n"
        "  reference: {rolling: 28d}\n  kpis: {k: {mean: amount}}\n"
    )

    m = model(
        tmp_path, "tags: [b]\nreference: {from: 2026-01-01, to: 2026-02-01}\nkpis: {l: {mean: x}}", outer
    )

    assert m.grain is Grain.HOUR and m.tags == ("b",)
    assert m.predictions.where == "x > 0"
    assert (m.predictions.columns.id, m.predictions.columns.time) == ("id", "t")
    assert m.reference is not None and m.reference.form == "range"
    assert set(m.kpis) == {"k", "l"}


def test_it_includes_files_of_one_model_or_many(tmp_path: Path) -> None:
    one = "predictions: {path: logs/one.csv, columns: {time: t, score: s}}\n"
    many = "models:\n" + "".join(f"  m{i}:\n    {one}" for i in range(3))

    project = load(write(tmp_path, MODEL + "include: models/*.yaml\n", models__one=one, models__many=many))

    assert set(project.models) == {"m", "one", "m0", "m1", "m2"}
    assert getattr(project.models["one"].predictions.options, "path", "") == f"{tmp_path}/logs/one.csv"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.parquet", "parquet"),
        ("a/*.PQ", "parquet"),
        ("a.csv.gz", "csv"),
        ("a.tsv", "csv"),
        ("a.csv.zst", "csv"),
        ("a.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("a.json.gz", "jsonl"),
    ],
)
def test_it_infers_the_kind_from_the_suffix(tmp_path: Path, path: str, kind: str) -> None:
    assert model(tmp_path, f"reference: {{path: '{path}'}}").reference.kind == kind  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("{path: r.parquet}", "source"),
        ("{from: 2026-01-01, to: 2026-02-01}", "range"),
        ("{rolling: 28d}", "rolling"),
        ("{same_period: last_year}", "same_period"),
    ],
)
def test_it_knows_the_forms_of_a_reference(tmp_path: Path, text: str, form: str) -> None:
    assert model(tmp_path, f"reference: {text}").reference.form == form  # type: ignore[union-attr]


def test_it_takes_a_label_from_the_predictions_own_row(tmp_path: Path) -> None:
    truth = model(tmp_path, "ground_truth: {in: predictions, columns: {label: converted}}").ground_truth

    assert truth is not None and truth.in_predictions and truth.options is None


def test_it_gives_a_connection_to_the_sources_that_name_it(tmp_path: Path) -> None:
    more = (
        "ground_truth: {connection: dwh, table: outcomes, columns: {id: i, label: y}}\n"
        "reference: {connection: lake, path: /ref/*.parquet}"
    )
    outer = "connections: {dwh: {url: 'sqlite:///truth.db'}, lake: {url: 's3://bucket/logs/'}}\n"
    text = MODEL.replace("{time: t", "{id: i, time: t")

    path = write(tmp_path, text + "".join(f"    {line}\n" for line in more.splitlines()) + outer)
    m = load(path, environ={}).models["m"]

    assert m.ground_truth is not None and m.reference is not None
    assert m.ground_truth.kind == "sql"
    assert getattr(m.ground_truth.options, "url", "") == f"sqlite:///{tmp_path}/truth.db"
    assert getattr(m.reference.options, "path", "") == "s3://bucket/logs/ref/*.parquet"


def test_a_reference_table_lies_where_the_log_lies(tmp_path: Path) -> None:
    log = "{connection: dwh, table: log, columns: {time: t, score: s}}"
    text = MODEL.replace("{path: log.csv, columns: {time: t, score: s}}", log)

    path = write(tmp_path, text + "    reference: {table: ref}\nconnections: {dwh: {url: 'pg://h/d'}}\n")
    reference = load(path, environ={}).models["m"].reference

    assert reference is not None and reference.kind == "sql"
    assert getattr(reference.options, "url", "") == "pg://h/d"


def test_it_reads_rules_with_and_without_a_kind(tmp_path: Path) -> None:
    rules = model(
        tmp_path,
        "rules:\n  service.latency_p95_ms: {above: 800}\n  drift.columns: {floor: 0.1, severity: minor}\n"
        "  slow: {metric: service.latency_p50_ms, kind: threshold, below: 1}",
    ).rules

    assert rules["service.latency_p95_ms"].kind == "threshold"
    assert rules["drift.columns"].kind == "" and rules["drift.columns"].declared == {"floor": 0.1}
    assert rules["drift.columns"].severity is Severity.MINOR
    assert rules["slow"].metric == "service.latency_p50_ms"


def test_it_reads_scores_of_classes_features_roles_and_calendars(tmp_path: Path) -> None:
    text = MODEL.replace("score: s", "score: {a: p_a, b: p_b}").replace(
        "columns:", "features: {exclude: [duration]}, columns:"
    )
    more = "    task: multiclass\n    roles: {holdout: control}\n    positive_label: yes\n"
    outer = "calendar: {country: US-CA, dates: {2026-05-09: Victory Day}}\n"

    project = load(write(tmp_path, text + more + outer), environ={})

    m = project.models["m"]
    assert m.predictions.columns.score == {"a": "p_a", "b": "p_b"}
    assert m.predictions.columns.used() == ("t", "p_a", "p_b")
    assert m.predictions.features.auto and m.predictions.features.exclude == ("duration",)
    assert m.roles["holdout"] == "control" and m.positive_label == "yes"
    assert project.calendar.dates[0].date == date(2026, 5, 9)


def test_words_of_yaml_stay_words(tmp_path: Path) -> None:
    m = model(tmp_path, "kpis: {on: {mean: yes}}\ntags: [no, 12:30, 0123e]")

    assert m.kpis["on"].mean == "yes" and m.tags == ("no", "12:30", "0123e")


def test_it_shares_parts_by_anchors(tmp_path: Path) -> None:
    outer = (
        "  n:\n    predictions: &log {path: a.csv, columns: {time: t, score: s}}\n"
        "  o:\n    predictions: {<<: *log, path: b.csv}\n"
    )

    project = load(write(tmp_path, MODEL + outer), environ={})

    assert project.models["o"].predictions.columns == project.models["n"].predictions.columns
    assert project.models["o"].predictions.declared == {"path": "b.csv"}


def test_a_project_may_have_no_models(tmp_path: Path) -> None:
    assert load(write(tmp_path, "timezone: UTC\n")).models == {}
    assert load(write(tmp_path, "")).store.reveal().endswith("/goalkeeper.db")


def test_it_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(write(tmp_path, MODEL), environ={}).language = "ru"  # type: ignore[misc]


def test_the_hash_changes_with_what_is_collected_only(tmp_path: Path) -> None:
    base = configuration_hash(model(tmp_path))

    same = [
        "title: T",
        "owner: o@example.com",
        "rules: {quality.rows: {mute: true}}",
        "lookback: 3d",
        "tags: [x]",
    ]
    other = [
        "segments: [region]",
        "kpis: {k: {mean: x}}",
        "grain: 1h",
        "threshold: 0.3",
        "reference: {rolling: 28d}",
    ]
    assert {configuration_hash(model(tmp_path, more)) for more in same} == {base}
    changed = {configuration_hash(model(tmp_path, more)) for more in other}
    assert len(changed) == len(other) and base not in changed
    assert configuration_hash(model(tmp_path, outer="timezone: Asia/Tokyo\n")) != base
    assert len(base) == 16 and base == configuration_hash(model(tmp_path))


def test_the_hash_does_not_depend_on_the_folder_or_secrets(tmp_path: Path) -> None:
    text = MODEL.replace("path: log.csv", "url: 'pg://u:${PW}@h/d', table: log")
    hashes = set()
    for folder, password in (("a", "hush-hush-1"), ("b", "hush-hush-2")):
        (tmp_path / folder).mkdir()
        project = load(write(tmp_path / folder, text), environ={"PW": password})
        hashes.add(configuration_hash(project.models["m"]))
    assert len(hashes) == 1
