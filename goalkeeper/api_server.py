"""The api's process: `python -m goalkeeper.api_server CONFIG PORT`."""

import sys
from pathlib import Path


def main(config: str, port: str) -> None:
    """Serve /metrics and /healthz on loopback."""
    import uvicorn

    from api.app import create
    from core.config import load
    from goalkeeper.clock import now
    from store.database import Store

    project = load(Path(config))
    store = Store.open(project.store.reveal())
    uvicorn.run(
        create(store, clock=now, project=project), host="127.0.0.1", port=int(port), log_level="warning"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
