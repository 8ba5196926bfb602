"""What blocks answer, against plain numpy, and the same bits in any order."""

import math

import numpy as np
import pytest

from blocks import cut
from optimality import loss_dual, loss_value, perfect, residual
from problems import CONTENTS, Problem, matrix, targets, weights
from sparsecross.scale.block import LossOfRows
from sparsecross.scale.extremes import ExtremesRound, units_of
from sparsecross.scale.moments import SquaresOfColumns, SumsOfColumns, deviations
from sparsecross.scale.points import Point, Units
from sparsecross.scale.reducer import LocalReducer
from sparsecross.scale.rounds import (
    DualRound,
    GradientRound,
    LossRound,
    ModelRound,
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


def some_units(p, content):
    """Factors within a few powers of 2, and centres that are none of X's numbers."""
    rng = np.random.default_rng(p)
    centre = rng.standard_normal(p) if content == "dense" else None
    return Units(2.0 ** rng.integers(-3, 3, p), centre, n_terms=90)


def one(sums):
    """Sums on whatever grids, as numbers; scalars of blocks are none."""
    return [sums[0], *(part.sum(axis=-1) for part in sums[1:])]


@pytest.fixture(
    params=[
        (loss, content, apart) for loss in LOSSES for content in CONTENTS for apart in (False, True)
    ],
    ids=str,
)
def asked(request):
    """A problem as rounds see it, in whatever units, and who asks them."""
    loss, content, apart = request.param
    problem = stated(loss, content)
    p = problem.X.shape[1]
    reducer = LocalReducer(cut(problem, 7, content), p, 2)
    if apart:
        units = some_units(p, content)
        reducer = reducer.in_units(units)
        centre = 0.0 if units.centre is None else units.centre
        problem = problem.at(X=(problem.X - centre) * units.factor)
    return problem, reducer, LossOfRows(loss, problem.delta), some_point(p)


def totals(problem, at):
    """The sums of the weights, and of the residual, in units of rows."""
    total = problem.sample_weight.sum()
    return total, total * residual(problem, dense(at, problem.X.shape[1]), at.intercept)


def test_gradients(asked):
    problem, reducer, loss, at = asked
    total, r = totals(problem, at)
    bound = 2.0 * np.abs(r).sum() * max(1.0, np.abs(problem.X).max())
    scalars, z = one(reducer.reduce(GradientRound(loss, at, bound)))
    np.testing.assert_allclose(z, problem.X.T @ r, rtol=1e-10, atol=1e-12 * bound)
    margins = problem.X @ dense(at, problem.X.shape[1]) + at.intercept
    value = total * (loss_value(problem, margins) - perfect(problem))
    expected = [value, np.maximum(r, 0).sum(), np.maximum(-r, 0).sum()]
    np.testing.assert_allclose(scalars.sum(axis=0)[:3], expected, rtol=1e-10, atol=1e-9)


def test_gradients_off_a_direction_lose_the_curvature_along_it(asked):
    problem, reducer, loss, at = asked
    off = some_point(problem.X.shape[1], seed=1)._replace(intercept=0.1)
    bound = 1e5
    plain = one(reducer.reduce(GradientRound(loss, at, bound)))[1]
    moved = one(reducer.reduce(GradientRound(loss, at, bound, off)))[1]
    order = np.arange(problem.X.shape[1])
    wide = Point(order, dense(at, len(order)), at.intercept)
    question = ModelRound(loss, wide, order, len(order), 0, (bound, bound))
    _, _, weighted, products = one(reducer.reduce(question))
    expected = products @ dense(off, len(order)) + weighted * off.intercept
    np.testing.assert_allclose(plain - moved, expected, rtol=1e-6, atol=1e-5)


def test_models(asked):
    problem, reducer, loss, at = asked
    p = problem.X.shape[1]
    _, r = totals(problem, at)
    order = np.random.default_rng(3).permutation(at.columns)[:4]
    place = np.full(len(at.columns), -1)
    place[np.searchsorted(at.columns, order)] = np.arange(4)
    question = ModelRound(loss, at, place, 4, 0, (1e6, 1e6))
    scalars, gradient, weighted, products = one(reducer.reduce(question))
    A = problem.X[:, order]
    np.testing.assert_allclose(gradient, A.T @ r, rtol=1e-8, atol=1e-7)
    # The curvature is Σ h over rows; h follows from the model over all columns and the ones.
    everything = Point(np.arange(p), dense(at, p), at.intercept)
    whole = ModelRound(loss, everything, np.arange(p), p, 0, (1e6, 1e6))
    _, _, all_weighted, all_products = one(reducer.reduce(whole))
    np.testing.assert_array_equal(products, all_products[np.ix_(order, order)])
    np.testing.assert_array_equal(weighted, all_weighted[order])
    np.testing.assert_array_equal(products, products.T)
    if problem.loss == "squared":
        H = problem.sample_weight
        np.testing.assert_allclose(products, A.T @ (H[:, None] * A), rtol=1e-9, atol=1e-5)
        np.testing.assert_allclose(scalars.sum(axis=0)[3], H.sum(), rtol=1e-9)


def test_only_products_with_new_columns_are_made(asked):
    _, reducer, loss, at = asked
    m = len(at.columns)
    ask = [ModelRound(loss, at, np.arange(m), m, first, (1e6, 1e6)) for first in (0, 3)]
    whole, part = (one(reducer.reduce(question))[3] for question in ask)
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


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("content", CONTENTS)
def test_bits_do_not_depend_on_the_order_of_blocks(loss, content, apart):
    problem = stated(loss, content)
    p = problem.X.shape[1]
    units = some_units(p, content) if apart else Units()
    blocks, of_rows, at = cut(problem, 9, content), LossOfRows(loss, problem.delta), some_point(p)
    extent = LocalReducer(blocks, p).in_units(units).extent
    m = len(at.columns)
    for question in (
        GradientRound(of_rows, at, 1e8),
        ModelRound(of_rows, at, np.arange(m), m, 0, (1e8, 1e8)),
        SumsOfColumns(1e6, 90),
        SquaresOfColumns(1e6, 90, np.linspace(-1.0, 1.0, p)),
        ExtremesRound(),
    ):
        whole = question.run(blocks, extent)
        for seed in range(5):
            rng = np.random.default_rng(seed)
            shuffled = [blocks[k] for k in rng.permutation(len(blocks))]
            at_most = rng.integers(1, len(blocks))
            parts = [question.run(shuffled[:at_most], extent)]
            parts.append(question.run(shuffled[at_most:], extent))
            total = add(*(parts if seed % 2 else parts[::-1]), question.together)
            for mine, theirs in zip(total, whole, strict=True):
                np.testing.assert_array_equal(mine, theirs)


SCALES = 10.0 ** np.array([0, 7, -7, 40, -40, 3, 0, 0, 0, 0, 0, 0, 0])


def scaled(content, seed=0):
    """Columns of scales far apart; of dense ones some far from 0, and a constant."""
    problem = stated("squared", content, seed)
    X = np.asarray(problem.X, np.float64) * SCALES
    if content == "dense":
        X[:, 8:12] += [1e3, 1e6, -1e8, 1e-3]
        X[:, 12] = 1e9 / 3
    return problem.at(X=X)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("content", ["dense", "sparse"])
def test_units_and_deviations_whatever_the_scales(content, centred):
    problem = scaled(content)
    X, s = problem.X, problem.sample_weight
    reducer = LocalReducer(cut(problem, 7, content), X.shape[1], 2)
    units = units_of(reducer, centred)
    centre = 0.0 if units.centre is None else units.centre
    inside = np.abs((X - centre) * units.factor)
    assert (inside <= 1.0).all()
    reach = np.where(X.any(axis=0), inside.max(axis=0), 0.5)
    assert ((reach >= 0.5) | (np.ptp(X, axis=0) == 0)).all()
    np.testing.assert_array_equal(np.frexp(units.factor)[0], 0.5)
    mean = np.average(X, axis=0, weights=s) if centred else 0.0
    expected = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=s))
    if centred:
        expected[np.ptp(X, axis=0) == 0] = 0.0
    np.testing.assert_allclose(deviations(reducer, units, centred), expected, rtol=1e-9)


