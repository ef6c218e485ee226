"""Each platform's page: its configuration runs as it stands, and its three commands lead to a chart."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from core.config import Project, load
from goalkeeper.cli import app
from store import profiles, settings
from store.database import Store
from tests.collectors.formats import made
from tests.collectors.test_formats import KINDS, written
from tests.dashboard.test_pages import opened, words
from tests.docs.test_pages import DOCS, yaml_of

NOW = made.START + timedelta(days=made.DAYS, hours=20)


def run(folder: Path, *arguments: str) -> str:
    """Run a command in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def counted(folder: Path) -> tuple[int, int]:
    """Return how many rows and labels were counted."""
    project: Project = load(folder / "goalkeeper.yaml")
    store = Store.open(project.store.reveal())
    with store.write() as session:
        settings.put(session, "now", NOW.isoformat())
        found = profiles.profiles(session, "churn", "1d", made.START, NOW, segment="")
    store.close()
    return sum(one.inputs.rows for _key, one in found), sum(one.outcomes.labelled for _key, one in found)


@pytest.fixture(scope="module", params=KINDS)
def logs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Write a platform's logs, with labels where it has a form for them."""
    kind = request.param
    folder = tmp_path_factory.mktemp(kind)
    rows = made.log(requests=300)
    meant = written(kind).write(rows, folder / "logs")
    labels = getattr(written(kind), "labels", None)
    if labels is not None:
        labels(made.truth(rows), folder)
    yield kind, folder, meant, labels is not None


def test_the_configuration_of_its_page_runs_as_it_stands(logs: tuple[str, Path, pd.DataFrame, bool]) -> None:
    kind, folder, meant, labelled = logs
    body = yaml_of(DOCS / f"{kind}.md")[0]
    (folder / "goalkeeper.yaml").write_text(f"store: sqlite:///page.db\n{body}")

    run(folder, "collect", "--now", NOW.isoformat(), "--no-deliver")

    rows, known = counted(folder)
    assert rows == len(meant)
    assert (known > len(meant) * 0.6) == labelled


def test_three_commands_lead_to_the_first_chart(logs: tuple[str, Path, pd.DataFrame, bool]) -> None:
    kind, folder, meant, _labelled = logs
    (folder / "goalkeeper.yaml").unlink(missing_ok=True)

    said = run(folder, "init", "--from", "logs", "--model", "churn")
    assert f"Found: {kind}, binary; " in said and "time = event_time" in said
    assert "The first rows as they are read:" in said and "r-00000" in said
    result = json.loads(run(folder, "collect", "--now", NOW.isoformat(), "--no-deliver", "--json"))
    assert result["models"][0]["windows"] >= made.DAYS and not result["models"][0]["error"]

    rows, _known = counted(folder)
    assert rows == len(meant)
    page = opened(folder / "goalkeeper.yaml", "service", model="churn")
    assert not page.warning and "Predictions" in words(page)
    assert page.get("plotly_chart")
