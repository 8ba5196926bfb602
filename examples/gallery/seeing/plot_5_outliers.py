"""
Absolute and squared loss under outliers
========================================

L1 and L2 are losses too. The squared loss grows with the square of an error, so its slope, the pull
of a row on the fit, grows with the error. The slope of the absolute loss is ±1 whatever the error.
Huber's loss is squared for errors up to delta and linear beyond, so its pull stops at delta.

A line through 60 points, of which some are moved far down, all of them at the right end.
"""

import matplotlib.pyplot as plt
import numpy as np

import sparsecross as sx

rng = np.random.default_rng(0)
n, noise = 60, 0.5
x = np.sort(rng.uniform(0.0, 5.0, n))
clean = 1.0 + 2.0 * x + noise * rng.standard_normal(n)
losses = {
    "squared": ("--", "tab:orange"),
    "absolute": ("-", "tab:blue"),
    "huber": (":", "black"),
}


def line(x, y, loss):
    """Return slope and intercept; Huber's delta is 1.35 standard deviations of the noise."""
    found = sx.solve(x[:, None], y, loss=loss, alpha=1e-6, delta=1.35 * noise, tol=1e-6)
    return found.coef[0], found.intercept


def moved(share, size):
    """Return targets of which a share, at the right end, lies lower by a size."""
    y = clean.copy()
    y[n - round(share * n) :] -= size
    return y


# %%
# Six points of 60 moved by 20. The true slope is 2.

y = moved(0.1, 20.0)
far = y < clean
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.plot(x[~far], y[~far], "o", color="0.5", markersize=4)
ax.plot(x[far], y[far], "x", color="black", label="moved by 20")
for loss, (style, colour) in losses.items():
    slope, intercept = line(x, y, loss)
    ax.plot(
        x,
        intercept + slope * x,
        style,
        color=colour,
        linewidth=2,
        label=f"{loss}: slope {slope:.2f}",
    )
ax.set(xlabel="x", ylabel="y")
ax.legend(loc="lower left")
plt.show()

# %%
# How far is the slope from 2 as outliers grow in size, and in number?

sizes = np.array([0.0, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 40])
shares = np.arange(0, 31) / n
figure, axes = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True, layout="constrained")
for loss, (style, colour) in losses.items():
    by_size = np.array([line(x, moved(0.1, size), loss)[0] for size in sizes])
    by_share = np.array([line(x, moved(share, 20.0), loss)[0] for share in shares])
    axes[0].plot(sizes, by_size, style, color=colour, linewidth=2, label=loss)
    axes[1].plot(100 * shares, by_share, style, color=colour, linewidth=2)
    print(
        f"{loss:8}  no outliers {by_size[0]:.3f}, six moved by 5: {by_size[5]:.3f}, "
        f"by 40: {by_size[-1]:.3f}; 18 moved by 20: {by_share[18]:.3f}"
    )
for ax in axes:
    ax.axhline(2.0, color="0.5", linewidth=0.8)
axes[0].set(xlabel="size of 6 outliers of 60 (units of y)", ylabel="slope")
axes[1].set(xlabel="share of outliers of size 20 (%)")
axes[0].legend()
plt.show()

# %%
# On the left, the squared loss follows the outliers in proportion, without end. The other two
# move a little, and then no further, however far the outliers go: only their side matters.
#
# On the right they break all at once, at a quarter of the points. Half, which is what the median
# withstands, is not promised to a line: these outliers all lie at one end of x, where each has more
# say in the slope than a point in the middle. Beyond the break the outliers are the pattern that
# the robust losses follow, at first further from the truth than the squared loss is.
#
# One point is enough if it lies far off in x. It has the same pull of at most 1 on its error, but a
# pull of x on the slope. No loss of the error alone withstands this.

for far_x in (5.0, 50.0, 500.0):
    slopes = [line(np.append(x, far_x), np.append(clean, 0.0), loss)[0] for loss in losses]
    print(f"one point (x, y) = ({far_x:g}, 0): " + ", ".join(f"{s:.3f}" for s in slopes))

# %%
# (Squared, absolute, huber.) And what does robustness cost where there is nothing to withstand?
# With normal noise the absolute loss has a slope that scatters more, by √(π/2) = 1.25 in theory,
# as if more than a third of the rows were missing. Huber's pays nearly nothing.

draws = 1 + 2 * x + noise * np.random.default_rng(1).standard_normal((400, n))
fits = [[line(x, y, loss)[0] for loss in losses] for y in draws]
scatter = np.sqrt(np.mean((np.array(fits) - 2.0) ** 2, axis=0))
for loss, deviation in zip(losses, scatter, strict=True):
    print(f"{loss:8}  error of the slope {deviation:.4f}, {deviation / scatter[0]:.2f} of squared")
