r"""
Priors
======

A penalised fit is the mode of a posterior density, the MAP estimate: the loss is minus the
logarithm of the likelihood, the penalty minus that of a prior, both over n. For the logistic loss,
whose sum over rows is the log-likelihood itself,

- L1 of strength α is a Laplace prior exp(-\|w\|/s)/(2s) of scale s = 1/(n α),
- L2 is a normal prior of variance 1/(n α).

The squared loss is the log-likelihood of normal noise times its variance σ², so that for it the
scale is σ²/(n α), and the variance σ²/(n α) too.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import log_expit
from scipy.stats import laplace, norm

import sparsecross as sx

w = np.linspace(-4.0, 4.0, 801)
densities = {"Laplace": laplace(scale=np.sqrt(0.5)), "normal": norm()}
figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
for (name, density), style, colour in zip(
    densities.items(), ("-", "--"), ("tab:blue", "tab:orange"), strict=True
):
    axes[0].plot(w, density.pdf(w), style, color=colour, label=name)
    axes[1].plot(w, -density.logpdf(w), style, color=colour)
axes[0].set(title="densities of variance 1", xlabel="w")
axes[1].set(title="-log density: |w| and w²", xlabel="w")
axes[0].legend()
plt.show()

# %%
# The Laplace prior has more weights near 0, more far out, and fewer between: a few large effects
# among many small ones. Its logarithm has a kink at 0, and a mode at the kink is a weight that is
# exactly 0.
#
# Two columns, each alone in a logistic model without an intercept, 50 rows; one has no effect, one
# has. Lines are posterior densities from their definition, likelihood times prior on a grid.
# The mark is the weight that the solver finds.

rng = np.random.default_rng(4)
n, alpha = 50, 0.1
x = rng.standard_normal(n)
grid = np.linspace(-1.5, 3.0, 9001)
step = grid[1] - grid[0]
priors = {
    "L1": (1.0, laplace(scale=1 / (n * alpha)), "-", "tab:blue"),
    "L2": (0.0, norm(scale=np.sqrt(1 / (n * alpha))), "--", "tab:orange"),
}
figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True, layout="constrained")
for ax, effect in zip(axes, (0.0, 1.5), strict=True):
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-effect * x)), 1.0, -1.0)
    for name, (ratio, prior, style, colour) in priors.items():
        log_posterior = log_expit(np.outer(grid, y * x)).sum(axis=1) + prior.logpdf(grid)
        posterior = np.exp(log_posterior - log_posterior.max())
        posterior /= posterior.sum() * step
        found = sx.solve(
            x[:, None],
            y,
            loss="logistic",
            alpha=alpha,
            l1_ratio=ratio,
            fit_intercept=False,
            tol=1e-12,
        ).coef[0]
        mode, mean = grid[posterior.argmax()], (grid * posterior).sum() * step
        print(
            f"effect {effect:.1f}, {name}: solver {found:.4f}, mode on the grid {mode:.4f}, "
            f"mean of the posterior {mean:.4f}"
        )
        ax.plot(grid, posterior, style, color=colour, label=name)
        ax.plot(found, posterior.max(), "o", color=colour, markersize=6)
    ax.set(title=f"true effect {effect:g}", xlabel="w", xlim=(-1, 2.5), xticks=[-1, 0, 1, 2])
axes[0].set_ylabel("posterior density")
axes[0].legend()
plt.show()

# %%
# On the left L1's mode is 0 to the last bit, at the kink. That is a property of the mode and of
# nothing else: the posterior gives the single value 0 no probability, and its mean is not 0. A
# prior that believes in exact zeros puts mass on 0 (spike and slab). Where the slab is wide, that
# leads to a best subset, with a price for each weight that is not 0, and not to L1.
#
# For the squared loss the noise has to be known in order to say which prior an alpha is, or which
# alpha a prior asks for: effects of Laplace scale s need α = σ²/(n s), less for more rows, since
# the prior stays what it is while evidence adds up. Whether that α is also best for predictions can
# be tried, over 200 sets of 20 weights drawn from the prior.

n, p, s, noise = 50, 20, 0.3, 2.0
ratios = np.geomspace(1 / 16, 16, 17)
rng = np.random.default_rng(0)
errors = []
for _ in range(200):
    X = rng.standard_normal((n, p))
    effects = rng.laplace(scale=s, size=p)
    y = X @ effects + noise * rng.standard_normal(n)
    alphas = ratios[::-1] * noise**2 / (n * s)
    weights = sx.path(X, y, alphas=alphas, fit_intercept=False).coefs.toarray()
    errors.append(((weights - effects[:, None]) ** 2).sum(axis=0)[::-1])
errors = np.mean(errors, axis=0)
best = ratios[errors.argmin()]
print(f"the prior's own alpha is {noise**2 / (n * s):.3f}; best of the grid: {best:.2f} times that")

figure, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.plot(ratios, errors, "o-", color="tab:blue", markersize=4)
ax.axvline(1.0, color="0.4", linestyle=":")
ax.set(
    xscale="log",
    xlabel="alpha over σ²/(n s)",
    ylabel="summed squared error\nof 20 weights",
    ylim=(0, None),
)
plt.show()

# %%
# Near the prior's own alpha, but a little weaker: the estimate of least squared error is the mean
# of the posterior, and the mode is drawn to 0 by more than that. The prior says where to look for
# alpha; rows held back, or cross-validation, say which.
