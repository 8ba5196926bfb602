"""
California: a map that L1 draws
===============================

What does a house in California cost? Its latitude and its longitude say little, each alone: a
linear model can only tell north from south and east from west. Their cross, a column for each
cell of a grid, can tell Malibu from Bakersfield. But the finer the grid, the more cells: the
number of weights explodes, and many cells hold few houses.

This is an exercise of the machine learning crash course, on its own data and split: 17,000 blocks
of houses to learn from, 3,000 to test on, and the median value of a block's houses to predict. We
cut the grid finer and finer and look at the error, the weights and their bytes.
"""

import lzma

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from storytools import data, table, weights

import sparsecross as sx


def blocks(part):
    """The rows of a part of the split, and their values in thousands of dollars."""
    with lzma.open(data(f"california-housing/california_housing_{part}.csv.xz")) as file:
        rows = pd.read_csv(file)
    rows["rooms_per_person"] = rows["total_rooms"] / rows["population"]
    return rows, rows.pop("median_house_value").to_numpy() / 1_000


train, value = blocks("train")
test, test_value = blocks("test")

# %%
# From numbers to cells
# ---------------------
#
# The first model has the numbers as they are. The others see buckets. Places are cut at multiples
# of some degrees, so that a cell is a rectangle of the map; the other fields are cut at their
# deciles. :class:`sparsecross.FeatureCross` makes a column for each bucket, and for each cell that
# holds a block of the training rows: cells of sea or desert get none to begin with.

PLACE = ["longitude", "latitude"]
DECILES = dict.fromkeys([name for name in train if name not in PLACE], 10)


def cells(rows, sizes):
    """The table with places cut into buckets of each size, named by their lower edges."""
    cut = [((rows[PLACE] / d).apply(np.floor) * d).round(2).add_suffix(f" {d}°") for d in sizes]
    return pd.concat([rows.drop(columns=PLACE), *cut], axis=1)


# %%
# A quarter of the training rows chooses the strength of the penalty. It has to be drawn at random:
# the file is sorted by longitude, so a quarter that was not shuffled would lie in cells of its own,
# about which the rest knows nothing, and then hardly a cell would seem worth a weight.

ALPHAS = np.geomspace(1, 1e-3, 7)
CHOICE = ShuffleSplit(1, test_size=0.25, random_state=0)


def fit(sizes, l1_ratio=1.0, alphas=ALPHAS):
    """A model of buckets, and of a cross for each size of cells."""
    crosses = [tuple(f"{name} {d}°" for name in PLACE) for d in sizes]
    encoder = sx.FeatureCross(crosses, buckets=DECILES)
    choice = sx.ElasticNetCV(l1_ratio=l1_ratio, alphas=alphas, cv=CHOICE)
    return make_pipeline(encoder, choice).fit(cells(train, sizes), value)


models = {}


def judge(name, model, rows):
    """Note the root mean square of the errors on the test rows, in thousands of dollars."""
    rmse = np.sqrt(np.mean((model.predict(rows) - test_value) ** 2))
    models[name] = (model, {"RMSE": f"{rmse:.1f}"})


numbers = sx.LassoCV(cv=CHOICE, standardize=True).fit(train, value)
judge("numbers", numbers, test)
separate = sx.FeatureCross([], buckets=DECILES)
separate = make_pipeline(separate, sx.LassoCV(alphas=ALPHAS, cv=CHOICE))
judge("1°, not crossed", separate.fit(cells(train, [1.0]), value), cells(test, [1.0]))

# %%
# The grid becomes finer
# ----------------------

for size in (1.0, 0.2, 0.05, 0.02):
    model = fit([size])
    judge(f"cells of {size}°", model, cells(test, [size]))
    places = cells(train, [size]).iloc[:, -2:]
    n_grid = np.prod(places.nunique())
    n_kept = weights(model).index.str.contains(" latitude").sum()
    print(f"{size}°: {n_grid:,} cells, {len(places.drop_duplicates()):,} hold houses,", end=" ")
    print(f"{n_kept:,} have a weight")

