"""Rows of a Feast offline store, found by what `feast registry-dump` tells of the repository.

A saved dataset is what a model was trained on; a feature view is a table that features come from. Both are
Parquet files, read as the kind `parquet` reads them. Their time is called as the log calls it, and what the
feature service of the model does not use is left out.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import model_validator
from sqlglot import exp

from collectors.objects import ObjectOptions
from collectors.payloads import part_of
from collectors.sources import parquet
from collectors.sources.base import Setting
from core.config.problems import RefusedError
from core.config.secrets import Text
from core.errors import SourceError
from core.spelling import listed, nearest_of
from core.text import gettext as _

DATASET_TIME = "event_timestamp"
"""What the time of a saved dataset's rows is called, whatever their sources call it."""
_DATASETS, _SERVICES = ("savedDatasets",), ("featureServices",)
_VIEWS = ("featureViews", "streamFeatureViews", "onDemandFeatureViews", "labelViews")


class Options(ObjectOptions):
    """`path` of the dump, a `dataset` or a `view` of it, and the `service` that names the features."""

    path: Text
    dataset: str | None = None
    view: str | None = None
    service: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "Options":
        if (self.dataset is None) == (self.view is None):
            told = _("Either a saved dataset or a feature view is needed.")
            raise RefusedError(told, allowed="dataset, view")
        return self


class Source(parquet.Source):
    """The files of one saved dataset or feature view."""

    def __init__(self, setting: Setting) -> None:
        options = setting.options
        assert isinstance(options, Options)
        repository = _Repository.read(options.path, setting.use)
        self._their_time, self._plain = DATASET_TIME, dict[str, str]()
        if options.dataset is not None:
            spec = repository.spec(_DATASETS, "dataset", options.dataset)
            held = part_of(spec, "storage")
            kind = next(iter(held), "")
            if spec.get("fullFeatureNames"):
                self._plain = dict(_plain_names(spec.get("features") or []))
        else:
            held = part_of(repository.spec(_VIEWS, "view", options.view or ""), "batchSource")
            kind, self._their_time = str(held.get("type", "")), str(held.get("timestampField", ""))
            self._plain = {str(theirs): str(ours) for theirs, ours in part_of(held, "fieldMapping").items()}
        self._unused = set[str]() if options.service is None else repository.unused(options.service)
        path = repository.place(held, kind)
        kept = {key: getattr(options, key) for key in ObjectOptions.model_fields}
        super().__init__(replace(setting, options=parquet.Options(path=path, **kept)))

    def _list(self, known: Mapping[str, str], now: datetime) -> dict[str, str]:
        """Mark files with what of them is read, too: a new dump may say something else of the same ones."""
        asked = json.dumps([self._their_time, self._plain, sorted(self._unused)], sort_keys=True)
        digest = hashlib.sha256(asked.encode()).hexdigest()[:8]
        bare = {path: mark.removesuffix(f"+{digest}") for path, mark in known.items()}
        return {path: f"{mark}+{digest}" for path, mark in super()._list(bare, now).items()}

    def reader(self, files: Sequence[str]) -> str:
        """Read files with the log's name of their time, and without features that are not used."""
        inner = super().reader(files)
        theirs = self.engine.run(f"DESCRIBE SELECT * FROM {inner}").to_pydict()["column_name"]
        told = {column: self._plain.get(column, column) for column in theirs}
        time = self.setting.time
        if time is not None and time not in told.values() and self._their_time in told:
            told[self._their_time] = time
        columns = [
            exp.alias_(exp.column(column, quoted=True), name, quoted=True).sql("duckdb")
            for column, name in told.items()
            if name not in self._unused
        ]
        return f"(SELECT {', '.join(columns)} FROM {inner}) AS feast"


@dataclass(frozen=True)
class _Repository:
    """What the dump tells; `use` names the source in errors."""

    folder: Path
    told: Mapping[str, Any]
    use: str

    @classmethod
    def read(cls, path: str, use: str) -> "_Repository":
        try:
            told = json.loads(Path(path).read_text(encoding="utf-8"))
            if isinstance(told, dict) and told.keys() & {*_VIEWS, *_DATASETS, *_SERVICES}:
                return cls(folder=Path(path).parent, told=told, use=use)
        except (OSError, ValueError):
            pass
        raise SourceError(
            _("{use}: {path} is not what `feast registry-dump` writes.").format(use=use, path=path),
            hint=_("In the feature repository: feast registry-dump > registry.json"),
        )

    def _specs(self, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        every = [part_of(one, "spec") for key in keys for one in _items(self.told, key)]
        return {str(spec.get("name", "")): spec for spec in every}

    def spec(self, keys: Sequence[str], sort: str, name: str) -> Mapping[str, Any]:
        """Return what one thing of a sort is."""
        specs = self._specs(keys)
        if name in specs:
            return specs[name]
        near = nearest_of(name, specs)
        hint = _("Known: {known}.").format(known=listed(specs) or _("none"))
        raise SourceError(
            _("{use}: Feast knows no {sort} '{name}'.").format(use=self.use, sort=sort, name=name),
            hint=_("Did you mean {nearest}?").format(nearest=near) + " " + hint if near else hint,
        )

    def unused(self, service: str) -> set[str]:
        """Return the features of the service's views that the service does not use."""
        used, there, views = set[str](), set[str](), self._specs(_VIEWS)
        for part in _items(self.spec(_SERVICES, "service", service), "features"):
            used |= {str(one.get("name")) for one in _items(part, "featureColumns")}
            view = views.get(str(part.get("featureViewName")), {})
            there |= {str(one.get("name")) for one in _items(view, "features")}
        return there - used

    def place(self, held: Mapping[str, Any], kind: str) -> str:
        """Return where files lie that are read as Parquet; a folder means all of them in it."""
        files = part_of(held, "fileStorage") or part_of(held, "fileOptions")
        uri = str(files.get("uri") or "")
        if not uri or "deltaFormat" in part_of(files, "fileFormat"):
            raise SourceError(
                _("{use}: Feast keeps this in no Parquet file ({kind}).").format(use=self.use, kind=kind),
                hint=_("Name the table itself: {example}").format(
                    example="{connection: warehouse, table: training}"
                ),
            )
        if "://" in uri and not uri.startswith("file://"):
            return uri if "." in uri.rstrip("/").rpartition("/")[2] else f"{uri.rstrip('/')}/**/*.parquet"
        path = self.folder / uri.removeprefix("file://")
        return str(path / "**" / "*.parquet" if path.is_dir() else path)


def _items(told: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = told.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _plain_names(features: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name `view__feature`, as Feast calls features of views that would clash, by the feature alone."""
    names = [feature.partition(":")[2] for feature in features]
    for feature, name in zip(features, names, strict=True):
        if names.count(name) == 1:
            yield feature.replace(":", "__", 1), name
