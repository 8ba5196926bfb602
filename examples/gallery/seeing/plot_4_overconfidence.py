"""
Overconfidence
==============

A logistic model says a probability, σ(m) for the margin m = x·w + b. Multiply all weights by ten
and every decision stays as it is, since no margin changes its sign; but σ(10 m) is nearly 0 or 1
almost everywhere. The factor is the model's confidence. Where rows are few and columns many, the
classes of the training rows can be separated, the training loss falls with the factor for ever,
and nothing but a penalty stops the weights from growing.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

import sparsecross as sx

m = np.linspace(-4, 4, 401)
figure, (probability, loss) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
for factor, style in ((1, "-"), (10, "--")):
    name = "m" if factor == 1 else f"{factor} m"
    probability.plot(m, expit(factor * m), style, label=f"σ({name})")
    loss.plot(m, np.logaddexp(0.0, -factor * m), style, label=f"-log σ({name})")
probability.set(title="probability of class +1", xlabel="m")
loss.set(title="loss of a row of class +1 (nats)", xlabel="m", ylim=(-0.2, 10))
for ax in (probability, loss):
    ax.legend()
plt.show()

# %%
# To be wrong at m = -1 costs 1.3 nats; with ten times the weights it costs 10. To be right at
# m = 1 costs 0.3, and then next to nothing. Large weights pay only where one is never wrong.
#
# Now 150 rows of 60 columns, of which five have an effect on the odds, and 20,000 rows held back.

rng = np.random.default_rng(0)
effects = np.zeros(60)
effects[:5] = [1.5, -1.2, 1.0, -0.8, 0.6]
X = rng.standard_normal((20_150, 60))
y = np.where(rng.random(len(X)) < expit(X @ effects), 1.0, -1.0)
train, held = slice(0, 150), slice(150, None)


def cross_entropy(margins, y):
    """Return the mean of -log of the probability of what happened, in nats."""
    return np.logaddexp(0.0, -y * margins).mean()


alphas = np.geomspace(1.0, 1e-4, 33)
paths, curves = {}, {}
for name, ratio in (("L1", 1.0), ("L2", 0.0)):
    paths[name] = sx.path(X[train], y[train], loss="logistic", l1_ratio=ratio, alphas=alphas)
    margins = [X @ point.coef + point.intercept for point in paths[name]]
    curves[name] = [
        (cross_entropy(m[train], y[train]), cross_entropy(m[held], y[held])) for m in margins
    ]
curves = {name: np.array(curve) for name, curve in curves.items()}
truth = cross_entropy(X[held] @ effects, y[held])

print(f"the true odds: {truth:.3f} nats held back; even odds: {np.log(2):.3f}")
for name, curve in curves.items():
    for which, k in (("best", curve[:, 1].argmin()), ("last", -1)):
        point = paths[name][k]
        margins = X[held] @ point.coef + point.intercept
        right = np.mean(np.sign(margins) == y[held])
        print(
            f"{name}, {which} alpha {point.alpha:.4f}: training {curve[k, 0]:.3f}, held back "
            f"{curve[k, 1]:.3f}, right {right:.1%}, {point.n_nonzero} weights, "
            f"norm {np.linalg.norm(point.coef):.1f}"
        )

# %%
# Both penalties have a best strength. Too weak, and the training loss goes to 0 while the held-back
# loss rises far above that of even odds: the model is right in 70 % of the rows, and yet worse than
# one that says 50 % always, because it is so sure of the other 30 %. L1 is better than L2 here,
# where most columns have no effect; where all have a small one, it need not be.

figure, (ax, norms) = plt.subplots(
    2, 1, figsize=(7, 5), sharex=True, height_ratios=[2, 1], layout="constrained"
)
for (name, curve), colour, marker in zip(
    curves.items(), ("tab:blue", "tab:orange"), "os", strict=True
):
    look = {"color": colour, "marker": marker, "markersize": 3}
    ax.plot(alphas, curve[:, 1], "-", linewidth=2, label=f"{name}, held back", **look)
    ax.plot(alphas, curve[:, 0], "--", linewidth=1, label=f"{name}, training", **look)
    best = curve[:, 1].argmin()
    ax.plot(alphas[best], curve[best, 1], marker, color=colour, markersize=8)
    size = [np.linalg.norm(point.coef) for point in paths[name]]
    norms.plot(alphas, size, "-", label=name, **look)
ax.axhline(np.log(2), color="0.4", linestyle=":", linewidth=1)
ax.annotate("even odds", (1e-4, np.log(2)), (0, 3), textcoords="offset points")
ax.set(xscale="log", ylabel="cross-entropy (nats)", ylim=(0, 2.5))
norms.axhline(np.linalg.norm(effects), color="0.4", linestyle=":", linewidth=1)
norms.annotate("true effects", (0.2, np.linalg.norm(effects)), (0, 3), textcoords="offset points")
norms.set(yscale="log", xlabel="alpha", ylabel="L2 norm of the weights", ylim=(0.01, 100))
ax.legend(ncols=2)
norms.legend()
plt.show()

# %%
# Confidence alone can be repaired: divide all margins by the one number that is best for rows held
# back. What is left between the two is a matter of direction, of which weights there are at all.

print("held-back cross-entropy, as fitted and with margins divided by the best number")
models = {}
for name in paths:
    for which, k in (("last", -1), ("best", curves[name][:, 1].argmin())):
        point = paths[name][k]
        margins = X[held] @ point.coef + point.intercept
        models[f"{name}, {which} alpha"] = margins
        best = minimize_scalar(
            lambda log_t, m=margins: cross_entropy(m / np.exp(log_t), y[held]),
            bounds=(-3.0, 5.0),
            method="bounded",
        )
        print(
            f"{name}, {which} alpha: {cross_entropy(margins, y[held]):.3f}; divided by "
            f"{np.exp(best.x):.2f}: {best.fun:.3f}"
        )

# %%
# Of the rows that are given a probability of 90 to 100 %, how many are of class +1? On the diagonal
# a probability means what it says. At the smallest alpha near certainty is worth 70 %. At its best
# alpha L1 errs a little to the other side: it has to shrink what matters in order to keep out what
# does not, and is too modest by the factor that was found above.

figure, axes = plt.subplots(1, 2, figsize=(7, 3.5), sharey=True, layout="constrained")
edges = np.linspace(0.0, 1.0, 11)
for ax, which in zip(axes, ("last", "best"), strict=True):
    for name, style in (("L1", "o-"), ("L2", "s--")):
        p = expit(models[f"{name}, {which} alpha"])
        bins = np.digitize(p, edges[1:-1])
        said = [p[bins == b].mean() for b in range(10) if (bins == b).any()]
        came = [(y[held][bins == b] > 0).mean() for b in range(10) if (bins == b).any()]
        ax.plot(said, came, style, label=name)
    ax.plot([0, 1], [0, 1], color="0.5", linewidth=0.8)
    title = f"alpha = {alphas[-1]:g}" if which == "last" else "each at its best alpha"
    ax.set(title=title, xlabel="mean predicted probability", aspect="equal")
axes[0].set_ylabel("share of class +1")
axes[0].legend()
plt.show()
