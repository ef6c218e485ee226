"""The api's process: `python -m goalkeeper.api_server CONFIG PORT`."""

import sys
from datetime import datetime
from pathlib import Path

from core.errors import GoalkeeperError


def main(config: str, port: str) -> None:
    """Serve /metrics and /healthz on loopback."""
    import uvicorn

    from api.app import create
    from core.config import load
    from goalkeeper import clock
    from store.database import Store

    project = load(Path(config))
    store = Store.open(project.store.reveal())

    def now() -> datetime:
        """Return the store's own time where it has one (the demo), else the clock's."""
        return clock.own_time(store) or clock.now()

    uvicorn.run(
        create(store, clock=now, project=project), host="127.0.0.1", port=int(port), log_level="warning"
    )


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except GoalkeeperError as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