# %%
# Several grids in one model let the penalty choose: coarse cells where that is enough, and a fine
# cell only where it differs from the coarse one around it.

SEVERAL = [1.0, 0.2, 0.05]
judge("cells of 1°, 0.2°, 0.05°", fit(SEVERAL), cells(test, SEVERAL))

# %%
# The same cells with L2
# ----------------------
#
# An L2 penalty makes weights small, but not 0. (Three are, for the solver stops when the objective
# is within a ten-thousandth of the best, and had no need of them.) The map shows the coast from
# Ventura by Los Angeles to San Diego. Cells without a weight are blank, and so is the sea.

SIZE = 0.05
ridge = fit([SIZE], l1_ratio=0.0, alphas=np.geomspace(1e-2, 1e-5, 7))
judge(f"cells of {SIZE}°, L2", ridge, cells(test, [SIZE]))


def draw(ax, model):
    """Draw the weights of the cells as a map."""
    named = weights(model)
    corners = named.index.str.extract(rf"longitude {SIZE}°_(\S+) latitude {SIZE}°_(\S+)")
    columns, rows = np.rint(corners.astype(float).to_numpy() / SIZE).T
    crossed = ~np.isnan(columns)
    columns, rows = columns[crossed].astype(int), rows[crossed].astype(int)
    shape = np.ptp(rows) + 1, np.ptp(columns) + 1
    grid = np.full(shape, np.nan)
    grid[rows - rows.min(), columns - columns.min()] = named[crossed]
    edges = (np.arange(n + 1) + k.min() for n, k in zip(shape[::-1], (columns, rows), strict=True))
    x, y = (SIZE * each for each in edges)
    ax.set_aspect(1.2)  # here a degree of latitude is as long as 1.2 of longitude
    ax.set_xlim(-119.4, -116.8)
    ax.set_xticks([-119, -118, -117])
    ax.set_ylim(32.5, 34.7)
    ax.set_xlabel("longitude, degrees")
    return ax.pcolormesh(x, y, grid, cmap="cividis", vmin=-150, vmax=150)


figure, axes = plt.subplots(
    1, 2, figsize=(7.5, 3.5), layout="constrained", sharex=True, sharey=True
)
lasso, _ = models[f"cells of {SIZE}°"]
for ax, name, model in zip(axes, ("L2", "L1"), (ridge, lasso), strict=True):
    picture = draw(ax, model)
    ax.set_title(name)
axes[0].set_ylabel("latitude, degrees")
figure.colorbar(picture, ax=axes, label="weight, thousands of dollars", extend="both", shrink=0.9)
plt.show()

# %%
# With L2 every cell that holds houses has a weight. With L1 less than half of them do: those on the
# coast, where a house costs more than its income and age explain, and a belt behind it where it
# costs less. The others are well enough described by their longitude, their latitude and the rest.
#
# Error and bytes
# ---------------

print(table(models))

# %%
# * Buckets that are not crossed take the error from 69.1 to 66.8 thousand dollars. The cross of
#   longitude and latitude takes it to 50.7, at cells of 0.05°: the place matters, not its two
#   coordinates.
# * Too fine a grid is worse: at 0.02° there are 199 thousand cells, of which 6 thousand hold
#   houses, and what is learnt in one says nothing about the next. The error rises to 53.4.
# * Three grids in one model make the smallest error, 48.5, and its pruned model takes fewer bytes
#   than that of the fine grid alone, 38 KB instead of 42.
# * At 0.05°, L1 halves the number of weights and takes a third off the bytes. It is not more exact
#   than L2, whose error is smaller by 0.1: with strengths chosen for the error, L1 buys bytes.
# * Small models do not become smaller by pruning: names of cells and buckets stay, and each weight
#   that is kept needs its place beside its value.
