"""
Noisy data, few points: L2, L1, and a rate too far
==================================================

The machine learning crash course has an exercise on its playground: seven features of two
coordinates, noisy data, few of which are trained on. Train with L2 at rates 0.1 and 0.3, then with
L1 at 0.1, 0.3 and 3, look at the weights and at both losses, and answer:

1. What does moving from L2 to L1 do to the gap between test loss and training loss?
2. What does it do to the learnt weights?
3. What does a larger rate do?

Here the exercise is run, on all four data sets and over several seeds, online, and the answers are
measured. One command prints all tables of this page, over as many seeds as you like::

    python examples/gallery/exercise/playground.py --seeds 20
"""

# %%
# The data
# --------
#
# 500 points, noise at its 50 per cent: in XOR and the circle it decides on which side of a border a
# point is taken to lie, so it moves labels; it widens the Gaussians, and shifts the points of the
# spiral. 10 per cent, 50 points, are trained on (large), the rest are for the test (small).

import matplotlib.pyplot as plt
import numpy as np
import playground
from matplotlib.colors import ListedColormap
from playground import PENALTIES
from playground_data import DATASETS, FEATURES, features, sample

import sparsecross as sx

SEED = 1  # of what is drawn as it is; means and tables are over all seeds
MARKS = {1.0: ("o", "white"), -1.0: ("v", "black")}


def scatter(ax, points, labels, size, alpha=1.0):
    """Draw points: circles are labelled +1, triangles -1."""
    for label, (marker, face) in MARKS.items():
        style = {"marker": marker, "facecolor": face, "edgecolor": "black", "alpha": alpha}
        ax.scatter(*points[labels == label].T, size, linewidth=0.6, **style)


def square(ax):
    """Show what the playground shows, -6 to 6."""
    ax.set(xlim=(-6, 6), ylim=(-6, 6), xticks=(-5, 0, 5), yticks=(-5, 0, 5), aspect="equal")


figure, axes = plt.subplots(1, 4, figsize=(9, 2.8), sharey=True, layout="constrained")
for ax, dataset in zip(axes, DATASETS, strict=True):
    drawn = sample(dataset, SEED)
    scatter(ax, drawn.points[drawn.n_train :], drawn.labels[drawn.n_train :], 7, alpha=0.25)
    scatter(ax, drawn.points[: drawn.n_train], drawn.labels[: drawn.n_train], 26)
    square(ax)
    ax.set(title=dataset, xlabel="x1")
axes[0].set_ylabel("x2")

# %%
# Training
# --------
#
# The playground minimises the mean of ½ (output - label)² plus, for each weight, rate |w| (L1) or
# rate w² / 2 (L2). Its output is a tanh; a linear model's is not, and that is the one difference of
# the problem. :class:`~sparsecross.FTRLRegressor` with ``update="proximal"`` learns row by row: the
# loss and the whole penalty of each, so that their mean is the objective above. Steps become
# smaller as gradients add up, where the playground's stay the same, and 6,000 passes end close to
# the optimum: the tests hold them against scikit-learn's.
#
# The gradient of one row is no reason for a weight, but it lifts it off 0. The playground averages
# ten rows, and never again updates a weight that its penalty has once carried to 0. Here a weight
# may come back, and the stream ends with a quiet stretch, of rows without news, in which weights
# that only noise had lifted land. The docstring of ``playground.learn`` has the details.

N_SEEDS = 4
runs = playground.run_all(N_SEEDS)
print(playground.outcomes_table(runs))

# %%
# The gap
# -------

NAMES = [f"{penalty}\n{rate:g}" for penalty, rate in PENALTIES]
PLACES = np.arange(len(PENALTIES))


def over_seeds(dataset, what):
    """Mean and standard deviation over seeds, for each penalty."""
    found = [[getattr(o, what) for o in runs[dataset, p, rate]] for p, rate in PENALTIES]
    return np.mean(found, axis=1), np.std(found, axis=1)


figure, axes = plt.subplots(2, 4, figsize=(9, 5), sharex=True, sharey="row", layout="constrained")
for (above, below), dataset in zip(axes.T, DATASETS, strict=True):
    for name, what, shift, style in (
        ("test", "test_loss", -0.12, {"fmt": "s", "markerfacecolor": "black"}),
        ("training", "train_loss", 0.12, {"fmt": "o", "markerfacecolor": "white"}),
    ):
        mean, std = over_seeds(dataset, what)
        above.errorbar(PLACES + shift, mean, std, color="black", capsize=2, label=name, **style)
    mean, std = over_seeds(dataset, "gap")
    below.bar(PLACES, mean, 0.6, yerr=std, color="0.75", edgecolor="black", capsize=2)
    below.axhline(0, color="black", linewidth=0.8)
    below.set_xticks(PLACES, NAMES)
    above.set_title(dataset)
