"""
Spam: the words that remain
===========================

Is a text message spam? Its words tell. A column for each word of 4 thousand messages makes
thousands of weights, and a ridge penalty keeps them all; L1 keeps those that the error needs.
And words that stand in one message may mean more than each of them: a list of words crossed with
itself has a column for each pair, and then the number of weights explodes.
"""

import lzma

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from storytools import bars, data, largest, table, weights

import sparsecross as sx

with lzma.open(data("sms-spam/SMSSpamCollection.xz"), "rt", encoding="utf-8") as file:
    lines = sorted({line.rstrip("\n") for line in file})  # some messages stand there several times
labels, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
words_of = CountVectorizer(token_pattern=r"\w+|[£!?]").build_analyzer()
rows = pd.DataFrame({"words": [words_of(text) for text in texts]})
spam = np.array(labels) == "spam"
held = np.random.default_rng(0).random(len(spam)) < 0.25
train, test = rows[~held], rows[held]
print(f"{len(train):,} messages to learn from, {spam[~held].mean():.1%} of them spam")
print(f"{len(test):,} held back")

# %%
# Four models
# -----------

WORDS = sx.FeatureCross([])
PAIRS = sx.FeatureCross([("words", "words")], min_count=2)
L2 = {"l1_ratio": 0.0, "alphas": np.geomspace(0.1, 1e-5, 9)}
L1 = {"n_alphas": 30, "eps": 1e-3}
fitted = {
    "words, L2": make_pipeline(WORDS, sx.SparseLogisticRegressionCV(**L2)),
    "words, L1": make_pipeline(WORDS, sx.SparseLogisticRegressionCV(**L1)),
    "and pairs, L1": make_pipeline(PAIRS, sx.SparseLogisticRegressionCV(**L1)),
}
models = {}
for name, model in fitted.items():
    model.fit(train, spam[~held])
    chance = model.predict_proba(test)[:, 1]
    errors = {
        "wrong": f"{np.mean((chance > 0.5) != spam[held]):.2%}",
        "log loss": f"{log_loss(spam[held], chance):.4f}",
    }
    models[name] = (model, errors)

# %%
# The words that remain
# ---------------------

figure, axes = plt.subplots(1, 2, figsize=(7.5, 6), layout="constrained", sharex=True)
for ax, name in zip(axes, ("words, L1", "and pairs, L1"), strict=True):
    named = largest(weights(fitted[name]), 25)
    bars(ax, named.rename(lambda label: label.replace("words_", "")))
    ax.set_title(name)
    ax.set_xlabel("weight, log odds of spam")
plt.show()

# %%
# Error and bytes
# ---------------

print(table(models))
