"""
Packages: the size of what you install, within a budget of bytes
================================================================

How much disk does a Debian package take? Its section, its maintainer, its tags and the packages
that it depends on tell something; so do crosses of these, such as what the kernel team puts into
the section of debugging symbols. These are the fields and crosses of the README, on half of its
63 thousand packages to keep this page fast.

Here we look at the largest weights, and at models that must fit into 64, 16 or 4 KiB.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import make_pipeline
from storytools import EXAMPLES, largest, table, weights

import sparsecross as sx

rows = pd.read_parquet(EXAMPLES / "debian_packages.parquet").sample(frac=0.5, random_state=0)
size = rows.pop("log_size").to_numpy()  # log(1 + KiB), so errors are factors
part = np.random.default_rng(0).choice(3, len(rows), p=(0.6, 0.2, 0.2))
held = part == 2
train, test, train_size, test_size = rows[~held], rows[held], size[~held], size[held]

# %%
# Levels, and crosses
# -------------------
#
# A fifth of the packages is held back for the test, and another fifth chooses the strength of the
# penalty; then the model learns from both of the other parts.

CROSSES = [
    ("section", "maintainer"),
    ("section", "depends"),
    ("architecture", "maintainer"),
    ("tags", "depends"),
]
FOLD = PredefinedSplit(np.where(part[~held] == 1, 0, -1))
models = {}


def judge(name, model):
    """Note the root mean square of the errors on the test rows, and the bytes of the file."""
    rmse = np.sqrt(np.mean((model.predict(test) - test_size) ** 2))
    n_bytes = sx.memory_report(model).file_bytes
    models[name] = (model, {"RMSE": f"{rmse:.4f}", "file bytes": f"{n_bytes:,}"})


for name, crosses in {"levels": [], "with crosses": CROSSES}.items():
    lasso = sx.LassoCV(cv=FOLD, n_alphas=12, eps=1e-3)
    model = make_pipeline(sx.FeatureCross(crosses, min_count=2), lasso).fit(train, train_size)
    judge(name, model)

# %%
# What makes packages large
# -------------------------

named = weights(model)
for name, weight in named.nlargest(3).items():
    print(f"{name}: {np.exp(weight):.0f} times the size")

figure, ax = plt.subplots(figsize=(7, 5.6), layout="constrained")
top = largest(named, 24)
sx.WeightsDisplay(top.index, top).plot(ax)
ax.set_xlabel("weight (natural log)")
plt.show()

# %%
# A budget of bytes
# -----------------
#
# ``max_bytes`` keeps the weights of the largest effects: neither the file nor the model in memory,
# names included, may take more. What is left can be fitted again without the bias that the penalty
# has put on it.

for budget in (65_536, 16_384, 4_096):
    for refit in (False, True):
        small = sx.prune(model, max_bytes=budget, X=train, y=train_size, refit=refit)
        judge(f"{budget // 1024} KiB" + ", fitted again" * refit, small)

# %%
# The report of a pruned model knows what other budgets would have cost, on the rows that it was
# given. Loss is half the mean squared error.

judged = sx.prune(model, max_bytes=16_384, X=test, y=test_size)
display = sx.SparsityDisplay.from_report(judged.report)
display.ax_.set_title("Loss on the packages held back, by budget")
plt.show()

# %%
# Error and bytes
# ---------------

print(table(models))

# %%
# * The crosses multiply the number of weights by 3.4, from 15,910 to 54,687. The lasso keeps 4,690
#   of them, in a tenth of the bytes. The error falls from 1.4386 to 1.3965, by 3 %.
# * The largest weights are things one can check: images of the installer, packages of the section
#   *kernel* that need an initramfs, fonts. Below 0 stand sources such as *python3-defaults*, whose
#   packages mostly pull in others.
# * 64 KiB are less than half of the file, and the error grows by 1 % only. With 16 KiB the model
#   with crosses is worse than that of levels alone, which takes 98 KiB.
# * Fitting again helps small models: at 16 and at 4 KiB the error falls. At 64 KiB it grows, from
#   1.4088 to 1.4681: the penalty also keeps rare columns from learning noise.
# * The budget binds the larger of file and memory. Of 4 KiB the file needs nearly all, since its
#   parts have a fixed price; in memory the same 49 weights and their names take 1,821 bytes.
