"""
The diamond and the circle
==========================

A penalised fit is a fit within bounds: of all weights whose norm is at most t, the penalised
solution has the least loss, t being the norm that it has itself. The L1 norm's ball is a diamond
with corners on the axes, the L2 norm's a circle without any. Loss contours that grow until they
touch the ball often touch a diamond at a corner, where a weight is exactly 0.

Forty rows, two correlated columns, squared loss and no intercept, so that everything that happens
can be drawn.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq

import sparsecross as sx

rng = np.random.default_rng(0)
n = 40
X = rng.standard_normal((n, 2)) @ np.array([[1.0, 0.4], [0.0, 0.9]])
y = X @ [0.25, 1.2] + 0.5 * rng.standard_normal(n)
fit = {"fit_intercept": False, "tol": 1e-12}


def loss(w):
    """Return the squared loss of weights (..., 2)."""
    return ((y - np.asarray(w) @ X.T) ** 2).mean(axis=-1) / 2


# %%
# One strength for L1, and for L2 the strength at which the loss is the same, so that both balls
# touch one contour.

alpha = 0.4
lasso = sx.solve(X, y, alpha=alpha, **fit).coef
least_squares = sx.solve(X, y, alpha=0.0, **fit).coef


def ridge_at(strength):
    """Return the weights under an L2 penalty."""
    return sx.solve(X, y, alpha=strength, l1_ratio=0.0, **fit).coef


same_loss = brentq(lambda strength: loss(ridge_at(strength)) - loss(lasso), 0.01, 10.0)
ridge = ridge_at(same_loss)
for name, w in (("least squares", least_squares), ("L1", lasso), ("L2", ridge)):
    print(f"{name:13}  w1 = {w[0]:.4f}  w2 = {w[1]:.4f}  loss = {loss(w):.4f}")

# %%
# L1's w1 is the number 0. L2's is not, and here it is even larger than that of least squares: the
# columns are correlated, and what L2 takes from the large weight it partly gives to the small one.

reach = np.linspace(-1.05, 2.05, 300)
contours = loss(np.stack(np.meshgrid(reach, reach), axis=-1))
levels = loss(least_squares) + (loss(lasso) - loss(least_squares)) * np.array(
    [0.03, 0.2, 0.5, 1, 1.8, 3]
)
around = np.linspace(0.0, 2 * np.pi, 400)
balls = {
    "L1": (lasso, np.abs(lasso).sum() * np.array([[1, 0, -1, 0, 1], [0, 1, 0, -1, 0]])),
    "L2": (ridge, np.linalg.norm(ridge) * np.array([np.cos(around), np.sin(around)])),
}
arrow = {"arrowstyle": "-", "linewidth": 0.8, "shrinkB": 4}
figure, axes = plt.subplots(1, 2, figsize=(7, 3.9), sharey=True, layout="constrained")
for ax, (name, (w, ball)) in zip(axes, balls.items(), strict=True):
    ax.contour(
        reach, reach, contours, levels=levels, colors="0.55", linewidths=[0.8] * 3 + [2] + [0.8] * 2
    )
    ax.fill(*ball, facecolor="lightsteelblue", edgecolor="tab:blue", linewidth=1.5)
    ax.axhline(0.0, color="0.3", linewidth=0.6)
    ax.axvline(0.0, color="0.3", linewidth=0.6)
    ax.plot(*least_squares, "k+", markersize=9)
    ax.annotate("least squares", least_squares, (0.9, 1.8), arrowprops=arrow)
    ax.plot(*w, "o", color="black", markersize=7)
    ax.annotate(f"({w[0]:.3g}, {w[1]:.3g})", w, (0.9, 0.25), arrowprops=arrow)
    norm = "$|w_1| + |w_2|$" if name == "L1" else r"$\sqrt{w_1^2 + w_2^2}$"
    ax.set(title=f"{name}: {norm} ≤ {ball.max():.3f}", xlabel="$w_1$", aspect="equal")
axes[0].set_ylabel("$w_2$")
plt.show()

# %%
# Which data end on the corner? Let the true weights go around a circle, with no noise at all, and
# solve for each direction. L1's weight is 0 along whole stretches of directions, which is why an
# exact 0 is nothing special there. L2's weight passes through 0 at single directions, which no
# data with noise hit.

angles = np.linspace(0.0, 360.0, 361)
targets = [X @ [np.cos(a), np.sin(a)] for a in np.deg2rad(angles)]
w1 = {
    "L1": [sx.solve(X, t, alpha=alpha, **fit).coef[0] for t in targets],
    "L2": [sx.solve(X, t, alpha=same_loss, l1_ratio=0.0, **fit).coef[0] for t in targets],
}
for name, values in w1.items():
    print(f"{name}: w1 is exactly 0 at {np.count_nonzero(np.equal(values, 0.0))} of 361 angles")

figure, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.plot(angles, w1["L2"], "--", color="tab:orange", label="L2")
ax.plot(angles, w1["L1"], "-", color="tab:blue", linewidth=2, label="L1")
ax.axhline(0.0, color="0.3", linewidth=0.6)
ax.set(
    xlabel="direction of the true weights (degrees from the $w_1$ axis)",
    ylabel="$w_1$ of the solution",
    xticks=np.arange(0, 361, 45),
)
ax.legend()
plt.show()

# %%
# What holds a weight on the corner is written in the optimality condition: w1 = 0 is best as long
# as the slope of the loss along w1 there is at most alpha.

slope = X[:, 0] @ (X @ lasso - y) / n
print(f"slope along w1 at L1's solution: {slope:.3f}, alpha: {alpha}")
