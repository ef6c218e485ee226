"""NannyML: missing and unseen values, drift of all columns and realised performance, by day."""

import json
import sys
from pathlib import Path

PACKAGES = ("nannyml==0.13.1", "pandas<3", "pyarrow", "statsmodels", "lightgbm", "flaml")


def main(folder: Path) -> None:
    """Run the calculators and print how many days they told of."""
    import nannyml as nml
    import pandas as pd

    nml.disable_usage_logging()
    log = pd.read_parquet(folder / "predictions")
    log = log.merge(pd.read_parquet(folder / "truth", columns=["id", "label"]), on="id")
    reference = pd.read_parquet(folder / "reference")
    reference["label"] = reference["score"] > reference["score"].median()
    columns = [name for name in log.columns if name[0] in "xc" and name[1:].isdigit()]
    categorical = [name for name in columns if name[0] == "c"]
    for table in (log, reference):
        table["answer"] = (table["score"] >= 0.5).astype(int)
        table["label"] = table["label"].astype(int)
        for name in categorical:
            table[name] = table[name].astype("category")
    by_day = {"timestamp_column_name": "at", "chunk_period": "D"}
    calculators = [
        nml.MissingValuesCalculator(column_names=columns, **by_day),
        nml.UnseenValuesCalculator(column_names=categorical, **by_day),
        nml.UnivariateDriftCalculator(
            column_names=columns, continuous_methods=["jensen_shannon"],
            categorical_methods=["jensen_shannon"], **by_day,
        ),
        nml.PerformanceCalculator(
            metrics=["roc_auc", "f1", "accuracy"], y_true="label", y_pred="answer", y_pred_proba="score",
            problem_type="classification_binary", **by_day,
        ),
    ]  # fmt: skip
    days = 0
    for calculator in calculators:
        found = calculator.fit(reference).calculate(log).filter(period="analysis").to_df()
        days = max(days, len(found))
    print(json.dumps({"days": days}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
