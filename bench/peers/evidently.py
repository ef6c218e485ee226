"""Evidently: one report over the whole log (it knows no days): summary, drift, classification."""

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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
