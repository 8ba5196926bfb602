"""ISTA and FISTA: their theorems, and the optimum that every solver shares."""

import signal
import time

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

import optimality
import problems
import sparsecross as sx
from sparsecross import Status
from test_processes import LONG, finished, linux, python
from test_solver import PENALTIES, STORED, check_optimal, random_problem, rounding, solve

LOSSES = ("squared", "logistic", "huber")  # of bounded curvature
SOLVERS = ("ista", "fista")


def smoothness(problem):
    """The largest curvature of the loss over all directions, without an intercept."""
    assert not problem.fit_intercept
    bend = 1.0 if problem.loss == "squared" else 0.25
    root = np.sqrt(bend * optimality.sample_scale(problem))
    return np.linalg.norm(root[:, None] * problem.X, 2) ** 2


def correlated(rng, n, p, loss="squared", **options):
    """Columns of common parts and of many scales: slow for methods of first order."""
    X = rng.standard_normal((n, p)) @ (np.eye(p) + 0.3) * np.geomspace(0.1, 1.0, p)
    problem = problems.Problem(X, problems.targets(rng, X, loss), loss, **options)
    return problem.at(alpha=0.01 * sx.alpha_max(X, problem.y, **problem.options()))


# --- the optimum, certified ---


@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_optimal_on_every_layout(solver, loss, penalty, intercept):
    rng = np.random.default_rng(40)
    tol = 1e-4 if solver == "ista" else 1e-6
    kinds = (("dense", (60, 15)), ("sparse", (40, 90)), ("valueless", (80, 40)))
    for k, (content, shape) in enumerate(kinds):
        problem = random_problem(
            rng, *shape, content, loss, intercept=intercept, weighted=k != 1, penalty=penalty
        )
        scale = optimality.null_objective(problem)
        stored = [layout(problem.X) for layout in STORED.values()]
        if content == "valueless":
            stored += [layout(problem.X) for layout in problems.ONES_LAYOUTS.values()]
        stored.append(problems.LAYOUTS["csc int64 indices"](problem.X))
        other = solve(problem, solver="cd", tol=1e-9)
        for X in stored:
            solution = solve(problem, X, solver=solver, tol=tol)
            check_optimal(problem, solution, tol, scale=scale)
            assert solution.solver == solver
            noise = rounding(problem, solution.coef, solution.intercept)
            assert -other.gap - noise <= solution.primal - other.primal <= solution.gap + noise


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 30),
    p=st.integers(1, 30),
    content=st.sampled_from(problems.CONTENTS),
    loss=st.sampled_from(LOSSES),
    penalty=st.sampled_from(sorted(PENALTIES)),
    intercept=st.booleans(),
    weighted=st.booleans(),
    fraction=st.sampled_from([0.9, 0.3, 0.05]),
    layout=st.sampled_from(sorted(STORED)),
    solver=st.sampled_from(SOLVERS),
)
def test_true_to_its_status_on_random_shapes(
    seed, n, p, content, loss, penalty, intercept, weighted, fraction, layout, solver
):
    rng = np.random.default_rng(seed)
    if loss == "logistic":
        n = max(n, 2)
    problem = random_problem(
        rng,
        n,
        p,
        content,
        loss,
        intercept=intercept,
        weighted=weighted,
        penalty=penalty,
        fraction=fraction,
    )
    solution = solve(problem, STORED[layout](problem.X), solver=solver, tol=1e-3, max_iter=2000)
    check_optimal(problem, solution, 1e-3, converged=solution.status is Status.converged)
    assert solution.status in (Status.converged, Status.max_iter) or penalty.startswith("unpen")
    if solution.status is Status.max_iter:
        assert solution.n_iter == 2000


