"""Agreement with scikit-learn on real data, to the gap; and the gap recomputed in plain numpy."""

import numpy as np
import pytest
import scipy.sparse as sp

import crosses
import optimality
import problems
import real_data
import sparsecross as sx

REGRESSION = ["diabetes", "rcv1"]
CLASSIFICATION = ["rcv1", "a9a", "dorothea", "adult"]


def check(problem, solution, tol):
    """The answer's gap, recomputed: primal at the weights, dual at the dual point."""
    primal = optimality.primal(problem, solution.coef, solution.intercept)
    l1, _ = optimality.strengths(problem)
    theta = solution.dual_point
    assert abs(theta.sum()) <= 1e-12 * np.abs(theta).sum()
    assert (np.abs(problem.X.T @ theta) <= l1 * (1 + 1e-10)).all()
    gap = primal - optimality.loss_dual(problem, theta)
    assert gap == pytest.approx(solution.gap, rel=1e-6, abs=1e-12 * primal)
    scale = optimality.loss_value(problem, null_margins(problem))
    assert gap <= tol * scale * (1 + 1e-9)
    assert solution.n_active
    return scale


def null_margins(problem):
    """The best constant margin."""
    if problem.loss == "squared":
        return np.full(len(problem.y), problem.y.mean())
    share = (problem.y > 0).mean()
    return np.full(len(problem.y), np.log(share / (1 - share)))


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("name", REGRESSION)
def test_regression(name, l1_ratio):
    from sklearn.linear_model import ElasticNet

    X, y = getattr(real_data, name)()
    alpha = sx.alpha_max(X, y, l1_ratio=l1_ratio) / 20
    problem = problems.Problem(X, y, alpha=alpha, l1_ratio=l1_ratio)
    solution = sx.solve(X, y, alpha=alpha, l1_ratio=l1_ratio, tol=1e-7)
    scale = optimality.loss_value(problem, null_margins(problem))
    if l1_ratio == 1.0:
        check(problem, solution, 1e-7)
    theirs = ElasticNet(alpha, l1_ratio=l1_ratio, tol=1e-8, max_iter=100_000).fit(X, y)
    value = optimality.primal(problem, theirs.coef_, theirs.intercept_)
    assert solution.primal - solution.gap <= value + 1e-12 * scale
    assert abs(value - solution.primal) <= 1e-6 * scale


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_classification(name):
    from sklearn.linear_model import LogisticRegression

    X, y = getattr(real_data, name)()
    alpha = sx.alpha_max(X, y, loss="logistic") / 20
    problem = problems.Problem(X, y, "logistic", alpha)
    solution = sx.solve(X, y, loss="logistic", alpha=alpha, tol=1e-6)
    scale = check(problem, solution, 1e-6)
    # liblinear penalises the intercept a little, so we are compared without one.
    bare = sx.solve(X, y, loss="logistic", alpha=alpha, tol=1e-6, fit_intercept=False)
    theirs = LogisticRegression(
        l1_ratio=1.0,
        C=1 / (alpha * len(y)),
        solver="liblinear",
        fit_intercept=False,
        tol=1e-6,
        max_iter=10_000,
        random_state=0,
    ).fit(sp.csr_matrix(X, dtype=np.float64), y)
    without = problem.at(fit_intercept=False)
    value = optimality.primal(without, theirs.coef_[0], 0.0)
    assert bare.primal - bare.gap <= value + 1e-12
    assert abs(value - bare.primal) <= 1e-4 * scale
    assert np.count_nonzero(bare.coef) == pytest.approx(np.count_nonzero(theirs.coef_), rel=0.2)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_all_pairs_of_adult(loss):
    """The optimum over all pairs is that of the problem with all of them built."""
    X, y = real_data.adult()
    alpha = sx.alpha_max(X, y, loss=loss, interactions="pairwise") / 50
    found = sx.solve(X, y, loss=loss, alpha=alpha, interactions="pairwise", tol=1e-6)
    pairs = np.array(crosses.columns_of(np.empty((1, X.shape[1]))))
    columns = X.astype(np.float64)
    wide = sp.hstack([columns, columns[:, pairs[:, 0]].multiply(columns[:, pairs[:, 1]])]).tocsc()
    whole = sx.solve(wide, y, loss=loss, alpha=alpha, tol=1e-6)
    theta = found.dual_point
    assert np.abs(wide.T @ theta).max() <= alpha * (1 + 1e-10)
    problem = problems.Problem(wide, y, loss, alpha)
    scale = optimality.loss_value(problem, null_margins(problem))
    assert found.primal - optimality.loss_dual(problem, theta) <= 1.01e-6 * scale
    assert abs(found.primal - whole.primal) <= 2e-6 * scale
