"""A real MLflow tracking server on this machine, in an environment of its own."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.environments import python_for
from tests.notify.servers import free_port

PACKAGES = ("mlflow[auth]==3.17.2",)
USER, PASSWORD = "admin", "a-password-of-the-tests"
GUARDED = {"MLFLOW_FLASK_SERVER_SECRET_KEY": PASSWORD, "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD}
LOGIN = {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": PASSWORD}
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1", "GIT_PYTHON_REFRESH": "quiet"}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server and the interpreter that speaks MLflow with it."""

    url: str
    python: Path
    environment: Mapping[str, str]

    def run(self, script: str, *arguments: str) -> str:
        """Run a script there and return what it prints."""
        done = subprocess.run(
            [str(self.python), "-W", "ignore", "-c", script, *arguments],
            env={**self.environment, "MLFLOW_TRACKING_URI": self.url, **LOGIN},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout


@contextmanager
def mlflow_server(folder: Path, *more: str) -> Iterator[Server]:
    """Serve until the block ends; artifacts go through the server alone."""
    python = python_for("mlflow", PACKAGES)
    port = free_port()
    environment = {**os.environ, **QUIET, **GUARDED}
    log = (folder / "mlflow.log").open("w")
    command = [
        str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/kept",
        *more,
    ]  # fmt: skip
    with log, subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as process:
        try:
            _wait(process, f"http://127.0.0.1:{port}/health", folder / "mlflow.log")
            yield Server(url=f"http://127.0.0.1:{port}", python=python, environment=environment)
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _turn in range(300):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except urllib.error.HTTPError as error:
            if error.code == 401:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])
