"""Looks that leave columns out prove nothing that looks at all columns would not.

Each solution's dual point is checked against every column, in plain numpy, after walks on which
what earlier strengths have taught about the columns is reused.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given
from hypothesis import strategies as st

import optimality
import problems
import sparsecross as sx
from sparsecross._inputs import as_design, as_sample_weight
from sparsecross.task import Task

LOSSES = ("squared", "logistic", "huber", "poisson")


def task_of(problem, X=None):
    weight = problem.sample_weight
    return Task(
        as_design(problem.X if X is None else X, "columns"),
        problem.y,
        problem.loss,
        None if weight is None else as_sample_weight(weight, problem.y),
        problem.penalty_factor,
        problem.fit_intercept,
        problem.positive,
        1,
        problem.offset,
        problem.standardize,
        problem.delta,
    )


def assert_proved(problem, solution, tol):
    """The dual point obeys all columns, and proves the bound; primal and gap follow.

    With an L2 part the bound may be that of the augmented rows, which is a little less.
    """
    primal = optimality.primal(problem, solution.coef, solution.intercept)
    dual = optimality.dual(problem, solution.dual_point)
    scale = optimality.null_objective(problem)
    slack = optimality.looseness(
        problem, solution.dual_point, solution.coef, solution.intercept
    ) + 1e-10 * max(1.0, abs(primal))
    if problem.l1_ratio == 1.0:
        assert dual == pytest.approx(solution.dual, abs=slack)
    assert solution.dual <= dual + slack
    assert solution.primal == pytest.approx(primal, abs=slack)
    assert primal - dual <= tol * scale + slack


def random_problem(seed, loss, n, p, intercept, kind):
    rng = np.random.default_rng(seed)
    X = problems.matrix(rng, n, p, rng.choice(problems.CONTENTS))
    if kind == "far":  # means far beyond deviations: what Σ θ is off by counts
        X[:, : p // 2] += 1000.0
    options = {}
    if kind == "factors":
        options["penalty_factor"] = problems.factors(rng, p, unpenalised=False)
    if kind == "positive":
        options["positive"] = True
    if kind == "standardize":
        options["standardize"] = True
    if kind == "weights":
        weights = problems.weights(rng, n)
        y = problems.targets(rng, X, loss)
        weights[[np.argmax(y), np.argmin(y)]] = 1.0
        return problems.Problem(
            X, y, loss, sample_weight=weights, fit_intercept=intercept, offset=0.1 * X[:, -1]
        )
    return problems.Problem(
        X, problems.targets(rng, X, loss), loss, fit_intercept=intercept, **options
    )


def assert_walk_proved(problem, task, seed, l1_ratio):
    """Strengths in a random order, each from the weights of the one before."""
    tol = 1e-6
    try:
        largest = task.alpha_max(l1_ratio)
    except ValueError:  # of non-negative weights, where no column is positively correlated
        assume(not problem.positive)
        raise
    if largest == 0.0:
        return
    start = None
    for part in np.random.default_rng(seed).permutation([1.5, 0.7, 0.3, 0.29, 0.1, 0.02]):
        alpha = part * largest
        found = task.solve(alpha, l1_ratio, tol=tol, coef_init=start, max_iter=20000)
        start = found.coef
        if found.status is sx.Status.converged:
            assert_proved(problem.at(alpha=alpha), found, tol)
        else:  # poor conditioning may end at the limit of precision; what is said is still true
            assert_proved(problem.at(alpha=alpha), found, 1.1 * found.relative_gap + 1e-12)


@given(
    seed=st.integers(0, 2**32 - 1),
    loss=st.sampled_from(LOSSES),
    intercept=st.booleans(),
    kind=st.sampled_from(["plain", "factors", "positive", "standardize", "weights", "far"]),
    shape=st.sampled_from([(30, 12), (25, 120)]),
    l1_ratio=st.sampled_from([1.0, 0.5]),
)
def test_walks_in_any_order_are_proved_over_all_columns(
    seed, loss, intercept, kind, shape, l1_ratio
):
    problem = random_problem(seed, loss, *shape, intercept, kind).at(l1_ratio=l1_ratio)
    assert_walk_proved(problem, task_of(problem), seed, l1_ratio)


@given(seed=st.integers(0, 2**32 - 1), loss=st.sampled_from(LOSSES), intercept=st.booleans())
def test_walks_over_columns_of_few_entries_are_proved(seed, loss, intercept):
    """They are bounded by the sample that moves most: at most n / 64 entries, all in 60 rows."""
    rng = np.random.default_rng(seed)
    X = np.zeros((800, 60))
    for j in range(60):
        rows = rng.choice(60, rng.integers(1, 13), replace=False)
        X[rows, j] = rng.standard_normal(len(rows)) * rng.choice([0.1, 1.0, 10.0])
    problem = problems.Problem(X, problems.targets(rng, X, loss), loss, fit_intercept=intercept).at(
        l1_ratio=1.0
    )
    assert_walk_proved(problem, task_of(problem, sp.csc_array(X)), seed, 1.0)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_a_column_that_slept_wakes(loss):
    """Each strength's support holds a column that no stronger penalty let in, far down the walk."""
    rng = np.random.default_rng(5)
    X = np.linalg.qr(rng.standard_normal((60, 40)))[0]  # orthonormal: they enter one by one
    signal = np.geomspace(10.0, 0.1, 40)
    y = X @ signal
    y = y if loss == "squared" else np.where(y > np.median(y), 1.0, -1.0)
    problem = problems.Problem(X, y, loss, fit_intercept=False)
    task = task_of(problem)
    sizes = []
    for alpha in np.geomspace(0.9, 1e-2, 30) * task.alpha_max():
        found = task.solve(alpha, tol=1e-9)
        assert_proved(problem.at(alpha=alpha), found, 1e-9)
        sizes.append(found.n_active)
        if loss == "squared":  # closed form: orthonormal columns are thresholded
            z = X.T @ y / len(y)
            expected = np.sign(z) * np.maximum(np.abs(z) - alpha, 0.0) * len(y)
            np.testing.assert_allclose(found.coef, expected, atol=1e-3 * np.abs(expected).max())
    assert sizes[0] < 5
    assert sizes[-1] > 20


def test_strength_zero_between_others_teaches_nothing_false():
    """Without a penalty the null model and the dual point are others; neither may be kept."""
    rng = np.random.default_rng(6)
    X = problems.matrix(rng, 50, 8, "dense", awkward=False)
    problem = problems.Problem(X, problems.targets(rng, X, "squared"))
    task = task_of(problem)
    for part in (0.5, 0.0, 0.5, 0.1):
        alpha = part * task.alpha_max()
        found = task.solve(alpha, tol=1e-9)
        fresh = task_of(problem).solve(alpha, tol=1e-9)
        assert found.relative_gap == pytest.approx(fresh.relative_gap, abs=1e-9)
        np.testing.assert_allclose(found.primal, fresh.primal, rtol=1e-8)
        if alpha:
            assert_proved(problem.at(alpha=alpha), found, 1e-9)
