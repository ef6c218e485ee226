"""YAML read with the place of every key and value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from core.config.problems import Problem
from core.config.secrets import MASK, Masked, is_secret_key, mask_url, mask_whole_url, url_secrets
from core.text import gettext as _

Scalar = None | bool | int | float | str
Path_ = tuple[str | int, ...]

_MAX_DEPTH = 40
_MAX_NODES = 200_000
_VARIABLE = re.compile(r"\$(\$\{)|\$\{([^}]*)\}")
_OPEN, _CLOSE = "\ue000", "\ue001"  # stand for the braces of ${NAME}, which `{key: ${NAME}}` cannot hold
_NAME = re.compile(r"[A-Za-z_]\w*")
_NAMED = frozenset(["models", "channels", "trackers", "connections"])
_NAMES_INSIDE = frozenset(["columns", "features", "kpis", "segments", "roles", "rules"])
_TOLD = frozenset(["channels", "trackers", "retrain", "telemetry", "registry", "heartbeat_url"])


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A place in a file; `line` counts from 1."""

    file: Path
    line: int


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One value."""

    spot: Spot
    value: Scalar


@dataclass(frozen=True, kw_only=True)
class Row:
    """A list."""

    spot: Spot
    items: "tuple[Tree, ...]"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A value and the place of its key."""

    spot: Spot
    node: "Tree"


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A mapping."""

    spot: Spot
    entries: Mapping[str, Entry]

    def get(self, key: str) -> "Tree | None":
        """Return the value under `key`; None where there is none."""
        entry = self.entries.get(key)
        return None if entry is None else entry.node


Tree = Leaf | Row | Branch


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain values: no yes/no, no 12:30 as a number, no dates made behind one's back."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML has it


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", "-+."),
    ("merge", r"^<<$", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


class Reader:
    """Reads YAML files into trees, fills `${NAME}` in, and collects `problems` and masked `secrets`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self.secrets: set[str] = set()
        self._environ = environ
        self._nodes = 0

    def read(self, file: Path, prefix: Path_ = ()) -> Tree | None:
        """Read one file whose content belongs under `prefix`; None, and a problem, where it is unreadable."""
        try:
            text = file.read_bytes().decode("utf-8-sig")
            root = yaml.compose(_hide_variables(text), Loader=_Loader)
        except OSError as error:
            self._add(
                Spot(file=file, line=0), (), _("The file cannot be read: {reason}"), reason=error.strerror
            )
            return None
        except UnicodeDecodeError:
            self._add(Spot(file=file, line=0), (), _("The file is not UTF-8 text."))
            return None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            # names out of the file may be secrets: only YAML's own signs stay
            reason = re.sub(r"'(?!<)[^'\s]{2,}'", "'…'", str(error.problem or error.context))
            spot = Spot(file=file, line=mark.line + 1 if mark else 0)
            self._add(spot, (), _("This is not YAML: {reason}"), reason=reason)
            return None
        except (yaml.YAMLError, RecursionError):
            self._add(Spot(file=file, line=0), (), _("This is not YAML."))
            return None
        if root is None:
            return Branch(spot=Spot(file=file, line=1), entries={})
        return self._grow(root, file, prefix, 0)

    def _add(self, spot: Spot, path: Path_, message: str, **values: object) -> None:
        message = message.format(**values)
        self.problems.append(Problem(file=spot.file, line=spot.line, key=dotted(path), message=message))

    def _grow(self, node: yaml.Node, file: Path, path: Path_, depth: int) -> Tree:
        spot = Spot(file=file, line=node.start_mark.line + 1)
        self._nodes += 1
        if depth > _MAX_DEPTH or self._nodes > _MAX_NODES:
            if self._nodes <= _MAX_NODES + 1:
                self._add(spot, path, _("This is nested too deeply, or refers to itself."))
                self._nodes = _MAX_NODES + 1
            return Leaf(spot=spot, value=None)
        if isinstance(node, yaml.MappingNode):
            return self._branch(node, file, path, depth)
        if isinstance(node, yaml.SequenceNode):
            items = (self._grow(item, file, (*path, i), depth + 1) for i, item in enumerate(node.value))
            return Row(spot=spot, items=tuple(items))
        return Leaf(spot=spot, value=self._value(node, spot, path))

    def _branch(self, node: yaml.MappingNode, file: Path, path: Path_, depth: int) -> Branch:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            spot = Spot(file=file, line=key_node.start_mark.line + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self._add(spot, path, _("A key must be a word."))
                continue
            if key_node.tag == "tag:yaml.org,2002:merge":
                value = self._grow(value_node, file, path, depth + 1)
                for part in value.items if isinstance(value, Row) else (value,):
                    if isinstance(part, Branch):
                        merged = {**part.entries, **merged}
                continue
            key = _show_variables(str(key_node.value))
            if key in entries:
                first = entries[key].spot.line
                self._add(spot, (*path, key), _("This key stands here twice, first in line {n}."), n=first)
                continue
            entries[key] = Entry(spot=spot, node=self._grow(value_node, file, (*path, key), depth + 1))
        return Branch(spot=Spot(file=file, line=node.start_mark.line + 1), entries={**merged, **entries})

    def _value(self, node: yaml.Node, spot: Spot, path: Path_) -> Scalar:
        text, tag = _show_variables(str(node.value)), node.tag.rpartition(":")[2]
        hidden = _is_hidden(path)
        if hidden and tag != "null":
            tag = "str"
        if tag == "str":
            return self._text(text, spot, path, hidden)
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() == "true"
        if tag == "int" and len(text) < 300:
            return int(text)
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan")) if tag == "float" else text

    def _text(self, written: str, spot: Spot, path: Path_, hidden: bool) -> str:
        used: list[str] = []

        def fill(found: re.Match[str]) -> str:
            if found[1]:
                return "${"
            name = found[2]
            if not _NAME.fullmatch(name):
                self._add(spot, path, _("'{name}' is no name of an environment variable."), name=found[0])
            elif name not in self._environ:
                self._add(spot, path, _("The environment variable {name} is not set."), name=name)
            else:
                used.append(self._environ[name])
                return self._environ[name]
            return ""

        text = _VARIABLE.sub(fill, written)
        told = any(part in _TOLD for part in path) and "://" in text
        if used or hidden or told or mask_url(text) != text:
            self.secrets.update([*used, *url_secrets(text), *([text] if hidden else [])])
            if told:
                self.secrets.update(part for part in re.split(r"[/?&=:@#]+", text) if len(part) > 7)
            bare = written if used else text
            return Masked(text, MASK if hidden else mask_whole_url(bare) if told else mask_url(bare))
        return text


def _is_hidden(path: Path_) -> bool:
    """Tell whether a key on the path is a secret's; names that people give to models or columns are not."""
    if _NAMES_INSIDE & set(path):
        return False
    keys = [key for above, key in zip(("", *path), path, strict=False) if above not in _NAMED]
    return any(is_secret_key(key) for key in keys if isinstance(key, str))


def _hide_variables(text: str) -> str:
    return re.sub(r"\$\{([A-Za-z_]\w*)\}", rf"${_OPEN}\1{_CLOSE}", text)


def _show_variables(text: str) -> str:
    return text.replace(f"${_OPEN}", "${").replace(_CLOSE, "}")


def dotted(path: Path_) -> str:
    """Write a path: `models.lead-scoring.goals[0].kpi`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def plain(tree: Tree) -> object:
    """Return the tree as plain data."""
    if isinstance(tree, Branch):
        return {key: plain(entry.node) for key, entry in tree.entries.items()}
    return [plain(item) for item in tree.items] if isinstance(tree, Row) else tree.value


def follow(tree: Tree, path: Sequence[str | int]) -> tuple[Path_, Spot, Tree]:
    """Go along `path` as far as it exists; return the part gone, the place (of the key) and the node."""
    gone: list[str | int] = []
    spot = tree.spot
    for part in path:
        if isinstance(tree, Branch) and isinstance(part, str) and part in tree.entries:
            spot, tree = tree.entries[part].spot, tree.entries[part].node
            if isinstance(tree, Leaf):
                spot = tree.spot
        elif isinstance(tree, Row) and isinstance(part, int) and 0 <= part < len(tree.items):
            tree = tree.items[part]
            spot = tree.spot
        else:
            continue
        gone.append(part)
    return tuple(gone), spot, tree


def walk(tree: Tree, path: Path_ = ()) -> Iterator[tuple[Path_, Tree]]:
    """Yield every node with its path, parents first."""
    yield path, tree
    if isinstance(tree, Branch):
        for key, entry in tree.entries.items():
            yield from walk(entry.node, (*path, key))
    elif isinstance(tree, Row):
        for index, item in enumerate(tree.items):
            yield from walk(item, (*path, index))


def merge(base: Tree, over: Tree) -> Tree:
    """Lay `over` upon `base`: mappings merge key by key, everything else is replaced."""
    if not isinstance(base, Branch) or not isinstance(over, Branch):
        return over
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = base.entries.get(key)
        if below is None or key == "reference" or _replaces(below.node, entry.node):
            entries[key] = entry
        else:
            entries[key] = Entry(spot=entry.spot, node=merge(below.node, entry.node))
    return Branch(spot=over.spot, entries=entries)


def _replaces(base: Tree, over: Tree) -> bool:
    """Tell whether `over` is a thing of another kind, so that the options of `base` make no sense there."""
    if not isinstance(base, Branch) or not isinstance(over, Branch):
        return True
    kinds = [tree.get("kind") for tree in (base, over)]
    if isinstance(kinds[0], Leaf) and isinstance(kinds[1], Leaf):
        return kinds[0].value != kinds[1].value
    return ("in" in over.entries) != ("in" in base.entries) and "in" in (*over.entries, *base.entries)
