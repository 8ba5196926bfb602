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
measured. This page was made with four seeds; numbers in the text are of twenty, and one command
prints all tables of them::

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
plt.show()

# %%
# Training
# --------
#
# The playground minimises the mean of ½ (output - label)² plus, for each weight, rate · \|w\| (L1)
# or rate · w²/2 (L2). Its output is a tanh; a linear model's is not, and that is the one difference
# between the problems. :class:`~sparsecross.FTRLRegressor` with ``update="proximal"`` learns row by
# row. Each row pays its loss and the whole penalty, so that the mean over rows is the objective
# above, at the same rate: ``l1`` is the rate, and ``l2``, which has no ½, is half of it. Steps
# become smaller as gradients add up, where the playground's stay as they are, and 6,000 passes over
# the 50 rows end close to the optimum.
#
# The gradient of a single row is mostly noise, and lifts weights off 0 that the mean over rows
# would leave there. The playground averages ten rows, and never again updates a weight that its
# penalty has carried to 0. Here a weight may come back, and the stream ends with a quiet stretch:
# rows whose weight is next to nothing, so that only the penalty acts. What only noise had lifted
# lands, and the others lose a little. Without it, more than half of the weights that are 0 at the
# optimum are not 0 at the end of the stream.

N_SEEDS = 4
runs = playground.run_all(N_SEEDS)
print(playground.agreement(runs))
playground.outcomes_table(runs)

# %%
# The gap
# -------
#
# Losses above, their difference below; bars are standard deviations over seeds.

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
plt.show()

# %%
# **Moving from L2 to L1 makes the gap smaller**, on all four data sets. From L2 at 0.3 to L1 at 0.3
# it falls from 0.073 to 0.030 (XOR), 0.089 to 0.042 (circle), 0.060 to 0.030 (Gaussians) and 0.100
# to 0.040 (spiral), and it falls in 78 of 80 draws (to L1 at 0.1 in 79).
#
# A gap falls for two reasons, and only one of them is good. The training loss always rises. The
# test loss falls on XOR (0.304 to 0.281), the circle (0.375 to 0.352) and the spiral (0.535 to
# 0.508). On the Gaussians it does not (0.182 to 0.186; it falls in 7 draws of 20): there the gap is
# smaller only because the training loss is larger. And on the spiral all there is to gain is to
# learn less: the features hardly help, and a model without weights has a test loss of 0.509.

playground.changes_table(runs)

# %%
# Is that the shape of the penalty, or its strength? At equal rates L1 is the stronger of the two
# here. L2 divides the weight of a feature that goes with no other by 1 + rate / variance, which at
# 0.3 is 1.03 to 1.08 for x1, whose variance is 4 to 9. L1 takes off rate / variance, which is 0.03
# to 0.08, of weights that are about as large. So here is L1 against the L2 that leaves the same
# training loss, both at their optima.

playground.strength_table(N_SEEDS)

# %%
# Most of it is strength. The L2 of the same training loss has a rate 10 to 60 times that of L1, and
# at L1 0.1 it does as well on the test rows (L1 has less in 41 draws of 80). At L1 0.3 the shape
# helps a little: the test loss is 0.004 to 0.008 less on XOR, the circle and the Gaussians, in 17,
# 13 and 16 draws of 20, and on the spiral there is no difference to speak of (0.001 ± 0.011).

# %%
# The weights
# -----------
#
# Of one draw; rings are weights that are exactly 0.

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
plt.show()

# %%
# **L2 makes weights smaller and none of them 0; L1 makes weights 0.** No L2 model of all draws has
# a zero, and L1 has 1.7 to 2.9 of 7 on average at rate 0.1, and 3.1 to 5.1 at 0.3. In how many
# draws L1 keeps each feature:

playground.kept_table(runs)

# %%
# At 0.3 the features that made the data are there in all draws: the product for XOR, the squares
# for the circle, the coordinates for the Gaussians. The sines are there in none. Squares and
# products often stay where they are of no use, since features are not scaled: a sine has a standard
# deviation of 0.7, a square or a product one of 4 to 10. To move outputs as much as a sine, they
# need about a tenth of its weight, and pay a tenth of its penalty.
#
# Bytes follow the zeros. The learner has 120: 16 for each weight and its step size, 8 for the
# intercept. Pruned, all seven weights of L2 take 76 bytes, L1 at 0.3 takes 40 to 54 on average, and
# the intercept alone 8. The smaller the model, the more of it says which weights these are: with
# one weight left, 20 bytes of 36. Where there are thousands of features it is the zeros that count.
#
# Decision surfaces are the smoother for it. L2 keeps the waves of the sines, which 50 noisy points
# have suggested; L1 at 0.3 draws the curves of the features that are left. The line is where the
# output is 0; where there is none, all outputs have the same sign.

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
plt.show()

# %%
# A rate too far
# --------------
#
# **A larger rate leaves fewer weights, until there are none.** At rate 3 the gap is
# small as well, 0.017 to 0.029, and that is no merit: on XOR, the circle and the Gaussians both
# losses are the worst of the table.
#
# The rate at which the last weight goes can be computed beforehand. With all weights 0 the best
# intercept is the mean label, and the slope of the mean loss along w_j is minus the covariance of
# feature j and the labels. The penalty's slope beside 0 is the rate. As long as a covariance is
# larger in size than the rate, moving that weight gains more than it costs; once no covariance is,
# 0 is the optimum. So nothing is learnt from
#
# .. math:: \alpha_\text{max} = \max_j |\operatorname{cov}(x_j, y)|
#
# on, and :func:`sparsecross.alpha_max` returns it. Nothing of the kind holds for L2, whose slope
# beside 0 is 0: at any rate it leaves something. Below are the optimal weights for all L1 rates, in
# units of what they add to the output; grey lines are the rates of the exercise, and the diamond is
# alpha_max.

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
    ax.set_ylabel("weight × standard\ndeviation of feature")
figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center")
plt.show()

# %%
# On the spiral the largest covariance is so small that rate 3 is far beyond it. On the Gaussians
# and the circle it is beyond alpha_max in 18 and 16 draws of 20, and where it is not, one feature
# at most is left, with a small weight. **XOR does not fit the lesson**: x1 x2 goes with the labels
# and is large, so that alpha_max is 4.7 or more, and at rate 3 that weight is left, alone and too
# small. The next rate of the playground, 10, is beyond alpha_max in all 80 draws.

playground.alpha_max_table(20)
