"""A real Prometheus tells of the service what no log holds: one number of each window."""

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from collectors.telemetry import prometheus as telemetry
from core.config import ConfigError, load
from core.config.secrets import Secret
from core.windows import Grain, Window
from goalkeeper import clock
from goalkeeper.jobs.passes import PassResult
from reports.query import Query
from store.database import Store
from tests.goalkeeper import small
from tests.notify.servers import free_port

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None, reason="left out: no prometheus"
)
EVERY, HOURS = 30, 30
"""Seconds between two scrapes, and how long a service was scraped before NOW."""
SINCE = small.NOW - timedelta(hours=HOURS)
BOUNDS = (0.05, 0.1, 0.2, 0.5, 1.0)


class Service:
    """What a service measured of itself, scrape by scrape: a gauge, two counters and a histogram."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        n = HOURS * 3600 // EVERY
        self.at = SINCE.timestamp() + np.arange(n) * EVERY + 7
        self.queue = rng.integers(0, 20, n).astype(float)
        self.asked = rng.poisson(40, n)
        self.failed = rng.binomial(self.asked, 0.04)
        self.took = [rng.exponential(0.12, count) for count in self.asked]

    def open_metrics(self) -> str:
        """Write all of it with its times, as OpenMetrics."""
        lines = ["# TYPE queue gauge"]
        lines += [f"queue {value} {at:.0f}" for value, at in zip(self.queue, self.at, strict=True)]
        lines.append("# TYPE http_requests counter")
        for code, counts in (("200", self.asked - self.failed), ("500", self.failed)):
            lines += [
                f'http_requests_total{{code="{code}"}} {total} {at:.0f}'
                for total, at in zip(counts.cumsum(), self.at, strict=True)
            ]
        lines.append("# TYPE took histogram")
        for bound in (*BOUNDS, np.inf):
            inside = np.cumsum([int((one <= bound).sum()) for one in self.took])
            name = "+Inf" if bound == np.inf else str(bound)
            lines += [
                f'took_bucket{{le="{name}"}} {total} {at:.0f}'
                for total, at in zip(inside, self.at, strict=True)
            ]
        return "\n".join([*lines, "# EOF", ""])

    def inside(self, start: datetime, end: datetime) -> np.ndarray:
        """Tell which scrapes lie in a window."""
        return (self.at >= start.timestamp()) & (self.at <= end.timestamp())


@contextmanager
def prometheus(
    folder: Path, service: Service, *, port: int = 0, scrape: Sequence[object] = ()
) -> Iterator[str]:
    """Serve a Prometheus whose database holds what a service measured."""
    (folder / "past.om").write_text(service.open_metrics())
    data = folder / "tsdb"
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "past.om"), str(data)]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": list(scrape)}))
    port = port or free_port()
    server = [
        "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=20y", f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(server, stdout=said, stderr=said)
    try:
        for _turn in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2).close()
                break
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


METRICS = {
    "queue": {"query": "avg_over_time(queue[$window])", "title": "Queue", "unit": "count"},
    "failed": {
        "query": 'sum(increase(http_requests_total{code=~"5.."}[$window]))'
        " / sum(increase(http_requests_total[$window]))",
        "title": "Failed requests", "unit": "percent",
    },
    "p90_ms": {
        "query": "1000 * histogram_quantile(0.9, sum by (le) (increase(took_bucket[$window])))", "unit": "ms",
    },
}  # fmt: skip


def collected(folder: Path, url: str, **more: object) -> tuple[Store, Query, PassResult]:
    """Collect the small project with telemetry."""
    path = small.write(folder)
    whole = yaml.safe_load(path.read_text())
    model = whole["models"]["lead"] | {
        "telemetry": {"kind": "prometheus", "url": url, "metrics": METRICS | more},
        "rules": {"service.queue": {"kind": "threshold", "above": 1}},
    }
    model["service_grain"] = "1h"
    path.write_text(yaml.safe_dump(whole | {"models": {"lead": model}}))
    project, store, result = small.collect(path)
    return store, Query(store=store, project=project), result


@needs_prometheus
def test_each_window_has_what_prometheus_says_of_it(tmp_path: Path) -> None:
    service = Service()
    with prometheus(tmp_path, service) as url:
        store, query, result = collected(tmp_path, url)
    assert not result.failed and result.models[0].notes == ()
    span = {"since": SINCE + timedelta(hours=1), "until": small.NOW, "now": small.NOW}
    for grain, least in ((Grain.HOUR, 12), (Grain.DAY, 0)):
        queue = [one for one in query.series("lead", "service.queue", grain=grain, **span) if one.value.value]
        assert len(queue) >= least
        for one in queue:
            inside = service.inside(one.window.start, one.window.end)
            assert one.value.value == pytest.approx(service.queue[inside].mean(), rel=1e-9)
    for one in query.series("lead", "service.failed", grain=Grain.HOUR, **span):
        inside = service.inside(one.window.start, one.window.end)
        assert one.value.value == pytest.approx(
            service.failed[inside].sum() / service.asked[inside].sum(), rel=0.05
        )
    for one in query.series("lead", "service.p90_ms", grain=Grain.HOUR, **span):
        held = service.inside(one.window.start, one.window.end)
        slow = np.quantile(np.concatenate([service.took[at] for at in np.flatnonzero(held)]), 0.9)
        at = int(np.searchsorted(BOUNDS, slow))
        assert 1000 * BOUNDS[at - 1] <= one.value.value <= 1000 * BOUNDS[at]
    assert (query.title("lead", "service.failed"), query.unit("lead", "service.failed")) == (
        "Failed requests", "percent",
    )  # fmt: skip
    store.close()


@needs_prometheus
def test_what_prometheus_scrapes_itself_is_told(tmp_path: Path) -> None:
    port = free_port()
    scrape = {
        "job_name": "self",
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
    }
    with prometheus(tmp_path, Service(), port=port, scrape=[scrape]) as url:
        source = telemetry.Telemetry(telemetry.Options(url=Secret(url)))
        found: Mapping[Window, float] = {}
        for _turn in range(60):
            end = clock.now().replace(microsecond=0)
            window = Window(start=end - timedelta(seconds=10), end=end, grain=Grain.HOUR)
            query = 'max(max_over_time(process_resident_memory_bytes{job="self"}[$window]))'
            found = source.values(query, [window])
            if found:
                break
            time.sleep(0.5)
    assert found[window] > 2**20


@needs_prometheus
def test_a_query_that_is_none_is_a_note_and_the_pass_goes_on(tmp_path: Path) -> None:
    more = {
        "broken": {"query": "sum(([$window]"},
        "many": {"query": "increase(http_requests_total[$window])"},
        "requests": {"query": "sum(increase(http_requests_total[$window]))"},
    }
    with prometheus(tmp_path, Service()) as url:
        store, query, result = collected(tmp_path, url, **more)
    notes = " | ".join(result.models[0].notes)
    assert not result.failed
    assert "telemetry.metrics.broken" in notes and "Try it in Prometheus itself" in notes
    assert "answers with 2 series where one is needed" in notes
    assert "telemetry.metrics.requests: the log itself tells of it." in notes
    span = {"since": SINCE, "until": small.NOW, "now": small.NOW, "grain": Grain.HOUR}
    assert any(one.value.value for one in query.series("lead", "service.queue", **span))
    store.close()


def test_a_server_that_does_not_answer_is_a_note_and_nothing_is_doubled(tmp_path: Path) -> None:
    store, _query, result = collected(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert not result.failed
    assert len([note for note in result.models[0].notes if note.startswith("telemetry.metrics.")]) == 3
    store.close()


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"cpu": {"query": "up"}}, "This tells nothing of a window."),
        ({"c p u": {"query": "up[$window]"}}, "made of letters, digits"),
        ({}, "metrics"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(
    metrics: dict[str, object], said: str, tmp_path: Path
) -> None:
    path = small.write(tmp_path)
    whole = yaml.safe_load(path.read_text())
    whole["models"]["lead"]["telemetry"] = {"kind": "prometheus", "url": "http://x", "metrics": metrics}
    path.write_text(yaml.safe_dump(whole))
    with pytest.raises(ConfigError) as told:
        load(path)
    assert said in str(told.value) and "telemetry" in str(told.value)
