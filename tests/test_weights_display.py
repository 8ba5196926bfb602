"""The picture of the largest weights shows them all, with the names that predictions know."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import sparsecross as sx

mpl.use("Agg")
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def frame():
    rng = np.random.default_rng(0)
    names = [f"column {k}" for k in range(30)]
    X = pd.DataFrame(rng.standard_normal((90, 30)), columns=names)
    return X, X @ np.where(np.arange(30) < 10, rng.standard_normal(30), 0.0)


def drawn(display):
    """Names and weights from the picture, from the top."""
    low, high = display.ax_.get_ylim()
    assert low > high
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    return list(zip(names, [bar.get_width() for bar in display.bars_], strict=True))


def largest(names, weights, n):
    order = sorted(np.flatnonzero(weights), key=lambda j: -abs(weights[j]))
    return [(names[j], weights[j]) for j in order[:n]]


@pytest.mark.parametrize("pruned", [False, True])
def test_bars_are_the_largest_weights_by_name(pruned):
    X, y = frame()
    model = sx.Lasso(0.05).fit(X, y)
    given = sx.prune(model) if pruned else model
    display = sx.WeightsDisplay.from_estimator(given, n_weights=5)
    assert drawn(display) == largest(list(X.columns), model.coef_, 5)
    n = np.count_nonzero(model.coef_)
    assert n > 5
    title = display.ax_.get_title(loc="right")
    assert title == f"{n} weights are not 0, the 5 largest shown; {30 - n} are 0"
    everything = sx.WeightsDisplay.from_estimator(given, n_weights=99)
    assert len(drawn(everything)) == n
    assert everything.ax_.get_title(loc="right") == f"{n} weights are not 0; {30 - n} are 0"


def test_negative_weights_look_different_without_colours():
    X, y = frame()
    display = sx.WeightsDisplay.from_estimator(sx.Lasso(0.05).fit(X, y))
    signs = {bool(bar.get_hatch()): bar.get_width() < 0 for bar in display.bars_}
    assert signs == {True: True, False: False}
    assert all(bool(bar.get_hatch()) == (bar.get_width() < 0) for bar in display.bars_)
    display.figure_.canvas.draw()


def test_crosses_of_a_table_have_the_names_of_the_encoder():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.choice(list("xyz"), 200), "b": rng.choice(list("pq"), 200)})
    y = 2.0 * ((table.a == "x") & (table.b == "q")) - (table.a == "y")
    model = make_pipeline(sx.FeatureCross(crosses=[("a", "b")]), sx.Lasso(0.01)).fit(table, y)
    names = model[0].get_feature_names_out()
    display = sx.WeightsDisplay.from_estimator(model)
    assert drawn(display) == largest(names, model[-1].coef_, 20)
    assert "a_x b_q" in dict(drawn(display))
    built = sx.Lasso(0.01, interactions="pairwise").fit(table, y)
    display = sx.WeightsDisplay.from_estimator(built)
    told = dict(zip(built.interactions_.names(), built.interactions_.values, strict=True))
    assert told.items() <= dict(drawn(display)).items()
    possible = built.interaction_counts_.possible
    assert display.n_zero + display.n_nonzero == len(built.coef_) + possible


@pytest.mark.parametrize("multi_class", ["ovr", "multinomial"])
def test_the_class_that_is_drawn(multi_class):
    X, y = frame()
    labels = np.array(["low", "mid", "high"])[np.digitize(y, np.quantile(y, [0.3, 0.6]))]
    model = sx.SparseLogisticRegression(0.02, multi_class=multi_class).fit(X, labels)
    for k, label in enumerate(model.classes_):
        display = sx.WeightsDisplay.from_estimator(model, target=label)
        assert drawn(display) == largest(list(X.columns), model.coef_[k], 20)
        assert display.n_zero == np.count_nonzero(model.coef_[k] == 0)
        assert display.ax_.get_xlabel() == f"weight; positive speaks for {label}"
    for wrong in (None, "lowest"):
        with pytest.raises(ValueError, match=rf"target must be one of \[.*'high'.*got {wrong!r}"):
            sx.WeightsDisplay.from_estimator(model, target=wrong)


def test_two_classes_several_targets_groups_and_streams():
    X, y = frame()
    model = sx.SparseLogisticRegression(0.02).fit(X, np.where(y > 0, "yes", "no"))
    display = sx.WeightsDisplay.from_estimator(model)
    assert display.ax_.get_xlabel() == "weight; positive speaks for yes"
    with pytest.raises(ValueError, match="target must be None for a model of one output, got 'no'"):
        sx.WeightsDisplay.from_estimator(model, target="no")
    model = sx.MultiTaskLasso(0.05).fit(X, np.stack([y, -2 * y], axis=1))
    display = sx.WeightsDisplay.from_estimator(model, target=1)
    assert drawn(display) == largest(list(X.columns), model.coef_[1], 20)
    for model in (
        sx.GroupLasso(0.05, groups=np.arange(30) // 3).fit(X, y),
        sx.FTRLRegressor().fit(X, y),
    ):
        names = list(X.columns)
        display = sx.WeightsDisplay.from_estimator(model)
        assert drawn(display) == largest(names, np.ravel(model.sparse_coef_.toarray()), 20)


def test_models_without_weights_long_names_and_given_axes():
    X, y = frame()
    ax = plt.subplots()[1]
    display = sx.WeightsDisplay.from_estimator(sx.Lasso(1e6).fit(X, y), ax=ax)
    assert (display.ax_, display.figure_) == (ax, ax.figure)
    assert drawn(display) == []
    display.figure_.canvas.draw()
    display = sx.WeightsDisplay(["n" * 90], [1.0]).plot()
    assert drawn(display) == [("n" * 39 + "…", 1.0)]
    assert display.ax_.get_title(loc="right") == ""


def test_what_cannot_be_drawn_is_named(monkeypatch):
    X, y = frame()
    with pytest.raises(TypeError, match=r"model must be .* linear model of sparsecross, got str"):
        sx.WeightsDisplay.from_estimator("model")
    with pytest.raises(NotFittedError):
        sx.WeightsDisplay.from_estimator(sx.Lasso())
    model = sx.Lasso(0.05).fit(X, y)
    with pytest.raises(ValueError, match=r"'n_weights' parameter .* Got 0"):
        sx.WeightsDisplay.from_estimator(model, n_weights=0)
    with pytest.raises(ValueError, match=r"names must be as many as weights, .* 2; got 1"):
        sx.WeightsDisplay(["a"], [1.0, 2.0]).plot()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"WeightsDisplay needs matplotlib: pip install"):
        sx.WeightsDisplay.from_estimator(model)
