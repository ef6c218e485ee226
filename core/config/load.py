"""Read goalkeeper.yaml: all mistakes at once, each with its line."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from core.config import checks
from core.config.model import (
    FixedReference,
    KpiSource,
    Model,
    Predictions,
    Reference,
    Registry,
    Retrain,
    RuleSettings,
    Telemetry,
    Truth,
)
from core.config.node import Node, Plugged
from core.config.plugs import Plugs, keys_of, local_url
from core.config.problems import ConfigError, Problem
from core.config.project import Project
from core.config.secrets import MASK
from core.config.tree import Branch, Entry, Leaf, Path_, Reader, Row, Tree, merge, plain
from core.config.wording import Place, tell
from core.text import gettext as _

_T = TypeVar("_T", bound=Node)
_OUTER = ("defaults", "include")


def load(path: Path, *, environ: Mapping[str, str] | None = None) -> Project:
    """Read a project's file, with what it includes.

    Args:
        path: the goalkeeper.yaml.
        environ: where `${NAME}` is looked up; the process's environment if None.

    Raises:
        ConfigError: with every problem found, in file order.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links away from the folder
    reader = Reader(os.environ if environ is None else environ)
    loading = _Loading(path, reader)
    project = loading.project()
    found = _scrub([*reader.problems, *loading.problems], reader.secrets)
    if found or project is None:
        raise ConfigError(found)
    return project


