"""The script that Streamlit runs: gives the dashboard the time and the configuration, nothing else."""

import argparse
import sys
from pathlib import Path

sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent.resolve()]

from dashboard.app import run
from goalkeeper.clock import now


def main() -> None:
    """Show the page that the address asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    asked = parser.parse_args()
    run(asked.config, now=now(), host=asked.host)


main()
