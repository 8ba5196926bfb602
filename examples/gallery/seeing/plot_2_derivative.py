"""
A constant and a percentage
===========================

A penalty pulls a weight towards 0 with its derivative. That of L1, α|w|, is α however small the
weight has become; that of L2, α w²/2, is α w, and gives way as the weight does. So a step of
gradient descent takes a constant amount off a weight under L1, and a percentage under L2. A
constant amount uses up any weight in finitely many steps. A percentage never does.
"""

import matplotlib.pyplot as plt
import numpy as np

import sparsecross as sx

w = np.linspace(-1.5, 1.5, 301)
left, right = w[w < 0], w[w > 0]
figure, (value, slope) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
value.plot(w, np.abs(w), "-", color="tab:blue", label="L1: |w|")
value.plot(w, w**2 / 2, "--", color="tab:orange", label="L2: w²/2")
value.set(title="penalty, α = 1", xlabel="w")
value.legend()
for side in (left, right):
    slope.plot(side, np.sign(side), "-", color="tab:blue")
slope.plot([0, 0], [-1, 1], ":", color="tab:blue")
slope.plot(w, w, "--", color="tab:orange")
slope.set(title="its derivative", xlabel="w")
slope.annotate("L1 at 0: any\nslope in [-1, 1]", (0.0, -0.6), (0.3, -1.35))
plt.show()

# %%
# Let the loss not care about a weight, so that only the penalty moves it. The step of rate η that
# minimises penalty and distance from the old weight together is the proximal step: for L1 the soft
# threshold, for L2 a division.

rate, alpha, start = 0.1, 0.5, 1.0
n_steps = 60
weights = {"L1": [start], "L2": [start]}
for _ in range(n_steps):
    weights["L1"].append(sx.soft_threshold(weights["L1"][-1], rate * alpha))
    weights["L2"].append(weights["L2"][-1] / (1 + rate * alpha))

landed = weights["L1"].index(0.0)
print(f"L1 takes off {rate * alpha} a step and is exactly 0 after {landed} steps")
print(f"L2 takes off {1 - 1 / (1 + rate * alpha):.1%} a step and is at {weights['L2'][landed]:.3f}")

figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
for ax, scale in zip(axes, ("linear", "log"), strict=True):
    for name, style, colour in (("L1", "o-", "tab:blue"), ("L2", "s--", "tab:orange")):
        ax.plot(weights[name], style, markersize=3, linewidth=1, color=colour, label=name)
    ax.set(yscale=scale, xlabel="steps")
axes[0].set(title="the weight", ylim=(-0.05, 1.05))
axes[1].set(title="the same, logarithmic scale", ylim=(0.01, 1.5))
axes[1].annotate(
    "to 0, which has\nno logarithm", (19, 0.05), (24, 0.02), arrowprops={"arrowstyle": "-"}
)
axes[0].legend()
plt.show()

# %%
# Could L2 land by running out of floating-point numbers? It takes some 15,000 steps to reach the
# smallest ones, and even there a percentage rounds to nothing, so that the weight stands still
# above 0.

w, steps = start, 0
while w / (1 + rate * alpha) != w:
    w, steps = w / (1 + rate * alpha), steps + 1
print(f"L2 stands still after {steps:,} steps at {w:g}")

# %%
# Where the loss pulls as well, with slope -g at 0, the same two derivatives decide. Under L2 the
# weight rests where the penalty's slope, α w, has grown to balance the pull: away from 0 for every
# g but 0. Under L1 the slope at 0 may be anything up to α, so that the weight rests at 0 for every
# \|g\| up to α: for a range of data, not for a single value. One column with several pulls:

x = np.array([1.0, -1.0])
for pull in (0.3, 0.49, 0.51):
    lasso, ridge = (
        sx.solve(x[:, None], pull * x, alpha=alpha, l1_ratio=ratio, fit_intercept=False, tol=1e-12)
        for ratio in (1.0, 0.0)
    )
    print(f"pull {pull:.2f}, alpha {alpha}: L1 {lasso.coef[0]:.4f}, L2 {ridge.coef[0]:.4f}")
