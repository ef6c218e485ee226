"""Bodies of requests and answers, as serving platforms write them, taken apart into rows.

Nothing of a body is trusted: size, depth, repeated keys and numbers of columns have limits, and whatever does
not fit is refused by a `MisfitError` that says why.
"""

import base64
import binascii
import csv
import io
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from core.text import gettext as _

MOST_BYTES = 4 * 2**20
"""No record and no body is larger."""
MOST_COLUMNS = 1000
WIDEST = 64
"""A list of up to so many values becomes columns; what is wider (an image, an embedding) is left out."""
DEEPEST = 4
OUTPUT = "output"
"""What an answer without a name is called."""
_IS_OUTPUT = re.compile(rf"{OUTPUT}(_\d+)?(\..*)?", re.DOTALL)

_NAMES = tuple(f"f{at}" for at in range(WIDEST))
_LONGEST_NAME = 200
_PLAIN = frozenset({str, int, float, bool, type(None)})
Value = str | int | float | bool | None
Row = dict[str, Value]


class MisfitError(Exception):
    """Why a record is none of a log's."""


def decoded(text: str | bytes, *, most: int = MOST_BYTES) -> Any:
    """Return what a JSON text of at most so many bytes holds; NaN is a missing value.

    Raises:
        MisfitError: it is no JSON, nested too deeply, or names a key twice.
    """
    if len(text) > most:
        raise MisfitError(too_large())
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError as error:
        raise MisfitError(_("it is nested too deeply")) from error
    except UnicodeDecodeError as error:
        raise MisfitError(_("it is no text in UTF-8")) from error
    except ValueError as error:
        raise MisfitError(_("it is no JSON: {error}").format(error=str(error)[:80])) from error


def unpacked(data: str, encoding: str, content_type: str = "") -> Any:
    """Return a body that was kept as text: JSON as its values, CSV as a list of rows of texts.

    Args:
        encoding: JSON, CSV or BASE64; of the last one `content_type`, or else the text, tells what is inside.

    Raises:
        MisfitError: it is not what it says.
    """
    kind = encoding.upper()
    if kind == "BASE64":
        return body_of(unbased(data), content_type)
    if kind == "CSV":
        return csv_rows(data)
    if kind == "JSON":
        return decoded(data)
    raise MisfitError(_("the encoding {name} is not known").format(name=repr(encoding[:20])))


def unbased(data: str) -> bytes:
    """Return the bytes of a base64 text."""
    if len(data) > 2 * MOST_BYTES:
        raise MisfitError(too_large())
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MisfitError(_("it is no base64")) from error


def body_of(raw: bytes, content_type: str = "") -> Any:
    """Return what the bytes of a body hold, by their type or, where that says nothing, by their look."""
    if raw[:2] == b"\x1f\x8b":
        raw = _inflated(raw)
    kind = content_type.partition(";")[0].strip().lower()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MisfitError(_("its body is binary ({type})").format(type=kind[:40] or "?")) from error
    if kind.endswith(("jsonlines", "ndjson")):
        return [decoded(line) for line in text.splitlines() if line.strip()]
    if kind.endswith("json"):
        return decoded(text)
    if kind.endswith("csv"):
        return csv_rows(text)
    try:
        return decoded(text)
    except MisfitError:
        return csv_rows(text)


