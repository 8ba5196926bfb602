"""Fits to blocks: optimal, certified, and the same bits however rows are dealt to threads."""

import numpy as np
import pytest

import sparsecross as sx
from blocks import LOSSES, OPTIONS, random_problem, task_of
from optimality import (
    feasible,
    improvement,
    null_objective,
    perfect,
    primal,
)
from problems import CONTENTS, Problem


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_solutions_are_optimal(loss, content, option):
    problem = random_problem(loss, content, option)
    found = task_of(problem, content).solve(problem.alpha, problem.l1_ratio, tol=1e-7)
    assert found.status == sx.Status.converged
    assert found.relative_gap <= 1e-7
    assert feasible(problem, found.coef, found.intercept)
    scale = null_objective(problem)
    value = primal(problem, found.coef, found.intercept)
    assert abs(found.primal - value) <= 1e-10 * max(scale, abs(value))
    # No coordinate gains more than the gap, and the optimum that another solver proves lies in it.
    assert improvement(problem, found.coef, found.intercept).max() <= found.gap + 1e-12 * scale
    other = sx.solve(problem.X, problem.y, alpha=problem.alpha, tol=1e-10, **problem.options())
    assert found.dual <= other.primal + 1e-10 * scale
    assert found.primal >= other.dual - 1e-10 * scale
    assert found.primal - other.primal <= found.gap + 1e-10 * scale


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_alpha_max_and_certificates_agree_with_those_in_memory(loss, option):
    problem = random_problem(loss, "sparse", option, seed=3)
    task, options = task_of(problem, "sparse"), problem.options()
    largest = sx.alpha_max(problem.X, problem.y, **options)
    np.testing.assert_allclose(task.alpha_max(problem.l1_ratio), largest, rtol=1e-6)
    np.testing.assert_allclose(task.null_loss, null_objective(problem), rtol=1e-7)
    np.testing.assert_allclose(task.saturated, perfect(problem), atol=1e-10)
    rough = sx.solve(problem.X, problem.y, alpha=problem.alpha, tol=1e-3, **options)
    mine = task.certify(rough.coef, rough.intercept, problem.alpha, problem.l1_ratio)
    theirs = sx.certify(
        problem.X, problem.y, rough.coef, rough.intercept, alpha=problem.alpha, **options
    )
    np.testing.assert_allclose(mine.primal, theirs.primal, rtol=1e-9)
    assert mine.relative_gap == pytest.approx(theirs.relative_gap, rel=0.05, abs=1e-8)


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_bits_do_not_depend_on_threads(loss, content):
    problem = random_problem(loss, content, "weights and offsets", n=400)
    one, *others = (
        task_of(problem, content, 12, threads).solve(problem.alpha, tol=1e-6)
        for threads in (1, 2, 3, 2)
    )
    for other in others:
        np.testing.assert_array_equal(one.coef, other.coef)
        assert one.intercept == other.intercept
        assert one.dual == other.dual
        assert [r._replace(seconds=0) for r in one.history] == [
            r._replace(seconds=0) for r in other.history
        ]


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("scale", [1e-7, 1e4, 1e7])
@pytest.mark.parametrize("content", ["dense", "sparse"])
@pytest.mark.parametrize("loss", LOSSES)
def test_scales_of_columns_change_no_answer(loss, content, scale, standardize):
    """Columns far larger or smaller than others, against the solver in memory."""
    problem = random_problem(loss, content, "plain", seed=7)
    X = np.asarray(problem.X, np.float64)
    X[:, ::5] *= scale
    problem = problem.at(X=X, standardize=standardize)
    options = problem.options()
    largest = sx.alpha_max(X, problem.y, **options)
    np.testing.assert_allclose(task_of(problem, content).alpha_max(), largest, rtol=1e-7)
    problem = problem.at(alpha=largest / 15)
    # Sums over columns are exact but for their roundings, which count in full against large ones.
    tol = 1e-7 if standardize or scale <= 1.0 else 1e-12 * scale
    found = task_of(problem, content).solve(problem.alpha, tol=max(tol, 1e-7))
    assert found.status == sx.Status.converged
    other = sx.solve(X, problem.y, alpha=problem.alpha, tol=1e-10, **options)
    level = null_objective(problem)
    assert found.dual <= other.primal + 1e-10 * level
    assert abs(found.primal - other.primal) <= found.gap + 1e-9 * level


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_columns_far_from_0_are_no_constants(loss, standardize):
    """Seconds since 1970 within some minutes: dense columns are counted from their middle."""
    problem = random_problem(loss, "dense", "plain", seed=9)
    X = np.asarray(problem.X, np.float64)
    k = np.argmax(np.abs(X.T @ (problem.y - problem.y.mean())))
    X[:, k] = 1.7e9 + 300.0 * X[:, k]
    problem = problem.at(X=X, standardize=standardize)
    options = problem.options()
    problem = problem.at(alpha=sx.alpha_max(X, problem.y, **options) / 15)
    found = task_of(problem, "dense").solve(problem.alpha, tol=1e-7)
    assert found.status == sx.Status.converged
    assert found.coef[k] != 0
    X[:, k] -= 1.7e9
    other = sx.solve(X, problem.y, alpha=problem.alpha, tol=1e-10, **options)
    # Deviations are of columns as they are, which have lost the digits that 1.7e9 takes.
    np.testing.assert_allclose(found.primal, other.primal, rtol=1e-6)
    np.testing.assert_allclose(found.coef, other.coef, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_unpenalised_weights_that_must_not_be_negative(loss, seed):
    """At weight 0 their columns may pull the other way, and the dual point need not be off them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((80, 5))
    X[:, 1] += 0.5 * X[:, 0]
    y = -X[:, 0] + 0.5 * X[:, 1] + 0.3 * X[:, 3] + 0.2 * rng.standard_normal(80)
    y = y if loss == "squared" else np.sign(y)
    factor = np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    problem = Problem(X, y, loss, positive=True, penalty_factor=factor)
    options = problem.options()
    largest = sx.alpha_max(X, y, **options)
    task = task_of(problem, "dense")
    np.testing.assert_allclose(task.alpha_max(), largest, rtol=1e-6)
    problem = problem.at(alpha=largest / 10)
    found = task.solve(problem.alpha, tol=1e-7)
    assert found.status == sx.Status.converged
    other = sx.solve(X, y, alpha=problem.alpha, tol=1e-9, **options)
    assert abs(found.primal - other.primal) <= found.gap + 1e-9 * null_objective(problem)


def test_what_cannot_be_proved_is_said_and_the_best_point_returned():
    """A column so large that roundings leave no proof: no endless loop, no worse point."""
    problem = random_problem("squared", "sparse", "plain", seed=7)
    X = np.asarray(problem.X, np.float64)
    X[:, ::5] *= 1e12
    problem = problem.at(X=X)
    problem = problem.at(alpha=sx.alpha_max(X, problem.y) / 1e12)
    found = task_of(problem, "sparse").solve(problem.alpha, tol=1e-9)
    assert found.status != sx.Status.converged
    assert found.primal == min(told.primal for told in found.history)
    assert found.primal == pytest.approx(primal(problem, found.coef, found.intercept), rel=1e-9)


def test_one_row_a_block_is_enough():
    problem = random_problem("logistic", "sparse", "plain", n=60)
    apart = task_of(problem, "sparse", 400).solve(problem.alpha, tol=1e-6)
    whole = task_of(problem, "sparse", 1).solve(problem.alpha, tol=1e-6)
    assert apart.status == whole.status == sx.Status.converged
    np.testing.assert_allclose(apart.primal, whole.primal, rtol=1e-5)


def test_sets_larger_than_a_model_are_solved_in_parts(monkeypatch):
    from sparsecross.scale import descent

    monkeypatch.setattr(descent, "LARGEST_SET", 12)
    for loss in LOSSES:
        problem = random_problem(loss, "dense", "plain", seed=5, n=200, p=40)
        problem = problem.at(alpha=problem.alpha / 100)
        found = task_of(problem, "dense").solve(problem.alpha, tol=1e-4)
        assert found.n_active > 12
        assert found.status == sx.Status.converged


def test_few_rounds_where_the_set_is_small():
    problem = random_problem("squared", "dense", "plain", n=500, p=60)
    task = task_of(problem, "dense")
    found = task.solve(problem.alpha, tol=1e-6)
    # A look is two rounds, a step on squared loss one.
    assert found.n_iter <= 3 * len(found.history)
    start = {"coef_init": found.coef, "intercept_init": found.intercept}
    again = task.solve(problem.alpha, tol=1e-6, **start)
    assert len(again.history) == 1
    assert again.n_iter == 2


def test_a_callback_ends_the_fit():
    problem = random_problem("logistic", "sparse", "plain")
    looks = []

    def on_look(look):
        looks.append(look)
        return len(looks) == 2

    found = task_of(problem, "sparse").solve(problem.alpha, tol=1e-9, on_look=on_look)
    assert found.status == sx.Status.interrupted
    assert len(found.history) == len(looks) == 2


def test_rounds_are_limited():
    problem = random_problem("logistic", "sparse", "plain")
    found = task_of(problem, "sparse").solve(problem.alpha, tol=1e-9, max_iter=5)
    assert found.status == sx.Status.max_iter


def test_what_blocks_have_no_solver_for_is_refused():
    problem = random_problem("squared", "sparse", "plain")
    task = task_of(problem, "sparse")
    with pytest.raises(ValueError, match="solver must be 'auto' or 'cd' for blocks"):
        task.solve(0.1, solver="fista")
    with pytest.raises(ValueError, match="alpha and l1_ratio must be positive for blocks"):
        task.solve(0.0)
    with pytest.raises(ValueError, match="alpha and l1_ratio must be positive for blocks"):
        task.solve(0.1, 0.0)


def test_margins_beyond_double_precision_are_an_error_and_no_answer():
    X = np.array([[1e200], [2e200], [3e200]])
    problem = Problem(X, np.array([1.0, 2.0, 4.0]), alpha=1.0)
    with pytest.raises((OverflowError, ValueError)):
        task_of(problem, "dense", 2).solve(1.0)
