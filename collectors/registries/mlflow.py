"""MLflow's model registry, by its REST API: versions, their runs, the data that these logged as inputs.

The log's version is the registered version's number (`7` or `v7`), the id of its run, or what the registered
version says under the tag `tag`. The training data is the run's input with the context `training`; where that
lies in no place that can be read, or there is none, the run's artifact `artifact` is taken.
"""

import hashlib
import json
import math
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collectors.objects import SCHEMES, has_signs
from collectors.payloads import part_of
from collectors.registries import base
from collectors.registries.base import Registered, UnreachableError
from core.config.plugs import kind_of_path
from core.errors import DeliveryError, SourceError
from core.foreign import one_line
from core.text import gettext as _
from core.web import Address, RefusedRequestError, WebOptions, ask, fetch

_API = "/api/2.0/mlflow"
_MOST = 2**25
"""Bytes of an answer: a run tells the schema of each of its inputs."""
_LARGEST = 2**33
"""Bytes of training data that are fetched from the tracking server."""
_NUMBER, _RUN = re.compile(r"v?([0-9]{1,9})"), re.compile(r"[0-9a-f]{32}")
_MANY = 1000
"""Metrics of a run that are kept."""


class Options(WebOptions):
    """`url` of the tracking server, and how to be let in: a bearer `token`, or `user` and `password`."""

    url: Address
    name: str | None = None
    tag: str | None = None
    context: str = "training"
    artifact: str | None = None


class Registry(base.Registry):
    """One tracking server."""

    options: Options

    @property
    def name(self) -> str:
        """Return the name of the registered model."""
        return self.options.name or self.model

    def check(self) -> None:
        """Ask for the registered model."""
        with _understood():
            found = self._ask("registered-models/search", filter=f"name='{self.name}'", max_results="1")
            if not any(one.get("name") == self.name for one in found.get("registered_models") or ()):
                raise SourceError(
                    _("MLflow has no registered model '{name}'.").format(name=self.name),
                    hint=_("Look at `registry.name`."),
                )

    def version(self, version: str) -> Registered | None:
        """Ask for the version, then for the run that made it."""
        with _understood():
            found = self._version(version)
            return None if found is None else self._registered(version, found)

    def _registered(self, version: str, found: Mapping[str, Any]) -> Registered:
        number, name, run_id = (str(found.get(key) or "") for key in ("version", "name", "run_id"))
        run, why = self._run(run_id)
        training = ""
        if run:
            training, why = self._training(run)
        place = f"#/models/{urllib.parse.quote(name, safe='')}/versions/{urllib.parse.quote(number, safe='')}"
        return Registered(
            name=name, version=version, link=f"{self.options.url}/{place}",
            at=datetime.fromtimestamp(int(found["creation_timestamp"]) / 1000, tz=UTC),
            description=one_line(str(found.get("description") or "")),
            aliases=tuple(sorted(map(str, found.get("aliases") or ()))), training=training, why=why,
            metrics=_metrics(part_of(run, "data").get("metrics") or ()),
        )  # fmt: skip

    def _run(self, run_id: str) -> tuple[Mapping[str, Any], str]:
        """Return a run, or why there is none."""
        if not run_id:
            return {}, _("no run made it")
        try:
            found = part_of(self._ask("runs/get", run_id=run_id), "run")
        except _AbsentError:
            found = {}
        return found, "" if found else _("its run {run} is gone").format(run=one_line(run_id))

    def _version(self, version: str) -> Mapping[str, Any] | None:
        if self.options.tag is not None:
            return self._search(f"tags.`{self.options.tag}`", version)
        if _RUN.fullmatch(version):
            return self._search("run_id", version)
        number = _NUMBER.fullmatch(version)
        if number is None:
            return None
        try:
            told = self._ask("model-versions/get", name=self.name, version=number[1])
        except _AbsentError:
            return None
        return dict(told["model_version"])

    def _search(self, key: str, value: str) -> Mapping[str, Any] | None:
        """Return the newest version by one of its facts; what a filter cannot quote is no version."""
        if any(sign in self.name + value for sign in "'\"\\`"):
            return None
        asked = f"name='{self.name}' and {key}='{value}'"
        found = self._ask("model-versions/search", filter=asked, max_results="200")
        versions = found.get("model_versions") or []
        return max(versions, key=lambda one: int(one["version"]), default=None)

    def _training(self, run: Mapping[str, Any]) -> tuple[str, str]:
        """Return where the training data can be read, or why it cannot."""
        why = _("its run logged no input with the context '{context}'").format(context=self.options.context)
        for given in part_of(run, "inputs").get("dataset_inputs") or ():
            tags = {one["key"]: one["value"] for one in given.get("tags") or ()}
            if tags.get("mlflow.data.context", "training") == self.options.context:
                place, why = self._place(given["dataset"], run)
                if place:
                    return place, ""
        return ("", why) if self.options.artifact is None else self._artifact(run, self.options.artifact)

    def _place(self, dataset: Mapping[str, Any], run: Mapping[str, Any]) -> tuple[str, str]:
        source, kind = _json(dataset.get("source")), str(dataset.get("source_type") or "")
        address = next((source[key] for key in ("uri", "path", "url") if source.get(key)), "")
        if not isinstance(address, str) or not address or kind in ("code", "delta_table"):
            return "", _("its training data '{name}' says no file that holds it ({kind})").format(
                name=one_line(str(dataset.get("name") or "")), kind=one_line(kind)
            )
        parts = urllib.parse.urlsplit(address)
        if parts.scheme == "runs":
            run_id, _mark, inside = parts.path.lstrip("/").partition("/")
            other, why = self._run(run_id)
            return self._artifact(other, inside) if other else ("", why)
        if parts.scheme == "mlflow-artifacts":
            return self._handed_out(parts.path.lstrip("/"))
        return _readable(address)

    def _artifact(self, run: Mapping[str, Any], path: str) -> tuple[str, str]:
        root = str(part_of(run, "info").get("artifact_uri") or "").rstrip("/")
        parts = urllib.parse.urlsplit(root)
        if parts.scheme == "mlflow-artifacts":
            return self._handed_out(f"{parts.path.strip('/')}/{path}")
        return _readable(f"{root}/{path}")

    def _handed_out(self, path: str) -> tuple[str, str]:
        """Fetch what only the tracking server can read, once: an artifact does not change."""
        if not kind_of_path(path):
            return "", _of_no_kind(path)
        kept = self.folder / hashlib.sha256(path.encode()).hexdigest()[:12] / Path(path).name
        if not kept.exists():
            url = f"{self.options.url}/api/2.0/mlflow-artifacts/artifacts/{urllib.parse.quote(path)}"
            try:
                fetch(url, kept, self.options.headers(), timeout=self.options.timeout, most=_LARGEST)
            except RefusedRequestError as error:
                if error.code != 404:
                    raise self._failed(error) from error
                return "", _("its run has no artifact {path}").format(path=one_line(path))
            except DeliveryError as error:
                raise self._failed(error) from error
        return str(kept), ""

    def _ask(self, what: str, **asked: str) -> Mapping[str, Any]:
        url = f"{self.options.url}{_API}/{what}?{urllib.parse.urlencode(asked)}"
        try:
            text = ask("GET", url, None, self.options.headers(), timeout=self.options.timeout, most=_MOST)
            told: Mapping[str, Any] = json.loads(text)
        except RefusedRequestError as error:
            if error.code == 404 and what != "registered-models/search":
                raise _AbsentError(str(error).partition("\n")[0]) from error
            raise self._failed(error) from error
        except DeliveryError as error:
            raise self._failed(error) from error
        return told

    def _failed(self, error: DeliveryError) -> SourceError:
        alone = isinstance(error, RefusedRequestError) and error.code != 401
        kind = SourceError if alone else UnreachableError
        return kind(str(error).partition("\n")[0], hint=_("Look at `registry.url`."))


