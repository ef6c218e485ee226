"""Put pydantic's complaints into our words, with the place in the file."""

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.config.problems import Problem, RefusedError
from core.config.secrets import MASK, Masked, is_secret_key
from core.config.tree import Leaf, Path_, Row, Tree, dotted, follow
from core.spelling import listed, nearest_of
from core.text import gettext as _
from core.text import ngettext


@dataclass(frozen=True, kw_only=True)
class Place:
    """A node of the file and the path that leads to it."""

    tree: Tree
    path: Path_ = ()

    def problem(
        self,
        loc: Sequence[str | int],
        message: str,
        *,
        allowed: str = "",
        nearest: str = "",
        missing: str = "",
    ) -> Problem:
        """Make a problem of what stands at `loc` below this place."""
        gone, spot, node = follow(self.tree, loc)
        key = dotted((*self.path, *gone, *([missing] if missing else [])))
        value = "" if missing else _shown(node)
        nearest = "" if MASK in value else nearest
        return Problem(
            file=spot.file,
            line=spot.line,
            key=key,
            value=value,
            message=message,
            allowed=allowed,
            nearest=nearest,
        )

    def unknown(self, loc: Sequence[str | int], known: Iterable[str], *, secret: bool) -> Problem:
        """Make a problem of an unknown key; its value is hidden where it may be a misspelt secret."""
        known = [key for key in known if not key.startswith("<")]
        gone, spot, node = follow(self.tree, loc[:-1])
        key = str(loc[-1])
        if not isinstance(node, Leaf | Row) and key in node.entries:
            spot = node.entries[key].spot
            gone = (*gone, key)
            node = node.entries[key].node
        nearest = nearest_of(key, known)
        hide = secret or is_secret_key(nearest) or is_secret_key(key) or "url" in (nearest, key)
        return Problem(
            file=spot.file,
            line=spot.line,
            key=dotted((*self.path, *gone)),
            value=(MASK if _shown(node) else "") if hide else _shown(node),
            message=_("There is no such key."),
            allowed=listed(known),
            nearest=nearest,
        )


def _shown(node: Tree) -> str:
    if isinstance(node, Row):
        return ngettext("a list of {n}", "a list of {n}", len(node.items)).format(n=len(node.items))
    if not isinstance(node, Leaf):
        return ngettext("a mapping of {n} key", "a mapping of {n} keys", len(node.entries)).format(
            n=len(node.entries)
        )
    if node.value is None:
        return ""
    if isinstance(node.value, bool):
        return str(node.value).lower()
    text = node.value.shown if isinstance(node.value, Masked) else str(node.value)
    return text if len(text) <= 100 else text[:99] + "…"


def tell(
    error: ValidationError,
    model: type[BaseModel],
    place: Place,
    *,
    extra: Iterable[str] = (),
    secret: bool = False,
) -> list[Problem]:
    """Turn a validation error into problems, one for each place.

    `extra` are further keys allowed at the top, `secret` hides the values of unknown keys.
    """
    found: dict[tuple[str | int, ...], Problem] = {}
    missing: set[tuple[str | int, ...]] = set()
    misspelt: set[str] = set()
    for one in error.errors(include_url=False, include_input=False):
        loc = one["loc"]
        told = _tell_one(one, model, place, extra, secret or _tells_secrets(loc))
        at = (*follow(place.tree, loc)[0], told.key)
        found.setdefault(at, told)
        if one["type"] == "missing":
            missing.add(at)
        elif one["type"] == "extra_forbidden" and told.nearest:
            misspelt.add(dotted((*place.path, *loc[:-1], told.nearest)))
    return [told for at, told in found.items() if at not in missing or told.key not in misspelt]


_WITH_SECRETS = frozenset(["smtp", "channels", "trackers", "connections", "retrain", "telemetry", "registry"])


def _tells_secrets(loc: Sequence[str | int]) -> bool:
    return not _WITH_SECRETS.isdisjoint(map(str, loc))


