"""Write the parts of a profile as compact bytes, and read them back bit for bit.

Layout: b"GKP", one version byte, then zlib of: 4 bytes length (little endian) of a JSON directory, the
directory, and the arrays' bytes one after the other. The directory holds plain values and, for each array,
dtype and shape; integers are stored in the narrowest dtype that holds them. Version 2 gives zlib a dictionary
of what directories look like, which takes a quarter off; version 1 had none. Version 3 may hold second
moments. Older ones are read.
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
_VERSION = 3
_LEVEL = 6
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


_SAMPLE = b"".join(
    (
        b'{"rows":1,"labelled":1,"unknown_labels":1,"duplicate_labels":1,"score_labelled":{"@":"|u1","s":[1,257]},',
        b'"score_positive":{"@":"|u1","s":[2,257]},"class_scores":{"@":"|u1","s":[3,2,257]},',
        b'"error_sums":{"@":"<f8","s":[8]},"errors":{"@":"|u1","s":[130]},"error_bins":{"@":"<f8","s":[130,3]},',
        b'"score_sums":{"@":"<f8","s":[8]},"confusion":{"@":"|u1","s":[2,2]},"kpis":{"%":{"":{"@":"<f8",',
        b'"s":[9,6]}}},"ages":{"@":"|u1","s":[9,32,2]}}',
        b'{"rows":100,"duplicates":1,"errors":1,"first":{"t":"2026-01-01T00:00:00.100000+00:00"},',
        b'"last":{"t":"2026-01-01T23:59:59.900000+00:00"},"statuses":{"%":{"200":99,"500":1}},',
        b'"latency":{"@":"|u1","s":[130]},"latency_sum":1000.5,"latency_missing":1,"columns":{"%":{',
        b'{"#":{"counts":{"@":"|u1","s":[22]},"missing":1}},',
        b'{"#":{"counts":{"@":"<u2","s":[130]},"missing":1,"invalid":1,"total":1000.5,"squares":10000.5,',
        b'"minimum":-1.5,"maximum":1.5}}}},"score":{"@":"|u1","s":[2,257]},"score_missing":1,',
        b'"score_sum":10.5,"score_squares":1.5,"score_variance":1.5,"weight":100.0,"weight_squares":100.0}',
    )
)
"""The dictionary of version 2: it must never change, for what was written with it is read with it."""


def encode(part: Inputs | Outcomes) -> bytes:
    """Write `part`; equal parts give equal bytes."""
    arrays: list[NDArray[Any]] = []
    directory = json.dumps(_plain(part, arrays), separators=(",", ":"), ensure_ascii=False).encode()
    body = b"".join([struct.pack("<I", len(directory)), directory, *(array.tobytes() for array in arrays)])
    packer = zlib.compressobj(_LEVEL, zdict=_SAMPLE)
    return _MAGIC + bytes([_VERSION]) + packer.compress(body) + packer.flush()


def decode(data: bytes, part: type[Part]) -> Part:
    """Read what `encode` wrote.

    Raises:
        StoreError: the bytes are not a profile, or of a newer format.
    """
    if data[:3] != _MAGIC:
        raise StoreError(_("These {n} bytes are not a profile.").format(n=len(data)))
    if not 1 <= data[3] <= _VERSION:
        raise StoreError(
            _("Profile format {found} is not format {known}.").format(found=data[3], known=_VERSION),
            hint=_("Run `goalkeeper db upgrade`, or a newer Goalkeeper."),
        )
    unpacker = zlib.decompressobj(zdict=_SAMPLE) if data[3] > 1 else zlib.decompressobj()
    body = memoryview(unpacker.decompress(data[4:]))
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
