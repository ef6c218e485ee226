"""Evidently's own data drift preset on each window: which columns it calls drifted, and by what distance."""

import json
import sys
from pathlib import Path


def main(folder: Path) -> None:
    """Print for each window its columns' distances and the limit each was held against."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    reference = pd.read_parquet(folder / "reference.parquet").drop(columns="window")
    monitored = pd.read_parquet(folder / "monitored.parquet")
    columns = list(reference.columns)
    definition = DataDefinition(
        numerical_columns=[name for name in columns if name[0] == "x"],
        categorical_columns=[name for name in columns if name[0] == "c"],
    )
    then, found = Dataset.from_pandas(reference, definition), []
    for _window, rows in monitored.groupby("window"):
        now = Dataset.from_pandas(rows[columns], definition)
        metrics = Report([DataDriftPreset(columns=columns)]).run(now, then).dict()["metrics"]
        told = [one for one in metrics if one["config"].get("type", "").endswith("ValueDrift")]
        found.append({one["config"]["column"]: float(one["value"]) for one in told})
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
