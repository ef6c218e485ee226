"""Discovery of plug-ins by file name."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.plugins import (
    PORTS,
    BrokenPluginError,
    MissingExtraError,
    Port,
    UnknownPluginError,
    load,
    names,
    status,
)

SOURCE = PORTS["source"]


def put(folder: Path, name: str, text: str = "") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return folder


def test_it_lists_names_without_importing(tmp_path: Path) -> None:
    put(tmp_path, "sources/mine.py", "raise RuntimeError('imported')")
    for left_out in ("base", "__init__", "_hidden"):
        put(tmp_path, f"sources/{left_out}.py")

    found = names(SOURCE, [tmp_path])

    assert "mine" in found and found == sorted(found)
    assert not {"base", "__init__", "_hidden"} & set(found)


def test_metrics_of_folders_have_dotted_names(tmp_path: Path) -> None:
    put(tmp_path, "metrics/drift/mine.py", "NAME = 1")
    put(tmp_path, "metrics/_private/other.py")

    assert "drift.mine" in names(PORTS["metric"], [tmp_path])
    assert not any("other" in name for name in names(PORTS["metric"], [tmp_path]))
    assert load(PORTS["metric"], "drift.mine", [tmp_path]).NAME == 1


def test_it_imports_only_what_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "sources/good.py", "VALUE = 7")
    put(tmp_path, "sources/bad.py", "1 / 0")

    module = load(SOURCE, "good", [tmp_path])

    assert module.VALUE == 7 and load(SOURCE, "good", [tmp_path]) is module
    with pytest.raises(BrokenPluginError, match="ZeroDivisionError") as caught:
        load(SOURCE, "bad", [tmp_path])
    assert "bad.py" in caught.value.hint
    assert not any(name.endswith("source_bad") for name in sys.modules)


def test_equal_names_of_two_projects_stay_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        put(tmp_path / folder, "sources/mine.py", f"FOLDER = '{folder}'")

    assert load(SOURCE, "mine", [tmp_path / "a"]).FOLDER == "a"
    assert load(SOURCE, "mine", [tmp_path / "b"]).FOLDER == "b"


def test_an_unknown_kind_names_what_exists_and_what_is_near(tmp_path: Path) -> None:
    put(tmp_path, "sources/lakehouse.py")

    with pytest.raises(UnknownPluginError) as caught:
        load(SOURCE, "lakehose", [tmp_path])

    assert caught.value.nearest == "lakehouse" and "lakehouse" in caught.value.known
    assert "lakehose" in str(caught.value) and "Did you mean lakehouse?" in str(caught.value)


def test_an_empty_port_says_so() -> None:
    with pytest.raises(UnknownPluginError, match="Known kinds: none"):
        load(Port(name="nothing", package="core.nothing", folder="nothing"), "x")


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("import not_there_at_all\nEXTRA = 'spark'", "goalkeeper[spark]"),
        ("EXTRA: str = 'spark'\ndef f():\n    from not_there_at_all.x import y", "goalkeeper[spark]"),
        ("import not_there_at_all", "not_there_at_all"),
    ],
)
def test_a_missing_package_is_told(tmp_path: Path, text: str, needs: str) -> None:
    put(tmp_path, "sources/mine.py", text)

    with pytest.raises(MissingExtraError) as caught:
        load(SOURCE, "mine", [tmp_path])

    assert caught.value.needs == needs
    assert [row.needs for row in status(SOURCE, [tmp_path]) if row.own] == [needs]


@pytest.mark.parametrize(
    "text",
    [
        "EXTRA = 'spark'\nimport json",
        "EXTRA = 'spark'\ntry:\n    import not_there_at_all\nexcept ImportError:\n    pass",
        "EXTRA = 'x'\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import not_there_at_all",
        "EXTRA = ''\nfrom core.text import gettext",
    ],
)
def test_what_is_not_needed_is_not_asked_for(tmp_path: Path, text: str) -> None:
    put(tmp_path, "sources/mine.py", text)

    assert [row.needs for row in status(SOURCE, [tmp_path]) if row.own] == [""]
    load(SOURCE, "mine", [tmp_path])


def test_a_file_that_is_no_python_is_told(tmp_path: Path) -> None:
    put(tmp_path, "sources/mine.py", "def (")

    assert "repair" in next(row.needs for row in status(SOURCE, [tmp_path]) if row.own)
    with pytest.raises(BrokenPluginError, match="SyntaxError"):
        load(SOURCE, "mine", [tmp_path])


@pytest.mark.parametrize("port", PORTS.values(), ids=list(PORTS))
def test_every_plugin_of_ours_is_listed_with_its_state(port: Port) -> None:
    assert [row.kind for row in status(port)] == names(port)


def test_threads_that_need_a_file_at_once_all_get_it_whole(tmp_path: Path) -> None:
    put(tmp_path, "sources/slow.py", "import time\ntime.sleep(0.2)\nDONE = True\n")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _turn: load(PORTS["source"], "slow", [tmp_path]), range(4)))

    assert all(module.DONE for module in found)
    assert len({id(module) for module in found}) == 1


def test_the_first_readers_of_a_server_all_get_every_metric() -> None:
    """In a process of its own, as nothing may be imported yet."""
    script = (
        "import sys, threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from metrics.registry import all_metrics\n"
        "sys.setswitchinterval(1e-5)\n"
        "begin = threading.Barrier(5)\n"
        "with ThreadPoolExecutor(5) as pool:\n"
        "    found = list(pool.map(lambda _turn: (begin.wait(), len(all_metrics()))[1], range(5)))\n"
        "assert len(set(found)) == 1, found\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
