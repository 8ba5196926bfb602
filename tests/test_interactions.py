"""The optimum over all products of columns is that of the problem with all of them built."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import crosses
import optimality
import problems
import sparsecross as sx
from sparsecross import Status
from test_solver import PENALTIES, random_problem

LOSSES = ("squared", "logistic", "huber", "poisson", "absolute")
KINDS = [name for name in PENALTIES if name != "ridge"]
LAYOUTS = {
    "dense": np.asfortranarray,
    "csc": sp.csc_array,
    "csr": sp.csr_array,
    "csc float32": problems.LAYOUTS["csc float32"],
    "csr int64": problems.LAYOUTS["csr int64 indices"],
}


def judged(problem, columns, found, tol):
    """Prove by brute force that weights are within `tol` of the optimum over all products."""
    wide = crosses.built(problem, columns)
    w = crosses.weights(found.coef, found.interactions, columns)
    assert optimality.feasible(wide, w, found.intercept)
    primal = optimality.primal(wide, w, found.intercept)
    assert found.primal == pytest.approx(primal, rel=1e-9, abs=1e-9)
    bound = optimality.dual(wide, found.dual_point)
    scale = optimality.null_objective(wide)
    assert bound >= found.dual - 1e-9 * max(scale, abs(found.dual))
    assert primal - bound <= tol * scale + 1e-9 * max(1.0, abs(primal))
    return wide, w


def small(rng, content, loss, penalty, *, n=30, p=7, **more):
    more = {"intercept": bool(rng.integers(2)), "weighted": bool(rng.integers(2)), **more}
    problem = random_problem(rng, n, p, content, loss, penalty=penalty, **more)
    wide = crosses.built(problem, crosses.columns_of(problem.X))
    options = wide.options() | {"l1_ratio": 1.0, "positive": False}
    alpha = 0.1 * sx.alpha_max(wide.X, wide.y, **options)
    # Where a free column tells labels apart, nothing is left for a penalised one to explain.
    return problem.at(alpha=alpha if alpha > 1e-12 else 0.1)


@pytest.mark.parametrize("content", problems.CONTENTS)
@pytest.mark.parametrize("penalty", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_pairs_reach_the_optimum_of_the_problem_built(loss, penalty, content):
    rng = np.random.default_rng([LOSSES.index(loss), KINDS.index(penalty), len(content)])
    problem = small(rng, content, loss, penalty)
    tol = 1e-4 if loss == "absolute" else 1e-7
    found = sx.solve(
        problem.X,
        problem.y,
        alpha=problem.alpha,
        interactions="pairwise",
        tol=tol,
        **problem.options(),
    )
    assert found.status == Status.converged
    columns = crosses.columns_of(problem.X)
    wide, _ = judged(problem, columns, found, tol)
    other = sx.solve(wide.X, wide.y, alpha=wide.alpha, tol=tol, **wide.options())
    assert found.primal == pytest.approx(
        other.primal, abs=2 * tol * optimality.null_objective(wide)
    )


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(3, 25),
    p=st.integers(1, 9),
    content=st.sampled_from(problems.CONTENTS),
    loss=st.sampled_from(LOSSES[:3]),
    penalty=st.sampled_from(KINDS),
    layout=st.sampled_from(sorted(LAYOUTS)),
    order=st.sampled_from([2, 3]),
    squares=st.booleans(),
)
def test_random_problems(seed, n, p, content, loss, penalty, layout, order, squares):
    rng = np.random.default_rng(seed)
    problem = small(rng, content, loss, penalty, n=n, p=p)
    found = sx.solve(
        LAYOUTS[layout](problem.X),
        problem.y,
        alpha=problem.alpha,
        interactions="pairwise" if order == 2 else "triples",
        squares=squares,
        tol=1e-6,
        **problem.options(),
    )
    columns = crosses.columns_of(problem.X, order, squares=squares)
    assert found.status == Status.converged
    judged(problem, columns, found, 1e-6)
    counts = found.history[-1].interactions
    n_present = int((crosses.products(problem.X, columns) != 0).any(axis=0).sum())
    assert counts.co_occurring == n_present
    assert counts.built <= n_present


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("content", problems.CONTENTS)
def test_alpha_max_is_that_of_the_problem_built(content, order):
    rng = np.random.default_rng(order)
    X = problems.matrix(rng, 40, 9, content)
    problem = problems.Problem(X, problems.targets(rng, X, "squared"))
    wide = crosses.built(problem, crosses.columns_of(X, order))
    name = "pairwise" if order == 2 else "triples"
    given_alpha = sx.alpha_max(X, problem.y, interactions=name)
    assert given_alpha == pytest.approx(sx.alpha_max(wide.X, wide.y), rel=1e-12)
    above, below = (
        sx.solve(X, problem.y, alpha=t * given_alpha, interactions=name, tol=1e-12)
        for t in (1.0001, 0.99)
    )
    assert above.n_active == 0 < below.n_active


@pytest.mark.parametrize("penalty", ["lasso", "elastic net", "positive", "factors"])
@pytest.mark.parametrize("loss", ["squared", "logistic", "huber"])
def test_certify_is_that_of_the_problem_built(loss, penalty):
    rng = np.random.default_rng(LOSSES.index(loss))
    problem = small(rng, "sparse", loss, penalty)
    columns = crosses.columns_of(problem.X)
    wide = crosses.built(problem, columns)
    w = np.where(rng.random(wide.X.shape[1]) < 0.1, np.abs(rng.standard_normal(wide.X.shape[1])), 0)
    w[np.isinf(wide.penalty_factor)] = 0.0
    p = problem.X.shape[1]
    pairs = np.array(columns)[w[p:] != 0].T
    matrix = sp.coo_array((w[p:][w[p:] != 0], tuple(pairs)), shape=(p, p))
    by_pairs = sx.certify(
        problem.X,
        problem.y,
        w[:p],
        0.3,
        interaction_coef=matrix,
        alpha=problem.alpha,
        interactions="pairwise",
        **problem.options(),
    )
    options = wide.options() | {"alpha": wide.alpha}
    whole = sx.certify(wide.X, wide.y, w, 0.3, **options)
    assert by_pairs.primal == pytest.approx(whole.primal, rel=1e-10)
    # Multiples of the residual beyond a limit are left out, so that few products need be seen.
    assert by_pairs.dual <= whole.dual + 1e-10
    assert by_pairs.dual >= optimality.certificate(wide, w, 0.3) - 0.2 * abs(whole.primal)


def test_results_do_not_depend_on_threads():
    rng = np.random.default_rng(3)
    X = sp.random_array((3000, 300), density=0.05, rng=rng, format="csc")
    X.data[:] = 1.0
    y = X @ rng.standard_normal(300) + X[:, [3]].toarray().ravel() * X[:, [5]].toarray().ravel()
    answers = [
        sx.solve(X, y, alpha=1e-3, interactions="pairwise", tol=1e-6, n_threads=k) for k in (1, 4)
    ]
    one, four = answers
    np.testing.assert_array_equal(one.coef, four.coef)
    np.testing.assert_array_equal(one.interactions.columns, four.interactions.columns)
    np.testing.assert_array_equal(one.interactions.values, four.interactions.values)
    assert [r.interactions for r in one.history] == [r.interactions for r in four.history]


def test_of_equal_crosses_that_of_the_smallest_key_stands_for_all():
    # Columns 2, 3 and 4 are equal: crosses with 0 and with 1 come in threes.
    rng = np.random.default_rng(5)
    base = (rng.random((200, 3)) < 0.5).astype(float)
    X = base[:, [0, 1, 2, 2, 2]]
    y = 3 * base[:, 0] * base[:, 2] - 2 * base[:, 1] * base[:, 2] + 0.1 * rng.standard_normal(200)
    found = sx.solve(X, y, alpha=0.01, interactions="pairwise", tol=1e-10)
    assert found.history[-1].ties > 0
    used = {tuple(c) for c in found.interactions.columns.tolist()}
    assert {(0, 2), (1, 2)} <= used
    assert not used & {(0, 3), (0, 4), (1, 3), (1, 4)}
    judged(problems.Problem(X, y, alpha=0.01), crosses.columns_of(X), found, 1e-10)


def test_ties_share_their_weight_under_an_l2_penalty():
    # With an L2 part equal columns are better used together: none may stand for the others.
    rng = np.random.default_rng(6)
    base = (rng.random((100, 2)) < 0.5).astype(float)
    X = base[:, [0, 1, 1]]
    y = 3 * base[:, 0] * base[:, 1] + 0.1 * rng.standard_normal(100)
    found = sx.solve(X, y, alpha=0.1, l1_ratio=0.5, interactions="pairwise", tol=1e-10)
    crossed = found.interactions.tocsr()
    assert crossed[0, 1] == pytest.approx(crossed[0, 2]) != 0
    problem = problems.Problem(X, y, alpha=0.1, l1_ratio=0.5)
    judged(problem, crosses.columns_of(X), found, 1e-10)


@pytest.mark.parametrize("listed", ["pairs", "triples", "fields"])
def test_listed_interactions_are_the_only_ones(listed):
    rng = np.random.default_rng(7)
    X = rng.standard_normal((60, 8)).round(3)
    y = X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] * X[:, 4] + X[:, 6] + 0.1 * rng.standard_normal(60)
    fields = np.array(["a", "a", "b", "b", "c", "c", "d", "d"])
    given_fields = None
    if listed == "pairs":
        names = [(0, 1), (3, 2), (5, 7)]
        allowed = {(0, 1), (2, 3), (5, 7)}.__contains__
    elif listed == "triples":
        names = [(4, 2, 3), (0, 1)]
        allowed = {(2, 3, 4), (0, 1)}.__contains__
    else:
        names, given_fields = [("a", "b"), ("c", "c")], fields

        def allowed(c):
            return sorted(fields[list(c)].tolist()) in [["a", "b"], ["c", "c"]]

    columns = crosses.columns_of(X, 3 if listed == "triples" else 2, allowed=allowed)
    assert 6 not in {j for c in columns for j in c}  # a column without crosses matters too
    found = sx.solve(X, y, alpha=0.01, interactions=names, fields=given_fields, tol=1e-8)
    judged(problems.Problem(X, y, alpha=0.01), columns, found, 1e-8)
    assert found.coef[6] != 0
    assert len(found.interactions.values) > 0
    assert found.history[-1].interactions.possible == len(columns)


@pytest.mark.parametrize("learn", ["solve", "stream"])
def test_a_thousand_columns_of_zeros_change_nothing(learn):
    """Few fields or many are looked up by other means."""
    rng = np.random.default_rng(21)
    X = rng.standard_normal((60, 8)).round(3)
    y = X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] * X[:, 4] + X[:, 6] + 0.1 * rng.standard_normal(60)
    place = np.append(np.sort(rng.choice(2_999, 7, replace=False)), 2_999)
    wide = np.zeros((60, 3_000))
    wide[:, place] = X
    listed = [(4, 2, 3), (0, 1), (6, 7), (1, 7)]
    of_wide = [tuple(place[list(c)].tolist()) for c in listed]
    # Crosses of nothing, so that so many columns are mentioned.
    of_wide += [(j, j + 1) for j in range(2_998) if not {j, j + 1} & set(place.tolist())]

    def learnt(X, interactions):
        if learn == "solve":
            found = sx.solve(X, y, alpha=0.01, interactions=interactions, tol=1e-12)
            return found.coef, found.interactions
        model = sx.FTRLRegressor(l1=0.01, interactions=interactions, n_bits=None).fit(X, y)
        return model.coef_, model.interactions_

    coef, crosses_ = learnt(X, listed)
    coef_of_wide, crosses_of_wide = learnt(wide, of_wide)
    assert len(crosses_.values) > 1
    np.testing.assert_allclose(coef_of_wide[place], coef, rtol=1e-6, atol=1e-8)
    assert not np.delete(coef_of_wide, place).any()
    moved = np.append(place, -1)[crosses_.columns]
    np.testing.assert_array_equal(crosses_of_wide.columns, moved)
    np.testing.assert_allclose(crosses_of_wide.values, crosses_.values, rtol=1e-6, atol=1e-8)


def test_the_penalty_of_interactions():
    rng = np.random.default_rng(8)
    X = problems.matrix(rng, 60, 6, "dense", awkward=False)
    y = X[:, 0] * X[:, 1] + X[:, 2] + 0.1 * rng.standard_normal(60)
    columns = crosses.columns_of(X)
    found = sx.solve(X, y, alpha=0.1, interactions="pairwise", interaction_penalty=3.0, tol=1e-9)
    wide = crosses.built(problems.Problem(X, y, alpha=0.1), columns, 3.0)
    w = crosses.weights(found.coef, found.interactions, columns)
    assert optimality.primal(wide, w, found.intercept) == pytest.approx(found.primal)
    assert found.primal - optimality.dual(wide, found.dual_point) <= 1e-8


@pytest.mark.parametrize("hierarchy", ["weak", "strong"])
def test_hierarchy_holds_and_is_certified(hierarchy):
    rng = np.random.default_rng(9)
    X = problems.matrix(rng, 120, 10, "valueless", awkward=False)
    y = X[:, 0] + X[:, 1] + 2 * X[:, 0] * X[:, 1] + 2 * X[:, 5] * X[:, 6] - 2 * X[:, 7]
    y = y - 2 * X[:, 0] * X[:, 7]
    y = y + 0.3 * rng.standard_normal(120)
    model = sx.Lasso(alpha=0.02, interactions="pairwise", hierarchy=hierarchy, tol=1e-8).fit(X, y)
    in_model = model.coef_ != 0
    pairs = model.interactions_.columns
    assert len(pairs)
    both = in_model[pairs]
    assert (both.all(axis=1) if hierarchy == "strong" else both.any(axis=1)).all()
    assert hierarchy in model.certified_over_
    # It is the optimum over products of the parents that were left, by brute force: sure to be
    # among these are all columns of a cross, or that one whose partner cannot be a parent.
    found = sx.solve(X, y, alpha=0.02, interactions="pairwise", hierarchy=hierarchy, tol=1e-8)
    alone = sx.solve(X, y, alpha=0.02, tol=1e-8)
    used = {tuple(c) for c in found.interactions.columns.tolist()}
    if hierarchy == "strong":
        parents = {j for c in used for j in c}
        columns = crosses.columns_of(X, allowed=parents.issuperset)
    else:
        parents = {j for j, k in used | {c[::-1] for c in used} if alone.coef[k] == 0}
        columns = crosses.columns_of(X, allowed=lambda c: c in used or parents & set(c))
    assert len(columns) < 45
    assert hierarchy == "weak" or len(used) < len(columns)
    judged(problems.Problem(X, y, alpha=0.02), columns, found, 1e-8)
    none = sx.Lasso(alpha=0.02, interactions="pairwise", tol=1e-8).fit(X, y)
    assert none.certified_over_ == "all columns and their interactions"


def test_an_infinite_or_zero_factor_speaks_of_the_column_alone():
    rng = np.random.default_rng(10)
    X = problems.matrix(rng, 80, 5, "sparse", awkward=False)
    y = 2 * X[:, 0] * X[:, 1] + 0.1 * rng.standard_normal(80)
    factor = np.array([np.inf, 1.0, 0.0, 1.0, 1.0])
    found = sx.solve(X, y, alpha=0.01, penalty_factor=factor, interactions="pairwise", tol=1e-9)
    assert found.coef[0] == 0 != found.coef[2]
    problem = problems.Problem(X, y, alpha=0.01, penalty_factor=factor)
    judged(problem, crosses.columns_of(X), found, 1e-9)


def test_starts_from_anywhere():
    rng = np.random.default_rng(11)
    X = problems.matrix(rng, 80, 8, "valueless")
    y = X[:, 0] * X[:, 1] + 0.1 * rng.standard_normal(80)
    cold = sx.solve(X, y, alpha=0.01, interactions="pairwise", tol=1e-8)
    warm = sx.solve(
        X,
        y,
        alpha=0.01,
        interactions="pairwise",
        tol=1e-8,
        coef_init=cold.coef,
        intercept_init=cold.intercept,
        interactions_init=cold.interactions,
    )
    assert warm.n_iter <= cold.n_iter
    assert warm.primal == pytest.approx(cold.primal, rel=1e-8)


def test_path_is_certified_at_every_strength():
    rng = np.random.default_rng(12)
    X = problems.matrix(rng, 60, 8, "valueless")
    y = X[:, 0] * X[:, 1] - X[:, 2] + 0.1 * rng.standard_normal(60)
    path = sx.path(X, y, interactions="pairwise", n_alphas=12, eps=1e-2, tol=1e-7)
    columns = crosses.columns_of(X)
    assert path.alphas[0] == pytest.approx(sx.alpha_max(X, y, interactions="pairwise"))
    for point in path:
        single = sx.solve(X, y, alpha=point.alpha, interactions="pairwise", tol=1e-7)
        assert point.primal == pytest.approx(single.primal, rel=1e-5)
        wide = crosses.built(problems.Problem(X, y, alpha=point.alpha), columns)
        w = crosses.weights(point.coef, point.interactions, columns)
        assert optimality.primal(wide, w, point.intercept) == pytest.approx(point.primal)
        assert point.n_nonzero == np.count_nonzero(w)
    assert (np.diff(path.deviance_explained) >= -1e-9).all()


def test_each_class_against_the_rest_has_its_crosses():
    rng = np.random.default_rng(13)
    X = (rng.random((300, 6)) < 0.5).astype(float)
    y = np.where(X[:, 0] * X[:, 1] > 0, "both", np.where(X[:, 2] > 0, "two", "none"))
    model = sx.SparseLogisticRegression(interactions="pairwise").fit(X, y)
    assert model.interactions_.values.shape == (len(model.interactions_), 3)
    assert model.score(X, y) > 0.95
    for k, label in enumerate(model.classes_):
        alone = sx.SparseLogisticRegression(alpha=model.alpha_[k], interactions="pairwise")
        alone.fit(X, y == label)
        part = model.interactions_.of_class(k)
        np.testing.assert_array_equal(part.columns, alone.interactions_.columns)


def test_huber_and_cross_validation_have_interactions():
    rng = np.random.default_rng(14)
    X = (rng.random((200, 6)) < 0.5).astype(float)
    y = 3 * X[:, 0] * X[:, 1] + 0.1 * rng.standard_normal(200)
    model = sx.HuberRegressor(interactions="pairwise").fit(X, y)
    assert [0, 1] in model.interactions_.columns.tolist()
    chosen = sx.LassoCV(n_alphas=8, cv=3, interactions="pairwise").fit(X, y)
    assert [0, 1] in chosen.interactions_.columns.tolist()
    plain = sx.LassoCV(n_alphas=8, cv=3).fit(X, y)
    assert chosen.mse_path_.min() < 0.5 * plain.mse_path_.min()
    scored = sx.LassoCV(n_alphas=8, cv=3, interactions="pairwise", scoring="r2").fit(X, y)
    assert scored.score_path_.max() > 0.9
