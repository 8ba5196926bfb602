"""
Flights: late by carrier, route and hour
========================================

Will a flight out of Houston arrive more than 15 minutes late? We ask long before it leaves, so the
model may know the timetable only: the carrier, the route, the month, the day of the week, and the
hour at which departure is planned. (The table has the time of the actual departure; that less the
delay is the plan. What is known only later, such as the time in the air, is left out.)

A route may be bad with one carrier only, or in the evening only. Crosses can say so, at a price:
with carrier, route and hour crossed there is a column for almost every flight of the timetable.
"""

import lzma

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from storytools import data, largest, table, weights

import sparsecross as sx

USED = ["DepTime", "DepDelay", "ArrDelay", "UniqueCarrier", "Origin", "Dest", "DayOfWeek"]
USED += ["Month", "DayofMonth"]
with lzma.open(data("hflights/hflights.csv.xz")) as file:
    flights = pd.read_csv(file, usecols=USED).dropna(subset="ArrDelay")
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
# from every second of the flights on the other days.

rng = np.random.default_rng(0)
day = (flights["Month"] * 100 + flights["DayofMonth"]).to_numpy()
days = np.unique(day)
held = np.isin(day, rng.choice(days, len(days) // 5, replace=False))
learnt = np.flatnonzero(~held)[::2]
train, test = rows.iloc[learnt], rows[held]
folds = list(GroupKFold(3).split(train, groups=day[learnt]))
usual = late[learnt].mean()
constant = log_loss(late[held], np.full(held.sum(), usual))
print(f"{len(train):,} flights to learn from, {usual:.1%} of them late")
print(f"{len(test):,} held back, {late[held].mean():.1%} of them late")
print(f"log loss of the same chance for all: {constant:.4f}")

# %%
# Four models
# -----------

PAIRS = [("carrier", "route"), ("carrier", "hour"), ("route", "hour")]
SEASONS = [("month", "carrier"), ("month", "route"), ("month", "hour"), ("weekday", "hour")]
CROSSES = {
    "levels": [],
    "pairs": PAIRS,
    "pairs and triple": [*PAIRS, ("carrier", "route", "hour")],
    "pairs and season": [*PAIRS, *SEASONS],
}
models = {}
for name, crosses in CROSSES.items():
    logistic = sx.SparseLogisticRegressionCV(n_alphas=15, eps=0.01, cv=folds)
    model = make_pipeline(sx.FeatureCross(crosses), logistic).fit(train, late[learnt])
    chance = model.predict_proba(test)[:, 1]
    riskiest = chance >= np.quantile(chance, 0.9)
    errors = {
        "log loss": f"{log_loss(late[held], chance):.4f}",
        "AUC": f"{roc_auc_score(late[held], chance):.3f}",
        "late in riskiest tenth": f"{late[held][riskiest].mean():.1%}",
    }
    models[name] = (model, errors)

# %%
# Loss against bytes
# ------------------
#
# Each dot is a strength of the penalty: its loss on the days left out by cross-validation, and the
# bytes of the pruned weights and their places, names apart.

figure, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for (name, (model, _)), style in zip(models.items(), ("o-", "s--", "^:", "D-."), strict=True):
    choice = model[-1]
    ax.plot(choice.path_.file_bytes, choice.loss_path_.mean(axis=1), style, ms=4, label=name)
ax.set_xscale("log", base=2)
ax.set_xticks([512, 1024, 2048, 4096], ["512 B", "1 KiB", "2 KiB", "4 KiB"])
ax.set_xlabel("bytes of the model's file")
ax.set_ylabel("log loss of days left out")
ax.legend()
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# What the model has learnt, by name
# ----------------------------------

figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
named = largest(weights(models["pairs and season"][0]), 20)
labels = [label.replace(" ", ", ").replace("_", " ") for label in named.index]
sx.WeightsDisplay(labels, named).plot(ax)
ax.set_xlabel("weight, log odds of being late")
plt.show()

# %%
# Error and bytes
# ---------------

print(table(models))

# %%
# * A timetable tells little about delays. The same chance for all flights has a log loss of 0.4891,
#   the best model 0.4677. Still, of the tenth of flights that this model holds to be riskiest,
#   38.4 % were late, against 19.2 % of all.
# * Early flights are on time, those of Southwest (WN) more so. The route from Hobby (HOU) to Newark
#   (EWR) is late, and so is Continental (CO) on its way to Seattle and to Los Angeles.
# * Crosses of carrier, route and hour multiply the number of weights by 10. L1 keeps 352 of 2,083,
#   and the loss falls from 0.4736 to 0.4702.
# * The triple doubles the number of weights once more and changes nothing: pairs have said it all.
#   What does help are crosses with month and weekday, for about the bytes of the triple.
# * In the picture all models are nearly one curve up to 1 KiB. Only beyond that are crosses worth
#   their bytes.