# --- closed forms ---


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
def test_diagonal_hessian_gives_scaled_soft_thresholds(l1_ratio, solver):
    rng = np.random.default_rng(41)
    n, p = 40, 12
    H = np.geomspace(0.5, 3.0, p)
    X = np.linalg.qr(rng.standard_normal((n, p)))[0] * np.sqrt(n * H)
    y = X @ rng.standard_normal(p) + rng.standard_normal(n)
    alpha = 0.5
    z = X.T @ y / n
    want = np.sign(z) * np.maximum(np.abs(z) - alpha * l1_ratio, 0) / (H + alpha * (1 - l1_ratio))
    got = sx.solve(
        X, y, alpha=alpha, l1_ratio=l1_ratio, fit_intercept=False, solver=solver, tol=1e-14
    )
    np.testing.assert_allclose(got.coef, want, atol=1e-6)
    assert 0 < np.count_nonzero(want) < p
    assert ((got.coef == 0) == (want == 0)).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_orthonormal_columns_take_one_step(solver):
    rng = np.random.default_rng(42)
    n, p = 50, 20
    X = np.linalg.qr(rng.standard_normal((n, p)))[0] * np.sqrt(n)
    y = X @ rng.standard_normal(p)
    z = X.T @ y / n
    got = sx.solve(X, y, alpha=0.3, fit_intercept=False, solver=solver, tol=0.0, max_iter=1)
    np.testing.assert_allclose(got.coef, sx.soft_threshold(z, 0.3), atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_l1_lands_on_zero_and_l2_alone_never_does(solver, loss):
    rng = np.random.default_rng(43)
    X = rng.standard_normal((80, 30))
    y = problems.targets(rng, X, loss)
    lasso = sx.solve(X, y, loss=loss, alpha=0.1, solver=solver)
    ridge = sx.solve(X, y, loss=loss, alpha=0.1, l1_ratio=0.0, solver=solver)
    assert 0 < lasso.n_active < 30
    assert ridge.n_active == 30


# --- theorems about the sequence ---


@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_objective_never_rises(solver, loss, intercept):
    problem = correlated(np.random.default_rng(44), 60, 40, loss, fit_intercept=intercept)
    # One iteration after the other: each solve stops one later.
    each = [
        optimality.primal(problem, s.coef, s.intercept)
        for s in (solve(problem, solver=solver, tol=0.0, max_iter=k) for k in range(1, 40))
    ]
    looks = [r.primal for r in solve(problem, solver=solver, tol=0.0, max_iter=5000).history]
    for values in (np.array(each), np.array(looks)):
        assert (np.diff(values) <= rounding(problem)).all()
        assert values[-1] < 0.99 * values[0]


@pytest.mark.parametrize("loss", ["squared", "logistic"])  # Huber's restarts within a few steps
def test_fista_keeps_its_rate(loss):
    problem = correlated(np.random.default_rng(45), 80, 60, loss, fit_intercept=False)
    best = solve(problem, solver="cd", tol=1e-13)
    assert best.relative_gap <= 1e-7
    # The search raises L to at most 1.1 times a curvature that it met.
    L = 1.1 * smoothness(problem)
    met = 0
    for k in range(1, 200):
        found = solve(problem, solver="fista", tol=0.0, max_iter=k)
        if found.history[-1].restarts:
            break
        above = optimality.primal(problem, found.coef, 0.0) - best.primal
        assert above <= 2 * L * (best.coef @ best.coef) / (k + 1) ** 2 + best.gap
        met = k
    assert met >= 20, "a bound that was never put to the test"


def test_fista_needs_fewer_iterations_than_ista():
    problem = correlated(np.random.default_rng(46), 120, 60)
    ista, fista = (solve(problem, solver=s, tol=1e-8, max_iter=10**6) for s in SOLVERS)
    assert ista.status is fista.status is Status.converged
    assert fista.n_iter < ista.n_iter / 3
    assert fista.history[-1].restarts > 0
    assert ista.history[-1].restarts == 0


@pytest.mark.parametrize("penalty", ["lasso", "elastic net", "positive", "factors"])
@pytest.mark.parametrize("loss", LOSSES)
def test_only_columns_that_end_at_zero_are_screened(loss, penalty):
    rng = np.random.default_rng(47)
    problem = random_problem(
        rng, 60, 300, "sparse", loss, intercept=True, weighted=True, penalty=penalty, fraction=0.2
    )
    found = solve(problem, solver="fista", tol=1e-9)
    left = [r.working_set for r in found.history]
    assert (np.diff(left) <= 0).all()
    assert left[-1] < 150
    assert left[-1] >= np.count_nonzero(solve(problem, solver="cd", tol=1e-12).coef)
    check_optimal(problem, found, 1e-9)  # a column dropped in error would leave room here


# --- threads, starts, limits ---


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_threads_change_no_bit(solver, loss):
    rng = np.random.default_rng(48)
    X = sp.random_array((200, 4000), density=0.2, format="csc", rng=rng)  # cut into parts
    y = problems.targets(rng, X.toarray(), loss)
    alpha = sx.alpha_max(X, y, loss=loss) / 20
    one, two = (
        sx.solve(X, y, loss=loss, alpha=alpha, solver=solver, tol=1e-5, n_threads=k) for k in (1, 2)
    )
    assert one.n_active
    for name in ("coef", "dual_point"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert one.intercept == two.intercept
    assert one.n_iter == two.n_iter


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_start_at_the_optimum_is_recognised(solver):
    rng = np.random.default_rng(49)
    problem = random_problem(
        rng, 50, 80, "sparse", "logistic", intercept=True, weighted=False, penalty="factors"
    )
    cold = solve(problem, solver=solver, tol=1e-6)
    warm = solve(
        problem, solver=solver, tol=2e-6, coef_init=cold.coef, intercept_init=cold.intercept
    )
    assert cold.n_iter > 0 == warm.n_iter
    assert np.array_equal(cold.coef, warm.coef)
    # Starts that are not feasible or worse than none do no harm.
    bad = solve(problem, solver=solver, tol=1e-6, coef_init=1e3 * rng.standard_normal(80))
    check_optimal(problem, bad, 1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_out_of_iterations_is_a_status_and_a_warning(solver):
    problem = correlated(np.random.default_rng(50), 60, 40)
    model = sx.Lasso(problem.alpha, solver=solver, tol=1e-10, max_iter=7)
    with pytest.warns(ConvergenceWarning, match="7 iterations.*use solver='cd', increase max_iter"):
        model.fit(problem.X, problem.y)
    assert model.status_ is Status.max_iter
    assert model.n_iter_ == 7
    assert model.solver_ == solver
    model.set_params(warm_start=True, max_iter=10**6, tol=1e-6).fit(problem.X, problem.y)
    assert model.status_ is Status.converged


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_ill_conditioned_data_end_with_a_true_status(loss, solver):
    rng = np.random.default_rng(51)
    X = rng.standard_normal((50, 1)) + 1e-7 * rng.standard_normal((50, 20))
    X[:, :4] *= 1e6
    y = problems.targets(rng, X, loss)
    problem = problems.Problem(X, y, loss, alpha=1e-9)
    found = solve(problem, solver=solver, tol=0.0, max_iter=3000)
    assert found.status in (Status.max_iter, Status.precision_limit)
    assert found.status is Status.precision_limit or found.n_iter == 3000
    check_optimal(problem, found, 0.0, converged=False)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_gap_of_zero_is_reached_or_the_limit_of_precision(solver):
    problem = random_problem(
        np.random.default_rng(52),
        60,
        15,
        "dense",
        "logistic",
        intercept=True,
        weighted=False,
        penalty="lasso",
    )
    found = solve(problem, solver=solver, tol=0.0)
    assert found.status is (Status.precision_limit if found.gap > 0 else Status.converged)
    assert found.relative_gap < 1e-10
    check_optimal(problem, found, 0.0, converged=False)


@pytest.mark.parametrize("solver", SOLVERS)
def test_nothing_left_to_weigh(solver):
    X, y = np.eye(4), np.arange(4.0)
    excluded = sx.solve(X, y, alpha=0.1, penalty_factor=np.full(4, np.inf), solver=solver)
    strong = sx.solve(X, y, alpha=10.0, solver=solver)
    for found in (excluded, strong):
        assert found.status is Status.converged
        assert not found.coef.any()
        assert found.intercept == pytest.approx(1.5)


def test_the_solver_is_chosen_by_name():
    X, y = np.eye(4), np.array([1.0, -1.0, 1.0, -1.0])
    assert sx.solve(X, y, alpha=0.1).solver == "cd"
    for model in (sx.Lasso, sx.ElasticNet, sx.SparseLogisticRegression):
        assert model(0.01).fit(X, y).solver_ == "cd"
        assert model(0.01, solver="fista").fit(X, y).solver_ == "fista"
        with pytest.raises(ValueError, match=r"'solver' parameter of .* Got 'newton'"):
            model(0.01, solver="newton").fit(X, y)
    with pytest.raises(ValueError, match="'solver' parameter of solve"):
        sx.solve(X, y, alpha=0.1, solver="newton")


def test_columns_that_cannot_be_squared_are_refused():
    X = np.array([[1e200, 1.0], [-1e200, 2.0], [1.0, 3.0]])
    with pytest.raises(ValueError, match="column 0 of X must have a finite sum"):
        sx.solve(X, [1.0, 2.0, 3.0], alpha=0.1, solver="fista")


@linux
@pytest.mark.parametrize("solver", SOLVERS)
def test_an_interrupt_leaves_a_usable_start(solver):
    process = python(f"""{LONG}
    model = sx.Lasso(1e-9, solver="{solver}")
    print("ready", flush=True)
    try:
        model.set_params(**long).fit(X, y)
    except KeyboardInterrupt:
        caught = time.monotonic()
    assert model.status_ is sx.Status.interrupted and model.n_iter_ > 10
    assert model.history_[-1].primal < model.history_[0].primal
    reached = model.history_[-1].primal
    model.set_params(warm_start=True, max_iter=1).fit(X, y)
    assert model.history_[0].primal <= reached * (1 + 1e-9)
    print(caught)
    """)
    assert process.stdout.readline() == "ready\n"
    time.sleep(1.0)
    assert process.poll() is None, "the fit was not long enough to interrupt"
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert 0 <= float(finished(process)) - sent < 1.0


@pytest.mark.parametrize("loss", ["absolute", "poisson"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_losses_of_unbounded_curvature_are_refused(loss, solver):
    with pytest.raises(ValueError, match=rf"solver must be 'auto' or 'cd' for loss='{loss}'"):
        sx.solve([[1.0], [2.0]], [1.0, 2.0], loss=loss, alpha=0.1, solver=solver)
