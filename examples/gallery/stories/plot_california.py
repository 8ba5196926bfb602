"""
California: a map that L1 draws
===============================

What does a house in California cost? Its latitude and its longitude say little, each alone: a
linear model can only tell north from south and east from west. Their cross, a column for each
cell of a grid, can tell Malibu from Bakersfield. But the finer the grid, the more cells: the
number of weights explodes, and most cells hold few blocks of houses or none.

This is an exercise of the machine learning crash course, on its own data and split: 17,000 blocks
to learn from, 3,000 to test on, and the median value of a block's houses to predict. We cut the
grid finer and finer and look at the error, at the weights, and at their bytes.
"""

import lzma

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from storytools import data, table, weights

import sparsecross as sx

TARGET = "median_house_value"


def blocks(part):
    """The rows of a part of the split, and their values in thousands of dollars."""
    with lzma.open(data(f"california-housing/california_housing_{part}.csv.xz")) as file:
        rows = pd.read_csv(file)
    rows["rooms_per_person"] = rows["total_rooms"] / rows["population"]
    return rows, rows.pop(TARGET).to_numpy() / 1_000


train, value = blocks("train")
test, test_value = blocks("test")


def rmse(model, rows=test):
    """The error on the test rows, in thousands of dollars."""
    return np.sqrt(np.mean((model.predict(rows) - test_value) ** 2))


# %%
# From numbers to cells
# ---------------------
#
# The first model has the numbers as they are. The others see buckets. Longitude and latitude are
# cut at multiples of ``size`` degrees, so that a cell is a square of the map; the other fields are
# cut at their deciles. :class:`sparsecross.FeatureCross` then makes a column for each bucket and
# for each cell that holds a block of the training rows. All strengths are chosen by five-fold
# cross-validation on the training rows.

NUMBERS = [name for name in train if name not in ("longitude", "latitude")]


def cells(rows, size):
    """The table with places cut into buckets, each named by its south-west corner."""
    places = rows[["longitude", "latitude"]]
    return rows.assign(**((places / size).apply(np.floor) * size).round(2))


def encoder(crosses):
    """Deciles of all fields but the place, and crosses."""
    return sx.FeatureCross(crosses, buckets=dict.fromkeys(NUMBERS, 10))


def lasso(**options):
    """The lasso, its strength chosen by cross-validation."""
    return sx.LassoCV(n_alphas=30, eps=3e-4, cv=FOLDS, **options)


FOLDS = KFold(5, shuffle=True, random_state=0)


models = {}
plain = lasso(standardize=True).fit(train, value)
models["numbers"] = (plain, {"RMSE": f"{rmse(plain):.1f}"})
separate = make_pipeline(encoder([]), lasso()).fit(cells(train, 1.0), value)
models["buckets"] = (separate, {"RMSE": f"{rmse(separate, cells(test, 1.0)):.1f}"})

# %%
# The grid becomes finer
# ----------------------

CROSS = [("longitude", "latitude")]
crossed = {}
for size in (1.0, 0.5, 0.2, 0.1):
    rows = cells(train, size)
    crossed[size] = make_pipeline(encoder(CROSS), lasso()).fit(rows, value)
    error = rmse(crossed[size], cells(test, size))
    models[f"cells of {size}°"] = (crossed[size], {"RMSE": f"{error:.1f}"})
    n_grid = rows["longitude"].nunique() * rows["latitude"].nunique()
    n_seen = len(rows[["longitude", "latitude"]].drop_duplicates())
    n_kept = weights(crossed[size]).index.str.contains(" latitude").sum()
    print(
        f"{size}°: {n_grid:,} cells in the grid, {n_seen:,} with houses, {n_kept:,} with a weight"
    )

# %%
# The same cells with L2
# ----------------------
#
# An L2 penalty makes weights small, but none of them 0.

SIZE = 0.2
ridge = sx.ElasticNetCV(l1_ratio=0.0, alphas=np.geomspace(1e-2, 1e-5, 10), cv=FOLDS)
kept_all = make_pipeline(encoder(CROSS), ridge).fit(cells(train, SIZE), value)
models[f"cells of {SIZE}°, L2"] = (kept_all, {"RMSE": f"{rmse(kept_all, cells(test, SIZE)):.1f}"})


def grid(model):
    """Edges of the cells, and the weights of the crosses, NaN where there is none."""
    named = weights(model)
    places = named.index.str.extract(r"longitude_(\S+) latitude_(\S+)").astype(float)
    columns, rows = (np.rint(places[k] / SIZE) for k in (0, 1))
    x = np.arange(columns.min(), columns.max() + 2)
    y = np.arange(rows.min(), rows.max() + 2)
    z = np.full((len(y) - 1, len(x) - 1), np.nan)
    there = columns.notna().to_numpy()
    at = [(rows - y[0])[there].astype(int), (columns - x[0])[there].astype(int)]
    z[tuple(at)] = named[there]
    return x * SIZE, y * SIZE, z


figure, axes = plt.subplots(
    1, 2, figsize=(7.5, 4.4), layout="constrained", sharex=True, sharey=True
)
for ax, model, name in zip(axes, (kept_all, crossed[SIZE]), ("L2", "L1"), strict=True):
    x, y, z = grid(model)
    picture = ax.pcolormesh(x, y, z, cmap="cividis", vmin=-150, vmax=150)
    ax.set_title(f"{name}: {np.isfinite(z).sum():,} cells with a weight")
    ax.set_xlabel("longitude, degrees")
    ax.set_aspect(1.25)
axes[0].set_ylabel("latitude, degrees")
figure.colorbar(picture, ax=axes, label="weight, 1,000 dollars", extend="both", shrink=0.8)
plt.show()

# %%
# Error and bytes
# ---------------

print(table(models))
