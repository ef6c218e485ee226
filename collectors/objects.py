"""Object stores: what lies in S3, Google Cloud Storage or Azure, and how DuckDB opens it there."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, model_validator

from core.config.plugs import SCHEMES as SCHEMES
from core.config.secrets import MASK, Secret, Text
from core.errors import SourceError
from core.text import gettext as _

if TYPE_CHECKING:
    from fsspec.spec import AbstractFileSystem
    from pyarrow.fs import FileInfo, FileSystem

SETTLED = timedelta(minutes=1)
"""Times of change are told in whole seconds: an object younger than this is told apart by its ETag too."""
AHEAD = 2**20
"""Bytes that a small read brings along, since each one is a request."""
_REFUSED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE|INVALID_CLIENT_TOKEN|MISSING_AUTHENTICATION|"
    r"EXPIRED_TOKEN|UNAUTHENTICATED|PERMISSION_DENIED|AuthenticationFailed|AuthorizationFailure|"
    r"HTTP status code 40[13]|\b40[13]\b|[Cc]redential"
)
_UNREACHED = re.compile(r"NETWORK_CONNECTION|[Cc]ould ?n.t (connect|resolve)|curl|UNAVAILABLE|[Tt]imed? ?out")
_NO_BUCKET = re.compile(r"NO_SUCH_BUCKET|ContainerNotFound|specified (bucket|container) does not exist")
_ELSEWHERE = re.compile(r"PERMANENT_REDIRECT|HTTP status code 301|AuthorizationHeaderMalformed|region")


class ObjectOptions(BaseModel):
    """How to be let in; what is left out comes from the store's usual variables, files and roles."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    access_key: Secret | None = None
    secret_key: Secret | None = None
    session_token: Secret | None = None
    region: str | None = None
    endpoint: Text | None = None
    account: str | None = None
    account_key: Secret | None = None
    sas_token: Secret | None = None
    anonymous: bool = False

    @model_validator(mode="after")
    def _both(self) -> "ObjectOptions":
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key go together")
        return self


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """One bucket with one way in; two that are equal share their files."""

    scheme: str
    bucket: str
    options: ObjectOptions

    @property
    def address(self) -> str:
        """Name the bucket: s3://bucket."""
        return f"{self.scheme}://{self.bucket}"

    def files(self) -> "FileSystem":
        """Return its files as pyarrow sees them; nothing is asked yet.

        Raises:
            SourceError: the options do not fit.
        """
        from pyarrow import fs

        said = self.options
        end = urlsplit(said.endpoint or "")
        scheme, host = end.scheme or None, end.netloc or None
        try:
            if self.scheme == "s3" and host is None and said.access_key is None and not said.anonymous:
                where = f"?region={said.region}" if said.region else ""
                return fs.FileSystem.from_uri(f"{self.address}{where}")[0]  # minds AWS_ENDPOINT_URL
            if self.scheme == "s3":
                region = said.region or (fs.resolve_s3_region(self.bucket) if host is None else None)
                return fs.S3FileSystem(
                    access_key=_revealed(said.access_key), secret_key=_revealed(said.secret_key),
                    session_token=_revealed(said.session_token), anonymous=said.anonymous, region=region,
                    scheme=scheme, endpoint_override=host, connect_timeout=10, request_timeout=60,
                )  # fmt: skip
            if self.scheme == "gs":
                return fs.GcsFileSystem(
                    anonymous=said.anonymous, scheme=scheme, endpoint_override=host,
                    retry_time_limit=timedelta(seconds=30),
                )  # fmt: skip
            return fs.AzureFileSystem(
                account_name=said.account or "", account_key=_revealed(said.account_key),
                sas_token=_revealed(said.sas_token), blob_storage_authority=host, dfs_storage_authority=host,
                blob_storage_scheme=scheme, dfs_storage_scheme=scheme,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise self.failed(error) from error

    def for_delta(self) -> dict[str, str]:
        """Return how deltalake is let in.

        Raises:
            SourceError: Delta tables are not read there.
        """
        said = self.options
        if self.scheme != "s3":
            raise SourceError(
                _("{bucket}: Delta tables are read from S3 and from this machine.").format(
                    bucket=self.address
                ),
                hint=_("Let Spark read it (kind: spark, delta: true), or export it as Parquet."),
            )
        told = {
            "AWS_ACCESS_KEY_ID": _revealed(said.access_key),
            "AWS_SECRET_ACCESS_KEY": _revealed(said.secret_key),
            "AWS_SESSION_TOKEN": _revealed(said.session_token), "AWS_REGION": said.region,
            "AWS_ENDPOINT_URL": said.endpoint, "AWS_SKIP_SIGNATURE": "true" if said.anonymous else None,
            "AWS_ALLOW_HTTP": "true" if (said.endpoint or "").startswith("http://") else None,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value is not None}

    def failed(self, error: Exception) -> SourceError:
        """Say what went wrong and what to do about it; no secret is repeated."""
        bucket = self.address
        said = self.masked(str(error)).partition("\n")[0]
        if _NO_BUCKET.search(said):
            message = _("There is no bucket {bucket}.").format(bucket=bucket)
            return SourceError(message, hint=_("Look at its name, at the region and at the endpoint."))
        if _UNREACHED.search(said):
            return SourceError(
                _("{bucket} cannot be reached: {error}").format(bucket=bucket, error=said),
                hint=_("Look at the endpoint and the network."),
            )
        if _ELSEWHERE.search(said):
            return SourceError(
                _("{bucket} lies in another region: {error}").format(bucket=bucket, error=said),
                hint=_("Name it as region under the connection's options."),
            )
        if _REFUSED.search(said):
            return SourceError(
                _("{bucket} does not let us in: {error}").format(bucket=bucket, error=said),
                hint=_(
                    "Look at {keys} in the connection's options, or at the usual environment of {store}."
                ).format(keys=_KEYS[self.scheme], store=_NAMES[self.scheme]),
            )
        return SourceError(_("{bucket}: {error}").format(bucket=bucket, error=said))

    def masked(self, text: str) -> str:
        """Take the secrets out of a text."""
        said = self.options
        for secret in (
            said.secret_key,
            said.session_token,
            said.account_key,
            said.sas_token,
            said.access_key,
        ):
            if secret:
                text = text.replace(secret.reveal(), MASK)
        return text


_KEYS = {
    "s3": "access_key, secret_key",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, anonymous",
    "az": "account, account_key, sas_token",
}
_NAMES = {"s3": "AWS", "gs": "Google Cloud", "az": "Azure"}


class ObjectFiles:
    """The files of one bucket, for one pass; `protocol` begins their names inside DuckDB."""

    def __init__(self, store: ObjectStore, protocol: str) -> None:
        self.store = store
        self.protocol = protocol
        self.files = store.files()
        self._sizes: dict[str, int] = {}

    def listed(self, pattern: str, known: Mapping[str, str], now: datetime) -> dict[str, str]:
        """Return address and mark of every object that fits a pattern; none is read.

        Args:
            known: marks as they were; an object that has not changed since keeps its own.
        Raises:
            SourceError: the store does not answer, or does not let us in.
        """
        try:
            return {
                path: self._mark(path, info, known.get(path), now) for path, info in self._fitting(pattern)
            }
        except (OSError, ValueError) as error:
            raise self.store.failed(error) from error

    def _fitting(self, pattern: str) -> Iterator[tuple[str, "FileInfo"]]:
        from pyarrow import fs

        wanted = pattern.partition("://")[2]
        parts = wanted.split("/")
        literal = next((i for i, part in enumerate(parts) if has_signs(part)), None)
        if literal is None:
            infos = [self.files.get_file_info(wanted)]
            if infos[0].type == fs.FileType.NotFound:  # is there a bucket at all?
                self.files.get_file_info(fs.FileSelector(parts[0], recursive=False))
        else:
            base = "/".join(parts[:literal])
            deep = literal < len(parts) - 1 or parts[-1] == "**"
            try:
                infos = self.files.get_file_info(fs.FileSelector(base, recursive=deep))
            except FileNotFoundError:
                if literal == 1:
                    raise OSError("the specified bucket does not exist") from None
                infos = []
        for info in infos:
            if info.type == fs.FileType.File and _fits(info.path.split("/"), parts):
                yield f"{self.store.scheme}://{info.path}", info

    def _mark(self, path: str, info: "FileInfo", known: str | None, now: datetime) -> str:
        self._sizes[info.path] = info.size
        mark = f"{info.size}-{info.mtime_ns}"
        if info.mtime < now - SETTLED:
            return known if known is not None and known.startswith(f"{mark}-") else mark
        with self.files.open_input_file(info.path) as file:  # asks for its head only
            tag = (file.metadata() or {}).get("ETag", b"").decode().strip('"')
        return f"{mark}-{tag}" if tag else mark

    def inside(self, path: str) -> str:
        """Return the name that DuckDB opens an address by."""
        return f"{self.protocol}://{path.partition('://')[2]}"

    def size(self, key: str) -> int:
        """Return the size of an object."""
        if key not in self._sizes:
            self._sizes[key] = self.files.get_file_info(key).size or 0
        return self._sizes[key]

    def for_duckdb(self) -> "AbstractFileSystem":
        """Return them as DuckDB wants to be given them."""
        from fsspec.spec import AbstractFileSystem

        mine = self

        class Files(AbstractFileSystem):  # type: ignore[misc]
            """Objects by their exact names."""

            protocol = mine.protocol
            cachable = False

            @classmethod
            def _strip_protocol(cls, path: str) -> str:
                return path.partition("://")[2] if "://" in path else path

            def glob(self, path: str, **more: Any) -> list[str]:
                return [self._strip_protocol(path)]  # names are exact: a sign in one means itself

            def info(self, path: str, **more: Any) -> dict[str, Any]:
                key = self._strip_protocol(path)
                return {"name": key, "size": mine.size(key), "type": "file"}

            def modified(self, path: str) -> datetime:
                found: datetime = mine.files.get_file_info(self._strip_protocol(path)).mtime
                return found

            def _open(self, path: str, mode: str = "rb", **more: Any) -> io.BufferedReader:
                return io.BufferedReader(_Reading(mine.files.open_input_file(path)), AHEAD)

        return Files()


class _Reading(io.RawIOBase):
    """A file of pyarrow as one of Python."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return int(self._file.readinto(buffer))

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()
        super().close()


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def has_signs(part: str) -> bool:
    """Tell whether a name is a pattern of names."""
    return any(sign in part for sign in "*?[")


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Match a name's parts with a pattern's: `*` stays within a folder, `**` is any number of them."""
    if not parts:
        return not names
    if parts[0] == "**":
        return len(parts) == 1 or any(_fits(names[i:], parts[1:]) for i in range(len(names)))
    return bool(names) and fnmatchcase(names[0], parts[0]) and _fits(names[1:], parts[1:])
