"""The judge of the benchmarks of group penalties, and how their race reads its results."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import softmax
from sklearn.linear_model import MultiTaskLasso

import group_judge
import group_race
import judge


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 20))
    Y = X[:, :3] + rng.standard_normal((60, 3)) + [3.0, 0.0, -1.0]
    return X, Y, (Y - Y.mean(axis=0)).argmax(axis=1)


def descend(X, labels, alpha, fit):
    """Proximal gradient steps: slow and plain."""
    n, p = X.shape
    ones = np.eye(labels.max() + 1)[labels]
    W, b = np.zeros((p, ones.shape[1])), np.zeros(ones.shape[1])
    step = 1 / (np.linalg.norm(np.column_stack([X, np.ones(n)]), 2) ** 2 / n)
    for _ in range(20_000):
        residual = softmax(X @ W + b, axis=1) - ones
        W = W - step * X.T @ residual / n
        norms = np.linalg.norm(W, axis=1, keepdims=True)
        W *= np.maximum(0, 1 - step * alpha / np.maximum(norms, 1e-300))
        b = b - fit * step * residual.mean(axis=0)
    return W, b


@pytest.mark.parametrize("fit", [False, True])
@pytest.mark.parametrize("kind", ["multitask", "multinomial"])
def test_gap_bounds_the_distance_from_an_optimum_found_elsewhere(problem, kind, fit):
    X, Y, labels = problem
    target = Y if kind == "multitask" else labels
    alpha = group_judge.alpha_max(X, target, None, kind, fit) / 5
    if kind == "multitask":
        model = MultiTaskLasso(alpha, fit_intercept=fit, tol=1e-14, max_iter=10**6).fit(X, Y)
        coef, intercept = model.coef_.T, model.intercept_
    else:
        coef, intercept = descend(X, labels, alpha, fit)
    at_best = group_judge.judge(X, target, None, coef, intercept, alpha, kind, fit)
    assert 0 <= at_best.gap + 1e-12 < 1e-6
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-1, 10.0):
        away = coef + size * rng.standard_normal(coef.shape)
        there = group_judge.judge(X, target, None, away, intercept, alpha, kind, fit)
        assert there.dual <= at_best.primal + 1e-12
        assert there.gap * there.null >= there.primal - at_best.primal - 1e-12


def test_groups_of_one_column_are_the_lasso(problem):
    X, Y, _ = problem
    y, coef = Y[:, 0], np.random.default_rng(2).standard_normal(20)
    ours = group_judge.judge(sp.csc_matrix(X), y, np.arange(20), coef, 1.0, 0.1, "group", True)
    assert np.allclose(ours, judge.judge(X, y, coef, 1.0, 0.1, "squared", True), rtol=1e-12)


def test_group_counts_by_its_norm_times_the_root_of_its_size():
    X, y = np.eye(4), np.array([1.0, 2.0, 2.0, 4.0])
    groups = np.array([0, 1, 1, 1])
    found = group_judge.judge(X, y, groups, y, 0.0, 0.5, "group", False)
    assert np.isclose(found.primal, 0.5 * (1 + np.sqrt(3 * 24)))
    alpha = group_judge.alpha_max(X, y, groups, "group", False)
    assert np.isclose(alpha, np.sqrt(24 / 3) / 4)


@pytest.mark.parametrize("kind", ["group", "multitask", "multinomial"])
def test_alpha_max_is_where_zero_weights_are_proved_optimal(problem, kind):
    X, Y, labels = problem
    target = {"group": Y[:, 0], "multitask": Y, "multinomial": labels}[kind]
    groups = np.repeat([0, 1, 2], [5, 10, 5]) if kind == "group" else None
    best = np.log(np.bincount(labels)) if kind == "multinomial" else target.mean(axis=0)
    zeros = np.zeros((20, 1 if kind == "group" else 3))
    alpha = group_judge.alpha_max(X, target, groups, kind, True)
    gaps = [
        group_judge.judge(X, target, groups, zeros, best, share * alpha, kind, True).gap
        for share in (1.0, 0.9)
    ]
    assert abs(gaps[0]) < 1e-12
    assert gaps[1] > 1e-4


def test_chances_are_balanced_however_far_the_margins_are():
    ones = np.eye(3)[[0] * 40 + [1] * 8 + [2] * 2]
    for size in (1.0, 100.0, 1e4):
        margins = size * np.random.default_rng(3).standard_normal((50, 3))
        chances = group_judge._balanced(margins, ones)
        assert chances.min() >= 0
        assert np.allclose(chances.sum(axis=1), 1, rtol=1e-12)
        assert np.allclose(chances.sum(axis=0), [40, 8, 2], rtol=1e-12)


def test_table_compares_with_the_fastest_that_reached_the_gap():
    def result(library, seconds, gap, repeats):
        return {
            "problem": "dna", "strength": 10.0, "library": library, "kind": "multinomial",
            "intercept": True, "rungs": [{"tol": 1e-3, "gap": gap, "seconds": seconds}],
            "repeats": [{"tol": 1e-3, "seconds": s} for s in repeats],
        }  # fmt: skip

    results = [
        result("sparsecross", 9.0, 1e-5, [1.0, 2.0]),
        result("adelie", 8.0, 1e-5, [8.0, 9.0]),
        result("celer", 0.1, 1e-2, []),
    ]
    text = group_race.table(results, [1e-4])
    assert "| /10 | 2 | 8 | - | adelie | 4.00 |" in text
    assert "geometric mean 4.00, least 4.00" in text
