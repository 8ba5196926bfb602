"""What the pictures show is what the path and the folds hold."""

import sys

import matplotlib as mpl
import numpy as np
import pytest

import sparsecross as sx

mpl.use("Agg")
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def data(classes=None):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 15))
    y = X[:, 0] - 2 * X[:, 3] + rng.standard_normal(80)
    return X, y if classes is None else np.digitize(y, np.quantile(y, classes))


def curves(display):
    """Line by column, taken from the picture: zeros stand where a line rests."""
    return [np.nan_to_num(line.get_ydata()) for line in display.lines_]


def test_lines_are_the_weights():
    X, y = data()
    path = sx.path(X, y, n_alphas=12, max_nonzeros=6)
    display = sx.PathDisplay.from_path(path, feature_names=[f"f{k}" for k in range(15)], n_names=2)
    rows = path.coefs.toarray()
    ever = rows[np.any(rows != 0, axis=1)]
    drawn = np.array(curves(display))
    assert len(drawn) == len(ever)
    np.testing.assert_array_equal(drawn[np.lexsort(drawn.T)], ever[np.lexsort(ever.T)])
    for line in display.lines_:
        np.testing.assert_array_equal(line.get_xdata(), path.alphas)
    assert display.ax_.get_xscale() == "log"
    left, right = display.ax_.get_xlim()
    assert left > right
    assert display.error_ax_ is None
    assert {text.get_text() for text in display.ax_.texts} == {"f3", "f0"}
    counts = {tick.get_text() for tick in display.count_ax_.get_xticklabels()}
    assert counts <= {f"{c:,}" for c in path.n_nonzeros}
    assert display.count_ax_.get_xlim() == display.ax_.get_xlim()


def test_a_line_rests_where_its_weight_and_both_neighbours_are_0():
    X, y = data()
    path = sx.path(X, y, n_alphas=12)
    display = sx.PathDisplay.from_path(path)
    rows = path.coefs.toarray()
    for line in display.lines_:
        seen = line.get_ydata()
        weights = next(row for row in rows if np.array_equal(row, np.nan_to_num(seen)))
        padded = np.concatenate([[0.0], weights, [0.0]])
        rest = (padded[:-2] == 0) & (weights == 0) & (padded[2:] == 0)
        np.testing.assert_array_equal(np.isnan(seen), rest)


@pytest.mark.parametrize("selection", ["min", "1se"])
def test_errors_and_the_strengths_that_the_rules_choose(selection):
    X, y = data()
    model = sx.LassoCV(n_alphas=12, selection=selection).fit(X, y)
    display = sx.PathDisplay.from_estimator(model)
    ax = display.error_ax_
    means = [line for line in ax.lines if line.get_label() == "mean of the folds"]
    np.testing.assert_array_equal(means[0].get_ydata(), model.mse_path_.mean(axis=1))
    assert ax.get_ylabel() == "mean squared error"
    marks = {
        line.get_label(): line.get_xdata()[0]
        for line in ax.lines
        if line.get_label().startswith(("best", "one"))
    }
    expected = {
        rule: sx.LassoCV(n_alphas=12, selection=rule).fit(X, y).alpha_ for rule in ("min", "1se")
    }
    assert list(marks.values()) == [expected["min"], expected["1se"]]
    chosen = [label for label in marks if "(chosen)" in label]
    assert [marks[label] for label in chosen] == [model.alpha_] * len(chosen)
    assert chosen


def test_the_class_the_share_and_the_score_that_are_drawn():
    X, labels = data([0.3, 0.6])
    model = sx.SparseLogisticRegressionCV(n_alphas=5, l1_ratio=[0.5, 1.0]).fit(X, labels)
    display = sx.PathDisplay.from_estimator(model, target=1)
    assert display.path is model.path_[1]
    assert display.error_ax_.get_ylabel() == "log loss"
    place = [0.5, 1.0].index(model.l1_ratio_)
    np.testing.assert_array_equal(display.losses, model.loss_path_[place])
    with pytest.raises(ValueError, match=r"one of the classes \[0, 1, 2\], got None"):
        sx.PathDisplay.from_estimator(model)
    model = sx.SparseLogisticRegressionCV(n_alphas=5, multi_class="multinomial").fit(X, labels)
    display = sx.PathDisplay.from_estimator(model, target=1)
    np.testing.assert_array_equal(display.path[3].coef, model.path_[3].coef[1])
    model = sx.SparseLogisticRegressionCV(n_alphas=5, scoring="accuracy").fit(X, labels > 0)
    display = sx.PathDisplay.from_estimator(model)
    assert display.error_ax_.get_ylabel() == "score"
    assert any("(chosen)" in line.get_label() for line in display.error_ax_.lines)


