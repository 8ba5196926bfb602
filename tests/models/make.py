"""Writes the model of one version of the file format, to prove that later versions read it.

    python tests/models/make.py

Run once for each version; the files of earlier versions are never written again.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

import sparsecross as sx
from sparsecross.artefact import VERSION

FOLDER = Path(__file__).parent


def main() -> None:
    """Fit a classifier over a table of every kind of field and crosses of columns, and save it."""
    rng = np.random.default_rng(0)
    n = 300
    table = pd.DataFrame(
        {
            "colour": rng.choice(["red", "grün", "blau", None], n),
            "size": rng.integers(0, 4, n),
            "new": rng.choice([True, False], n),
            "tags": [
                list(rng.choice(list("xyz"), rng.integers(0, 3), replace=False)) for _ in range(n)
            ],
            "age": rng.uniform(0, 9, n),
        }
    )
    margins = (table["colour"] == "red") * 2 + table["size"] * table["new"] - table["age"] / 4
    y = np.digitize(margins, [0, 1])
    encoder = sx.FeatureCross([], buckets={"age": 3}, min_count=2)
    estimator = sx.SparseLogisticRegression(alpha=0.01, interactions="triples")
    model = make_pipeline(encoder, estimator).fit(table, y)
    name = f"v{VERSION}"
    sx.save(model, FOLDER / f"{name}.sxm")
    rows = table.iloc[:40]
    rows.to_json(FOLDER / f"{name}_rows.json", orient="records")
    np.save(FOLDER / f"{name}_predictions.npy", model.predict_proba(rows))


if __name__ == "__main__":
    main()
