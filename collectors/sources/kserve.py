"""KServe's inference logger: what it writes to blob storage (JSON, CSV, Parquet), and CloudEvents one a line.

Request and answer are paired by their id. CSV and Parquet hold no time: that of the object stands in, and no
latency is told. Answers of failed requests are not logged, so those count as unanswered.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar

import pyarrow.parquet as pq

from collectors.payloads import MisfitError, decoded, lines_of
from collectors.sources._pairs import ANSWER, REQUEST, PairOptions, PairSource
from collectors.sources._payloads import Place
from core.text import gettext as _

_MOST = 2**26
"""A blob is read whole, so none may be larger."""
_KEYS = (b'"reqType"', b'"ReqType"', b"reqType", b"org.kubeflow.serving.inference")


class Options(PairOptions):
    """`path` of the blobs, or of CloudEvents in JSON Lines."""


class Source(PairSource):
    """Inference requests of KServe, with V1 or V2 payloads."""

    patterns = (
        "**/*-request.json", "**/*-response.json", "**/*-request.csv", "**/*-response.csv",
        "**/*-request.parquet", "**/*-response.parquet", "**/*.jsonl",
    )  # fmt: skip
    types: ClassVar = {"request": REQUEST, "response": ANSWER}

    @classmethod
    def knows(cls, head: bytes, path: str) -> bool:
        """Look for the logger's own field, or its types of events."""
        if path.endswith((".parquet", ".pq")):
            return path.endswith(("-request.parquet", "-response.parquet"))
        return any(key in head for key in _KEYS)

    def records(self, file: BinaryIO, place: Place) -> Iterator[tuple[int, Any]]:
        """Cut JSON Lines by lines; a blob of JSON, CSV or Parquet by its records."""
        name = place.path.lower()
        if name.endswith((".jsonl", ".ndjson", ".jsonl.gz")):
            yield from lines_of(file)
            return
        whole = file.read(_MOST + 1)
        if len(whole) > _MOST:
            raise MisfitError(_("a blob of more than {n} MiB is not read").format(n=_MOST // 2**20))
        if name.endswith(".parquet"):
            for at, row in enumerate(pq.read_table(io.BytesIO(whole)).to_pylist()):
                yield at, row
        elif name.endswith(".csv"):
            csv.field_size_limit(_MOST)
            for at, row in enumerate(csv.DictReader(io.StringIO(whole.decode("utf-8", "replace")))):
                yield at, row
        else:
            found = decoded(whole, most=_MOST)
            for at, one in enumerate(found if isinstance(found, list) else [found]):
                yield at, one
