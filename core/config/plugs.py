"""Hand the parts that plug-ins complete to the plug-ins, and keep their answers and complaints."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from core import plugins
from core.config.model import Reference
from core.config.node import Plugged, Source
from core.config.problems import Problem
from core.config.secrets import Masked
from core.config.tree import Branch, Path_, Tree, plain
from core.config.wording import Place, tell
from core.errors import GoalkeeperError
from core.plugins import PORTS, Port
from core.spelling import listed, nearest_of
from core.text import gettext as _

_SUFFIXES = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv", ".csv.gz", ".csv.zst", ".tsv", ".tsv.gz", ".tsv.zst"),
    "jsonl": (
        ".jsonl",
        ".ndjson",
        ".json",
        ".jsonl.gz",
        ".ndjson.gz",
        ".json.gz",
        ".jsonl.zst",
        ".ndjson.zst",
    ),
}
SCHEMES = ("s3", "gs", "az")
"""Of addresses in object stores."""
_PLACES = ("path", "paths", "folder", "cwd")
_LOCAL_PORTS = ("source", "channel", "tracker", "retrain")


def kind_of_path(path: str) -> str:
    """Return the source kind that a file's suffix means, '' where it means none."""
    name = path.lower()
    return next((kind for kind, ends in _SUFFIXES.items() if name.endswith(ends)), "")


def local_path(path: str, folder: Path) -> str:
    """Return `path` as an absolute one, read from `folder`; addresses (s3://…) stay as they are."""
    if "://" in path:
        return path
    whole = str(folder / Path(path).expanduser())
    return Masked(whole, path.shown) if isinstance(path, Masked) else whole


def reference_file(path: str, folder: Path, dirs: tuple[Path, ...]) -> Reference:
    """Return the reference `{path: …}` as the file would declare it.

    Raises:
        GoalkeeperError: the kind cannot be told from the path.
    """
    kind = kind_of_path(path)
    if not kind:
        raise GoalkeeperError(
            _("It cannot be told from {path} what kind of file it is.").format(path=path),
            hint=_("Allowed endings: {endings}.").format(
                endings=", ".join(end for ends in _SUFFIXES.values() for end in ends)
            ),
        )
    options = plugins.load(PORTS["source"], kind, dirs).Options
    whole = {"path": local_path(path, folder)}
    return Reference(
        kind=kind, declared={"path": path}, options=options.model_validate(whole, context={"folder": folder})
    )


def keys_of(node: type[BaseModel]) -> frozenset[str]:
    """Return the keys that a part of the file may have, as the file spells them."""
    keys = {
        str(info.validation_alias or info.alias or name)
        for name, info in node.model_fields.items()
        if name not in ("options", "declared") or not issubclass(node, Plugged)
    }
    return frozenset(key for key in keys if not key.startswith("<"))


