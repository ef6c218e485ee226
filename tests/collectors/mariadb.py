"""A MariaDB server on 127.0.0.1, from the operating system's own package."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def needed() -> tuple[str, str]:
    """Return the programs that make and run a database; leave the test out where they are absent."""
    pytest.importorskip("pymysql", reason="left out: PyMySQL is not installed")
    path = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
    found = [
        shutil.which(name) or shutil.which(name, path=path) for name in ("mariadb-install-db", "mariadbd")
    ]
    if found[0] is None or found[1] is None:
        pytest.skip("left out: there is no MariaDB here (on Debian: apt install mariadb-server)")
    return found[0], found[1]


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Start a server and end it; yield the address of its empty database."""
    install, server = needed()
    data = folder / "data"
    small = ["--no-defaults", f"--datadir={data}", "--user=root"]
    made = subprocess.run(
        [install, *small, "--auth-root-authentication-method=normal", "--skip-test-db"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    port = _free_port()
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [server, *small, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/s",
             f"--pid-file={folder}/pid", "--innodb-buffer-pool-size=64M",
             "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--character-set-server=utf8mb4",
             "--collation-server=utf8mb4_general_ci"],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _answered(port, process, folder / "server.log")
        yield f"mysql+pymysql://root@127.0.0.1:{port}/gk"
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=30)


def _answered(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    import pymysql

    until = time.monotonic() + 60
    while True:
        try:
            with pymysql.connect(host="127.0.0.1", port=port, user="root") as connection:
                connection.cursor().execute("CREATE DATABASE gk")
            return
        except pymysql.err.OperationalError:
            assert process.poll() is None and time.monotonic() < until, log.read_text()[-2000:]
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
