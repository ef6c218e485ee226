"""A deep dive takes a bounded sample of the window and of what it is compared with, where it may."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
import yaml

from core.config import Project, load
from core.errors import GoalkeeperError
from goalkeeper.jobs.deep_dive import deep_dive, span_text
from reports import deep_dive as rendering
from reports.deep_dive import Outline
from store import reports
from store.database import Store
from tests.goalkeeper import small

DAY = timedelta(days=1)
MOSCOW = ZoneInfo("Europe/Moscow")
Rendered = tuple[pa.Table, pa.Table, Outline]


def configured(path: Path, **model: object) -> Project:
    """Change the model's keys in the file."""
    body = yaml.safe_load(path.read_text())
    body["models"]["lead"].update(model)
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    return load(path)


@pytest.fixture(scope="module")
def dived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Store]]:
    path = small.write(tmp_path_factory.mktemp("dives"))
    project, store, _result = small.collect(path)
    yield project, store
    store.close()


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[Rendered]:
    """Catch what is rendered instead of rendering it."""
    found: list[Rendered] = []

    def catch(current: pa.Table, reference: pa.Table, outline: Outline, target: Path) -> None:
        found.append((current, reference, outline))

    monkeypatch.setattr(rendering, "render", catch)
    return found


def dive(project: Project, store: Store, **more: Any) -> Any:
    told: dict[str, Any] = {
        "model": "lead", "start": small.START + 20 * DAY, "end": small.START + 27 * DAY, "now": small.NOW,
        "actor": "ann",
    }  # fmt: skip
    return deep_dive(project=project, store=store, **(told | more))


def moscow(*at: int) -> datetime:
    return datetime(2026, *at, tzinfo=MOSCOW)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (moscow(4, 22), moscow(4, 29), "22 April to 28 April 2026"),
        (moscow(4, 28), moscow(4, 29), "28 April 2026"),
        (moscow(4, 28, 9), moscow(4, 28, 10, 30), "28 April 2026, 09:00 to 10:30"),
        (moscow(4, 28, 9), moscow(4, 29), "28 April 2026, 09:00 to 24:00"),
        (moscow(4, 28, 22), moscow(4, 29, 3), "28 April, 22:00 to 29 April 2026, 03:00"),
        (datetime(2025, 12, 30, tzinfo=MOSCOW), moscow(1, 6), "30 December 2025 to 5 January 2026"),
        (moscow(4, 22).astimezone(ZoneInfo("UTC")), moscow(4, 29), "22 April to 28 April 2026"),
    ],
)
def test_a_span_is_named_by_what_lies_inside(start: datetime, end: datetime, words: str) -> None:
    assert span_text(start, end, MOSCOW) == words


def test_it_makes_a_page_and_keeps_where_it_is(dived: tuple[Project, Store]) -> None:
    project, store = dived
    row = dive(project, store)
    page = (project.state_dir / row.path).read_text()

    assert row.title == 'Lead "scoring": 22 March to 28 March 2026'
    head = page[page.index("<header") : page.index("</header>")]
    assert (
        "22 March to 28 March 2026: 1,050 of 1,050 rows, against 2,700 rows of the reference"
        " (2 March to 19 March 2026)."
    ) in head
    assert "ROC AUC" in page
    assert str(project.path.parent) not in page
    with store.read() as session:
        assert reports.reports(session, kind="deep_dive")[0].id == row.id


def test_it_samples_no_more_than_it_may_and_only_the_columns_it_needs(
    dived: tuple[Project, Store], rendered: list[Rendered]
) -> None:
    row = dive(*dived, rows=100)
    dive(*dived, rows=100)

    (current, reference, outline), again = rendered
    assert current.num_rows == reference.num_rows == row.rows == 100
    assert set(current.column_names) == set(reference.column_names) == {"age", "region", "score", "label"}
    assert set(current["label"].to_pylist()) == {"false", "true"}
    assert outline.caption.startswith("22 March to 28 March 2026: 100 of 1,050 rows, against 100 rows")
    assert again[0].equals(current)


def test_a_reference_that_moves_is_what_lay_before_the_window(
    tmp_path: Path, rendered: list[Rendered]
) -> None:
    path = small.write(tmp_path)
    project = configured(path, reference={"rolling": "7d"})
    _project, store, _result = small.collect(path)
    dive(project, store, start=small.START + 14 * DAY, end=small.START + 15 * DAY)

    ((current, reference, outline),) = rendered
    assert (current.num_rows, reference.num_rows) == (small.A_DAY, 7 * small.A_DAY)
    assert outline.caption == (
        "16 March 2026: 150 of 150 rows, against 1,050 rows of the reference (9 March to 15 March 2026)."
    )
    store.close()


def test_a_model_that_denies_raw_rows_is_refused(tmp_path: Path, rendered: list[Rendered]) -> None:
    path = small.write(tmp_path)
    project = configured(path, raw_rows="deny")
    store = Store.open(project.store.reveal())
    with pytest.raises(GoalkeeperError) as refused:
        dive(project, store)

    assert refused.value.message == "lead does not let raw rows leave their database."
    assert refused.value.hint == "`raw_rows: allow` on the model would; the drift page needs no rows."
    assert rendered == []
    store.close()


def test_a_model_without_a_reference_says_what_makes_one(tmp_path: Path, rendered: list[Rendered]) -> None:
    project = load(small.write(tmp_path))
    store = Store.open(project.store.reveal())
    with pytest.raises(GoalkeeperError) as refused:
        dive(project, store)

    assert refused.value.message == "lead has no reference yet."
    assert refused.value.hint == "Run `goalkeeper collect` until a window is complete."
    store.close()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"start": small.START - 9 * DAY, "end": small.START - 8 * DAY}, "the window holds 0 rows"),
        ({"start": small.NOW + DAY, "end": small.NOW + 2 * DAY}, "the window holds 0 rows"),
        ({"start": small.START + DAY, "end": small.START + DAY}, "The window ends before it starts."),
        ({"model": "laed"}, "There is no model 'laed'."),
    ],
    ids=["before the log", "in the future", "nothing", "no such model"],
)
def test_what_cannot_be_compared_is_refused(
    dived: tuple[Project, Store], more: dict[str, Any], words: str
) -> None:
    before = set(dived[0].state_dir.rglob("*.html"))
    with pytest.raises(GoalkeeperError, match=words):
        dive(*dived, **more)
    assert set(dived[0].state_dir.rglob("*.html")) == before
