"""A server that speaks S3 on 127.0.0.1, and what it was asked."""

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs

_LINE = re.compile(r'"(?P<verb>[A-Z]+) (?P<path>\S+) HTTP')
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True)
class Buckets:
    """One server; `endpoint` is its address, `log` what it wrote."""

    endpoint: str
    log: Path
    key: str = "AKIAHOUSE"
    secret: str = "the-house's-secret"

    @property
    def files(self) -> Any:
        """Return all that lies there."""
        return fs.S3FileSystem(
            access_key=self.key, secret_key=self.secret, region="us-east-1", allow_bucket_creation=True,
            scheme="http", endpoint_override=self.endpoint.removeprefix("http://"),
        )  # fmt: skip

    def put(self, path: str, content: bytes) -> None:
        """Write an object; its bucket is made."""
        self.files.create_dir(path.partition("/")[0])
        with self.files.open_output_stream(path, compression=None) as file:
            file.write(content)

    def options(self, **more: Any) -> dict[str, Any]:
        """Return what a connection says."""
        return {
            "access_key": self.key, "secret_key": self.secret, "region": "us-east-1",
            "endpoint": self.endpoint, **more,
        }  # fmt: skip

    def asked(self) -> Counter[str]:
        """Count requests: 'LIST', 'HEAD' and 'GET' of objects."""
        self._settled()
        found: Counter[str] = Counter()
        for line in self.log.read_text(encoding="utf-8").splitlines():
            said = _LINE.search(_COLOUR.sub("", line))
            if said is not None:
                found["LIST" if "list-type=2" in said["path"] else said["verb"]] += 1
        return found

    def _settled(self) -> None:
        """Wait until the log grows no more: the server writes a line after it has answered."""
        size, since = -1, time.monotonic()
        while time.monotonic() - since < 1.0:
            if self.log.stat().st_size != size:
                size, since = self.log.stat().st_size, time.monotonic()
            time.sleep(0.05)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Let nobody in whom the server does not know."""
        self._tell("reset-auth", b"0")
        try:
            yield
        finally:
            self._tell("reset-auth", b"inf")

    def _tell(self, what: str, body: bytes) -> None:
        head = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.endpoint}/moto-api/{what}", data=body, headers=head)
        urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def serving(folder: Path) -> Iterator[Buckets]:
    """Start the server as a process of its own and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "s3.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait(port, process)
        yield Buckets(endpoint=f"http://127.0.0.1:{port}", log=log)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError
