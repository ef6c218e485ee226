"""The labelled rows that a pipeline learns from: joined as pandas joins them, and safe to open."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from core.errors import GoalkeeperError
from goalkeeper.cli import app
from goalkeeper.jobs.rows import rows_of_ticket, write_rows
from store import tickets
from tests.goalkeeper.small import NOW, collect, write


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write(tmp_path_factory.mktemp("rows"))
    collect(made)
    return made


def test_a_tickets_rows_are_the_labelled_ones_of_its_time(path: Path) -> None:
    project, store, _result = collect(path)
    with store.read() as session:
        (ticket,) = tickets.tickets(session)

    table = rows_of_ticket(project=project, store=store, ticket_id=ticket.id, now=NOW).to_pandas()

    log, truth = (pd.read_parquet(path.parent / f"{name}.parquet") for name in ("log", "truth"))
    whole = log.merge(truth, on="id")
    assert list(table.columns[:3]) == ["id", "time", "version"]
    assert {"region", "age", "score", "label"} <= set(table.columns)
    assert set(table["id"]) <= set(whole["id"])
    mature = whole[whole["at"] < pd.Timestamp(NOW) - pd.Timedelta(days=1)]
    assert len(table) == len(mature)
    both = table.merge(whole, on="id")
    assert (both["label"] == both["y"].astype(str).str.lower()).all()
    assert (both["score"] == both["p"]).all()
    store.close()


def test_the_command_writes_them(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    asked = [
        "export",
        "rows",
        "--ticket",
        "1",
        "--config",
        str(path),
        "--now",
        NOW.isoformat(),
        "--out",
        str(out),
    ]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert "labelled rows written" in done.output
    assert len(pd.read_csv(out)) > 100


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-2", "\t=1"])
def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path, text: str) -> None:
    out = tmp_path / "rows.csv"
    write_rows(pa.table({"id": ["a"], "region": [text], "age": [-2.5]}), out)
    line = out.read_text(encoding="utf-8-sig").splitlines()[1]
    assert line.split(",")[1].strip('"').startswith("'")
    assert line.endswith("-2.5")


def test_another_ending_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(GoalkeeperError, match="how to write it"):
        write_rows(pa.table({"id": ["a"]}), tmp_path / "rows.xml")


def test_rows_that_may_not_leave_do_not(path: Path) -> None:
    project, store, _result = collect(path)
    closed = project.models["lead"].model_copy(update={"raw_rows": "deny"})
    barred = project.model_copy(update={"models": {"lead": closed}})
    with pytest.raises(GoalkeeperError, match="does not let raw rows leave"):
        rows_of_ticket(project=barred, store=store, ticket_id=1, now=NOW)
    store.close()
