"""Every plug-in of every port keeps its port's contract; a new file is found and tried by itself."""

import importlib
import inspect
from types import ModuleType

import pytest
from pydantic import BaseModel

from core.plugins import PORTS, MissingExtraError, names, status
from core.plugins import load as load_plugin

EVERY = [(port, kind) for port in PORTS for kind in names(PORTS[port])]
WITH_OPTIONS = ("source", "telemetry", "registry", "channel", "tracker", "retrain", "rule")
CALLS = {
    "source": {"Source": ("columns", "slices", "relation", "sample", "describe", "engine")},
    "telemetry": {"Telemetry": ("values",)},
    "registry": {"Registry": ("version",)},
    "channel": {"Channel": ("send",)},
    "tracker": {"Tracker": ("mirror", "heard")},
    "retrain": {"Retrain": ("start", "find")},
}


def load(port: str, kind: str) -> ModuleType:
    """Import a plug-in, also without its extra: what it says of itself needs none."""
    return importlib.import_module(f"{PORTS[port].package}.{kind}")


@pytest.mark.parametrize(("port", "kind"), EVERY)
def test_it_loads_and_says_what_it_is(port: str, kind: str) -> None:
    try:
        module = load_plugin(PORTS[port], kind)
    except MissingExtraError as missing:
        pytest.skip(f"left out: {missing.message}")

    said = (module.__doc__ or "").strip()
    assert said
    assert said.splitlines()[0].endswith((".", ":"))


@pytest.mark.parametrize(("port", "kind"), EVERY)
def test_it_needs_nothing_that_is_not_installed(port: str, kind: str) -> None:
    found = next(one for one in status(PORTS[port]) if one.kind == kind)

    assert not found.own
    if found.needs.startswith("goalkeeper["):
        pytest.skip(f"left out: needs {found.needs}")
    assert found.needs == ""


@pytest.mark.parametrize(("port", "kind"), [one for one in EVERY if one[0] in WITH_OPTIONS])
def test_its_options_refuse_a_key_that_they_do_not_know(port: str, kind: str) -> None:
    options = load(port, kind).Options

    assert issubclass(options, BaseModel)
    assert options.model_config.get("extra") == "forbid"
    assert options.model_config.get("frozen")
    assert options.__doc__


@pytest.mark.parametrize(("port", "kind"), [one for one in EVERY if one[0] in CALLS])
def test_its_class_has_what_the_port_calls(port: str, kind: str) -> None:
    module = load(port, kind)

    for name, calls in CALLS[port].items():
        made = getattr(module, name)
        assert not inspect.isabstract(made)
        assert [call for call in calls if not hasattr(made, call)] == []


@pytest.mark.parametrize(("port", "kind"), [one for one in EVERY if one[0] == "rule"])
def test_a_rule_judges_series_by_options(port: str, kind: str) -> None:
    parameters = list(inspect.signature(load(port, kind).judge).parameters)

    assert parameters == ["series", "options"]


@pytest.mark.parametrize(("port", "kind"), [one for one in EVERY if one[0] == "page"])
def test_a_page_declares_itself_and_draws(port: str, kind: str) -> None:
    module = load(port, kind)

    assert module.PAGE.title
    assert list(inspect.signature(module.render).parameters) == ["context"]


@pytest.mark.parametrize(("port", "kind"), [one for one in EVERY if one[0] == "metric"])
def test_a_metric_bears_the_name_of_its_file(port: str, kind: str) -> None:
    declared = load(port, kind).METRIC

    assert declared.name == kind
    assert declared.title
    assert declared.formula