axes[0, 0].set_ylabel("mean loss")
axes[1, 0].set_ylabel("test loss - training loss")
axes[0, 0].legend(loc="upper left")

# %%
# TEXT 1

print(playground.changes_table(runs))

# %%
# TEXT 1b

print(playground.strength_table(N_SEEDS))

# %%
# The weights
# -----------

figure, axes = plt.subplots(4, 5, figsize=(9, 7.4), sharex=True, sharey="row", layout="constrained")
bars = np.arange(len(FEATURES))
for row, dataset in zip(axes, DATASETS, strict=True):
    for ax, (penalty, rate) in zip(row, PENALTIES, strict=True):
        weights = runs[dataset, penalty, rate][SEED].weights
        ax.bar(bars, weights, 0.7, color="0.6", edgecolor="black", linewidth=0.6)
        zero = bars[weights == 0]
        ax.plot(zero, 0 * zero, "o", color="black", markerfacecolor="white", markersize=5)
        ax.axhline(0, color="black", linewidth=0.6, zorder=0)
        ax.set_xticks(bars, FEATURES, rotation=90)
        if ax in axes[0]:
            ax.set_title(f"{penalty} {rate:g}")
    row[0].set_ylabel(f"{dataset}\nweight")

# %%
# TEXT 2

SHADES = ListedColormap(plt.get_cmap("cividis")(np.linspace(0.3, 1, 256)))
mesh = np.meshgrid(*[np.linspace(-6, 6, 61)] * 2)
everywhere = features(np.column_stack([x.ravel() for x in mesh]))

figure, axes = plt.subplots(4, 5, figsize=(9, 6.8), sharex=True, sharey=True, layout="constrained")
for row, dataset in zip(axes, DATASETS, strict=True):
    drawn = sample(dataset, SEED)
    for ax, (penalty, rate) in zip(row, PENALTIES, strict=True):
        output = runs[dataset, penalty, rate][SEED].model.predict(everywhere).reshape(61, 61)
        limits = {"extent": (-6, 6, -6, 6), "vmin": -1.2, "vmax": 1.2}
        shades = ax.imshow(output, origin="lower", cmap=SHADES, **limits)
        if output.min() < 0 < output.max():
            ax.contour(*mesh, output, [0], colors="black", linewidths=1.5)
        scatter(ax, drawn.points[: drawn.n_train], drawn.labels[: drawn.n_train], 9)
        square(ax)
        if ax in axes[0]:
            ax.set_title(f"{penalty} {rate:g}")
    row[0].set_ylabel(f"{dataset}\nx2")
for ax in axes[-1]:
    ax.set_xlabel("x1")
figure.colorbar(shades, ax=axes, label="output", shrink=0.5, aspect=30)

# %%
# A rate too far
# --------------
#
# TEXT 3

figure, axes = plt.subplots(2, 2, figsize=(9, 5.6), sharex=True, layout="constrained")
for ax, dataset in zip(axes.flat, DATASETS, strict=True):
    X, y = sample(dataset, SEED).train
    path = sx.path(X, y, alphas=np.geomspace(15, 0.05, 80))
    effects = path.coefs.toarray() * X.std(axis=0)[:, None]
    styles = ("-", "-.", "--", (0, (1, 1)), "-", ":", (0, (5, 1, 1, 1, 1, 1)))
    for name, effect, style in zip(FEATURES, effects, styles, strict=True):
        bold = {"linewidth": 2.5} if name == "x1 x2" else {"linewidth": 1.1}
        ax.plot(path.alphas, effect, color="black", linestyle=style, label=name, **bold)
    for rate in (0.1, 0.3, 3):
        ax.axvline(rate, color="0.8", linewidth=3, zorder=0)
    alpha_max = sx.alpha_max(X, y)
    ax.plot(alpha_max, 0, "D", color="black", markersize=7, markerfacecolor="white", zorder=5)
    ax.set(title=f"{dataset}: alpha_max = {alpha_max:.2f}", xscale="log")
    ax.set_xticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
    ax.minorticks_off()
for ax in axes[-1]:
    ax.set_xlabel("L1 rate")
for ax in axes[:, 0]:
    ax.set_ylabel("weight times spread\nof its feature")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center")

# %%
# TEXT 4

print(playground.alpha_max_table(20))