def test_axes_that_are_given_are_used():
    X, y = data()
    model = sx.LassoCV(n_alphas=5).fit(X, y)
    figure, (first, second) = plt.subplots(1, 2)
    display = sx.PathDisplay.from_estimator(model, ax=first, error_ax=second)
    assert (display.ax_, display.error_ax_, display.figure_) == (first, second, figure)
    display = sx.PathDisplay.from_estimator(model, ax=plt.subplots()[1])
    assert display.error_ax_ is None
    figure.canvas.draw()


def test_a_path_without_weights_and_a_strength_of_0_can_be_drawn():
    path = sx.path(np.ones((9, 2)), np.arange(9.0), n_alphas=3)
    assert sx.PathDisplay.from_path(path).lines_ == []
    X, y = data()
    path = sx.path(X, y, alphas=[0.5, 0.1, 0.0])
    display = sx.PathDisplay.from_path(path)
    assert display.lines_[0].get_xdata().tolist() == [0.5, 0.1]
    display.figure_.canvas.draw()


def test_names_keep_their_distance():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 8))
    path = sx.path(X, X @ np.linspace(1.0, 1.01, 8), n_alphas=8)
    display = sx.PathDisplay.from_path(path)
    low, high = display.ax_.get_ylim()
    heights = np.sort([text.xy[1] for text in display.ax_.texts])
    assert len(heights) == 8
    assert np.diff(heights).min() >= 0.05 * (high - low)
    assert heights.max() <= high


def test_what_cannot_be_drawn_is_named(monkeypatch):
    X, y = data()
    with pytest.raises(TypeError, match=r"estimator must be a LassoCV.*got Lasso"):
        sx.PathDisplay.from_estimator(sx.Lasso().fit(X, y))
    path = sx.path(X, y, n_alphas=3)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"needs matplotlib: pip install 'sparsecross\[plot\]'"):
        sx.PathDisplay.from_path(path)


def test_bytes_against_the_losses_of_folds():
    X, y = data()
    for model in (
        sx.LassoCV(n_alphas=15, cv=3),
        sx.ElasticNetCV(l1_ratio=[0.5, 1.0], n_alphas=15, cv=3, max_nonzeros=4),
    ):
        model.fit(X, y)
        display = sx.SparsityDisplay.from_estimator(model)
        losses = model.mse_path_
        if losses.ndim == 3:
            losses = losses[[0.5, 1.0].index(model.l1_ratio_)]
        sizes = np.maximum(model.path_.n_bytes, model.path_.file_bytes)
        order = np.argsort(sizes, kind="stable")
        np.testing.assert_array_equal(display.line_.get_xdata(), sizes[order])
        np.testing.assert_array_equal(display.line_.get_ydata(), losses.mean(axis=1)[order])
        at = np.flatnonzero(model.path_.alphas == model.alpha_)[0]
        assert display.chosen == (sizes[at], losses[at].mean(), model.path_.n_nonzeros[at])
        assert f"{model.path_.n_nonzeros[at]:,} weights" in display.ax_.texts[0].get_text()
    X, labels = data([0.3, 0.6])
    for multi_class in ("ovr", "multinomial"):
        model = sx.SparseLogisticRegressionCV(n_alphas=6, cv=2, multi_class=multi_class)
        display = sx.SparsityDisplay.from_estimator(model.fit(X, labels))
        assert display.ax_.get_ylabel() == "held-out log loss"
        report = sx.prune(model).report
        assert display.chosen[0] == max(report.file_bytes, report.pruned_bytes)
    with pytest.raises(TypeError, match="LassoCV"):
        sx.SparsityDisplay.from_estimator(sx.Lasso())


def test_bytes_against_what_pruning_has_measured():
    X, y = data()
    model = sx.Lasso(alpha=0.02).fit(X, y)
    report = sx.prune(model, X=X, y=y, max_bytes=460).report
    ax = plt.subplots()[1]
    display = report.plot(ax=ax)
    assert display.ax_ is ax
    told = sorted((t.n_bytes, t.loss) for t in report.losses.tradeoff)
    assert sorted(zip(*display.line_.get_data(), strict=True)) == told
    assert display.chosen[1] == report.losses.after
    with pytest.raises(ValueError, match="pruned with X and y"):
        sx.memory_report(model).plot()
    path = sx.path(X, y, n_alphas=6)
    display = sx.SparsityDisplay.from_path(path)
    np.testing.assert_array_equal(display.losses, 1 - path.deviance_explained)
