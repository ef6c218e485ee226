"""The house keeps its walls: imports go down only, and what the design forbids stands nowhere."""

import ast
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

HOME = Path(__file__).parents[2]
PACKAGES = (
    "alerts", "api", "collectors", "core", "dashboard", "goalkeeper", "metrics", "notify", "reports", "store",
)  # fmt: skip
ENVIRONMENT = {
    "core/config/load.py",  # the one place that reads it
    "reports/deep_dive.py",  # sets another program's switch in a process of its own
}
CLOCKS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"),
    ("time", "monotonic"), ("time", "perf_counter"), ("time", "time_ns"), ("Timestamp", "now"),
}  # fmt: skip
MOST_LINES = 600


def modules(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((HOME / package).rglob("*.py"))]


def named(path: Path) -> str:
    return path.relative_to(HOME).as_posix()


def attributes(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield `owner.name` as (owner, name, line) for every attribute whose owner is a name or ends in one."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Attribute):
            owner = node.value
            if isinstance(owner, ast.Name):
                yield owner.id, node.attr, node.lineno
            elif isinstance(owner, ast.Attribute):
                yield owner.attr, node.attr, node.lineno


def test_imports_go_down_only() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"

    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=HOME, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_only_the_front_door_reads_the_clock() -> None:
    read = [
        f"{named(path)}:{line}: {owner}.{name}"
        for path in modules(*(one for one in PACKAGES if one != "goalkeeper"))
        for owner, name, line in attributes(path)
        if (owner, name) in CLOCKS
    ]

    assert read == []


def test_only_the_configuration_reads_the_environment() -> None:
    read = {
        named(path)
        for path in modules(*PACKAGES)
        for owner, name, _line in attributes(path)
        if (owner, name) in {("os", "environ"), ("os", "getenv"), ("os", "putenv")}
    }

    assert read <= ENVIRONMENT


def test_no_module_grows_beyond_what_can_be_read() -> None:
    long = [named(path) for path in modules(*PACKAGES) if len(path.read_text().splitlines()) > MOST_LINES]

    assert long == []


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = [
        named(path) for path in modules(*PACKAGES) if path.stem in ("utils", "util", "helpers", "misc")
    ]

    assert drawers == []


def test_nothing_of_the_dashboard_hides_a_package() -> None:
    """Streamlit puts the folder of its script first on the path."""
    names = {path.stem for path in (HOME / "dashboard").iterdir()}

    assert not names & set(PACKAGES)
    assert "pages" not in names


def test_every_package_is_in_the_distribution() -> None:
    listed = tomllib.loads((HOME / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        path.parent.relative_to(HOME).as_posix().replace("/", ".")
        for package in PACKAGES
        for path in (HOME / package).rglob("*.py")
    }

    assert found - set(listed) == set()


def test_every_module_imports_by_itself() -> None:
    """A module that imports a name which is not there fails here and not at a user's."""
    scripts = {"goalkeeper.__main__", "goalkeeper.page", "store.migrations.env"}
    names = [named(path)[:-3].replace("/", ".").removesuffix(".__init__") for path in modules(*PACKAGES)]
    failed = {}
    for name in names:
        if name in scripts or name in sys.modules:
            continue
        try:
            importlib.import_module(name)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"

    assert failed == {}