def csv_rows(text: str) -> list[list[str | None]]:
    """Return the rows of a CSV text that has no header; an empty cell is a missing value."""
    if len(text) > MOST_BYTES:
        raise MisfitError(too_large())
    try:
        return [[cell or None for cell in row] for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        raise MisfitError(_("it is no CSV: {error}").format(error=error)) from error


def features_of(body: Any, names: Sequence[str] = ()) -> list[Row]:
    """Return the rows that a request asks about.

    Known are the Open Inference Protocol V2 (`inputs` of tensors) and V1 (`instances`), the bodies of MLflow
    (`dataframe_records`, `dataframe_split`, `instances`, `inputs`), Seldon's `data`, rows of a CSV, one plain
    object and lists of objects or of values.

    Args:
        names: of the columns, where the body names none; else they are f0, f1, ….

    Raises:
        MisfitError: it is none of these.
    """
    if isinstance(body, Mapping):
        if "dataframe_split" in body:
            split = _mapping(body["dataframe_split"])
            return _listed(_list(split.get("data")), _names(split.get("columns")) or names)
        if "dataframe_records" in body:
            return _listed(_list(body["dataframe_records"]), names)
        if "instances" in body:
            return _listed(_list(body["instances"]), names)
        if isinstance(body.get("data"), Mapping):
            return _seldon(body["data"], names, "f")
        if "inputs" in body:
            inputs = body["inputs"]
            if _is_tensors(inputs):
                return _tensors(inputs)
            return _columns(inputs) if isinstance(inputs, Mapping) else _listed(_list(inputs), names)
        return [_flat(body)]
    if isinstance(body, list):
        return _listed(body if _holds_rows(body) else [body] if body else [], names)
    return _listed([[body]], names)


def answers_of(body: Any, n: int | None, names: Sequence[str] = ()) -> list[Row]:
    """Return the answers to `n` rows (None: as many as it holds); their columns begin with `output`.

    A scalar is `output`, a list `output_0`, …, what has a name `output.<name>`; a list of scores beside a
    list of as many `classes` or `labels` is named by them: `output.scores_yes`.

    Raises:
        MisfitError: it answers another number of rows.
    """
    found = _answers(body, n, names)
    if n is not None and len(found) != n:
        raise MisfitError(_("it answers {m} rows where {n} were asked").format(m=len(found), n=n))
    return [
        {name if is_output(name) else f"{OUTPUT}.{name}": value for name, value in row.items()}
        for row in found
    ]


def is_output(name: str) -> bool:
    """Tell whether a column is named as those of answers are."""
    return _IS_OUTPUT.fullmatch(name) is not None


def _answers(body: Any, n: int | None, names: Sequence[str]) -> list[Row]:
    if isinstance(body, Mapping):
        if "predictions" in body:
            return _answers(body["predictions"], n, names)
        if isinstance(body.get("data"), Mapping):
            return _seldon(body["data"], names, f"{OUTPUT}_")
        if _is_tensors(body.get("outputs")):
            return _tensors(body["outputs"])
        if n != 1 and body and all(isinstance(part, list) for part in body.values()):
            return _columns(body)
        return [_flat(_by_class(body))]
    if isinstance(body, list) and (n != 1 or len(body) == 1 or _holds_rows(body)):
        return [_answer(item, names) for item in body]
    return [_answer(body, names)]


def _holds_rows(body: Sequence[Any]) -> bool:
    return any(isinstance(item, list | Mapping) for item in body)


def _answer(item: Any, names: Sequence[str]) -> Row:
    if isinstance(item, Mapping):
        return _flat(_by_class(item))
    if isinstance(item, list):
        if len(item) == 1:
            return _answer(item[0], names)
        if names and len(item) == len(names):
            return _flat(dict(zip(names, item, strict=True)))
    return _flat({OUTPUT: item})


def _by_class(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name the values of a list by the classes that stand beside it."""
    classes = next((_names(body[key]) for key in ("classes", "labels") if key in body), [])
    if not classes:
        return body
    made: dict[str, Any] = {}
    for key, part in body.items():
        if key in ("classes", "labels"):
            continue
        whole = isinstance(part, list) and len(part) == len(classes)
        made[key] = dict(zip(classes, part, strict=True)) if whole else part
    return {
        f"{key}_{name}" if isinstance(part, dict) else key: value
        for key, part in made.items()
        for name, value in (part.items() if isinstance(part, dict) else [("", part)])
    }


def _listed(items: Sequence[Any], names: Sequence[str]) -> list[Row]:
    """Return rows that are objects, or lists of values in the order of `names`."""
    made: list[Row] = []
    for item in items:
        if isinstance(item, Mapping):
            made.append(_flat(item))
            continue
        values = item if isinstance(item, list) else [item]
        if names and len(values) != len(names):
            raise MisfitError(
                _("it holds {m} values where {n} are named").format(m=len(values), n=len(names))
            )
        if not names and len(values) > WIDEST:
            raise MisfitError(
                _("it holds {n} values without names: say `feature_names:`").format(n=len(values))
            )
        made.append(_flat(dict(zip(names or _NAMES, values, strict=False))))
    return made


def _columns(body: Mapping[str, Any]) -> list[Row]:
    """Return rows of an object of columns; scalars make one row."""
    parts = {key: part if isinstance(part, list) else [part] for key, part in body.items()}
    lengths = {len(part) for part in parts.values()}
    if len(lengths) > 1:
        raise MisfitError(_("its columns are of different lengths: {n}").format(n=sorted(lengths)))
    return [_flat({key: part[at] for key, part in parts.items()}) for at in range(min(lengths, default=0))]


def _seldon(data: Mapping[str, Any], names: Sequence[str], prefix: str) -> list[Row]:
    """Return the rows of Seldon's `data`: `names`, and `ndarray` or a `tensor` of `shape` and `values`."""
    called = _names(data.get("names")) or list(names)
    if isinstance(data.get("tensor"), Mapping):
        tensor = data["tensor"]
        rows = _cut(_list(tensor.get("values")), _shape(tensor.get("shape")))
    else:
        rows = _list(data.get("ndarray"))
    width = max((len(row) for row in rows if isinstance(row, list)), default=1)
    if not called:
        called = [OUTPUT] if prefix != "f" and width == 1 else [f"{prefix}{at}" for at in range(width)]
    return _listed([row if isinstance(row, list | Mapping) else [row] for row in rows], called)


def _is_tensors(found: Any) -> bool:
    return isinstance(found, list) and bool(found) and all(
        isinstance(one, Mapping) and "name" in one and "data" in one for one in found
    )  # fmt: skip


def _tensors(found: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return the rows of V2 tensors: data flat or nested, the first dimension counts the rows."""
    rows: list[Row] | None = None
    for one in found:
        name, shape = str(one["name"])[:200], _shape(one.get("shape"))
        data = _list(one["data"])
        n = shape[0] if shape else len(data)
        if rows is None:
            rows = [{} for _row in range(n)]
        if len(rows) != n:
            raise MisfitError(_("its tensors hold different numbers of rows"))
        nested = any(isinstance(item, list) for item in data)
        parts = data if nested or len(shape) < 2 else _cut(data, shape)
        if len(parts) != n:
            raise MisfitError(_("the tensor {name} does not have its shape").format(name=repr(name[:40])))
        for row, part in zip(rows, parts, strict=True):
            alone = isinstance(part, list) and len(part) == 1
            _put(row, name, part[0] if alone else part, 1)
    return rows or []


def _cut(values: Sequence[Any], shape: Sequence[int]) -> list[Any]:
    """Cut flat values into rows by their shape."""
    n, width = shape[0] if shape else len(values), math.prod(shape[1:])
    if n * width != len(values):
        raise MisfitError(_("the tensor {name} does not have its shape").format(name=""))
    return [list(values[at * width : (at + 1) * width]) for at in range(n)]


def _shape(found: Any) -> list[int]:
    shape = [] if found is None else _list(found)
    if not all(isinstance(size, int) and 0 <= size <= MOST_BYTES for size in shape) or len(shape) > 8:
        raise MisfitError(_("the shape of a tensor is none"))
    return shape


def _flat(body: Mapping[str, Any]) -> Row:
    """Return an object's values by dotted names, those of a short list by number.

    What is nested more deeply or wider is named and has no value.
    """
    row: Row = {}
    for key, value in body.items():
        if type(value) in _PLAIN and len(key) <= _LONGEST_NAME:  # nearly always
            row[key] = value
        else:
            _put(row, key[:_LONGEST_NAME], value, 1)
    if len(row) > MOST_COLUMNS:
        raise MisfitError(_("it has more than {n} columns").format(n=MOST_COLUMNS))
    return row


def _put(row: Row, name: str, value: Any, depth: int) -> None:
    if value is None or isinstance(value, str | int | float | bool):
        row[name] = value
    elif depth < DEEPEST and isinstance(value, Mapping):
        for key, inner in value.items():
            _put(row, f"{name}.{key[:_LONGEST_NAME]}", inner, depth + 1)
    elif depth == 1 and isinstance(value, list) and 0 < len(value) <= WIDEST and not _holds_rows(value):
        for at, inner in enumerate(value):
            _put(row, f"{name}_{at}", inner, depth + 1)
    else:
        row[name] = None


def part_of(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under a key; an empty one where there is none."""
    found = told.get(key)
    return found if isinstance(found, Mapping) else {}


def _mapping(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise MisfitError(_("an object is missing where one belongs"))
    return found


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise MisfitError(_("a list is missing where one belongs"))
    return found


def _names(found: Any) -> list[str]:
    if not isinstance(found, list) or len(found) > MOST_COLUMNS:
        return []
    return [str(name)[:200] for name in found]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        (twice, _times), *_rest = Counter(key for key, _value in pairs).most_common(1)
        raise ValueError(_("the key {key} stands twice").format(key=repr(twice[:40])))
    return made


def _constant(word: str) -> float | None:
    return None if word == "NaN" else float(word)


def _inflated(raw: bytes) -> bytes:
    """Unpack a gzipped body, as far as a body may be long."""
    reader = zlib.decompressobj(31)
    try:
        made = reader.decompress(raw, MOST_BYTES)
    except zlib.error as error:
        raise MisfitError(_("it is no gzip")) from error
    if reader.unconsumed_tail:
        raise MisfitError(too_large())
    return made


def too_large() -> str:
    """Say that a record or a body is larger than any may be."""
    return _("it is larger than {n} MiB").format(n=MOST_BYTES // 2**20)


def lines_of(file: BinaryIO, most: int = MOST_BYTES) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line with the place of its first byte; None for one that is longer than `most`.

    A line that is too long is passed over piece by piece and never held.
    """
    at = 0
    while line := file.readline(most + 1):
        start, at = at, at + len(line)
        if len(line) <= most or line.endswith(b"\n"):
            yield start, line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(most)
            at += len(line)
        yield start, None
