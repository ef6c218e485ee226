"""`goalkeeper db`: upgrade the metric database and count its rows."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import StoreError
from goalkeeper.commands.db import app
from store import settings
from store.database import HEAD, Store, connect
from store.upgrading import migrate

FILE = """\
store: {url}
models:
  lead:
    predictions: {{kind: parquet, path: logs/*.parquet, columns: {{time: at, score: p}}}}
"""


@pytest.fixture
def config(tmp_path: Path, store_url: str) -> Path:
    path = tmp_path / "goalkeeper.yaml"
    path.write_text(FILE.format(url=store_url))
    return path


def say(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_it_upgrades_an_older_database_and_says_so(config: Path, store_url: str) -> None:
    engine = connect(store_url)
    with engine.connect() as connection:
        migrate(connection, "0001")
        connection.commit()
    engine.dispose()
    with pytest.raises(StoreError, match="goalkeeper db upgrade"):
        say("stats", "--config", config)
    assert f"from revision 0001 to {HEAD}" in say("upgrade", "--config", config)
    assert say("upgrade", "--config", config) == f"The store is up to date (revision {HEAD}).\n"


def test_it_counts_the_rows_of_each_table(config: Path, store_url: str) -> None:
    store = Store.open(store_url)
    with store.write() as session:
        settings.put(session, "now", "2026-03-01T12:00:00+00:00")
    store.close()
    found = json.loads(say("stats", "--config", config, "--json"))
    counted = found["tables"]
    assert found["models"] == [] and found["bytes"] > 0
    assert counted["setting"] == 2 and counted["metric"] == 0  # the fact, and how often the store changed
    assert "setting" in say("stats", "--config", config)
