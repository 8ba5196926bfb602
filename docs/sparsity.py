"""Draws docs/sparsity.png: held-back loss against bytes as the smallest effects are left out.

    python docs/sparsity.py

Debian packages, installed size from the README's fields and crosses; a model of the largest effects
for each number of weights, and the one that 64 KiB leave room for.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

import sparsecross as sx

HERE = Path(__file__).parent
CROSSES = [
    ("section", "maintainer"),
    ("section", "depends"),
    ("architecture", "maintainer"),
    ("tags", "depends"),
]


def main() -> None:
    """Fit, prune, draw and save."""
    mpl.use("Agg")
    table = pd.read_parquet(HERE.parent / "examples" / "debian_packages.parquet")
    y = table.pop("log_size").to_numpy()
    held = np.random.default_rng(0).random(len(y)) < 0.2
    model = make_pipeline(sx.FeatureCross(CROSSES), sx.Lasso(alpha=5e-5))
    model.fit(table[~held], y[~held])
    small = sx.prune(model, max_bytes=64 * 1024, X=table[held], y=y[held])
    display = small.report.plot()
    display.ax_.set_title("Installed size of Debian packages: bytes against loss", loc="left")
    display.figure_.savefig(HERE / "sparsity.png", dpi=130)


if __name__ == "__main__":
    main()
