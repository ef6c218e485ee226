"""popmon: histograms and profiles of all columns, compared with the reference by day (no labels)."""

import json
import sys
from pathlib import Path

PACKAGES = ("popmon==1.4.12", "pandas<3", "numpy<2.3", "pyarrow", "setuptools<81")


def main(folder: Path) -> None:
    """Compute the stability metrics and print how many tables they fill."""
    import pandas as pd
    import popmon
    from histogrammar.dfinterface.make_histograms import make_histograms

    log = pd.read_parquet(folder / "predictions")
    reference = pd.read_parquet(folder / "reference")
    columns = [name for name in log.columns if name[0] in "xc" and name[1:].isdigit()] + ["score"]
    for table in (log, reference):
        table["at"] = table["at"].dt.tz_localize(None)
    day = {
        "bin_width": float(pd.Timedelta("1d").value),
        "bin_offset": float(log["at"].min().normalize().value),
    }
    known = make_histograms(  # given a table as the reference, version 1.4.12 refuses it further down
        reference[["at", *columns]], features=[f"at:{name}" for name in columns], time_axis="at",
        bin_specs={"at": day},
    )  # fmt: skip
    found = popmon.df_stability_metrics(
        log[["at", *columns]], time_axis="at", reference_type="external", reference=known
    )
    print(json.dumps({"tables": len(found)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
