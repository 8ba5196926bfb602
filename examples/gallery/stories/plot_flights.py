"""
Flights: late by carrier, route and hour
========================================

Will a flight out of Houston arrive more than 15 minutes late? We ask long before it leaves, so the
model may know the timetable only: the carrier, the route, the month, the day of the week, and the
hour at which departure is planned. (The table has the hour of the actual departure; that less the
delay is the plan. What is known only later, such as the time in the air, is left out.)

A route may be bad with one carrier only, or in the evening only. Crosses can say so, at a price:
with all of carrier, route and hour crossed there is a column for every flight of the timetable.
"""

import lzma

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from storytools import bars, data, largest, table, weights

import sparsecross as sx

with lzma.open(data("hflights/hflights.csv.xz")) as file:
    flights = pd.read_csv(file)
flights = flights[flights["ArrDelay"].notna()]
late = (flights["ArrDelay"] > 15).to_numpy()
left = flights["DepTime"] // 100 * 60 + flights["DepTime"] % 100  # minutes after midnight
rows = pd.DataFrame(
    {
        "carrier": flights["UniqueCarrier"],
        "route": flights["Origin"] + "-" + flights["Dest"],
        "hour": ((left - flights["DepDelay"]) % 1440 // 60).astype(int),
        "weekday": flights["DayOfWeek"],
        "month": flights["Month"],
    }
)

# %%
# Days, not flights, are held back
# --------------------------------
#
# Flights of a day share its weather. If single flights were held back, a model could learn about
# them from flights of the same day, which no one can do ahead of time. So a fifth of the days is
# the test, and cross-validation leaves whole days out as well. To keep this page fast, models learn
# from every second of the flights that are left.

rng = np.random.default_rng(0)
day = (flights["Month"] * 100 + flights["DayofMonth"]).to_numpy()
days = np.unique(day)
held = np.isin(day, rng.choice(days, len(days) // 5, replace=False))
learnt = np.flatnonzero(~held)[::2]
train, test = rows.iloc[learnt], rows[held]
folds = list(GroupKFold(3).split(train, groups=day[learnt]))
print(f"{len(train):,} flights to learn from, {late[learnt].mean():.1%} of them late")
print(f"{len(test):,} held back, {late[held].mean():.1%} of them late")

# %%
# Four models
# -----------

PAIRS = [("carrier", "route"), ("carrier", "hour"), ("route", "hour")]
SEASONS = [("month", "hour"), ("month", "route"), ("month", "carrier"), ("weekday", "hour")]
CROSSES = {
    "levels": [],
    "and pairs": PAIRS,
    "and the triple": [*PAIRS, ("carrier", "route", "hour")],
    "and pairs with month": [*PAIRS, *SEASONS],
}
models, fitted = {}, {}
for name, crosses in CROSSES.items():
    logistic = sx.SparseLogisticRegressionCV(n_alphas=20, eps=0.01, cv=folds)
    model = make_pipeline(sx.FeatureCross(crosses), logistic).fit(train, late[learnt])
    chance = model.predict_proba(test)[:, 1]
    errors = {
        "log loss": f"{log_loss(late[held], chance):.4f}",
        "AUC": f"{roc_auc_score(late[held], chance):.3f}",
    }
    models[name], fitted[name] = (model, errors), model

# %%
# Held-out loss against bytes, along the path of each model
# ---------------------------------------------------------

figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for (name, model), style in zip(fitted.items(), ("o-", "s--", "^:", "D-."), strict=True):
    path = model[-1].path_
    losses = model[-1].loss_path_.mean(axis=1)
    ax.plot(path.file_bytes, losses, style, ms=4, label=name)
ax.set_xscale("log", base=2)
ax.set_xlabel("bytes of the file, without names")
ax.set_ylabel("log loss of days left out")
ax.legend()
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# What the model has learnt, by name
# ----------------------------------

figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
bars(ax, largest(weights(fitted["and the triple"]), 20))
ax.set_xlabel("weight, log odds of being late")
plt.show()

# %%
# Error and bytes
# ---------------

print(table(models))
