"""Products of columns over blocks: optimal over all of them, as in memory, and the same bits."""

import tempfile
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import sparsecross as sx
from blocks import LOSSES, OPTIONS, cut, random_problem, task_of
from optimality import improvement, null_objective, primal, residual
from problems import CONTENTS, Problem, matrix, targets, weights
from sparsecross.scale import asking
from sparsecross.scale.block import LossOfRows
from sparsecross.scale.pairs import AllPairs, PairsRound
from sparsecross.scale.points import Point, Units
from sparsecross.scale.reducer import LocalReducer
from sparsecross.scale.rounds import GradientRound, LossRound, ModelRound

PENALTY = 1.5


def crossed(X):
    """X and all products of two of its columns, and which these are."""
    pairs = np.array(list(combinations(range(X.shape[1]), 2)))
    return np.hstack([X, X[:, pairs[:, 0]] * X[:, pairs[:, 1]]]), pairs


def with_pairs(problem, content, n_threads=2):
    task = task_of(problem, content, n_threads=n_threads)
    return replace(task, products=AllPairs(problem.X.shape[1], PENALTY, None))


def built(problem):
    """The problem over columns that are built."""
    X, pairs = crossed(np.asarray(problem.X, np.float64))
    p = problem.X.shape[1]
    factor = np.ones(p) if problem.penalty_factor is None else problem.penalty_factor
    factor = np.concatenate([factor, np.full(len(pairs), PENALTY)])
    return problem.at(X=X, penalty_factor=factor), pairs


def all_weights(found, pairs, p):
    place = {tuple(pair): p + k for k, pair in enumerate(pairs.tolist())}
    coef = np.concatenate([found.coef, np.zeros(len(pairs))])
    for pair, value in zip(
        found.interactions.columns.tolist(), found.interactions.values, strict=True
    ):
        coef[place[tuple(pair)]] = value
    return coef


@pytest.mark.parametrize("option", [name for name in OPTIONS if name != "standardized"])
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_solutions_are_optimal_over_all_products(loss, content, option):
    problem = random_problem(loss, content, option)
    p, (whole, pairs) = problem.X.shape[1], built(problem)
    options = whole.options()
    task = with_pairs(problem, content)
    largest = sx.alpha_max(whole.X, whole.y, **options)
    np.testing.assert_allclose(task.alpha_max(problem.l1_ratio), largest, rtol=1e-5)
    problem, whole = (each.at(alpha=largest / 15) for each in (problem, whole))
    found = task.solve(problem.alpha, problem.l1_ratio, tol=1e-6)
    assert found.status == sx.Status.converged
    coef, level = all_weights(found, pairs, p), null_objective(whole)
    value = primal(whole, coef, found.intercept)
    assert abs(found.primal - value) <= 1e-10 * max(level, abs(value))
    assert improvement(whole, coef, found.intercept).max() <= found.gap + 1e-11 * level
    other = sx.solve(whole.X, whole.y, alpha=whole.alpha, tol=1e-9, **options)
    assert found.dual <= other.primal + 1e-10 * level
    assert found.primal - other.primal <= found.gap + 1e-9 * level
    certified = task.certify(
        found.coef, found.intercept, problem.alpha, problem.l1_ratio, found.interactions
    )
    np.testing.assert_allclose(certified.primal, found.primal, rtol=1e-9)
    assert certified.relative_gap <= 2e-6
    assert found.certified_over == "all columns and their interactions"
    counts = found.history[-1].interactions
    assert counts.possible == len(pairs)
    assert counts.built >= len(found.interactions)


@pytest.mark.parametrize("content", CONTENTS)
def test_scales_of_columns_change_no_answer(content):
    problem = random_problem("squared", content, "plain", seed=4, p=12)
    X = np.asarray(problem.X, np.float64)
    X[:, ::3] *= -1e4
    problem = problem.at(X=X)
    whole, pairs = built(problem)
    largest = sx.alpha_max(whole.X, whole.y, **whole.options())
    task = with_pairs(problem, content if content == "dense" else "sparse")
    np.testing.assert_allclose(task.alpha_max(), largest, rtol=1e-6)
    problem, whole = (each.at(alpha=largest / 10) for each in (problem, whole))
    found = task.solve(problem.alpha, tol=1e-4)
    assert found.status == sx.Status.converged
    value = primal(whole, all_weights(found, pairs, 12), found.intercept)
    np.testing.assert_allclose(found.primal, value, rtol=1e-9)
    other = sx.solve(whole.X, whole.y, alpha=whole.alpha, tol=1e-9, **whole.options())
    assert found.dual <= other.primal * (1 + 1e-9)
    assert found.primal - other.primal <= found.gap + 1e-9 * null_objective(whole)


