"""The documentation says what the program does, and lags behind it nowhere."""

import importlib
import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml

from alerts.defaults import rules_of
from core import plugins
from core.config import Project, load
from core.web import signature
from goalkeeper.cli import app
from metrics.registry import all_metrics
from tests.docs.test_plugins_page import unpack

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WRITTEN = sorted(path for path in [*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])
MEND = "run `python docs/_make.py`"


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_make", DOCS / "_make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def known_commands() -> set[str]:
    root = typer.main.get_command(app)
    found = set()
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        found.add(name)
        found |= {f"{name} {part}" for part in getattr(command, "commands", {})}
    return found


@pytest.mark.parametrize("name", ["metrics.md", "configuration.md", "commands.md"])
def test_a_made_page_is_what_the_program_says_now(name: str) -> None:
    assert text(name) == maker().PAGES[name](), MEND


def test_every_metric_is_documented() -> None:
    page = text("metrics.md")

    assert [name for name in all_metrics() if f"`{name}`" not in page] == []


def test_every_command_is_documented() -> None:
    page = text("commands.md")

    assert [name for name in known_commands() if f"# goalkeeper {name}\n" not in page] == []


@pytest.mark.parametrize(
    ("port", "page"),
    [
        ("source", "sources.md"),
        ("telemetry", "telemetry.md"),
        ("registry", "registry.md"),
        ("channel", "messages.md"),
        ("rule", "alerts.md"),
    ],
)
def test_every_kind_of_plug_in_is_documented(port: str, page: str) -> None:
    kinds = plugins.names(plugins.PORTS[port])

    assert [kind for kind in kinds if f"`{kind}`" not in text(page)] == []


def test_every_page_is_in_the_menu() -> None:
    menu = set(re.findall(r": ([\w-]+\.md)\s*$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M))

    assert menu == {path.name for path in DOCS.glob("*.md")}


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_a_page_names_only_commands_that_exist(path: Path) -> None:
    known = known_commands()
    named = re.findall(r"(?:^|[`/ ])goalkeeper ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", code_of(path), re.M)

    for name, part in named:
        assert name in known, f"{path.name}: goalkeeper {name}"
        if any(one.startswith(f"{name} ") for one in known):
            assert f"{name} {part}" in known or not part, f"{path.name}: goalkeeper {name} {part}"


def code_of(path: Path) -> str:
    """Return what stands in fences and between backticks, a line each."""
    whole = path.read_text(encoding="utf-8")
    fenced = [body for kind, body in re.findall(r"```(\w*)\n(.*?)```", whole, re.S) if kind == "sh"]
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", whole, flags=re.S))])


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_a_link_to_a_file_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


def yaml_of(path: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


MODEL = """
models:
  lead-scoring:
    predictions: {path: logs/*.parquet, columns: {id: call_id, time: called_at, score: p_convert}}
    ground_truth: {path: outcomes/*.parquet, columns: {id: call_id, time: closed_at, label: converted}}
    kpis: {call_conversion: {numerator: converted, denominator: answered}}
"""
SECRETS = (
    "AIRFLOW_PASSWORD", "DB_PASSWORD", "DWH_PASSWORD", "DWH_URL", "GITHUB_TOKEN", "GITLAB_TOKEN",
    "HEARTBEAT_URL",
    "LAKE_KEY", "LAKE_SECRET", "RETRAIN_SECRET", "SLACK_URL", "SMTP_PASSWORD", "WEBHOOK_SECRET",
)  # fmt: skip


def whole(body: str) -> str:
    """Return a whole file of an example: parts of a project or of a model are put into one."""
    part: dict[str, Any] = yaml.safe_load(body)
    if "models" in part:
        return f"plugins: ./my_plugins\n{body}"
    made: dict[str, Any] = yaml.safe_load(MODEL)
    above = {*Project.model_fields, "timezone", "defaults", "include"} - {"zone"}
    for key, value in part.items():
        (made if key in above else made["models"]["lead-scoring"])[key] = value
    made.setdefault("plugins", "./my_plugins")
    for name in re.findall(r"\b(owners|pager|chat)\b", body):
        made.setdefault("channels", {}).setdefault(name, {"kind": "file"})
    return yaml.safe_dump(made)


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # apprise's own import
@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_an_example_is_a_valid_configuration(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "slack://TokenA/TokenB/TokenC" if name == "SLACK_URL" else "http://secret")
    unpack(tmp_path)
    sources = plugins.PORTS["source"]
    for kind in plugins.names(sources):  # a page shows kinds too whose third-party package is not installed
        importlib.import_module(f"{sources.package}.{kind}")
    for number, body in enumerate(yaml_of(path)):
        file = tmp_path / f"{number}.yaml"
        file.write_text(whole(body), encoding="utf-8")

        project = load(file)

        assert project.models, body
        assert all(rules_of(model) for model in project.models.values()), body


def test_a_receiver_can_check_the_signature_as_the_page_says() -> None:
    code = re.findall(r"```python\n(.*?)```", text("messages.md"), re.S)
    found: dict[str, Any] = {}
    exec(code[0], found)

    header = f"t=1700000000,v1={signature('secret', '1700000000', b'{}')}"

    assert found["is_genuine"]("secret", header, b"{}")
    assert not found["is_genuine"]("secret", header, b"{} ")


def test_the_quick_start_of_the_readme_is_short() -> None:
    first = yaml_of(ROOT / "README.md")[0]

    assert "models" in yaml.safe_load(first)
    assert len([line for line in first.splitlines() if line.strip()]) < 10


def test_an_example_is_run_from_a_clone_since_the_wheel_has_none() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    told = [path for path in (ROOT / "examples").rglob("*") if path.suffix in (".md", ".py")]

    assert not any(name.startswith("examples") for name in packages)
    assert [path.name for path in told if "goalkeeper[" in path.read_text(encoding="utf-8")] == []
