"""A Spark cluster of one master and two workers on 127.0.0.1, from the package pyspark."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

MEMORY = "1g"


@dataclass(kw_only=True)
class Cluster:
    """A running cluster; `workers` are its workers' processes."""

    url: str
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def conf(self) -> dict[str, str]:
        """Return what keeps a session small and on this machine."""
        return {
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": "1g", "spark.executor.memory": MEMORY, "spark.executor.cores": "1",
            "spark.sql.shuffle.partitions": "4", "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
        }  # fmt: skip

    def source(self, **more: Any) -> dict[str, Any]:
        """Return what a source on this cluster says."""
        return {"kind": "spark", "url": self.url, "conf": self.conf, **more}

    def work(self) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        made = _start(
            self.folder, f"worker{len(self.workers)}", "org.apache.spark.deploy.worker.Worker", "--host",
            "127.0.0.1", "--cores", "1", "--memory", MEMORY, "--webui-port", "0", "--work-dir",
            str(self.folder / f"work{len(self.workers)}"), self.url,
        )  # fmt: skip
        _heard(self.folder / f"worker{len(self.workers)}.log", "Successfully registered with master", made)
        self.workers.append(made)
        return made


def needed() -> None:
    """Leave the test out where Spark cannot run."""
    pytest.importorskip("pyspark", reason="left out: pyspark is not installed (make test-all installs it)")
    java = shutil.which("java", path=f"{os.environ.get('JAVA_HOME', '')}/bin:{os.environ['PATH']}")
    if java is None:
        pytest.skip("left out: Spark needs Java 17, and there is no Java here")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=True, timeout=60).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < 17:
        pytest.skip(f"left out: Spark needs Java 17; here is {said.splitlines()[0]}")


@contextmanager
def running(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Start a cluster and end it."""
    port = free_port()
    cluster = Cluster(url=f"spark://127.0.0.1:{port}", folder=folder)
    master = _start(
        folder, "master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port),
        "--webui-port", str(free_port()),
    )  # fmt: skip
    try:
        _heard(folder / "master.log", "I have been elected leader", master)
        for _worker in range(workers):
            cluster.work()
        yield cluster
    finally:
        for process in [*cluster.workers, master]:
            _end(process)


@contextmanager
def connect_server(cluster: Cluster) -> Iterator[str]:
    """Start a Spark Connect server on a cluster; yield its address."""
    port = free_port()
    conf = {**cluster.conf, "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(port), "spark.ui.enabled": "false"}  # fmt: skip
    said = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    process = _start(
        cluster.folder, "connect", "org.apache.spark.deploy.SparkSubmit", "--master", cluster.url, *said,
        "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal",
        memory=MEMORY,
    )  # fmt: skip
    try:
        _heard(cluster.folder / "connect.log", "Spark Connect server started", process)
        yield f"sc://127.0.0.1:{port}"
    finally:
        _end(process)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _start(folder: Path, name: str, *said: str, memory: str = "256m") -> subprocess.Popen[bytes]:
    import pyspark

    home = Path(pyspark.__file__).parent
    environ = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1",
               "SPARK_DAEMON_MEMORY": memory, "PYSPARK_PYTHON": "python"}  # fmt: skip
    with (folder / f"{name}.log").open("w") as log:
        return subprocess.Popen(
            ["bash", str(home / "bin" / "spark-class"), *said], env=environ, cwd=folder, stdout=log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip


def _heard(log: Path, words: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        text = log.read_text(encoding="utf-8", errors="replace")
        if words in text:
            return
        assert process.poll() is None, text[-2000:]
        time.sleep(0.1)
    raise TimeoutError(text[-2000:])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=20)
