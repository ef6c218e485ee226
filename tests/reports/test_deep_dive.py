"""A deep dive is one HTML file made by a process of its own from a folder, and nothing in it can act."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import GoalkeeperError
from reports import deep_dive
from reports.deep_dive import Outline, render

HOSTILE = "</script><script>alert(1)</script>"
ROOT = Path(deep_dive.__file__).resolve().parent.parent


def rows(count: int = 200, seed: int = 1) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "age": rng.normal(40, 10, count), "pl<b>an": rng.choice(["basic", HOSTILE, "plus"], count),
            "score": rng.uniform(size=count), "label": rng.choice(["false", "true"], count),
        }
    )  # fmt: skip


def outline(**more: Any) -> Outline:
    told: dict[str, Any] = {
        "title": 'Lead <b>"scoring"</b>', "caption": "22 April to 28 April <i>2026</i>", "task": "binary",
        "numeric": ("age",), "categorical": ("pl<b>an",), "classes": ("false", "true"),
    }  # fmt: skip
    return Outline(**(told | more))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("dived") / "deep" / "lead.html"
    render(rows(), rows(seed=2), outline(), target)
    return target.read_text()


def test_title_and_caption_stand_above_it_as_text(page: str) -> None:
    head = page[page.index("<header") : page.index("</header>")]

    assert "Lead &lt;b&gt;&quot;scoring&quot;&lt;/b&gt;</h1>" in head
    assert "22 April to 28 April &lt;i&gt;2026&lt;/i&gt;</p>" in head


def test_it_shows_each_column_and_how_well_the_model_did(page: str) -> None:
    for shown in ('"age"', '"pl\\u003cb>an"', "Data Drift Summary", "Dataset Summary", "ROC AUC"):
        assert shown in page, shown


def test_no_text_of_the_log_can_end_the_script_that_it_stands_in(page: str) -> None:
    assert "alert(1)" in page
    assert HOSTILE not in page
    assert HOSTILE.replace("<", "\\u003c") in page
    assert "\ue000" not in page
    assert "\\ue000" not in page


def test_it_needs_no_other_server_and_names_no_place_of_this_machine(page: str) -> None:
    assert re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?!data:)', page) == []
    for place in (str(ROOT), sys.prefix, "goalkeeper-", str(Path.home()) + "/"):
        assert place not in page, place


def test_the_process_alone_reads_a_folder_and_writes_the_report_into_it(tmp_path: Path) -> None:
    plain = outline(task="regression", numeric=("age",), categorical=(), classes=())
    table = rows().select(["age", "score"]).append_column("label", rows(seed=3)["age"])
    for name in ("current", "reference"):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    told = {"title": plain.title, "caption": plain.caption, "task": plain.task, "numeric": ["age"]}
    (tmp_path / "outline.json").write_text(json.dumps(told | {"categorical": [], "classes": []}))

    done = subprocess.run(
        [sys.executable, "-m", "reports.deep_dive", str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-500:]
    assert "R2 Score" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("current", "reference", "what"), [(29, 200, "the window"), (200, 0, "the reference")]
)
def test_too_few_rows_are_refused(tmp_path: Path, current: int, reference: int, what: str) -> None:
    with pytest.raises(GoalkeeperError) as refused:
        render(rows(current), rows(reference), outline(), tmp_path / "x.html")

    few = min(current, reference)
    assert refused.value.message == f"{what} holds {few} rows; a deep dive needs 30."
    assert refused.value.hint == "Choose a longer window."
    assert not (tmp_path / "x.html").exists()


def test_what_evidently_cannot_do_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(GoalkeeperError) as refused:
        render(rows(), rows(), outline(numeric=("height",)), tmp_path / "x.html")

    assert refused.value.message.startswith("Evidently failed: ")
    assert "height" in refused.value.message
    assert "\n" not in refused.value.message
    assert not (tmp_path / "x.html").exists()


def test_one_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep_dive, "TIME_LIMIT", 0.01)

    with pytest.raises(GoalkeeperError, match="did not end within"):
        render(rows(), rows(), outline(), tmp_path / "x.html")
