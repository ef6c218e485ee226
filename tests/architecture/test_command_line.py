"""The command line answers quickly, offers every command, and explains each."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goalkeeper.cli import COMMANDS, app

HOME = Path(__file__).parents[2]
HEAVY = (
    "alembic", "apscheduler", "duckdb", "evidently", "fastapi", "numpy", "pandas", "plotly", "pyarrow",
    "pydantic", "scipy", "sqlalchemy", "sqlglot", "streamlit",
)  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['goalkeeper', '--help']\nfrom goalkeeper.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("heavy: []")


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output

    assert [name for name in COMMANDS if f"  {name} " not in shown] == []


def test_every_file_of_the_folder_is_a_command() -> None:
    files = {path.stem for path in (HOME / "goalkeeper" / "commands").glob("*.py")} - {"__init__", "options"}

    assert files == set(COMMANDS)


def commands() -> list[tuple[str, ...]]:
    """Return every command and subcommand as its words."""
    import typer

    found: list[tuple[str, ...]] = []

    def walk(command: object, words: tuple[str, ...]) -> None:
        found.append(words)
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*words, name))

    for name, command in getattr(typer.main.get_command(app), "commands", {}).items():
        walk(command, (name,))
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])

    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if line.strip()]
    assert lines[0].strip().startswith("Usage:")
    assert len(lines[1].strip()) > 10  # says what it is for


def test_a_word_that_is_no_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["colect"]).exit_code == 2


def test_it_says_its_version() -> None:
    from goalkeeper import __version__

    assert CliRunner().invoke(app, ["--version"]).output == f"goalkeeper {__version__}\n"
