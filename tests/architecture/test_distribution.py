"""What lies in the packages is what is installed."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def ours(pattern: str) -> set[Path]:
    tops = {name.partition(".")[0] for name in SETTINGS["packages"]}
    found = (path for top in tops for path in (ROOT / top).rglob(pattern) if path.is_file())
    return {path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts}


def test_every_package_is_named() -> None:
    lying = {".".join(path.parent.parts) for path in ours("*.py")}

    assert lying == set(SETTINGS["packages"])


def test_every_other_file_is_package_data() -> None:
    named: set[Path] = set()
    for package, patterns in SETTINGS["package-data"].items():
        folder = ROOT / Path(*package.split("."))
        named |= {path.relative_to(ROOT) for pattern in patterns for path in folder.glob(pattern)}

    assert {path for path in ours("*") if path.suffix != ".py"} == named
