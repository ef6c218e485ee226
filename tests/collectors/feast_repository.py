"""A real Feast repository over the leads of the small project, in an environment of its own."""

import os
import subprocess
from pathlib import Path

import pandas as pd

from tests.environments import python_for

PACKAGES = ("feast==0.67.0",)
STORE = """\
project: leads
registry: data/registry.db
provider: local
online_store: {type: sqlite, path: data/online.db}
entity_key_serialization_version: 3
"""
DEFINITIONS = """\
from datetime import timedelta
from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, String
lead = Entity(name="lead", join_keys=["id"], value_type=ValueType.STRING)
def view(name, fields):
    source = FileSource(name=name + "_source", path=f"data/{name}.parquet", timestamp_field="made_at")
    kept = FeatureView(name=name, entities=[lead], ttl=timedelta(days=400), schema=fields, source=source)
    return source, kept
person_source, person = view("person", [Field(name="age", dtype=Float64), Field(name="shoe", dtype=Float64)])
place_source, place = view("place", [Field(name="region", dtype=String)])
leads = FeatureService(name="lead_v2", features=[person[["age"]], place])
"""
TRAIN = """\
import pandas
from feast import FeatureStore
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
store, leads = FeatureStore("."), pandas.read_parquet("leads.parquet")
for name, full in (("training", False), ("named_in_full", True)):
    service = store.get_feature_service("lead_v2")
    found = store.get_historical_features(leads, service, full_feature_names=full)
    store.create_saved_dataset(found, name, SavedDatasetFileStorage(f"data/{name}.parquet"))
"""


def write_repository(folder: Path, rows: pd.DataFrame) -> None:
    """Write the features of rows (id, made_at, age, region), their labels and the definitions."""
    (folder / "data").mkdir(parents=True)
    rows.assign(shoe=42.0)[["id", "made_at", "age", "shoe"]].to_parquet(folder / "data" / "person.parquet")
    rows[["id", "made_at", "region"]].to_parquet(folder / "data" / "place.parquet")
    told = rows.rename(columns={"made_at": "event_timestamp"})
    told[["id", "event_timestamp", "y"]].to_parquet(folder / "leads.parquet")
    (folder / "feature_store.yaml").write_text(STORE)
    (folder / "definitions.py").write_text(DEFINITIONS)


def apply_feast(folder: Path) -> None:
    """Let Feast take the definitions, make the training data and tell what it knows."""
    python = python_for("feast", PACKAGES)
    feast = str(python.parent / "feast")
    commands = ([feast, "apply"], [str(python), "-W", "ignore", "-c", TRAIN], [feast, "registry-dump"])
    for command in commands:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=300,
            env={**os.environ, "FEAST_USAGE": "False", "PYTHONWARNINGS": "ignore"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
    (folder / "registry.json").write_text(done.stdout)