@dataclass(kw_only=True)
class Plugs:
    """Validates every part that has a `kind`; `problems` grows."""

    folder: Path
    dirs: tuple[Path, ...]
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def part(
        self, port: str, tree: Tree, path: Path_, node: type[Plugged], inherit: Branch | None = None
    ) -> Any:
        """Return data for `node`: core's keys as they are, the plug-in's as its checked `options`.

        `inherit` is the source whose kind and connection a reference takes over when it names none.
        """
        if not isinstance(tree, Branch):
            return plain(tree)  # pydantic says what should stand here
        common = keys_of(node)
        raw = {key: plain(entry.node) for key, entry in tree.entries.items()}
        data = {key: value for key, value in raw.items() if key in common}
        own = {key: value for key, value in raw.items() if key not in common}
        place = Place(tree=tree, path=path)
        if inherit is not None and "table" in own and not {"kind", "connection", "url"} & set(raw):
            above = {key: plain(entry.node) for key, entry in inherit.entries.items()}
            data |= {key: above[key] for key in ("kind", "connection") if key in above}
            own |= {"url": above["url"]} if "url" in above else {}
        kind = data.get("kind") or (self._infer(own, data) if issubclass(node, Source) else "")
        if not isinstance(kind, str) or not kind:
            if "kind" not in data or data["kind"] in (None, ""):
                self._no_kind(PORTS[port], own, place)
            return {**data, "kind": "-"} if not isinstance(data.get("kind"), str) else data
        declared = dict(own)
        options = self._options(PORTS[port], kind, own, data.get("connection"), place, common)
        return {**data, "kind": kind, "<options>": options, "<declared>": declared}

    def _infer(self, own: Mapping[str, Any], data: Mapping[str, Any]) -> str:
        path = own.get("path")
        if isinstance(path, list) and path:
            path = path[0]
        if isinstance(path, str):
            return kind_of_path(path)
        return "sql" if ("connection" in data or "url" in own) and ("table" in own or "query" in own) else ""

    def _no_kind(self, port: Port, own: Mapping[str, Any], place: Place) -> None:
        known = plugins.names(port, self.dirs)
        message = _("The kind of {port} is not said.").format(port=port.name)
        self.problems.append(
            place.problem(("path",) if "path" in own else (), message, allowed=listed(known))
        )

    def _options(
        self,
        port: Port,
        kind: str,
        own: Mapping[str, Any],
        connection: object,
        place: Place,
        common: Iterable[str],
    ) -> BaseModel | None:
        try:
            model = getattr(plugins.load(port, kind, self.dirs), "Options", None)
        except plugins.UnknownPluginError as error:
            has_kind = isinstance(place.tree, Branch) and "kind" in place.tree.entries
            at = ("kind",) if has_kind else ()
            self.problems.append(
                place.problem(at, error.message, allowed=listed(error.known), nearest=error.nearest)
            )
            return None
        except GoalkeeperError as error:
            self.problems.append(place.problem(("kind",), f"{error.message} {error.hint}".strip()))
            return None
        known = keys_of(model) if isinstance(model, type) and issubclass(model, BaseModel) else frozenset()
        raw = dict(own)
        connected = not isinstance(connection, str) or self._connect(raw, connection, known, place)
        if port.name in _LOCAL_PORTS:
            self._localise(raw)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            self.problems += [
                place.unknown((key,), [*common, "kind"], secret=port.name != "source") for key in own
            ]
            return None
        try:
            options = model.model_validate(raw, context={"folder": self.folder})
        except ValidationError as error:
            allowed = sorted(known | set(common))
            told = tell(error, model, place, extra=allowed, secret=port.name != "source")
            self.problems += [one for one in told if connected or not one.key.endswith(".url")]
            return None
        for name, info in model.model_fields.items():
            given = raw.get(str(info.validation_alias or info.alias or name))
            if isinstance(given, Masked) and getattr(options, name) == given:
                options.__dict__[name] = given  # pydantic makes plain text of it: keep the mask
        return options

    def _connect(self, raw: dict[str, Any], name: str, known: frozenset[str], place: Place) -> bool:
        """Put the connection's url (or the beginning of the path) into the options, if it exists."""
        connection = self.connections.get(name)
        if connection is None:
            nearest = nearest_of(name, self.connections)
            message = _("There is no connection of this name.")
            at = ("connection",)
            allowed = listed(self.connections) or _("none is defined under connections:")
            self.problems.append(place.problem(at, message, allowed=allowed, nearest=nearest))
            return False
        url = connection.get("url")
        if not isinstance(url, str):
            return False
        far = url.partition("://")[0] in SCHEMES and isinstance(raw.get("path"), str)
        if "url" in known and not far:
            raw.setdefault("url", url)
        elif "path" in known and isinstance(raw.get("path"), str) and "://" not in raw["path"]:
            shown = url.shown if isinstance(url, Masked) else url
            tail = raw["path"].lstrip("/")
            whole = f"{url.rstrip('/')}/{tail}"
            raw["path"] = Masked(whole, f"{shown}/{tail}") if isinstance(url, Masked) else whole
        elif "url" not in known and "path" not in known:
            message = _("This kind of source takes no connection.")
            self.problems.append(place.problem(("connection",), message))
        options = connection.get("options")
        for key, value in options.items() if isinstance(options, Mapping) else ():
            if key in known:
                raw.setdefault(key, value)
        return True

    def _localise(self, raw: dict[str, Any]) -> None:
        for key in _PLACES:
            value = raw.get(key)
            if isinstance(value, str):
                raw[key] = local_path(value, self.folder)
            elif isinstance(value, list):
                raw[key] = [
                    local_path(item, self.folder) if isinstance(item, str) else item for item in value
                ]
        if isinstance(raw.get("url"), str):
            raw["url"] = local_url(raw["url"], self.folder)


def local_url(url: str, folder: Path) -> str:
    """Return a database address whose relative file (sqlite:///x.db, duckdb:///x.db) is made absolute."""
    scheme, mark, rest = url.partition(":///")
    engine = scheme.partition("+")[0]
    if not mark or engine not in ("sqlite", "duckdb") or rest.startswith(("/", ":memory:")):
        return url
    if not rest or rest.startswith("file:"):
        return url
    whole = f"{scheme}:///{folder / rest}"
    return Masked(whole, url.shown) if isinstance(url, Masked) else whole
