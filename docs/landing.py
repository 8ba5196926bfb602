"""Draws docs/landing.png: why the textbook step never lands on 0 and the proximal step does.

    python docs/landing.py

A stream of 600 rows with ten columns, of which the target depends on two. Above, the weights of
two columns that it does not depend on, row by row; below, how many weights are exactly 0.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

import sparsecross as sx

HERE = Path(__file__).parent
RULES = {
    "subgradient": ("textbook: w -= η (∂loss + λ sign w)", 0.4),
    "proximal": ("proximal step, the same λ", 0.4),
    "ftrl": ("FTRL-proximal, λ on the sum of losses", 20.0),
}


def weights(update: str, l1: float) -> np.ndarray:
    """The weights after each row."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 10))
    y = 1.5 * X[:, 0] - X[:, 1] + 0.2 * rng.standard_normal(len(X))
    model = sx.FTRLRegressor(0.3, l1=l1, l2=0.0, update=update, fit_intercept=False)
    found = []
    for x, target in zip(X, y, strict=True):
        found.append(model.learn_one(x, target).coef_.copy())
    return np.array(found)


def main() -> None:
    """Draw it."""
    mpl.use("Agg")
    figure, axes = plt.subplots(
        2,
        len(RULES),
        figsize=(10.5, 4.6),
        sharex=True,
        sharey="row",
        height_ratios=[2, 1],
        layout="constrained",
    )
    for column, (update, (title, l1)) in enumerate(RULES.items()):
        path = weights(update, l1)
        above, below = axes[0, column], axes[1, column]
        above.set_title(title, fontsize=10)
        above.axhline(0.0, color="0.6", linewidth=0.8)
        for j, colour in ((4, "tab:blue"), (7, "tab:orange")):
            above.plot(path[:, j], color=colour, linewidth=0.8)
        above.set_ylim(-0.12, 0.12)
        below.plot((path == 0).sum(axis=1), color="tab:green", linewidth=0.8)
        below.set_ylim(-0.4, 8.6)
        below.set_yticks([0, 4, 8])
        below.set_xlabel("rows")
    axes[0, 0].set_ylabel("two weights\nof no use")
    axes[1, 0].set_ylabel("weights that\nare 0, of ten")
    figure.savefig(HERE / "landing.png", dpi=140)


if __name__ == "__main__":
    main()
