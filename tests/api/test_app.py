"""The api: what a Prometheus reads, and whether Goalkeeper lives."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from api.app import create
from core.config import Project, load
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, Window
from store import settings
from store.database import Store
from store.heartbeats import CONFIG_ERROR, PASS, beat
from store.metrics import save_points

NOW = datetime(2026, 3, 30, 6, tzinfo=UTC)
ODD = 'region=a "b" \\ c\nd'
FILE = """\
store: sqlite:///gk.db
schedule: {collect: every 10m}
models:
  lead:
    predictions: {path: log.parquet, columns: {time: at, score: p}}
    kpis: {conversion: {title: Call conversion, numerator: y}}
"""


class Client:
    """Asks an application without a server."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
                return await client.get(path)

        return asyncio.run(ask())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "goalkeeper.yaml").write_text(FILE)
    return load(tmp_path / "goalkeeper.yaml")


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    opened = Store.open(project.store.reveal())
    yield opened
    opened.close()


@pytest.fixture
def client(store: Store, project: Project) -> Client:
    return Client(create(store, clock=lambda: NOW, project=project))


def save(store: Store, day: int, metric: str, value: float | None, **more: str) -> None:
    window = Window(start=NOW.replace(day=day, hour=0), end=NOW.replace(day=day + 1, hour=0), grain=Grain.DAY)
    state = ValueState.NOT_ENOUGH_DATA if value is None else ValueState.OK
    found = MetricValue(value=value, n=100, state=state, reason="" if value is not None else "too few")
    point = MetricPoint(model="lead", metric=metric, window=window, value=found, **more)
    with store.write() as session:
        save_points(session, [point], run_id=None, now=NOW, why="")


def families(client: Client) -> dict[str, list[tuple[dict[str, str], float]]]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    found = text_string_to_metric_families(answer.text)
    return {family.name: [(sample.labels, sample.value) for sample in family.samples] for family in found}


def test_it_tells_the_newest_judged_value(store: Store, client: Client) -> None:
    save(store, 27, "service.error_share", 0.01)
    save(store, 28, "service.error_share", 0.25)
    save(store, 29, "service.error_share", None)

    ((labels, value),) = families(client)["goalkeeper_service_error_share"]

    assert value == 0.25
    assert labels == {"model": "lead", "version": "", "segment": "", "column": "", "grain": "1d"}


def test_it_tells_versions_segments_and_columns_apart(store: Store, client: Client) -> None:
    save(store, 28, "drift.jensen_shannon", 0.1, column="age")
    save(store, 28, "drift.jensen_shannon", 0.2, column="age", version="v1")
    save(store, 28, "drift.jensen_shannon", 0.3, column="age", segment=ODD)

    found = families(client)["goalkeeper_drift_jensen_shannon"]

    assert {(labels["version"], labels["segment"]): value for labels, value in found} == {
        ("", ""): 0.1, ("v1", ""): 0.2, ("", ODD): 0.3,
    }  # fmt: skip


def test_help_and_type_come_from_the_declaration(store: Store, client: Client) -> None:
    save(store, 28, "service.error_share", 0.01)
    save(store, 28, "business.conversion", 0.12)

    text = client.get("/metrics").text
    found = {family.name: family for family in text_string_to_metric_families(text)}

    assert found["goalkeeper_service_error_share"].documentation == "Share of errors"
    assert found["goalkeeper_service_error_share"].type == "gauge"
    assert found["goalkeeper_business_conversion"].documentation == "Call conversion"


def test_values_of_long_ago_are_not_current(store: Store, project: Project) -> None:
    save(store, 28, "service.error_share", 0.01)
    later = Client(create(store, clock=lambda: NOW + timedelta(days=60), project=project))

    assert "goalkeeper_service_error_share" not in families(later)


def test_an_empty_store_is_valid_too(client: Client) -> None:
    found = families(client)

    assert {value for _labels, value in found["goalkeeper_alerts_firing"]} == {0.0}
    assert {value for _labels, value in found["goalkeeper_tickets_open"]} == {0.0}
    assert found["goalkeeper_last_window_timestamp_seconds"] == []


def test_it_is_not_well_before_the_first_pass(client: Client) -> None:
    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert (answer.json()["alive"], answer.json()["last_pass"]) == (False, None)


@pytest.mark.parametrize(("age", "code"), [(timedelta(minutes=29), 200), (timedelta(minutes=31), 503)])
def test_three_passes_may_be_missed(age: timedelta, code: int, store: Store, client: Client) -> None:
    with store.write() as session:
        beat(session, PASS, NOW - age)

    answer = client.get("/healthz")

    assert answer.status_code == code
    assert answer.json()["last_pass"] == (NOW - age).isoformat()
    assert answer.json()["limit_s"] == 1800


def test_it_says_that_a_configuration_is_not_in_force(store: Store, client: Client) -> None:
    with store.write() as session:
        settings.put(session, CONFIG_ERROR, "line 3: no")

    assert client.get("/healthz").json()["config_error"] == "line 3: no"


def test_it_offers_nothing_else(client: Client) -> None:
    assert [client.get(path).status_code for path in ("/", "/docs", "/openapi.json")] == [404, 404, 404]
