"""NannyML's own univariate drift on each window: the distance of each column, and whether it alarms."""

import json
import sys
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Print for each window its columns' distances and alarms."""
    import nannyml as nml
    import pandas as pd

    nml.disable_usage_logging()
    reference = pd.read_parquet(folder / "reference.parquet")
    monitored = pd.read_parquet(folder / "monitored.parquet")
    columns = [name for name in reference.columns if name != "window"]
    for table in (reference, monitored):
        for name in columns:
            if name[0] == "c":
                table[name] = table[name].astype("category")
    size = int((reference["window"] == reference["window"].iloc[0]).sum())
    calculator = nml.UnivariateDriftCalculator(
        column_names=columns, continuous_methods=["jensen_shannon"], categorical_methods=["jensen_shannon"],
        chunk_size=size,
    )  # fmt: skip
    found = calculator.fit(reference).calculate(monitored).filter(period="analysis").to_df()
    print(json.dumps([{name: _told(row, name) for name in columns} for _at, row in found.iterrows()]))


def _told(row: Any, name: str) -> tuple[float, bool]:
    return float(row[name, "jensen_shannon", "value"]), bool(row[name, "jensen_shannon", "alert"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