class _AbsentError(SourceError):
    """The registry does not know what it was asked for."""


@contextmanager
def _understood() -> Iterator[None]:
    """Tell of an answer that is not shaped like one of MLflow."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise SourceError(
            _("This is no answer of MLflow ({error}).").format(error=type(error).__name__),
            hint=_("Look at `registry.url`."),
        ) from error


def _json(text: object) -> Mapping[str, Any]:
    try:
        found = json.loads(str(text or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _readable(address: str) -> tuple[str, str]:
    """Return an address as sources of files take it, or why none does."""
    if has_signs(address):
        return "", _("its training data is a pattern of names, not a file: {place}").format(
            place=one_line(address)
        )
    if "://" not in address:
        return _on_disk(address)
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "file":
        return _on_disk(urllib.parse.unquote(parts.path))
    scheme = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}.get(parts.scheme, parts.scheme)
    if scheme not in SCHEMES:
        why = _("its training data lies where no source reads: {place}")
        return "", why.format(place=one_line(f"{parts.scheme}://…"))
    if not kind_of_path(parts.path):
        return "", _of_no_kind(parts.path)
    return f"{scheme}://{parts.netloc}{parts.path}", ""


def _on_disk(path: str) -> tuple[str, str]:
    if not kind_of_path(path):
        return "", _of_no_kind(path)
    try:
        if Path(path).is_absolute() and Path(path).exists():
            return path, ""
    except OSError:  # a folder that we may not enter
        pass
    return "", _("its training data is not within reach: {place}").format(place=one_line(path))


def _of_no_kind(path: str) -> str:
    return _("its training data has no ending that tells what it is: {place}").format(
        place=one_line(path.rpartition("/")[2])
    )


def _metrics(told: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    found = {str(one["key"]): float(one["value"]) for one in told if one.get("value") is not None}
    finite = sorted((name, value) for name, value in found.items() if math.isfinite(value))
    return dict(finite[:_MANY])