@pytest.mark.parametrize("seed", range(4))
def test_values_of_all_sizes_lose_no_digits(seed):
    """Products of skewed values, the largest of which lies far below those of their columns."""
    rng = np.random.default_rng(seed)
    X = (rng.random((200, 20)) < 0.3) * np.exp(2.0 * rng.standard_normal((200, 20)))
    problem = Problem(X, rng.standard_normal(200))
    whole, pairs = built(problem)
    largest = sx.alpha_max(whole.X, whole.y, **whole.options())
    task = with_pairs(problem, "sparse")
    found = task.solve(largest / 100, tol=1e-7)
    assert found.status == sx.Status.converged
    value = primal(whole.at(alpha=largest / 100), all_weights(found, pairs, 20), found.intercept)
    np.testing.assert_allclose(found.primal, value, rtol=1e-10)


@pytest.mark.parametrize("loss", LOSSES)
def test_bits_depend_neither_on_threads_nor_on_parts_of_the_table(loss, monkeypatch):
    problem = random_problem(loss, "sparse", "weights and offsets", n=300)
    task = with_pairs(problem, "sparse", 1)
    alpha = task.alpha_max() / 20
    one = task.solve(alpha, tol=1e-6)
    assert len(one.interactions)
    monkeypatch.setattr(asking, "TABLE", 50)  # few rows of the table a round
    for threads in (1, 3):
        other = with_pairs(problem, "sparse", threads).solve(alpha, tol=1e-6)
        np.testing.assert_array_equal(one.coef, other.coef)
        np.testing.assert_array_equal(one.interactions.columns, other.interactions.columns)
        np.testing.assert_array_equal(one.interactions.values, other.interactions.values)
        assert one.dual == other.dual


def test_products_of_light_columns_are_not_looked_at():
    rng = np.random.default_rng(0)
    X = (rng.random((2_000, 300)) < np.where(np.arange(300) < 20, 0.3, 0.002)).astype(float)
    y = 2.0 * X[:, 3] * X[:, 7] - X[:, 5] + 0.1 * rng.standard_normal(2_000)
    task = with_pairs(Problem(X, y), "valueless")
    found = task.solve(task.alpha_max() / 3, tol=1e-6)
    assert found.interactions.columns.tolist() == [[3, 7]]
    n_looks = len(found.history)
    most = 512 * 511 // 2 + (n_looks + 1) * 40 * 39 // 2
    assert found.history[-1].interactions.visited < most < n_looks * 300 * 299 // 2 + most


@pytest.fixture(params=[(loss, c) for loss in LOSSES for c in CONTENTS], ids=str)
def asked(request):
    loss, content = request.param
    rng = np.random.default_rng(5)
    X = matrix(rng, 90, 13, content)
    problem = Problem(X, targets(rng, X, loss), loss, sample_weight=weights(rng, 90))
    units = Units(2.0 ** rng.integers(-3, 3, 13), signed=True, n_terms=90)
    reducer = LocalReducer(cut(problem, 7, content), 13, 2).in_units(units)
    inside, pairs = crossed(np.asarray(problem.X, np.float64) * units.factor)
    keys = np.concatenate([np.arange(13), 13 + pairs[:, 0] * 13 + pairs[:, 1]])
    some = np.sort(rng.permutation(len(keys))[:11])
    point = Point(keys[some], 0.2 * rng.standard_normal(11), 0.1)
    coef = np.zeros(len(keys))
    coef[some] = point.weights
    return problem.at(X=inside), reducer, LossOfRows(loss, problem.delta), point, coef, some


