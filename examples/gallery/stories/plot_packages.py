"""
Packages: the size of what you install, within a budget of bytes
================================================================

How much disk does a Debian package take? Its section, its maintainer, its tags and the packages
that it depends on tell something; so do crosses of these, such as the games that the games team
maintains. This is the model of the README: 63 thousand packages, list-valued fields, four crosses.

Here we ask what the largest weights say, and what a model costs that must fit into 64, 16 or 4 KiB.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from storytools import EXAMPLES, bars, largest, table, weights

import sparsecross as sx

rows = pd.read_parquet(EXAMPLES / "debian_packages.parquet")
size = rows.pop("log_size").to_numpy()
part = np.random.default_rng(0).choice(3, len(rows), p=(0.6, 0.2, 0.2))
train, choice, test = (rows[part == k] for k in range(3))
train_size, choice_size, test_size = (size[part == k] for k in range(3))


def rmse(model):
    """The error on the test rows; the target is the logarithm of the size in KiB."""
    return np.sqrt(np.mean((model.predict(test) - test_size) ** 2))


# %%
# Levels, and crosses
# -------------------
#
# Three fifths of the packages are learnt from, a fifth is for choices, a fifth for the test.

CROSSES = [
    ("section", "maintainer"),
    ("section", "depends"),
    ("architecture", "maintainer"),
    ("tags", "depends"),
]


def fit(crosses):
    """The lasso at the best of a few strengths, by its error on the rows for choices."""
    encoder = sx.FeatureCross(crosses, min_count=2).fit(train)
    X, beyond = encoder.transform(train), encoder.transform(choice)
    path = sx.path(X, train_size, n_alphas=15, eps=1e-3)
    predicted = (beyond @ path.coefs).toarray() + path.intercepts
    errors = np.mean((predicted - choice_size[:, None]) ** 2, axis=0)
    model = sx.Lasso(alpha=path.alphas[errors.argmin()])
    return make_pipeline(encoder, model).fit(train, train_size)


models = {}
for name, crosses in {"levels": [], "with crosses": CROSSES}.items():
    model = fit(crosses)
    models[name] = (model, {"RMSE": f"{rmse(model):.4f}"})

# %%
# What makes packages large
# -------------------------

figure, ax = plt.subplots(figsize=(7, 5.6), layout="constrained")
bars(ax, largest(weights(model), 24))
ax.set_xlabel("weight, in logarithms of the size")
plt.show()

# %%
# A budget of bytes
# -----------------

for budget in (65_536, 16_384, 4_096):
    for refit in (False, True):
        small = sx.prune(model, max_bytes=budget, X=train, y=train_size, refit=refit)
        name = f"{budget // 1024} KiB" + ", fitted again" * refit
        models[name] = (small, {"RMSE": f"{rmse(small):.4f}"})

judged = sx.prune(model, max_bytes=16_384, X=choice, y=choice_size)
display = sx.SparsityDisplay.from_report(judged.report)
display.ax_.set_title("Packages for choices: loss of the largest effects")
plt.show()

# %%
# Error and bytes
# ---------------

print(table(models))
