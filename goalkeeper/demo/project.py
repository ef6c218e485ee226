"""The demo's project file; examples/call_centre/goalkeeper.yaml is the same text."""

from pathlib import Path

from core.files import write_atomically

CONFIG = """\
# The simulated call centre. A model decides who gets the special offer; README.md says what will go wrong.
store: sqlite:///goalkeeper.db
timezone: Europe/Moscow
channels:
  owners: {kind: file, to: growth@example.com}    # without a mail server: .goalkeeper/outbox/*.eml
digests:
  - {to: owners, at: "08:00", days: workdays}
models:
  call-conversion:
    title: Special offer
    owner: growth@example.com
    notify: owners
    predictions:
      path: logs/predictions/*.parquet
      columns:
        id: call_id
        time: called_at
        version: model_version
        score: p_convert
        prediction: offered
        latency_ms: latency_ms
        status: status
    ground_truth:
      path: logs/outcomes/*.parquet
      columns: {id: call_id, time: closed_at, label: converted}
      maturity: 7d
    reference: {path: reference.parquet}
    segments: [region, campaign]
    kpis:
      call_conversion: {title: Call conversion, numerator: converted, denominator: answered, unit: percent}
    goals:
      - {kpi: call_conversion, baseline: 0.10, target: 0.15, since: 2025-12-30, by: 2026-06-30}
    retrain: {kind: command, run: python -m goalkeeper.demo.train, time_limit: 10m}
    rules:
      # Latencies are really measured here, in hundredths of a millisecond: the dialler's limit, not a habit.
      service.latency_p95_ms: {kind: threshold, above: 250, for: 2}
"""


def write_project(folder: Path) -> Path:
    """Write the project file unless it is there; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "goalkeeper.yaml"
    if not path.exists():
        write_atomically(path, CONFIG.encode())
    return path