def test_rounds_know_products(asked):
    problem, reducer, loss, at, coef, some = asked
    total = problem.sample_weight.sum()
    r = total * residual(problem, coef, at.intercept)
    bound = 2.0 * np.abs(r).sum()
    gradient = GradientRound(loss, at, bound, in_parts=True)
    _, parts = reducer.reduce(gradient)
    terms = problem.X[:, :13] * r[:, None]
    for sign, part in zip((1, -1), parts.sum(axis=-1).T, strict=True):
        expected = np.maximum(sign * terms, 0.0).sum(axis=0)
        np.testing.assert_allclose(part, expected, rtol=1e-9, atol=1e-10 * bound)
    columns = np.array([0, 2, 3, 7, 8, 12])
    (table,) = reducer.reduce(PairsRound(gradient, columns, 1, 5))
    A = problem.X[:, columns]
    expected = np.triu(A.T @ (r[:, None] * A), 1)[1:5]
    np.testing.assert_allclose(table.sum(axis=-1), expected, atol=1e-10 * bound)
    model = ModelRound(loss, at, np.arange(11), 11, 0, (1e6, 1e6))
    force, weighted, products = (part.sum(axis=-1) for part in reducer.reduce(model)[1:])
    X = problem.X[:, some]
    np.testing.assert_allclose(force, X.T @ r, rtol=1e-8, atol=1e-6)
    if problem.loss == "squared":
        s = problem.sample_weight
        np.testing.assert_allclose(weighted, s @ X, rtol=1e-8, atol=1e-6)
        np.testing.assert_allclose(products, X.T @ (s[:, None] * X), rtol=1e-8, atol=1e-6)
    way = at._replace(weights=-at.weights, intercept=0.0)
    (values,) = reducer.reduce(LossRound(loss, at, way, (0.0, 1.0)))
    level = reducer.reduce(LossRound(loss, at._replace(weights=0 * at.weights), way, (0.0,)))[0]
    np.testing.assert_allclose(values.sum(axis=0)[1], level.sum(), rtol=1e-12)


def rows(n=600, p=25, seed=0):
    rng = np.random.default_rng(seed)
    X = sp.random_array((n, p), density=0.3, format="csr", rng=rng)
    X.data[:] = 1.0
    dense = X.toarray()
    return X, 2 * dense[:, 1] * dense[:, 4] - dense[:, 2] + 0.2 * rng.standard_normal(n)


@pytest.fixture
def store(tmp_path):
    X, y = rows()
    batches = [(X[k : k + 90], y[k : k + 90]) for k in range(0, len(y), 90)]
    return sx.BlockStore.from_batches(batches, tmp_path / "s", block_bytes=2_000)


ESTIMATORS = {
    "lasso": (sx.Lasso, None),
    "elastic net": (sx.ElasticNet, None),
    "counts": (sx.PoissonRegressor, lambda y: np.round(np.exp(y))),
    "two classes": (sx.SparseLogisticRegression, lambda y: y > 0.3),
    "several classes": (sx.SparseLogisticRegression, lambda y: np.digitize(y, [-0.2, 0.6])),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_estimators_cross_the_columns_of_a_store(tmp_path, kind):
    make, target = ESTIMATORS[kind]
    X, y = rows()
    y = y if target is None else target(y)
    batches = [(X[k : k + 90], y[k : k + 90]) for k in range(0, len(y), 90)]
    store = sx.BlockStore.from_batches(batches, tmp_path / "s", block_bytes=2_000)
    asked = {"alpha": 0.01, "tol": 1e-6, "interactions": "pairwise", "interaction_penalty": 1.2}
    mine, theirs = make(**asked).fit(store), make(**asked).fit(X, y)
    np.testing.assert_allclose(mine.predict(store), theirs.predict(X), atol=0.02)
    np.testing.assert_array_equal(mine.predict(store), mine.predict(X))
    assert (np.asarray(mine.relative_gap_) <= 1e-6).all()
    assert np.size(mine.certified_over_) == np.size(theirs.certified_over_)
    small = sx.prune(mine)
    small.save(tmp_path / "m.sxm")
    np.testing.assert_array_equal(sx.load(tmp_path / "m.sxm").predict(X), mine.predict(X))


def test_functions_and_choosers_cross_the_columns_of_a_store(store):
    X, y = rows()
    asked = {"interactions": "pairwise", "tol": 1e-7}
    mine, theirs = (sx.path(*data, n_alphas=6, eps=0.02, **asked) for data in ((store,), (X, y)))
    np.testing.assert_allclose(mine.alphas, theirs.alphas, rtol=1e-7)
    np.testing.assert_allclose(mine.primals, theirs.primals, rtol=1e-6)
    point = mine[4]
    judged = sx.certify(
        store,
        None,
        point.coef,
        point.intercept,
        interaction_coef=point.interactions,
        alpha=point.alpha,
        interactions="pairwise",
    )
    assert judged.relative_gap <= 2e-7
    start = {"coef_init": point.coef, "interactions_init": point.interactions}
    again = sx.solve(store, alpha=point.alpha, intercept_init=point.intercept, **start, **asked)
    assert len(again.history) == 1
    chosen = sx.LassoCV(cv=3, n_alphas=5, eps=0.02, **asked).fit(store)
    assert chosen.interactions_.columns.tolist()[0] == [1, 4]
    ends = np.cumsum([0, *(len(block.y) for block in store)])
    block = np.repeat(np.arange(len(store)), np.diff(ends))
    folds = [(np.flatnonzero(block % 3 != k), np.flatnonzero(block % 3 == k)) for k in range(3)]
    other = sx.LassoCV(cv=folds, n_alphas=5, eps=0.02, **asked).fit(X, y)
    np.testing.assert_allclose(chosen.mse_path_, other.mse_path_, rtol=1e-4)


def test_tables_are_crossed_by_name():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"f": rng.choice(list("abc"), 500), "g": rng.choice(list("xyz"), 500)})
    y = 2.0 * ((table["f"] == "a") & (table["g"] == "y")) + 0.1 * rng.standard_normal(500)
    table["y"] = y
    with tempfile.TemporaryDirectory() as folder:
        table.to_parquet(folder + "/t.parquet")
        encoder = sx.FeatureCross(crosses=[]).fit(table[["f", "g"]])
        store = sx.BlockStore.from_parquet(
            folder + "/t.parquet", folder + "/s", target="y", encoder=encoder
        )
        model = sx.Lasso(alpha=0.02, interactions="pairwise", tol=1e-8).fit(store)
    other = sx.Lasso(alpha=0.02, interactions="pairwise", tol=1e-8).fit(table[["f", "g"]], y)
    assert "f_a g_y" in model.interactions_.names()
    fields = table[["f", "g"]]
    np.testing.assert_allclose(model.predict(fields), other.predict(fields), atol=1e-3)


