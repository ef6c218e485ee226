"""Evidently: one report over the whole log (it knows no days): summary, drift, classification.

With a second argument: the flights of April, a report for each day, kept in a workspace there.
"""

import json
import sys
from pathlib import Path

PACKAGES = ("evidently==0.7.23", "pandas<3", "pyarrow")


def main(folder: Path) -> None:
    """Run the report and print how many numbers it holds."""
    import pandas as pd
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset

    log = pd.read_parquet(folder / "predictions")
    log = log.merge(pd.read_parquet(folder / "truth", columns=["id", "label"]), on="id")
    reference = pd.read_parquet(folder / "reference")
    reference["label"] = (reference["score"] > reference["score"].median()).astype(int)
    log["label"] = log["label"].astype(int)
    columns = [name for name in log.columns if name[0] in "xc" and name[1:].isdigit()]
    for table in (log, reference):
        table["answer"] = (table["score"] >= 0.5).astype(int)
    definition = DataDefinition(
        numerical_columns=[name for name in columns if name[0] == "x"],
        categorical_columns=[name for name in columns if name[0] == "c"],
        classification=[
            BinaryClassification(target="label", prediction_labels="answer", prediction_probas="score")
        ],
    )
    kept = [*columns, "score", "label", "answer"]
    report = Report(
        [DataSummaryPreset(columns=columns), DataDriftPreset(columns=columns), ClassificationPreset()]
    )
    found = report.run(
        Dataset.from_pandas(log[kept], definition), Dataset.from_pandas(reference[kept], definition)
    )
    print(json.dumps({"values": len(found.dict()["metrics"])}))


def workspace(folder: Path, place: Path) -> None:
    """Add a report for each day of the flights to a workspace."""
    import pandas as pd
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset
    from evidently.ui.workspace import Workspace

    numeric, categorical = ["distance", "sched_hour", "weekday"], ["carrier", "origin", "dest"]
    log = pd.read_parquet(folder / "logs" / "predictions")
    log = log.merge(pd.read_parquet(folder / "logs" / "landings")[["flight_id", "late"]], on="flight_id")
    reference = pd.read_parquet(folder / "reference.parquet").dropna(subset=["late"])
    for table in (log, reference):
        table["late"] = table["late"].astype(int)
        table["answer"] = (table["p_late"] >= 0.3).astype(int)
    definition = DataDefinition(
        numerical_columns=numeric,
        categorical_columns=categorical,
        classification=[
            BinaryClassification(target="late", prediction_labels="answer", prediction_probas="p_late")
        ],
    )
    kept = [*numeric, *categorical, "p_late", "late", "answer"]
    before = Dataset.from_pandas(reference[kept], definition)
    space = Workspace.create(str(place))
    project = space.create_project("flights")
    for day, rows in log.groupby(log["departs_at"].dt.tz_convert("America/New_York").dt.floor("D")):
        report = Report(
            [
                DataSummaryPreset(columns=numeric + categorical),
                DataDriftPreset(columns=numeric + categorical),
                ClassificationPreset(),
            ]
        )
        run = report.run(Dataset.from_pandas(rows[kept], definition), before, timestamp=day.to_pydatetime())
        space.add_run(project.id, run)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        workspace(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]))
