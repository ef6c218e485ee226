"""Find plug-ins by file name and import only those that are asked for."""

import ast
import hashlib
import importlib
import importlib.util
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from core.errors import GoalkeeperError
from core.spelling import nearest_of
from core.text import gettext as _

_GUARD = re.compile(r"ImportError|ModuleNotFoundError")
_IMPORTING = threading.RLock()
_HOME = Path(__file__).resolve().parent.parent
_OURS = frozenset(
    [
        "alerts",
        "api",
        "collectors",
        "core",
        "dashboard",
        "goalkeeper",
        "metrics",
        "notify",
        "reports",
        "store",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Port:
    """A place for plug-ins: the package that holds ours, the subfolder that holds a project's own.

    A `nested` port takes files of subfolders too; their kinds are dotted (`drift.psi`).
    """

    name: str
    package: str
    folder: str
    nested: bool = False


PORTS: dict[str, Port] = {
    port.name: port
    for port in (
        Port(name="source", package="collectors.sources", folder="sources"),
        Port(name="telemetry", package="collectors.telemetry", folder="telemetry"),
        Port(name="registry", package="collectors.registries", folder="registries"),
        Port(name="channel", package="notify.channels", folder="channels"),
        Port(name="tracker", package="alerts.trackers", folder="trackers"),
        Port(name="retrain", package="alerts.retrain", folder="retrain"),
        Port(name="rule", package="alerts.rules", folder="rules"),
        Port(name="page", package="dashboard.views", folder="views"),
        Port(name="metric", package="metrics.catalog", folder="metrics", nested=True),
    )
}


@dataclass(frozen=True, kw_only=True)
class PluginStatus:
    """One line of `goalkeeper plugins`: `needs` is empty when the plug-in can be used as it stands."""

    port: str
    kind: str
    path: Path
    own: bool
    needs: str = ""


class UnknownPluginError(GoalkeeperError):
    """No file of this port bears the name; `known` lists those that exist, `nearest` may be empty."""

    def __init__(self, port: Port, kind: str, known: Sequence[str], nearest: str) -> None:
        self.known = tuple(known)
        self.nearest = nearest
        message = _("There is no {port} of kind '{kind}'.").format(port=port.name, kind=kind)
        hint = _("Known kinds: {known}.").format(known=", ".join(known) or _("none"))
        super().__init__(
            message,
            hint=_("Did you mean {nearest}?").format(nearest=nearest) + " " + hint if nearest else hint,
        )


class MissingExtraError(GoalkeeperError):
    """The plug-in is there, a third-party package that it uses is not; `needs` names what to install."""

    def __init__(self, port: Port, kind: str, needs: str) -> None:
        self.needs = needs
        super().__init__(
            _("The {port} '{kind}' needs {needs}.").format(port=port.name, kind=kind, needs=needs),
            hint=_("Install it with: pip install '{needs}'").format(needs=needs),
        )


class BrokenPluginError(GoalkeeperError):
    """The plug-in's file cannot be imported."""

    def __init__(self, port: Port, kind: str, path: Path, reason: str) -> None:
        super().__init__(
            _("The {port} '{kind}' cannot be loaded: {reason}").format(
                port=port.name, kind=kind, reason=reason
            ),
            hint=_("Look into {path}.").format(path=path),
        )


def names(port: Port, extra_dirs: Sequence[Path] = ()) -> list[str]:
    """List the kinds of a port, sorted, without importing any; `extra_dirs` are projects' plug-in folders."""
    return sorted(_files(port, extra_dirs))


def load(port: Port, kind: str, extra_dirs: Sequence[Path] = ()) -> ModuleType:
    """Import the plug-in that `kind` names; a project's own file goes before ours of the same name.

    Raises:
        UnknownPluginError: no such file.
        MissingExtraError: a third-party package is missing.
        BrokenPluginError: the import failed.
    """
    files = _files(port, extra_dirs)
    if kind not in files:
        raise UnknownPluginError(port, kind, sorted(files), nearest_of(kind, files))
    path, own = files[kind]
    name = f"{port.package}.{kind}"
    try:
        if not own and name in sys.modules:
            return importlib.import_module(name)  # another thread may still be executing it: this waits
        needs = _needs(path)
        if needs and _extra(path):
            raise MissingExtraError(port, kind, needs)
        return _import_own(port, kind, path) if own else importlib.import_module(name)
    except GoalkeeperError:
        raise
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if not missing or missing in _OURS:
            raise BrokenPluginError(port, kind, path, str(error)) from error
        raise MissingExtraError(port, kind, _extra(path) or missing) from error
    except Exception as error:  # a foreign file may fail in any way
        raise BrokenPluginError(port, kind, path, f"{type(error).__name__}: {error}") from error


def status(port: Port, extra_dirs: Sequence[Path] = ()) -> list[PluginStatus]:
    """Tell of every kind of a port whether it can be used, without importing any."""
    rows = []
    for kind, (path, own) in sorted(_files(port, extra_dirs).items()):
        try:
            needs = _needs(path)
        except (SyntaxError, UnicodeDecodeError, ValueError) as error:
            needs = _("repair: {reason}").format(reason=error)
        rows.append(PluginStatus(port=port.name, kind=kind, path=path, own=own, needs=needs))
    return rows


def _files(port: Port, extra_dirs: Sequence[Path]) -> dict[str, tuple[Path, bool]]:
    found = {kind: (path, False) for kind, path in _ours(port)}
    for folder in extra_dirs:
        found |= {kind: (path, True) for kind, path in _list(folder / port.folder, port.nested)}
    return found


@cache
def _ours(port: Port) -> Sequence[tuple[str, Path]]:
    return tuple(_list(_HOME.joinpath(*port.package.split(".")), port.nested))


def _list(folder: Path, nested: bool) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*.py") if nested else folder.glob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if parts[-1] != "base" and not any(part.startswith(("_", ".")) for part in parts):
            yield ".".join(parts), path


def _import_own(port: Port, kind: str, path: Path) -> ModuleType:
    place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"_goalkeeper_plugin_{place}_{port.name}_{kind.replace('.', '_')}"
    with _IMPORTING:
        return sys.modules[name] if name in sys.modules else _executed(name, path)


def _executed(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # pydantic and dataclasses look their module up while it is executed
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _extra(path: Path) -> str:
    for node in ast.parse(path.read_bytes()).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if (
            any(isinstance(target, ast.Name) and target.id == "EXTRA" for target in targets)
            and isinstance(value, ast.Constant)
            and isinstance(value.value, str)
        ):
            return f"goalkeeper[{value.value}]" if value.value else ""
    return ""


def _needs(path: Path) -> str:
    """Return what to install before the plug-in works: its extra, or the missing packages; '' if nothing."""
    missing = sorted(
        {
            top
            for top in _imported(ast.parse(path.read_bytes()))
            if top not in _OURS and top not in sys.stdlib_module_names and not _exists(top)
        }
    )
    return (_extra(path) or ", ".join(missing)) if missing else ""


def _exists(top: str) -> bool:
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return top in sys.modules


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the top-level packages that a tree imports, those for type checking or under `try` left out."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield node.module.partition(".")[0]
    elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for statement in node.orelse:
            yield from _imported(statement)
        return
    elif isinstance(node, ast.Try) and any(
        handler.type is not None and _GUARD.search(ast.unparse(handler.type)) for handler in node.handlers
    ):
        for statement in [*node.orelse, *node.finalbody]:
            yield from _imported(statement)
        return
    for child in ast.iter_child_nodes(node):
        yield from _imported(child)
