"""Holding rows back and choosing alpha by them."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, r2_score, root_mean_squared_error

import sparsecross as sx
from sparsecross.holdout import (
    FACTOR,
    N_ALPHAS,
    PATIENCE,
    Errors,
    Rows,
    alphas_for,
    choose_alpha,
    constant_errors,
    errors_of,
    split_rows,
)


def test_split_is_a_partition_that_the_seed_decides():
    train, held = split_rows(100, 0.25, 7)
    assert len(held) == 25
    assert sorted([*train, *held]) == list(range(100))
    again = split_rows(100, 0.25, 7)
    assert all(map(np.array_equal, (train, held), again))
    assert not np.array_equal(split_rows(100, 0.25, 8)[1], held)
    assert len(split_rows(10, 0, 0)[1]) == 0


def test_split_takes_the_same_share_of_each_class_and_never_all_of_it():
    labels = np.array(["a"] * 80 + ["b"] * 19 + ["c"])
    train, held = split_rows(100, 0.5, 0, labels)
    assert [int((labels[held] == k).sum()) for k in "abc"] == [40, 10, 0]
    assert set(labels[train]) == set("abc")
    held = split_rows(100, 0.99, 0, labels)[1]
    assert [int((labels[held] == k).sum()) for k in "abc"] == [79, 18, 0]


def test_too_few_rows():
    with pytest.raises(ValueError, match="1 rows are too few"):
        split_rows(1, 0.5, 0)


def problem(n=200, p=20, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    y = X[:, 0] - X[:, 1] + rng.standard_normal(n)
    return X, y, rng.integers(1, 4, n).astype(float)


def test_errors_are_scikit_learns():
    X, y, w = problem()
    model = sx.Lasso(alpha=0.1).fit(X, y, w)
    named = errors_of(model, Rows(X, y, w)).named
    predicted = model.predict(X)
    assert named["RMSE"] == pytest.approx(root_mean_squared_error(y, predicted, sample_weight=w))
    assert named["R²"] == pytest.approx(r2_score(y, predicted, sample_weight=w))
    labels = np.digitize(y, [-1, 1])
    model = sx.SparseLogisticRegression().fit(X, labels, w)
    named = errors_of(model, Rows(X, labels, w)).named
    assert named["log loss"] == pytest.approx(
        log_loss(labels, model.predict_proba(X), sample_weight=w)
    )
    assert named["error rate"] == pytest.approx(1 - model.score(X, labels, w))


def test_constant_is_the_best_of_the_training_rows():
    X, y, w = problem()
    train, judged = Rows(X[:150], y[:150], w[:150]), Rows(X[150:], y[150:])
    mean = np.average(y[:150], weights=w[:150])
    found = constant_errors(train, judged, classify=False).named["RMSE"]
    assert found == pytest.approx(root_mean_squared_error(y[150:], np.full(50, mean)))
    labels = np.array(["no", "yes"])[(y > 0.5).astype(int)]
    train, judged = Rows(X[:150], labels[:150]), Rows(X[150:], labels[150:])
    named = constant_errors(train, judged, classify=True).named
    share = (labels[:150] == "yes").mean()
    expected = log_loss(labels[150:], np.tile([1 - share, share], (50, 1)))
    assert named["log loss"] == pytest.approx(expected)
    assert named["error rate"] == (labels[150:] == "yes").mean()


@pytest.mark.parametrize("labels", [None, 2, 3])
def test_chosen_alpha_has_the_least_error_of_those_tried(labels):
    X, y, w = problem()
    estimator = sx.Lasso(tol=1e-8)
    if labels is not None:
        y = np.digitize(y, [0] if labels == 2 else [-1, 1])
        estimator = sx.SparseLogisticRegression(tol=1e-8)
    train, held = Rows(X[:150], y[:150], w[:150]), Rows(X[150:], y[150:], w[150:])
    alphas = alphas_for(estimator, train)
    assert len(alphas) == N_ALPHAS
    told = []
    choice = choose_alpha(estimator, train, held, alphas, told.append)
    assert told == choice.steps
    assert told[0].n_nonzero > 0
    assert [s.alpha for s in told] == pytest.approx(list(alphas[: len(told)]))
    best = min(told, key=lambda s: s.error)
    assert choice.alpha == best.alpha == estimator.alpha
    assert len(told) - told.index(best) <= PATIENCE + 1
    assert estimator.tol == 1e-8
    # What follows starts at the chosen weights, and ends where a fit from zeros does.
    start = estimator.coef_.copy()
    fresh = type(estimator)(alpha=choice.alpha, tol=1e-8).fit(train.X, train.y, train.weight)
    assert np.abs(start - fresh.coef_).max() < 0.05
    estimator.fit(train.X, train.y, train.weight)
    np.testing.assert_allclose(estimator.coef_, fresh.coef_, atol=1e-4)


def test_errors_of_what_a_judge_makes_may_rise_and_fall_again():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    rows = Rows(X, X @ [3.0, 2.0, 1.0])
    estimator, told = sx.Lasso(), iter([3.0, 2.0, 4.0, 1.0, *[5.0] * N_ALPHAS])

    def judge(_):
        error = next(told)
        return Errors({"RMSE": error}, np.full(60, error))

    choice = choose_alpha(estimator, rows, rows, alphas_for(estimator, rows), judge=judge)
    assert [step.error for step in choice.steps] == [3, 2, 4, 1] + [5] * PATIENCE
    assert choice.alpha == choice.steps[3].alpha


def test_smallest_alpha_is_told_of():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 3))
    rows = Rows(X, X @ [1.0, 2.0, 3.0])
    estimator = sx.Lasso(tol=1e-12)
    choice = choose_alpha(estimator, rows, rows, alphas_for(estimator, rows))
    assert choice.at_end
    assert choice.alpha == pytest.approx(sx.alpha_max(X, rows.y) * FACTOR**N_ALPHAS)


def test_nothing_to_learn():
    with pytest.raises(ValueError, match="no feature has anything to do"):
        alphas_for(sx.Lasso(), Rows(np.ones((9, 2)), np.arange(9.0)))
