"""Write the parts of a profile as compact bytes, and read them back bit for bit.

Layout, version 1: b"GKP", one version byte, then zlib of: 4 bytes length (little endian) of a JSON
directory, the directory, and the arrays' bytes one after the other. The directory holds plain values and,
for each array, dtype and shape; integers are stored in the narrowest dtype that holds them.
"""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from functools import cache
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import StoreError
from core.profile import ColumnSummary, Inputs, Outcomes
from core.text import gettext as _

_MAGIC = b"GKP"
_VERSION = 1
_NARROW = tuple(
    (np.dtype(name).newbyteorder("<"), int(np.iinfo(name).min), int(np.iinfo(name).max))
    for name in ("uint8", "uint16", "uint32", "int64")
)

_DEFAULTS = {
    part: tuple(
        (item.name, item.default if item.default_factory is MISSING else item.default_factory())
        for item in fields(part)
    )
    for part in (Inputs, Outcomes, ColumnSummary)
}

Part = TypeVar("Part", Inputs, Outcomes)


def encode(part: Inputs | Outcomes) -> bytes:
    """Write `part`; equal parts give equal bytes."""
    arrays: list[NDArray[Any]] = []
    directory = json.dumps(_plain(part, arrays), separators=(",", ":"), ensure_ascii=False).encode()
    body = b"".join([struct.pack("<I", len(directory)), directory, *(array.tobytes() for array in arrays)])
    return _MAGIC + bytes([_VERSION]) + zlib.compress(body, 1)


def decode(data: bytes, part: type[Part]) -> Part:
    """Read what `encode` wrote.

    Raises:
        StoreError: the bytes are not a profile, or of a newer format.
    """
    if data[:3] != _MAGIC:
        raise StoreError(_("These {n} bytes are not a profile.").format(n=len(data)))
    if data[3] != _VERSION:
        raise StoreError(
            _("Profile format {found} is not format {known}.").format(found=data[3], known=_VERSION),
            hint=_("Run `goalkeeper db upgrade`, or a newer Goalkeeper."),
        )
    body = memoryview(zlib.decompress(data[4:]))
    (size,) = struct.unpack_from("<I", body)
    plain = json.loads(bytes(body[4 : 4 + size]))
    value = _Reader(body[4 + size :]).read(plain)
    return part(**value)


def _plain(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        narrow = _narrowed(value)
        arrays.append(narrow)
        return {"@": narrow.dtype.str, "s": list(value.shape)}
    if isinstance(value, Inputs | Outcomes | ColumnSummary):
        kept = {}
        for name, default in _DEFAULTS[type(value)]:
            field_value = getattr(value, name)
            if isinstance(field_value, np.ndarray) or field_value != default:
                kept[name] = _plain(field_value, arrays)
        return {"#": kept} if isinstance(value, ColumnSummary) else kept
    if isinstance(value, Mapping):
        return {"%": {key: _plain(value[key], arrays) for key in sorted(value)}}
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, np.generic):
        return value.item()
    return value


def _narrowed(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "iu":
        return np.ascontiguousarray(array, dtype="<f8")
    top, low = (int(array.max()), int(array.min())) if array.size else (0, 0)
    for dtype, least, most in _NARROW:
        if least <= low and top <= most:
            return np.ascontiguousarray(array, dtype=dtype)
    raise OverflowError(top)


@cache
def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(name)


class _Reader:
    """Walk the directory in the order in which it was written and cut the arrays off."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def read(self, value: Any) -> Any:
        if type(value) is not dict:
            return value
        if "@" in value:
            return self._array(_dtype(value["@"]), tuple(value["s"]))
        if "#" in value:
            return ColumnSummary(**self.read(value["#"]))
        if "%" in value:
            return {key: self.read(inner) for key, inner in value["%"].items()}
        if "t" in value:
            return datetime.fromisoformat(value["t"])
        return {key: self.read(inner) for key, inner in value.items()}

    def _array(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        count = prod(shape)
        array = np.frombuffer(self._data, dtype=dtype, count=count, offset=self._at).reshape(shape)
        self._at += count * dtype.itemsize
        return array.astype(np.float64 if dtype.kind == "f" else np.int64)