class _Loading:
    def __init__(self, path: Path, reader: Reader) -> None:
        self.path = path
        self.reader = reader
        self.folder = path.parent
        self.problems: list[Problem] = []

    def project(self) -> Project | None:
        if not self.path.is_file():
            message = _("There is no such file; `goalkeeper init` writes one.")
            self.problems.append(Problem(file=self.path, line=0, message=message))
            return None
        tree = self.reader.read(self.path)
        if not isinstance(tree, Branch):
            if tree is not None:
                self.problems.append(
                    Place(tree=tree).problem((), _("A mapping (key: value) is needed here."))
                )
            return None
        trees = self._models(tree)
        data: dict[str, Any] = {
            key: plain(entry.node)
            for key, entry in tree.entries.items()
            if key not in (*_OUTER, "models", "channels", "trackers")
        }
        plugs = Plugs(folder=self.folder, dirs=self._plugin_dirs(data), problems=self.problems)
        if isinstance(data.get("connections"), dict):
            plugs.connections = {k: v for k, v in data["connections"].items() if isinstance(v, dict)}
        for part, port in (("channels", "channel"), ("trackers", "tracker")):
            node = tree.get(part)
            if isinstance(node, Branch):
                data[part] = {
                    name: plugs.part(port, entry.node, (part, name), Plugged)
                    for name, entry in node.entries.items()
                }
            elif node is not None:
                data[part] = plain(node)
        data |= {"<path>": self.path, "<folder>": self.folder}
        for key in ("plugins", "state_dir"):
            if isinstance(data.get(key, ".goalkeeper" if key == "state_dir" else None), str):
                data[key] = self.folder / data.get(key, ".goalkeeper")
        store = data.get("store", "sqlite:///goalkeeper.db")
        data["store"] = local_url(store, self.folder) if isinstance(store, str) else store
        project = self._valid(Project, data, Place(tree=tree), extra=_OUTER)
        models = {name: self._model(name, node, plugs, data, project) for name, node in trees.items()}
        self.problems += checks.run(tree, trees)
        if project is None or self.problems or self.reader.problems:
            return None
        return project.model_copy(update={"models": {k: v for k, v in models.items() if v is not None}})

    def _plugin_dirs(self, data: Mapping[str, Any]) -> tuple[Path, ...]:
        if not isinstance(data.get("plugins"), str):
            return ()
        return (self.folder / data["plugins"],)

    def _models(self, tree: Branch) -> dict[str, Tree]:
        """Gather the models of the file and of the included ones, `defaults` merged under each."""
        found: dict[str, Entry] = {}
        own = tree.get("models")
        if isinstance(own, Branch):
            found |= own.entries
        elif own is not None and not (isinstance(own, Leaf) and own.value is None):
            message = _("A mapping (name: model) is needed here.")
            self.problems.append(Place(tree=tree).problem(("models",), message))
        for name, entry in self._included(tree):
            if name in found:
                spot = found[name].spot
                message = _("This model is already defined in {file}, line {line}.").format(
                    file=spot.file.name, line=spot.line
                )
                spot = entry.spot
                self.problems.append(
                    Problem(file=spot.file, line=spot.line, key=f"models.{name}", message=message)
                )
            else:
                found[name] = entry
        defaults = tree.get("defaults")
        if defaults is not None and not isinstance(defaults, Branch):
            message = _("A mapping (key: value) is needed here.")
            self.problems.append(Place(tree=tree).problem(("defaults",), message))
            defaults = None
        if isinstance(defaults, Branch):
            known = keys_of(Model)
            place = Place(tree=defaults, path=("defaults",))
            self.problems += [
                place.unknown((key,), known, secret=False) for key in defaults.entries if key not in known
            ]
            kept = {key: entry for key, entry in defaults.entries.items() if key in known}
            base = replace(defaults, entries=kept)
            return {name: merge(base, entry.node) for name, entry in found.items()}
        return {name: entry.node for name, entry in found.items()}

    def _included(self, tree: Branch) -> list[tuple[str, Entry]]:
        include = tree.get("include")
        if include is None:
            return []
        rows = include.items if isinstance(include, Row) else (include,)
        found: list[tuple[str, Entry]] = []
        seen: set[Path] = {self.path}
        for row in rows:
            pattern = row.value if isinstance(row, Leaf) else None
            if not isinstance(pattern, str):
                message = _("A file name or pattern is needed here.")
                self.problems.append(Place(tree=tree).problem(("include",), message, allowed="models/*.yaml"))
                continue
            files = _glob(self.folder, pattern)
            if not files and not any(sign in pattern for sign in "*?["):
                message = _("There is no such file.")
                self.problems.append(Place(tree=row, path=("include",)).problem((), message))
            for file in files:
                if file not in seen:
                    seen.add(file)
                    found += self._file_models(file)
        return found

    def _file_models(self, file: Path) -> list[tuple[str, Entry]]:
        tree = self.reader.read(file, ("models", file.stem))
        if not isinstance(tree, Branch):
            if tree is not None:
                message = _("A mapping (key: value) is needed here.")
                self.problems.append(Place(tree=tree, path=("models", file.stem)).problem((), message))
            return []
        models = tree.get("models")
        if not isinstance(models, Branch):
            return [(file.stem, Entry(spot=tree.spot, node=tree))]
        place = Place(tree=tree)
        self.problems += [
            place.unknown((key,), ["models"], secret=False) for key in tree.entries if key != "models"
        ]
        return list(models.entries.items())

    def _model(
        self, name: str, tree: Tree, plugs: Plugs, outer: Mapping[str, Any], project: Project | None
    ) -> Model | None:
        path: Path_ = ("models", name)
        place = Place(tree=tree, path=path)
        checks.model_name(name, place, self.problems)
        if not isinstance(tree, Branch):
            self.problems.append(place.problem((), _("A mapping (key: value) is needed here.")))
            return None
        data: dict[str, Any] = {key: plain(entry.node) for key, entry in tree.entries.items()}
        predictions = tree.get("predictions")
        log = predictions if isinstance(predictions, Branch) else None
        if predictions is not None:
            data["predictions"] = plugs.part("source", predictions, (*path, "predictions"), Predictions)
        truth = tree.get("ground_truth")
        if isinstance(truth, Branch) and "in" not in truth.entries:
            data["ground_truth"] = plugs.part("source", truth, (*path, "ground_truth"), Truth)
        reference = tree.get("reference")
        if isinstance(reference, Branch):
            data["reference"] = self._reference(reference, plugs, (*path, "reference"), Reference, log)
        for port, node in (("retrain", Retrain), ("telemetry", Telemetry), ("registry", Registry)):
            part = tree.get(port)
            if isinstance(part, Branch):
                data[port] = plugs.part(port, part, (*path, port), node)
        self._kpi_sources(tree, data, plugs, path)
        rules = tree.get("rules")
        if isinstance(rules, Branch):
            data["rules"] = {
                rule: self._rule(entry.node, plugs, (*path, "rules", rule))
                for rule, entry in rules.entries.items()
            }
        data["<name>"] = name
        if project is not None:
            data["<zone>"] = project.zone
            data.setdefault("lookback", project.lookback)
        return self._valid(Model, data, place)

    def _kpi_sources(self, tree: Branch, data: dict[str, Any], plugs: Plugs, path: Path_) -> None:
        kpis = tree.get("kpis")
        for kpi, entry in kpis.entries.items() if isinstance(kpis, Branch) else ():
            source = entry.node.get("source") if isinstance(entry.node, Branch) else None
            if isinstance(source, Branch):
                at = (*path, "kpis", kpi, "source")
                data["kpis"][kpi]["source"] = plugs.part("source", source, at, KpiSource)

    def _reference(
        self, tree: Branch, plugs: Plugs, path: Path_, node: type[FixedReference], log: Branch | None
    ) -> Any:
        """Return data for a reference and for those that versions bring."""
        data: Any = plain(tree) if _no_source(tree) else plugs.part("source", tree, path, node, log)
        versions = tree.get("versions")
        if node is Reference and isinstance(versions, Branch):
            data["versions"] = {
                version: self._reference(entry.node, plugs, (*path, "versions", version), FixedReference, log)
                if isinstance(entry.node, Branch)
                else plain(entry.node)
                for version, entry in versions.entries.items()
            }
        return data

    def _rule(self, tree: Tree, plugs: Plugs, path: Path_) -> Any:
        if isinstance(tree, Branch) and "kind" not in tree.entries:
            raw = {key: plain(entry.node) for key, entry in tree.entries.items()}
            common = keys_of(RuleSettings)
            own = {key: value for key, value in raw.items() if key not in common}
            if not {"above", "below"} & set(own):
                return {**{k: v for k, v in raw.items() if k in common}, "<declared>": own}
            spot = Leaf(spot=tree.spot, value="threshold")
            tree = replace(tree, entries={**tree.entries, "kind": Entry(spot=tree.spot, node=spot)})
        return plugs.part("rule", tree, path, RuleSettings)

    def _valid(self, node: type[_T], data: Any, place: Place, extra: Sequence[str] = ()) -> _T | None:
        try:
            return node.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            self.problems += tell(error, node, place, extra=extra)
            return None


def _no_source(reference: Branch) -> bool:
    return bool({"from", "to", "rolling", "same_period"} & set(reference.entries)) and not (
        {"path", "table", "query", "kind"} & set(reference.entries)
    )


def _glob(folder: Path, pattern: str) -> list[Path]:
    base = Path(pattern)
    root = Path(base.anchor) if base.is_absolute() else folder
    return sorted(file for file in root.glob(str(base.relative_to(root)) if base.is_absolute() else pattern))


def _scrub(problems: Sequence[Problem], secrets: set[str]) -> list[Problem]:
    """Sort, take every problem once and remove secrets that slipped into a text."""
    worth = sorted((secret for secret in secrets if len(secret) >= 4), key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in worth:
            text = text.replace(secret, MASK)
        return text

    seen: dict[tuple[Path, int, str, str], Problem] = {}
    for problem in sorted(problems):
        cleaned = replace(
            problem,
            value=clean(problem.value),
            message=clean(problem.message),
            nearest=clean(problem.nearest),
        )
        last = problem.key.rpartition(".")[2]
        seen.setdefault((problem.file, problem.line, last, cleaned.message), cleaned)
    return list(seen.values())
