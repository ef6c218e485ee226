"""The api's two addresses."""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from api.openmetrics import CONTENT_TYPE, render
from core.config import Project
from store import settings
from store.database import Store
from store.heartbeats import CONFIG_ERROR, health


def create(store: Store, *, clock: Callable[[], datetime], project: Project) -> FastAPI:
    """Return the application; `clock` tells what time it is."""
    app = FastAPI(title="Goalkeeper", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(render(store, project, clock()), media_type=CONTENT_TYPE)

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        with store.read() as session:
            found = health(session, clock(), project.schedule.collect.interval)
            error = settings.get(session, CONFIG_ERROR) or ""
        body = {
            "alive": found.alive,
            "last_pass": None if found.last is None else found.last.isoformat(),
            "limit_s": found.limit.total_seconds(),
            "config_error": error,
        }
        return JSONResponse(body, status_code=200 if found.alive else 503)

    return app