def _tell_one(
    one: ErrorDetails, model: type[BaseModel], place: Place, extra: Iterable[str], secret: bool
) -> Problem:
    loc, context = one["loc"], one.get("ctx", {})
    refused = context.get("error")
    if one["type"] == "extra_forbidden":
        known = [*_keys_at(model, loc[:-1]), *(extra if len(loc) == 1 else ())]
        return place.unknown(loc, known, secret=secret)
    if one["type"] == "missing":
        key = str(loc[-1])
        return place.problem(loc[:-1], _("The key {key} is missing.").format(key=key), missing=key)
    if isinstance(refused, RefusedError):
        at = (*loc, refused.key) if refused.key else loc
        return place.problem(at, str(refused), allowed=refused.allowed, nearest=refused.nearest)
    if one["type"] in ("literal_error", "enum"):
        known = _choices_at(model, loc)
        node = follow(place.tree, loc)[2]
        value = str(node.value) if isinstance(node, Leaf) else ""
        message = _("This is none of the allowed values.")
        return place.problem(loc, message, allowed=", ".join(known), nearest=nearest_of(value, known))
    return place.problem(loc, _words(one["type"], context, one["msg"]))


def _words(kind: str, context: Mapping[str, Any], fallback: str) -> str:
    if kind in ("model_type", "dict_type", "mapping_type", "model_attributes_type", "dataclass_type"):
        return _("A mapping (key: value) is needed here.")
    if kind in ("tuple_type", "list_type", "set_type", "frozen_set_type"):
        return _("A list is needed here.")
    if kind == "string_type":
        return _("A text is needed here.")
    if kind.startswith("int_"):
        return _("A whole number is needed here.")
    if kind.startswith("float_") or kind == "finite_number":
        return _("A number is needed here.")
    if kind.startswith("bool_"):
        return _("true or false is needed here.")
    if kind.startswith("date_"):
        return _("This is not a date.")
    if kind == "string_pattern_mismatch":
        return _("This does not have the form {form}.").format(form=context.get("pattern", ""))
    bounds = {
        "greater_than": (_("It must be more than {bound}."), "gt"),
        "greater_than_equal": (_("It must be at least {bound}."), "ge"),
        "less_than": (_("It must be less than {bound}."), "lt"),
        "less_than_equal": (_("It must be at most {bound}."), "le"),
    }
    if kind in bounds:
        text, name = bounds[kind]
        return text.format(bound=context.get(name))
    return fallback.removeprefix("Value error, ")


def _annotation_at(annotation: Any, loc: Sequence[str | int]) -> Any:
    """Return what type stands at `loc` below a type; None where it cannot be told."""
    if not loc:
        return annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotation_at(arguments[0], loc)
    if origin in (Union, types.UnionType):
        found = (_annotation_at(one, loc) for one in arguments)
        return next((one for one in found if one is not None), None)
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
        return _annotation_at(arguments[1], loc[1:])
    if isinstance(origin, type) and issubclass(origin, tuple | list | set | frozenset) and arguments:
        return _annotation_at(arguments[0], loc[1:])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            if loc[0] in (info.validation_alias, info.alias, name):
                return _annotation_at(info.annotation, loc[1:])
    return None


def _first_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_first_model(one) for one in get_args(annotation))
    return next((one for one in found if one is not None), None)


def _keys_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    part = _first_model(_annotation_at(model, loc))
    if part is None:
        return []
    hidden = ("options", "declared")
    infos = ((name, info) for name, info in part.model_fields.items() if name not in hidden)
    return [str(info.validation_alias or info.alias or name) for name, info in infos]


def _choices_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    return [str(choice) for choice in _choices(_annotation_at(model, loc))]


def _choices(annotation: Any) -> list[object]:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [member.value for member in annotation]
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [choice for part in get_args(annotation) for choice in _choices(part)]
