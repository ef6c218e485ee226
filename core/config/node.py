"""The base of every part of the configuration, and the parts that plug-ins complete."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from core.config.secrets import Masked, Secret
from core.config.values import Zone

INNER = "<"
"""Keys that begin with this are set by the loader and cannot be written in a file."""


def shown(value: object) -> Any:
    """Return plain data for the eye: masked text as its mask, everything else as it is."""
    if isinstance(value, Masked):
        return value.shown
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value


class Node(BaseModel):
    """A frozen part of the configuration that takes no unknown key and shows no input in errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        allow_inf_nan=False,
    )


class Plugged(Node):
    """A part whose `kind` names a plug-in: what core knows of it, and the plug-in's own `options`.

    `options` is the instance of the plug-in's `Options` (None where there is none); `declared` is what the
    file says for them, masked, and the only thing shown.
    """

    kind: str = ""
    options: BaseModel | None = Field(
        None, validation_alias="<options>", serialization_alias="<options>", repr=False
    )
    declared: Mapping[str, Any] = Field(
        default_factory=dict, validation_alias="<declared>", serialization_alias="<declared>"
    )

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        inner = {"options", "declared"}
        dumped: dict[str, Any] = {
            key: value
            for key, value in handler(self).items()
            if key not in inner and not key.startswith(INNER)
        }
        dumped.update(shown(self.declared))
        return dumped


class Columns(Node):
    """Which column is used for what; names as the source spells them, None where there is none.

    `id` and `row_index` (several rows under one id) make a row's key together with `version`. `score` is one
    column (binary, regression, ranking) or a mapping of class to column (multiclass). `arrived` tells when a
    row came in, `sampled` is the share of traffic that was logged (0 < share ≤ 1), `latency_ms` is in
    milliseconds.
    """

    id: str | None = None
    row_index: str | None = None
    time: str | None = None
    arrived: str | None = None
    version: str | None = None
    role: str | None = None
    score: str | Mapping[str, str] | None = None
    prediction: str | None = None
    label: str | None = None
    latency_ms: str | None = None
    status: str | None = None
    sampled: str | None = None

    def used(self) -> tuple[str, ...]:
        """Return every column that has a use, in the order of the uses, each once."""
        names: list[str] = []
        for use in type(self).model_fields:
            value = getattr(self, use)
            names += list(value.values()) if isinstance(value, Mapping) else [value] if value else []
        return tuple(dict.fromkeys(names))


class Features(Node):
    """The model's input columns: found by `auto`, or listed; `exclude` is never looked at."""

    auto: bool = True
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Source(Plugged):
    """Where rows lie: `kind` (a plug-in of collectors.sources), columns and what core needs to read them.

    `where` is an SQL condition that picks this model's rows out of a shared log; `zone` is the zone of naive
    times (None: they count as UTC).
    """

    connection: str | None = None
    columns: Columns = Columns()
    where: str | None = None
    zone: Zone | None = Field(None, validation_alias="timezone", serialization_alias="timezone")
