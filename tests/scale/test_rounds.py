"""What blocks answer, against plain numpy, and the same bits in any order."""

import numpy as np
import pytest

from blocks import cut
from optimality import loss_dual, loss_value, perfect, residual
from problems import CONTENTS, Problem, matrix, targets, weights
from sparsecross.scale.block import LossOfRows
from sparsecross.scale.reducer import LocalReducer
from sparsecross.scale.rounds import (
    DualRound,
    GradientRound,
    LossRound,
    ModelRound,
    Point,
    add,
)

LOSSES = ("squared", "logistic", "huber", "poisson")


def stated(loss, content, seed=0):
    rng = np.random.default_rng(seed)
    X = matrix(rng, 90, 13, content)
    y = targets(rng, X, loss)
    offset = 0.1 * rng.standard_normal(90)
    return Problem(X, y, loss, sample_weight=weights(rng, 90), offset=offset)


def some_point(p, seed=1):
    rng = np.random.default_rng(seed)
    columns = np.sort(rng.permutation(p)[: p // 2])
    return Point(columns, 0.3 * rng.standard_normal(len(columns)), 0.2)


def dense(point, p):
    coef = np.zeros(p)
    coef[point.columns] = point.weights
    return coef


@pytest.fixture(params=[(loss, content) for loss in LOSSES for content in CONTENTS], ids=str)
def asked(request):
    loss, content = request.param
    problem = stated(loss, content)
    reducer = LocalReducer(cut(problem, 7, content), problem.X.shape[1], 2)
    return problem, reducer, LossOfRows(loss, problem.delta), some_point(problem.X.shape[1])


def totals(problem, at):
    """The sums of the weights, and of the residual, in units of rows."""
    total = problem.sample_weight.sum()
    return total, total * residual(problem, dense(at, problem.X.shape[1]), at.intercept)


def test_gradients(asked):
    problem, reducer, loss, at = asked
    total, r = totals(problem, at)
    bound = 2.0 * np.abs(r).sum() * max(1.0, np.abs(problem.X).max())
    scalars, z = reducer.reduce(GradientRound(loss, at, bound))
    np.testing.assert_allclose(z, problem.X.T @ r, rtol=1e-10, atol=1e-12 * bound)
    margins = problem.X @ dense(at, problem.X.shape[1]) + at.intercept
    value = total * (loss_value(problem, margins) - perfect(problem))
    expected = [value, np.maximum(r, 0).sum(), np.maximum(-r, 0).sum()]
    np.testing.assert_allclose(scalars.sum(axis=0)[:3], expected, rtol=1e-10, atol=1e-9)


def test_gradients_off_a_direction_lose_the_curvature_along_it(asked):
    problem, reducer, loss, at = asked
    off = some_point(problem.X.shape[1], seed=1)._replace(intercept=0.1)
    bound = 1e5
    plain = reducer.reduce(GradientRound(loss, at, bound))[1]
    moved = reducer.reduce(GradientRound(loss, at, bound, off))[1]
    order = np.arange(problem.X.shape[1])
    wide = Point(order, dense(at, len(order)), at.intercept)
    largest = np.abs(problem.X).max()
    question = ModelRound(loss, wide, order, len(order), 0, (bound, bound), largest)
    _, _, weighted, products = reducer.reduce(question)
    expected = products @ dense(off, len(order)) + weighted * off.intercept
    np.testing.assert_allclose(plain - moved, expected, rtol=1e-6, atol=1e-5)


def test_models(asked):
    problem, reducer, loss, at = asked
    p = problem.X.shape[1]
    _, r = totals(problem, at)
    order = np.random.default_rng(3).permutation(at.columns)[:4]
    place = np.full(len(at.columns), -1)
    place[np.searchsorted(at.columns, order)] = np.arange(4)
    question = ModelRound(loss, at, place, 4, 0, (1e6, 1e6), np.abs(problem.X).max())
    scalars, gradient, weighted, products = reducer.reduce(question)
    A = problem.X[:, order]
    np.testing.assert_allclose(gradient, A.T @ r, rtol=1e-8, atol=1e-7)
    # The curvature is Σ h over rows; h follows from the model over all columns and the ones.
    everything = Point(np.arange(p), dense(at, p), at.intercept)
    whole = ModelRound(loss, everything, np.arange(p), p, 0, (1e6, 1e6), np.abs(problem.X).max())
    _, _, all_weighted, all_products = reducer.reduce(whole)
    np.testing.assert_array_equal(products, all_products[np.ix_(order, order)])
    np.testing.assert_array_equal(weighted, all_weighted[order])
    np.testing.assert_array_equal(products, products.T)
    if problem.loss == "squared":
        H = problem.sample_weight
        np.testing.assert_allclose(products, A.T @ (H[:, None] * A), rtol=1e-9, atol=1e-5)
        np.testing.assert_allclose(scalars.sum(axis=0)[3], H.sum(), rtol=1e-9)


def test_only_products_with_new_columns_are_made(asked):
    problem, reducer, loss, at = asked
    m = len(at.columns)
    ask = [
        ModelRound(loss, at, np.arange(m), m, first, (1e6, 1e6), np.abs(problem.X).max())
        for first in (0, 3)
    ]
    whole, part = (reducer.reduce(question)[3] for question in ask)
    assert not part[:3, :3].any()
    part[:3, :3] = whole[:3, :3]
    np.testing.assert_array_equal(part, whole)


def test_losses_on_a_way(asked):
    problem, reducer, loss, at = asked
    p, total = problem.X.shape[1], problem.sample_weight.sum()
    way = Point(at.columns, np.linspace(-0.2, 0.3, len(at.columns)), -0.1)
    t = (0.0, 0.5, 1.0)
    values = reducer.reduce(LossRound(loss, at, way, t))[0].sum(axis=0)
    for step, value in zip(t, values, strict=True):
        coef = dense(at, p) + step * dense(way, p)
        margins = problem.X @ coef + at.intercept + step * way.intercept
        expected = total * (loss_value(problem, margins) - perfect(problem))
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-9)


def test_duals_of_the_balanced_residual(asked):
    problem, reducer, loss, at = asked
    total, r = totals(problem, at)
    gradient = GradientRound(loss, at, 4.0 * np.abs(r).sum() * max(1.0, np.abs(problem.X).max()))
    t = (1.0, 0.4)
    values = reducer.reduce(DualRound(gradient, (0.5, 1.0), t))[0].sum(axis=0)
    theta = np.where(r > 0, 0.5 * r, r) / total
    for step, value in zip(t, values, strict=True):
        expected = total * (loss_dual(problem, step * theta) - perfect(problem))
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("content", CONTENTS)
def test_bits_do_not_depend_on_the_order_of_blocks(loss, content):
    problem = stated(loss, content)
    p = problem.X.shape[1]
    blocks, of_rows, at = cut(problem, 9, content), LossOfRows(loss, problem.delta), some_point(p)
    extent = LocalReducer(blocks, p).extent
    m = len(at.columns)
    for question in (
        GradientRound(of_rows, at, 1e5),
        ModelRound(of_rows, at, np.arange(m), m, 0, (1e5, 1e5), np.abs(problem.X).max()),
    ):
        whole = question.run(blocks, extent)
        for seed in range(5):
            rng = np.random.default_rng(seed)
            shuffled = [blocks[k] for k in rng.permutation(len(blocks))]
            at_most = rng.integers(1, len(blocks))
            parts = [question.run(shuffled[:at_most], extent)]
            parts.append(question.run(shuffled[at_most:], extent))
            total = add(*(parts if seed % 2 else parts[::-1]))
            for mine, theirs in zip(total, whole, strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_compiled_rounds_refuse_malformed_arrays():
    from sparsecross import _solvers

    problem = stated("squared", "sparse")
    block = cut(problem, 1)[0]
    rows = block.rows(LossOfRows("squared"))
    p = problem.X.shape[1]
    for columns in ([3, 3], [2, 1], [-1], [p]):
        with pytest.raises(ValueError, match="columns must increase"):
            _solvers.ChosenColumns(np.array(columns), p)
    chosen = _solvers.ChosenColumns(np.array([0, 2]), p)
    other = _solvers.ChosenColumns(np.array([0, 2]), p + 1)
    w, z = np.zeros(2), np.zeros(p)
    with pytest.raises(ValueError, match="columns must be chosen of"):
        rows.add_gradient(other, w, 0.0, None, 0.0, 1.0, z)
    with pytest.raises(ValueError, match="weights must be one-dimensional of length 2"):
        rows.add_gradient(chosen, np.zeros(3), 0.0, None, 0.0, 1.0, z)
    with pytest.raises(ValueError, match="z must be writeable"):
        rows.add_gradient(chosen, w, 0.0, None, 0.0, 1.0, np.zeros(p - 1))
    frozen = np.zeros(p)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="z must be writeable"):
        rows.add_gradient(chosen, w, 0.0, None, 0.0, 1.0, frozen)
    for bound in (0.0, -1.0, np.nan, np.inf, 5e-324, 1e308):
        with pytest.raises(ValueError, match="bound of a sum"):
            rows.add_gradient(chosen, w, 0.0, None, 0.0, bound, z)
    g = np.zeros(2)
    with pytest.raises(ValueError, match="place must lie between"):
        rows.add_model(
            chosen, w, 0.0, np.array([0, 2]), 0, 1.0, 1.0, 1.0, g, np.zeros(2), np.zeros((2, 2))
        )