def test_products_that_blocks_do_not_have_are_named(store):
    for options, message in (
        ({"interactions": "triples"}, "interactions must be 'pairwise' or None for blocks"),
        ({"interactions": [(0, 1)]}, "interactions must be 'pairwise' or None for blocks"),
        ({"interactions": "pairwise", "squares": True}, "squares must be False for blocks"),
        ({"interactions": "pairwise", "hierarchy": "weak"}, "hierarchy must be 'none' for blocks"),
        ({"interactions": "pairwise", "standardize": True}, "standardize must be False"),
        ({"interactions": "pairwise", "fields": np.zeros(25)}, "fields must be None for blocks"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.Lasso(alpha=0.1, **options).fit(store)
        with pytest.raises(ValueError, match=message):
            sx.solve(store, alpha=0.1, **options)
    square = sp.csr_array(([1.0], ([2], [2])), (25, 25))
    asked = {"alpha": 0.1, "interactions": "pairwise", "interaction_coef": square}
    with pytest.raises(ValueError, match="must be of crosses that interactions allow"):
        sx.certify(store, None, np.zeros(25), **asked)


def test_compiled_pairs_refuse_malformed_arrays():
    from sparsecross import _solvers

    problem = random_problem("squared", "sparse", "plain")
    rows = cut(problem, 1)[0].rows(LossOfRows("squared"))
    p = problem.X.shape[1]
    units, columns = _solvers.Units(p), np.array([0, 2, 5])
    for pairs in ([[0, 3]], [[-1, 0]], [[1, 0]], [[0, 1], [0, 1]], [[0, 2], [0, 1]]):
        with pytest.raises(ValueError, match="pairs must increase, and be of places below 3"):
            _solvers.ChosenColumns(columns, units, np.array(pairs))
    with pytest.raises(ValueError, match="pairs must be two-dimensional"):
        _solvers.ChosenColumns(columns, units, np.array([0, 1]))
    centred = _solvers.Units(p, np.ones(p), np.ones(p))
    with pytest.raises(ValueError, match="columns of pairs must have no centre"):
        _solvers.ChosenColumns(columns, centred, np.array([[0, 1]]))
    chosen = _solvers.ChosenColumns(columns, units)
    paired = _solvers.ChosenColumns(columns, units, np.array([[0, 1], [1, 2]]))
    asked = (chosen, np.zeros(3), 0.0, None, 0.0, 1e3)
    with pytest.raises(ValueError, match="weights must be one-dimensional of length 5"):
        rows.add_gradient(paired, np.zeros(3), 0.0, None, 0.0, 1e3, np.zeros(p))
    with pytest.raises(ValueError, match="columns must have no products"):
        rows.add_pairs(*asked, paired, 0, 1, np.zeros((1, 5)))
    for first, last in ((-1, 2), (2, 1), (0, 4)):
        with pytest.raises(ValueError, match="first and last must lie between"):
            rows.add_pairs(*asked, chosen, first, last, np.zeros((1, 3)))
    with pytest.raises(ValueError, match="sums must be writeable"):
        rows.add_pairs(*asked, chosen, 0, 2, np.zeros((1, 3)))
    with pytest.raises(ValueError, match="parts must be writeable"):
        rows.add_gradient_parts(*asked, np.zeros(p))
