"""An environment of its own for each peer: they need other versions of numpy and pandas than we do."""

import hashlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
QUIET: Mapping[str, str] = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "MPLBACKEND": "agg"}
"""What keeps the peers from telling their makers about the run."""


def peers() -> list[str]:
    """Return the names of all peers: one file each in bench/peers."""
    return sorted(path.stem for path in (HERE / "peers").glob("[a-z]*.py"))


def script_of(peer: str) -> Path:
    """Return what runs a peer's work."""
    return HERE / "peers" / f"{peer}.py"


def packages_of(peer: str) -> Sequence[str]:
    """Return what a peer's environment holds; the first one is the peer itself, with its version."""
    found: Sequence[str] = import_module(f"bench.peers.{peer}").PACKAGES
    return found


def python_of(peer: str) -> Path:
    """Return the interpreter of a peer's environment, made the first time.

    Raises:
        RuntimeError: its packages could not be installed.
    """
    return python_with(peer, packages_of(peer))


def python_with(name: str, packages: Sequence[str]) -> Path:
    """Return the interpreter of an environment that holds some packages, made the first time.

    Raises:
        RuntimeError: the packages could not be installed.
    """
    mark = hashlib.sha256("\0".join([sys.version, *packages]).encode()).hexdigest()[:12]
    folder = HERE / "environments" / f"{name}-{mark}"
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        print(f"{name}: making its environment (once) …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(packages)} could not be installed: {done.stderr[-1000:]}")
        (folder / "done").touch()
    return python