def test_columns_stored_in_every_row_have_no_absent_part():
    """A sparse column of timestamps: what rounding leaves of Σ s must not count as rows of 0."""
    rng = np.random.default_rng(0)
    X = np.column_stack([1.7e9 + 300.0 * rng.standard_normal(200), np.ones(200)])
    problem = Problem(X, X[:, 0], sample_weight=weights(rng, 200))
    reducer = LocalReducer(cut(problem, 5, "sparse"), 2)
    found = deviations(reducer, units_of(reducer, True), True)
    mean = np.average(X[:, 0], weights=problem.sample_weight)
    expected = np.sqrt(np.average((X[:, 0] - mean) ** 2, weights=problem.sample_weight))
    np.testing.assert_allclose(found, [expected, 0.0], rtol=1e-6)


def test_entries_without_a_finite_square_are_refused_by_column():
    X = np.array([[1.0, 1e160], [2.0, 1.0]])
    reducer = LocalReducer(cut(Problem(X, X[:, 0]), 1, "dense"), 2)
    with pytest.raises(ValueError, match=r"column 1 of X must hold nothing above 2\^500"):
        units_of(reducer, True)


def test_points_come_back_from_other_units():
    units = some_units(13, "dense")
    point = some_point(13)
    there = units.inward(point, 13)
    X = np.random.default_rng(2).standard_normal((5, 13))
    inside = (X - units.centre) * units.factor
    np.testing.assert_allclose(
        inside[:, there.columns] @ there.weights + there.intercept,
        X[:, point.columns] @ point.weights + point.intercept,
        rtol=1e-12,
    )
    back = units.outward(there, 13)
    np.testing.assert_array_equal(back.weights, point.weights)
    assert back.intercept == pytest.approx(point.intercept, abs=1e-14)


