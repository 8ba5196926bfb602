r"""
Solutions that can be written down
==================================

Where columns are orthogonal, the Hessian of the squared loss, XᵀX/n, is a diagonal of curvatures
H_j, and the penalised problem falls apart into one parabola for each weight. With w* the weights
of least squares, the minimisers are

- under L1: sign(w*) max(\|w*\| - α/H, 0), a shift, cut off at 0;
- under L2: w* H/(H + α), a factor;
- under both, with the share ρ of L1: the shift by αρ/H, then the factor H/(H + α(1-ρ)).

The first is the soft threshold, :func:`sparsecross.soft_threshold`, and the reason for its name.
"""

import matplotlib.pyplot as plt
import numpy as np

import sparsecross as sx

rng = np.random.default_rng(0)
n, p, alpha = 60, 24, 1.0
orthogonal = np.sqrt(n) * np.linalg.qr(rng.standard_normal((n, p)))[0]
fit = {"alpha": alpha, "fit_intercept": False, "tol": 1e-14}
ratios = {"L1": 1.0, "both, ρ = ½": 0.5, "L2": 0.0}
looks = {
    "L1": ("-", "o", "tab:blue"),
    "both, ρ = ½": ("-.", "^", "tab:green"),
    "L2": ("--", "s", "tab:orange"),
}


def formula(w, H, ratio):
    """Return the minimiser for weights w of least squares and curvatures H."""
    return sx.soft_threshold(w, alpha * ratio / H) * H / (H + alpha * (1 - ratio))


# %%
# First with all curvatures 1, and weights from -3 to 3: lines are the formulas, marks are what
# :func:`sparsecross.solve` finds, which knows nothing of orthogonal columns.

best = np.linspace(-3.0, 3.0, p)
y = orthogonal @ best
grid = np.linspace(-3.2, 3.2, 641)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(grid, grid, color="0.6", linewidth=0.8, label="no penalty")
for name, (style, marker, colour) in looks.items():
    found = sx.solve(orthogonal, y, l1_ratio=ratios[name], **fit).coef
    gap = np.abs(found - formula(best, 1.0, ratios[name])).max()
    print(f"{name:11}  {np.count_nonzero(found):2} of {p} weights, off by at most {gap:.0e}")
    ax.plot(grid, formula(grid, 1.0, ratios[name]), style, color=colour, linewidth=1)
    ax.plot(best, found, marker, color=colour, markersize=4, label=name)
ax.set(xlabel="weight of least squares, w*", ylabel="weight under the penalty, α = 1")
ax.legend()
plt.show()

# %%
# A shift costs a large weight as much as a small one, which is why weights found by L1 are often
# fitted again without a penalty. A factor costs a large weight more, and a small one nearly
# nothing.
#
# Now one weight, w* = 1 for all columns, and curvatures from 0.1 to 10: columns of small scale are
# flat directions of the loss. L1 gives up those with H \|w*\| <= α, however large the weight; L2
# shrinks them most. This is what ``standardize=True`` is for: it makes the penalty blind to scale.

H = np.geomspace(0.1, 10.0, p)
scaled = orthogonal * np.sqrt(H)
y = scaled @ np.ones(p)
grid = np.geomspace(0.1, 10.0, 400)
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for name, (style, marker, colour) in looks.items():
    found = sx.solve(scaled, y, l1_ratio=ratios[name], **fit).coef
    ax.plot(grid, formula(1.0, grid, ratios[name]), style, color=colour, linewidth=1)
    ax.plot(H, found, marker, color=colour, markersize=4, label=name)
ax.set(xscale="log", xlabel="curvature H of the column", ylabel="weight, w* = 1")
ax.legend()
plt.show()

# %%
# With correlated columns nothing of this holds weight by weight, not even the order: there a weight
# may grow as the penalty does, as those that stood in for it leave. Here one does:

mixed = (
    rng.standard_normal((n, 3))
    @ np.linalg.cholesky([[1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.6, 0.6, 1.0]]).T
)
y = mixed @ [1.0, -0.6, 0.2]
for strength in (0.0, 0.1, 0.2, 0.4, 0.8):
    found = sx.solve(mixed, y, alpha=strength, fit_intercept=False, tol=1e-12).coef
    print(f"alpha {strength:.1f}: " + "  ".join(f"{w:6.3f}" for w in found))
