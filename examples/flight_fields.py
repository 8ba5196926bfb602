"""Which fields of a flight tell how late it will arrive? Fields to zero as a whole.

    python examples/flight_fields.py hflights.csv

The table has a row for each flight out of Houston in 2011: `hflights` of the R package of that
name, written as CSV (it may be compressed). Fields are those known before departure. For strengths
that fall, the group lasso takes up one field after the other; beside it the lasso, which takes up
single levels of all fields, at the strength whose model has about as many weights.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import sparsecross as sx

FIELDS = ["Month", "DayofMonth", "DayOfWeek", "Hour", "UniqueCarrier", "FlightNum", "TailNum"]
FIELDS += ["Origin", "Dest"]
PARTS = (0.8, 0.3, 0.1, 0.03, 0.01, 0.003)  # of the strength at which all weights are 0


def flights(path: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The fields as categories, and the minutes late."""
    table = pd.read_csv(path)
    table = table[table["ArrDelay"].notna() & table["DepTime"].notna()]
    table["Hour"] = table["DepTime"].astype(int) // 100
    return table[FIELDS].astype(str), table["ArrDelay"].to_numpy(np.float64)


def error(predicted: np.ndarray | float, late: np.ndarray) -> float:
    """The root mean square of what predictions are off by, in minutes."""
    return float(np.sqrt(np.mean((predicted - late) ** 2)))


def main() -> None:
    """Fit along strengths and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", help="hflights as CSV")
    rows, late = flights(parser.parse_args().file)
    held = np.random.default_rng(0).random(len(late)) < 0.2
    train, test = rows[~held], rows[held]
    top = sx.alpha_max(train, late[~held], groups="fields")
    encoder = sx.FeatureCross(crosses=[])
    X = encoder.fit_transform(train).astype(np.float64).tocsc()
    path = sx.path(X, late[~held], n_alphas=60, eps=1e-3)
    beyond = encoder.transform(test)

    constant = error(late[~held].mean(), late[held])
    print(
        f"{len(late):,} flights, {X.shape[1]:,} levels; a constant is off by {constant:.3f} min\n"
    )
    print(
        "| fields with weights | weights | bytes | held-out RMSE | lasso: weights, fields, RMSE |"
    )
    print("| --- | --- | --- | --- | --- |")
    names = np.asarray(encoder.get_feature_names_out(), dtype=str)
    of_level = np.array([name.rsplit("_", 1)[0] for name in names])
    for part in PARTS:
        model = sx.GroupLasso(part * top, groups="fields").fit(train, late[~held])
        small = sx.prune(model)
        n_weights = small.report.n_nonzero
        point = path[int(np.argmin(np.abs(path.n_nonzeros - n_weights)))]
        theirs = error(beyond @ point.coef + point.intercept, late[held])
        fields = ", ".join(small.fields_needed_)
        print(
            f"| {fields} | {n_weights:,} | {small.report.pruned_bytes:,} | "
            f"{error(small.predict(test[small.fields_needed_]), late[held]):.3f} | "
            f"{point.n_nonzero:,}, {len(set(of_level[point.coef != 0]))}, {theirs:.3f} |"
        )


if __name__ == "__main__":
    main()