def test_many_terms_of_all_sizes_sum_to_the_same_bits_and_few_are_lost():
    """What the coarse grid rounds off adds up over many rows, and must still be exact."""
    rng = np.random.default_rng(0)
    n = 20_000
    X = np.exp(3.0 * rng.standard_normal((n, 3)))
    X /= X.max()
    y = rng.integers(-(2**20), 2**20, n) / 2.0**20  # residuals that the grid has
    blocks = cut(Problem(X, y), 7, "dense")
    extent = LocalReducer(blocks, 3).in_units(Units(np.ones(3), n_terms=n)).extent
    nowhere = Point(np.empty(0, np.int64), np.empty(0), 0.0)
    bound = np.abs(y).sum() * 1.5
    asked = GradientRound(LossOfRows("squared"), nowhere, bound)
    whole = asked.run(blocks, extent)[1]
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(7)
        np.testing.assert_array_equal(asked.run([blocks[k] for k in order], extent)[1], whole)
    each = [asked.run([block], extent)[1] for block in blocks]
    np.testing.assert_array_equal(sum(each[::2]) + sum(each[1::2]), whole)
    expected = [math.fsum(X[:, j] * y) for j in range(3)]
    np.testing.assert_allclose(whole.sum(axis=1), expected, rtol=0, atol=bound * 2.0**-52)


def test_compiled_rounds_refuse_malformed_arrays():
    from sparsecross import _solvers

    problem = stated("squared", "sparse")
    block = cut(problem, 1)[0]
    rows = block.rows(LossOfRows("squared"))
    p = problem.X.shape[1]
    units = _solvers.Units(p)
    for columns in ([3, 3], [2, 1], [-1], [p]):
        with pytest.raises(ValueError, match="columns must increase"):
            _solvers.ChosenColumns(np.array(columns), units)
    columns = np.array([0, 2])
    chosen = _solvers.ChosenColumns(columns, units)
    other = _solvers.ChosenColumns(columns, _solvers.Units(p + 1))
    w, z = np.zeros(2), np.zeros(p)
    with pytest.raises(ValueError, match="units must be of"):
        rows.add_gradient(other, w, 0.0, None, 0.0, 1.0, z)
    centred = _solvers.ChosenColumns(columns, _solvers.Units(p, np.ones(p), np.ones(p)))
    with pytest.raises(ValueError, match="columns of sparse rows must have no centre"):
        rows.add_gradient(centred, w, 0.0, None, 0.0, 1.0, z)
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
            chosen, w, 0.0, np.array([0, 2]), 0, 1.0, 1.0, g, np.zeros(2), np.zeros((2, 2))
        )


def test_compiled_sums_of_columns_refuse_malformed_arrays():
    from sparsecross import _solvers

    problem = stated("squared", "sparse")
    n, p = problem.X.shape
    X = cut(problem, 1)[0].design
    units, ones = _solvers.Units(p), np.ones(p)
    for arrays, name in (((ones[1:], None), "factor"), ((ones, ones[1:]), "centre")):
        with pytest.raises(ValueError, match=f"{name} must be one-dimensional of length {p}"):
            _solvers.Units(p, *arrays)
    with pytest.raises(ValueError, match="centre must come with factor"):
        _solvers.Units(p, None, ones)
    with pytest.raises(ValueError, match="n_columns must not be negative"):
        _solvers.Units(-1)
    with pytest.raises(ValueError, match="n_terms must not be negative"):
        _solvers.Units(p, n_terms=-1)
    with pytest.raises(ValueError, match="n_terms must be at least 1"):
        _solvers.add_squares(X, units, None, None, 1.0, 0, np.zeros((p, 2)))
    columns = _solvers.Design.from_dense(np.asfortranarray(problem.X), "columns")
    pairs, short = np.zeros((p, 2)), np.zeros((p - 1, 2))
    with pytest.raises(ValueError, match="X must be sliced by rows"):
        _solvers.widen_extremes(columns, np.zeros(p), np.zeros(p))
    with pytest.raises(ValueError, match="low must be writeable"):
        _solvers.widen_extremes(X, np.zeros(p), np.zeros(p + 1))
    with pytest.raises(ValueError, match="units must be of"):
        _solvers.add_squares(X, _solvers.Units(p + 1), None, None, 1.0, n, pairs)
    with pytest.raises(ValueError, match=f"weight must be one-dimensional of length {n}"):
        _solvers.add_squares(X, units, np.ones(n + 1), None, 1.0, n, pairs)
    with pytest.raises(ValueError, match=f"mean must be one-dimensional of length {p}"):
        _solvers.add_squares(X, units, None, np.ones(p + 1), 1.0, n, pairs)
    with pytest.raises(ValueError, match="squares must be writeable"):
        _solvers.add_squares(X, units, None, None, 1.0, n, short)
    for bound in (0.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="bound of a sum"):
            _solvers.add_sums(X, units, None, bound, n, pairs, pairs, np.zeros(p))
    with pytest.raises(ValueError, match="counts must be writeable"):
        _solvers.add_sums(X, units, None, 1.0, n, pairs, pairs, np.zeros(p + 1))
