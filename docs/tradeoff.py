"""Draws docs/tradeoff.png: held-back error against the bytes of the pruned model.

    python docs/tradeoff.py

Debian packages, installed size from five fields, with and without their crosses; a model for each
strength of the penalty, from the smallest at which all weights are 0 downwards.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pyarrow.parquet as pq
from sklearn.pipeline import make_pipeline

import sparsecross as sx

HERE = Path(__file__).parent
TABLE = HERE.parent / "examples" / "debian_packages.parquet"
FIELDS = ["section", "priority", "maintainer", "tags", "depends"]
RATIOS = np.geomspace(3, 1000, 14)


def curve(crosses, fields, y, held_back):
    """Bytes dense and pruned, and root mean squared error, for each strength."""
    train, test = fields.filter(~held_back), fields.filter(held_back)
    encoder = sx.FeatureCross(crosses, min_count=2)
    X = encoder.fit_transform(train).tocsc()
    strongest = sx.alpha_max(X, y[~held_back])
    model = sx.Lasso(warm_start=True, tol=1e-3)
    rows = []
    for ratio in RATIOS:
        model.set_params(alpha=strongest / ratio).fit(X, y[~held_back])
        pruned = sx.prune(make_pipeline(encoder, model))
        error = np.sqrt(np.mean((pruned.predict(test) - y[held_back]) ** 2))
        rows.append((pruned.report.pruned_bytes, pruned.report.dense_bytes, error))
    return np.array(rows)


def main():
    """Fit, draw and save."""
    mpl.use("Agg")
    table = pq.read_table(TABLE)
    y = table["log_size"].to_numpy()
    held_back = np.random.default_rng(0).random(len(y)) < 0.2
    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for label, crosses, colour in (
        ("fields alone", [], "tab:blue"),
        ("with all pairwise crosses", "pairwise", "tab:red"),
    ):
        pruned, dense, error = curve(crosses, table.select(FIELDS), y, held_back).T
        axes.plot(pruned, error, "o-", ms=4, color=colour, label=f"{label}, pruned")
        axes.plot(dense, error, "x", ms=5, color=colour, alpha=0.7, label=f"{label}, dense")
    constant = np.sqrt(np.mean((y[held_back] - y[~held_back].mean()) ** 2))
    axes.axhline(constant, color="0.5", lw=1, ls=":")
    axes.annotate(
        "the mean of all packages",
        (0.99, constant),
        (0, -4),
        color="0.4",
        va="top",
        ha="right",
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
    )
    axes.set_xscale("log")
    axes.set_xticks([2**k for k in range(10, 26, 2)])
    axes.set_xticks([], minor=True)
    axes.set_xticklabels(
        [f"{2**k // 1024} KiB" if k < 20 else f"{2 ** (k - 20)} MiB" for k in range(10, 26, 2)]
    )
    axes.set_xlabel("bytes of the model in RAM, encoder and names included")
    axes.set_ylabel("held-back error of log(installed size)")
    axes.set_title("Installed size of Debian packages: RAM against error", loc="left")
    axes.legend(frameon=False, loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(HERE / "tradeoff.png", dpi=150)


if __name__ == "__main__":
    main()
