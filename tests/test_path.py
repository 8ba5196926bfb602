"""A path is a row of solutions, each of which is the optimum to the gap it states."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, r2_score

import optimality
import problems
import sparsecross as sx

LOSSES = ("squared", "logistic")
KINDS = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.4},
    "positive": {"positive": True},
    "factors": {"penalty_factor": True},
}


def make(seed, loss, *, n=60, p=40, content="dense", kind="lasso", weighted=False, intercept=True):
    rng = np.random.default_rng(seed)
    X = problems.matrix(rng, n, p, content)
    options = dict(KINDS[kind])
    if options.get("penalty_factor"):
        options["penalty_factor"] = problems.factors(rng, p, unpenalised=False)
    problem = problems.Problem(
        X, problems.targets(rng, X, loss), loss, fit_intercept=intercept, **options
    )
    if weighted:
        weights = problems.weights(rng, n)
        weights[[np.argmax(problem.y), np.argmin(problem.y)]] = 1.0
        problem = problem.at(sample_weight=weights)
    return problem


def path(problem, **options):
    X = options.pop("X", problem.X)
    return sx.path(X, problem.y, **{**problem.options(), **options})


@given(
    seed=st.integers(0, 2**32 - 1),
    loss=st.sampled_from(LOSSES),
    kind=st.sampled_from(sorted(KINDS)),
    content=st.sampled_from(problems.CONTENTS),
    weighted=st.booleans(),
    intercept=st.booleans(),
    shape=st.sampled_from([(40, 15), (15, 40)]),
)
def test_every_point_is_optimal(seed, loss, kind, content, weighted, intercept, shape):
    n, p = shape
    problem = make(
        seed, loss, n=n, p=p, content=content, kind=kind, weighted=weighted, intercept=intercept
    )
    alphas = None
    if not optimality_alpha(problem) > 1e-6:
        alphas = [1.0, 0.1]  # nothing correlates, or not positively
    found = path(problem, alphas=alphas, n_alphas=6, eps=0.02, tol=1e-6)
    null = optimality.null_objective(problem)
    for point in found:
        here = problem.at(alpha=point.alpha)
        noise = 1e-12 * optimality.loss_value(here, np.zeros(n))
        primal = optimality.primal(here, point.coef, point.intercept)
        assert optimality.feasible(here, point.coef, point.intercept)
        assert abs(primal - point.primal) <= noise
        assert point.status is sx.Status.converged
        assert point.relative_gap <= 1e-6
        np.testing.assert_allclose(point.relative_gap * null, point.gap, rtol=1e-6, atol=noise)
        assert optimality.improvement(here, point.coef, point.intercept).max() <= point.gap + noise
        gap = primal - optimality.certificate(here, point.coef, point.intercept)
        assert gap <= 1e-6 * null + noise


def optimality_alpha(problem):
    """The smallest alpha at which every penalised weight is 0."""
    problem = problem.at(alpha=1.0)
    l1, _ = optimality.strengths(problem)
    b = 0.0
    c = optimality.sample_scale(problem)
    if problem.fit_intercept:
        mean = c @ problem.y
        b = mean if problem.loss == "squared" else np.log((1 + mean) / (1 - mean))
    z = problem.X.T @ optimality.residual(problem, np.zeros(problem.X.shape[1]), b)
    return ((z if problem.positive else np.abs(z)) / l1).max()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_grid_starts_where_the_weights_do(loss, kind):
    problem = make(1, loss, kind=kind)
    found = path(problem, n_alphas=5, eps=1e-2)
    largest = optimality_alpha(problem)
    assert found.alphas[0] == pytest.approx(largest, rel=1e-9)
    assert found.alphas[-1] == pytest.approx(1e-2 * largest, rel=1e-9)
    np.testing.assert_allclose(found.alphas[1:] / found.alphas[:-1], 0.01**0.25)
    assert found.n_nonzeros[0] == 0
    assert path(problem, alphas=[0.999 * largest], tol=1e-9).n_nonzeros[0] > 0


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("stored", [np.asfortranarray, sp.csc_array, sp.csr_array])
def test_points_are_single_solutions(loss, stored):
    problem = make(2, loss, n=80, p=15, weighted=True).at(l1_ratio=0.9)  # strictly convex
    X = stored(problem.X)
    found = path(problem, X=X, n_alphas=7, eps=1e-3, tol=1e-12)
    assert found.coefs.shape == (15, 7)
    for k, alpha in enumerate(found.alphas):
        alone = sx.solve(X, problem.y, alpha=alpha, tol=1e-12, **problem.options())
        point = found[k]
        rounding = 1e-13 * optimality.loss_value(problem, np.zeros(80))
        assert abs(alone.primal - point.primal) <= alone.gap + point.gap + rounding
        np.testing.assert_allclose(point.coef, alone.coef, atol=1e-4)
        np.testing.assert_allclose(point.intercept, alone.intercept, atol=1e-4)
        np.testing.assert_array_equal(found.coefs[:, [k]].toarray().ravel(), point.coef)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_number_of_threads_changes_nothing(loss):
    problem = make(11, loss, n=1000, p=250)  # enough entries for threads
    one, two = (path(problem, n_alphas=8, n_threads=k) for k in (1, 2))
    assert (one.coefs != two.coefs).nnz == 0
    np.testing.assert_array_equal(one.intercepts, two.intercepts)
    np.testing.assert_array_equal(one.gaps, two.gaps)


def test_given_strengths_are_solved_in_decreasing_order():
    problem = make(3, "squared")
    found = path(problem, alphas=[0.1, 0.0, 0.5, 0.1])
    assert found.alphas.tolist() == [0.5, 0.1, 0.1, 0.0]
    assert found.primals[1] == pytest.approx(found.primals[2], rel=1e-3)


def test_where_nothing_correlates_every_weight_is_0():
    found = sx.path(np.ones((9, 2)), np.arange(9.0), n_alphas=3)
    assert found.alphas[0] == 1.0
    assert found.coefs.nnz == 0
    assert set(found.statuses) == {sx.Status.converged}


def test_a_limit_keeps_what_obeys_it():
    problem = make(4, "squared", n=100, p=60)
    whole = path(problem, n_alphas=20, tol=1e-8)
    larger = np.maximum(whole.n_bytes, whole.file_bytes)
    for name, sizes in (("max_nonzeros", whole.n_nonzeros), ("max_bytes", larger)):
        limit = int(sizes[8])
        n_kept = int(np.flatnonzero(sizes > limit)[0])
        cut = path(problem, n_alphas=20, tol=1e-8, **{name: limit})
        assert cut.stopped_by == name
        assert len(cut) == n_kept < 20
        for attribute in ("alphas", "intercepts", "n_iters", "n_nonzeros", "n_bytes", "primals"):
            np.testing.assert_array_equal(
                getattr(cut, attribute), getattr(whole, attribute)[:n_kept]
            )
        assert (cut.coefs != whole.coefs[:, :n_kept]).nnz == 0
        assert path(problem, n_alphas=20, **{name: int(sizes.max())}).stopped_by is None
    with pytest.raises(
        ValueError, match=r"max_nonzeros must leave room for the first point.*got 0"
    ):
        path(problem, alphas=[1e-3], max_nonzeros=0)


def test_bytes_are_those_of_the_pruned_model():
    problem = make(5, "squared", n=50, p=400)
    model = sx.Lasso().fit(problem.X, problem.y)
    for point in path(problem, n_alphas=8):
        model.coef_ = point.coef
        report = sx.memory_report(model)
        assert report.pruned_bytes == point.n_bytes
        assert report.file_bytes == point.file_bytes
        assert report.n_nonzero == point.n_nonzero


def test_the_best_point_within_limits():
    problem = make(4, "squared", n=100, p=60)
    found = path(problem, n_alphas=20, tol=1e-8)
    larger = np.maximum(found.n_bytes, found.file_bytes)
    for k in (0, 5, 11, 19):
        for limits, fits in (
            ({"max_nonzeros": int(found.n_nonzeros[k])}, found.n_nonzeros <= found.n_nonzeros[k]),
            ({"max_bytes": int(larger[k])}, larger <= larger[k]),
            (
                {"max_bytes": int(larger[k]), "max_nonzeros": 3},
                (larger <= larger[k]) & (found.n_nonzeros <= 3),
            ),
        ):
            best = found.within(**limits)
            assert best.deviance_explained == found.deviance_explained[fits].max()
            assert fits[np.flatnonzero(found.alphas == best.alpha)[0]]
    assert found.within().alpha == found.alphas[np.argmax(found.deviance_explained)]
    for limits, message in (
        ({"max_bytes": 10}, "max_bytes must leave room for a point of the path"),
        ({"max_nonzeros": -1}, "'max_nonzeros' parameter of Path.within must be an int"),
        ({"max_bytes": 1.5}, "'max_bytes' parameter of Path.within must be an int"),
    ):
        with pytest.raises(ValueError, match=message):
            found.within(**limits)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
def test_deviance_explained_is_scikit_learns(l1_ratio):
    problem = make(6, "squared", weighted=True).at(l1_ratio=l1_ratio)
    for point in path(problem, n_alphas=5):
        fitted = problem.X @ point.coef + point.intercept
        expected = r2_score(problem.y, fitted, sample_weight=problem.sample_weight)
        assert point.deviance_explained == pytest.approx(expected, abs=1e-9)
    problem = make(6, "logistic", weighted=True).at(l1_ratio=l1_ratio)
    s = problem.sample_weight
    share = np.average(problem.y > 0, weights=s)
    null = log_loss(problem.y, np.full(len(s), share), sample_weight=s)
    for point in path(problem, n_alphas=5):
        chance = 1 / (1 + np.exp(-(problem.X @ point.coef + point.intercept)))
        expected = 1 - log_loss(problem.y, chance, sample_weight=s) / null
        assert point.deviance_explained == pytest.approx(expected, abs=1e-9)


def test_one_warning_for_the_whole_path():
    problem = make(7, "squared")
    with pytest.warns(ConvergenceWarning) as caught:
        found = path(problem, n_alphas=10, tol=1e-12, max_iter=1)
    assert len(caught) == 1
    short = [s is not sx.Status.converged for s in found.statuses]
    worst = found.alphas[np.argmax(np.where(short, found.relative_gaps, -1))]
    message = str(caught[0].message)
    assert f"in {sum(short)} of 10 points" in message
    assert f"at alpha={worst:.3g}" in message
    assert f"gap of {found.relative_gaps[short].max():.3g}" in message
    assert "tol=1e-12" in message
    assert "max_iter" in message
    assert caught[0].filename == __file__


def test_a_start_serves_the_first_point():
    problem = make(8, "logistic")
    whole = path(problem, n_alphas=10, tol=1e-7)
    rest = path(
        problem,
        alphas=whole.alphas[5:],
        coef_init=whole[5].coef,
        intercept_init=whole[5].intercept,
        tol=1e-7,
    )
    assert rest.n_iters[0] == 0
    np.testing.assert_allclose(rest.primals, whole.primals[5:], atol=1e-6)


def test_points_are_found_from_both_ends_and_survive_pickling():
    found = path(make(9, "squared"), n_alphas=4)
    assert len(found) == 4 == len(list(found))
    assert found[-1].alpha == found[3].alpha == found.alphas[3]
    for k in (4, -5):
        with pytest.raises(IndexError, match="4 points"):
            found[k]
    again = pickle.loads(pickle.dumps(found))
    assert again.statuses == found.statuses
    assert (again.coefs != found.coefs).nnz == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alphas": [1.0, -1.0]}, "alphas must be finite and not negative, got -1.0"),
        ({"alphas": [np.nan]}, "alphas must be finite and not negative, got nan"),
        ({"alphas": []}, r"alphas must be a list of at least one strength, got shape \(0,\)"),
        ({"alphas": 1.0}, "alphas"),
        ({"n_alphas": 0}, "n_alphas"),
        ({"eps": 0.0}, "eps"),
        ({"eps": 1.0}, "eps"),
        ({"max_nonzeros": -1}, "max_nonzeros"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"coef_init": [1.0]}, r"coef must have shape \(2,\)"),
        ({"intercept_init": np.inf}, "intercept_init must be finite"),
        ({"l1_ratio": 0.0}, "l1_ratio=0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        sx.path(np.eye(2), [0.0, 1.0], **arguments)


def test_bad_data():
    y = [0.0, 1.0]
    with pytest.raises(ValueError, match="Input X contains NaN or infinity at row 0, column 1"):
        sx.path([[0.0, np.nan], [1.0, 2.0]], y)
    with pytest.raises(ValueError, match="y must have one value for each row of X"):
        sx.path(np.eye(3), y)
    with pytest.raises(ValueError, match="y must hold -1 and"):
        sx.path(np.eye(2), y, loss="logistic")
    with pytest.raises(ValueError, match=r"penalty_factor must have shape \(2,\)"):
        sx.path(np.eye(2), y, penalty_factor=[1.0])
    with pytest.raises(ValueError, match="alpha_max does not exist: positive=True"):
        sx.path(-np.array([[0.0], [1.0]]), y, positive=True)
