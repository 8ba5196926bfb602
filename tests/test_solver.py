"""What the solver returns is the optimum, to the gap it states; everything is recomputed here."""

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
from sparsecross._inputs import as_design
from sparsecross.task import Task

LOSSES = ("squared", "logistic", "huber", "absolute", "poisson")
ESTIMATORS = {
    "squared": sx.Lasso,
    "logistic": sx.SparseLogisticRegression,
    "huber": sx.HuberRegressor,
    "poisson": sx.PoissonRegressor,
}
STORED = {
    "dense C": np.ascontiguousarray,
    "dense F float32": problems.LAYOUTS["dense F float32"],
    "csc": sp.csc_array,
    "csr": sp.csr_array,
    "csc float32": problems.LAYOUTS["csc float32"],
}
PENALTIES = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.4},
    "positive": {"positive": True},
    "positive elastic net": {"positive": True, "l1_ratio": 0.4},
    "ridge": {"l1_ratio": 0.0},
    "factors": {"penalty_factor": True},
    "factors, elastic net": {"penalty_factor": True, "l1_ratio": 0.4},
    "factors, positive": {"penalty_factor": True, "positive": True},
    "unpenalised": {"penalty_factor": "with zeros"},
    "unpenalised, elastic net": {"penalty_factor": "with zeros", "l1_ratio": 0.4},
    "unpenalised, positive": {"penalty_factor": "with zeros", "positive": True},
}


def random_problem(rng, n, p, content, loss, *, intercept, weighted, penalty, fraction=0.1):
    """A problem of this kind at a fraction of the alpha that matters for it."""
    X = problems.matrix(rng, n, p, content)
    options = dict(PENALTIES[penalty])
    if options.get("penalty_factor"):
        options["penalty_factor"] = problems.factors(
            rng, p, unpenalised=options["penalty_factor"] == "with zeros"
        )
    problem = problems.Problem(
        X,
        problems.targets(rng, X, loss),
        loss,
        fit_intercept=intercept,
        sample_weight=problems.weights(rng, n) if weighted else None,
        **options,
    )
    if weighted and loss == "logistic":  # both labels keep some weight
        for label in (-1.0, 1.0):
            problem.sample_weight[np.flatnonzero(problem.y == label)[0]] = 1.0
    reference = np.abs(X.T @ optimality.residual(problem, np.zeros(p), 0.0)).max()
    return problem.at(alpha=fraction * max(reference, 0.01))


def solve(problem, stored=None, **options):
    X = problem.X if stored is None else stored
    return sx.solve(X, problem.y, alpha=problem.alpha, **problem.options(), **options)


def rounding(problem, coef=None, intercept=0.0):
    """What double precision leaves of an objective of this size, at margins of such terms."""
    noise = 1e-12 * optimality.loss_value(problem, np.zeros(len(problem.y)))
    if coef is not None:
        terms = np.abs(problem.X) @ np.abs(coef) + abs(intercept)
        noise += 1e-15 * np.abs(optimality.residual(problem, coef, intercept)) @ terms
    return noise


def check_optimal(problem, solution, tol, *, converged=True, scale=None):
    """Feasible, optimal to the stated gap, and the numbers reported are those of the answer."""
    coef, intercept = solution.coef, solution.intercept
    noise = rounding(problem, coef, intercept)
    assert optimality.feasible(problem, coef, intercept)
    primal = optimality.primal(problem, coef, intercept)
    assert abs(primal - solution.primal) <= noise
    difference = max(0.0, solution.primal - solution.dual)
    if problem.loss != "poisson" or not np.isfinite(difference):
        assert solution.gap == difference
    else:  # the loss of perfect margins is in neither side of the gap, but rounded into both
        assert abs(solution.gap - difference) <= noise + 1e-15 * abs(optimality.perfect(problem))
    assert solution.n_active == np.count_nonzero(coef)
    if np.isfinite(solution.dual):
        # The dual point is feasible and proves at least what is claimed.
        proved = optimality.dual(problem, solution.dual_point)
        assert proved >= solution.dual - noise
        loose = optimality.looseness(problem, solution.dual_point, coef, intercept)
        assert primal >= proved - loose - noise
        assert optimality.improvement(problem, coef, intercept).max() <= solution.gap + noise
    if converged:
        scale = optimality.null_objective(problem) if scale is None else scale
        assert solution.status is Status.converged
        assert solution.gap <= tol * scale * (1 + 1e-6) + noise
        np.testing.assert_allclose(
            solution.relative_gap * scale, solution.gap, rtol=1e-5, atol=noise
        )


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_optimal_on_every_layout(loss, penalty, intercept, weighted):
    rng = np.random.default_rng(10)
    for content, shape in (("dense", (60, 15)), ("sparse", (40, 90)), ("valueless", (80, 40))):
        problem = random_problem(
            rng, *shape, content, loss, intercept=intercept, weighted=weighted, penalty=penalty
        )
        scale = optimality.null_objective(problem)
        stored = [layout(problem.X) for layout in STORED.values()]
        if content == "valueless":
            stored.append(sp.csc_array(problem.X.astype(bool)))
        for X in stored:
            check_optimal(problem, solve(problem, X, tol=1e-8), 1e-8, scale=scale)


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
)
def test_optimal_on_random_shapes(
    seed, n, p, content, loss, penalty, intercept, weighted, fraction, layout
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
    solution = solve(problem, STORED[layout](problem.X), tol=1e-6)
    # Without a finite optimum (free columns that separate the labels, or lead rates towards counts
    # of 0) there is nothing to reach.
    endless = loss == "logistic" or (loss == "poisson" and not problem.y.all())
    unbounded = endless and penalty.startswith("unpenalised")
    # Where free columns leave a loss of rounding size, so is the unit of the gap.
    rounding_only = solution.primal <= 1e-15 * np.abs(problem.y).mean()
    check_optimal(problem, solution, 1e-6, converged=not (unbounded or rounding_only))


@pytest.mark.parametrize("content", ["dense", "valueless"])
@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("penalty", [name for name in PENALTIES if name != "ridge"])
def test_optimal_where_columns_abound(penalty, intercept, content):
    """Sets that fit the data whatever they hold; strengths at which all other columns violate."""
    rng = np.random.default_rng(12)
    for fraction in (1e-1, 1e-3, 1e-5):
        problem = random_problem(
            rng,
            40,
            600,
            content,
            "squared",
            intercept=intercept,
            weighted=False,
            penalty=penalty,
            fraction=fraction,
        )
        check_optimal(problem, solve(problem, sp.csc_array(problem.X), tol=1e-7), 1e-7)


@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_optimal_over_columns_of_every_size(loss, intercept):
    """Columns from nearly full to nearly empty, more than are laid out by rows at once."""
    rng = np.random.default_rng(13)
    n, p = 3000, 900
    share = 0.6 / (1.0 + np.arange(p) / 20.0)
    X = rng.standard_normal((n, p)) * (rng.random((n, p)) < share)
    y = X @ rng.standard_normal(p) + rng.standard_normal(n)
    problem = problems.Problem(
        X, np.sign(y) if loss == "logistic" else y, loss, fit_intercept=intercept
    )
    reference = np.abs(X.T @ optimality.residual(problem, np.zeros(p), 0.0)).max()
    for alpha in (reference / 30, reference / 1000):
        at = problem.at(alpha=alpha)
        solution = solve(at, sp.csc_array(X), tol=1e-9)
        check_optimal(at, solution, 1e-9)
    assert solution.n_active > 600


# --- agreement with others ---


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
def test_elastic_net_agrees_with_scikit_learn(l1_ratio, intercept):
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import ElasticNet

    X, y = load_diabetes(return_X_y=True)
    for fraction in (0.5, 0.05, 0.005):
        problem = problems.Problem(X, y, l1_ratio=l1_ratio, fit_intercept=intercept)
        problem = problem.at(alpha=fraction * sx.alpha_max(X, y, **problem.options()))
        ours = sx.ElasticNet(problem.alpha, l1_ratio=l1_ratio, fit_intercept=intercept, tol=1e-9)
        ours.fit(X, y)
        theirs = ElasticNet(
            problem.alpha, l1_ratio=l1_ratio, fit_intercept=intercept, tol=1e-9, max_iter=10**6
        ).fit(X, y)
        values = [optimality.primal(problem, m.coef_, m.intercept_) for m in (ours, theirs)]
        scale = optimality.null_objective(problem)
        assert abs(values[0] - values[1]) <= 1e-7 * scale
        assert values[0] - ours.dual_gap_ <= values[1] + 1e-12 * scale, "nobody is below the bound"
        np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-2)
        assert np.count_nonzero(ours.coef_)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
def test_logistic_regression_agrees_with_scikit_learn(l1_ratio, intercept):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(11)
    X = problems.matrix(rng, 150, 12, awkward=False)
    y = problems.targets(rng, X, "logistic", noise=2.0)
    s = problems.weights(rng, 150)
    problem = problems.Problem(
        X, y, "logistic", 0.01, l1_ratio, fit_intercept=intercept, sample_weight=s
    )
    ours = sx.SparseLogisticRegression(0.01, l1_ratio=l1_ratio, fit_intercept=intercept, tol=1e-9)
    ours.fit(X, y, s)
    theirs = LogisticRegression(
        l1_ratio=l1_ratio,
        C=1 / (0.01 * s.sum()),
        solver="saga",
        fit_intercept=intercept,
        tol=1e-9,
        max_iter=10**5,
    ).fit(X, y, s)
    assert 0 < np.count_nonzero(ours.coef_) < 12
    values = [optimality.primal(problem, m.coef_[0], m.intercept_[0]) for m in (ours, theirs)]
    assert abs(values[0] - values[1]) <= 1e-7
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


# --- closed forms and identities ---


def orthogonal(rng, n, p):
    return np.linalg.qr(rng.standard_normal((n, p)))[0]


def test_soft_threshold_solves_orthogonal_designs():
    rng = np.random.default_rng(12)
    n, p = 40, 10
    X = orthogonal(rng, n, p) * np.sqrt(n)  # XᵀX = n I
    y = 3 * rng.standard_normal(n)
    least_squares = X.T @ y / n
    alpha = np.sort(np.abs(least_squares))[4]
    coef = sx.solve(X, y, alpha=alpha, fit_intercept=False, tol=1e-14).coef
    expected = sx.soft_threshold(least_squares, alpha)
    np.testing.assert_allclose(coef, expected, atol=1e-9)
    assert np.count_nonzero(expected) == 5


def test_diagonal_hessian_shifts_each_weight_by_alpha_over_curvature():
    # w = sign(w*) max(|w*| - α/H, 0) where the Hessian is diag(H)
    rng = np.random.default_rng(13)
    n, p = 40, 8
    X = orthogonal(rng, n, p) * rng.uniform(1.0, 9.0, size=p)
    y = X @ rng.standard_normal(p) + 0.1 * rng.standard_normal(n)
    H = (X**2).sum(axis=0) / n
    best = X.T @ y / n / H
    alpha = 0.2
    coef = sx.solve(X, y, alpha=alpha, fit_intercept=False, tol=1e-14).coef
    np.testing.assert_allclose(
        coef, np.sign(best) * np.maximum(np.abs(best) - alpha / H, 0.0), atol=1e-9
    )
    assert 0 < np.count_nonzero(coef) < p
    # and an L2 penalty shrinks by a factor instead, which never gives 0
    ridge = sx.solve(X, y, alpha=alpha, l1_ratio=0.0, fit_intercept=False, tol=1e-14).coef
    np.testing.assert_allclose(ridge, best * H / (H + alpha), atol=1e-9)
    assert (ridge != 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_ridge_never_hits_zero_and_lasso_does(loss):
    rng = np.random.default_rng(14)
    X = rng.standard_normal((80, 20))
    y = problems.targets(rng, X, loss, noise=3.0)
    alpha = 0.3 * sx.alpha_max(X, y, loss=loss)
    lasso = sx.solve(X, y, loss=loss, alpha=alpha, tol=1e-9)
    ridge = sx.solve(X, y, loss=loss, alpha=alpha, l1_ratio=0.0, tol=1e-9)
    assert 0 < lasso.n_active < 20
    assert ridge.n_active == 20


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_integer_weights_are_repeated_rows(loss, intercept):
    rng = np.random.default_rng(15)
    X = problems.matrix(rng, 30, 12)
    y = problems.targets(rng, X, loss)
    times = rng.integers(0, 4, size=30)
    times[:6] = 1
    options = {"loss": loss, "alpha": 0.02, "fit_intercept": intercept, "tol": 1e-13}
    weighted = sx.solve(X, y, sample_weight=times, **options)
    repeated = sx.solve(np.repeat(X, times, axis=0), np.repeat(y, times), **options)
    np.testing.assert_allclose(weighted.primal, repeated.primal, rtol=1e-10)
    np.testing.assert_allclose(
        X @ weighted.coef + weighted.intercept, X @ repeated.coef + repeated.intercept, atol=1e-5
    )
    scaled = sx.solve(X, y, sample_weight=7.0 * times, **options)
    np.testing.assert_allclose(scaled.primal, weighted.primal, rtol=1e-12)
    assert weighted.n_active


@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_weights_of_any_size_count_by_their_proportions(factor):
    rng = np.random.default_rng(16)
    X, s = rng.standard_normal((30, 6)), rng.uniform(1.0, 9.0, 30)
    y = X[:, 0]
    plain = sx.solve(X, y, alpha=0.1, sample_weight=s)
    scaled = sx.solve(X, y, alpha=0.1, sample_weight=s * 10 * factor)
    assert plain.n_active
    np.testing.assert_allclose(scaled.coef, plain.coef, atol=1e-9)


@pytest.mark.parametrize("positive", [False, True])
def test_elastic_net_is_a_lasso_on_augmented_rows(positive):
    rng = np.random.default_rng(17)
    n, p, alpha, rho = 30, 12, 0.2, 0.6
    X = problems.matrix(rng, n, p)
    y = problems.targets(rng, X, "squared")
    net = sx.solve(
        X, y, alpha=alpha, l1_ratio=rho, fit_intercept=False, positive=positive, tol=1e-13
    )
    augmented = np.vstack([X, np.sqrt(n * alpha * (1 - rho)) * np.eye(p)]) * np.sqrt((n + p) / n)
    target = np.concatenate([y, np.zeros(p)]) * np.sqrt((n + p) / n)
    lasso = sx.solve(
        augmented, target, alpha=alpha * rho, fit_intercept=False, positive=positive, tol=1e-13
    )
    np.testing.assert_allclose(net.coef, lasso.coef, atol=1e-6)
    np.testing.assert_allclose(net.primal, lasso.primal, rtol=1e-11)
    assert net.n_active


@pytest.mark.parametrize("loss", LOSSES)
def test_scaled_columns_are_scaled_penalty_factors(loss):
    rng = np.random.default_rng(18)
    X = problems.matrix(rng, 50, 10, "dense", awkward=False)
    y = problems.targets(rng, X, loss)
    factor = rng.uniform(0.2, 5.0, size=10)
    options = {"loss": loss, "alpha": 0.05, "tol": 1e-13}
    penalised = sx.solve(X, y, penalty_factor=factor, **options)
    scaled = sx.solve(X / factor, y, **options)
    np.testing.assert_allclose(penalised.coef, scaled.coef / factor, atol=1e-6)
    np.testing.assert_allclose(penalised.primal, scaled.primal, rtol=1e-11)
    assert penalised.n_active > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_excluded_columns_are_as_if_absent(loss):
    rng = np.random.default_rng(19)
    X = problems.matrix(rng, 50, 10)
    y = problems.targets(rng, X, loss)
    factor = np.ones(10)
    factor[[0, 3, 7]] = np.inf
    options = {"loss": loss, "alpha": 0.02, "tol": 1e-12}
    excluded = sx.solve(X, y, penalty_factor=factor, **options)
    absent = sx.solve(X[:, np.isfinite(factor)], y, **options)
    assert not excluded.coef[[0, 3, 7]].any()
    rounding = 1e-11 if loss != "absolute" else 1e-8
    np.testing.assert_allclose(excluded.primal, absent.primal, rtol=rounding)
    assert excluded.n_active


@pytest.mark.parametrize("loss", LOSSES)
def test_an_intercept_is_an_unpenalised_column_of_ones(loss):
    rng = np.random.default_rng(20)
    X = problems.matrix(rng, 50, 10)
    y = problems.targets(rng, X, loss)
    options = {"loss": loss, "alpha": 0.02, "tol": 1e-12}
    with_intercept = sx.solve(X, y, **options)
    factor = np.append(np.ones(10), 0.0)
    with_ones = sx.solve(
        np.column_stack([X, np.ones(50)]), y, penalty_factor=factor, fit_intercept=False, **options
    )
    np.testing.assert_allclose(with_intercept.primal, with_ones.primal, rtol=1e-10)
    np.testing.assert_allclose(with_intercept.relative_gap, with_ones.relative_gap, atol=1e-10)
    np.testing.assert_allclose(with_intercept.intercept, with_ones.coef[-1], atol=1e-4)


# --- alpha_max ---


@pytest.mark.parametrize("options", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_alpha_max_is_where_the_first_weight_enters(loss, options):
    rng = np.random.default_rng(21)
    X = problems.matrix(rng, 60, 20)
    y = problems.targets(rng, X, loss)
    options = dict(options)
    free = np.zeros(20, dtype=bool)
    if options.get("penalty_factor"):
        zeros = options["penalty_factor"] == "with zeros"
        options["penalty_factor"] = problems.factors(rng, 20, unpenalised=zeros)
        free = options["penalty_factor"] == 0
    options.update(loss=loss, sample_weight=problems.weights(rng, 60))
    if options.get("l1_ratio") == 0:
        with pytest.raises(ValueError, match="alpha_max does not exist for l1_ratio=0"):
            sx.alpha_max(X, y, **options)
        return
    top = sx.alpha_max(X, y, **options)
    at = sx.solve(X, y, alpha=top * (1 + 1e-9), tol=1e-10, **options)
    below = sx.solve(X, y, alpha=top * (1 - 1e-3), tol=1e-10, **options)
    assert not at.coef[~free].any()
    assert at.status is Status.converged
    assert below.coef[~free].any()


def test_alpha_max_of_positive_weights_needs_a_positive_correlation():
    X = np.array([[1.0], [-1.0], [0.0]])
    with pytest.raises(ValueError, match="no column is positively correlated"):
        sx.alpha_max(X, [-1.0, 1.0, 0.0], positive=True)
    assert sx.alpha_max(X, [1.0, -1.0, 0.0], positive=True) == pytest.approx(2 / 3)


@pytest.mark.parametrize("estimator", [sx.Lasso(None), sx.ElasticNet(None, l1_ratio=0.5)])
def test_alpha_none_is_a_hundredth_of_alpha_max(estimator):
    rng = np.random.default_rng(22)
    X = problems.matrix(rng, 40, 10)
    y = problems.targets(rng, X, "squared")
    coef = estimator.fit(X, y).coef_
    assert estimator.alpha_ == sx.alpha_max(X, y, l1_ratio=estimator.l1_ratio) / 100
    # Without units: the answer scales with y.
    if estimator.l1_ratio == 1:  # an L2 part has units that L1 has not
        np.testing.assert_allclose(estimator.fit(X, 1e6 * y).coef_, 1e6 * coef, rtol=1e-6)


# --- starts ---


@pytest.mark.parametrize("loss", ESTIMATORS)
def test_a_warm_start_saves_iterations_and_keeps_the_answer(loss):
    rng = np.random.default_rng(23)
    X = problems.matrix(rng, 100, 300)
    y = problems.targets(rng, X, loss)
    alpha = 0.05 * sx.alpha_max(X, y, loss=loss)
    estimator = ESTIMATORS[loss](alpha, tol=1e-8, warm_start=True)
    estimator.fit(X, y)
    cold, coef = estimator.n_iter_, estimator.coef_.copy()
    history = len(estimator.history_)
    estimator.fit(X, y)
    assert estimator.n_iter_ < cold
    assert len(estimator.history_) < history
    np.testing.assert_allclose(estimator.coef_, coef, atol=1e-12)


@pytest.mark.parametrize("intercept", [-100.0, 0.0, 1e4])
@pytest.mark.parametrize("far", [0.0, 1e3, -1e6])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_answer_does_not_depend_on_the_start(loss, far, intercept):
    rng = np.random.default_rng(24)
    X = problems.matrix(rng, 50, 8)
    y = problems.targets(rng, X, loss)
    problem = problems.Problem(X, y, loss, alpha=0.01)
    solution = solve(problem, tol=1e-8, coef_init=np.full(8, far), intercept_init=intercept)
    check_optimal(problem, solution, 1e-8)


@pytest.mark.parametrize("shift", [-1e4, -40.0, 0.0, 3.0, 1e4])
def test_certify_settles_the_intercept_from_anywhere(shift):
    rng = np.random.default_rng(25)
    X = problems.matrix(rng, 50, 8)
    y = problems.targets(rng, X, "logistic", noise=3.0)
    problem = problems.Problem(X, y, "logistic", alpha=0.03)
    best = solve(problem, tol=1e-10)
    found = sx.certify(X, y, best.coef, best.intercept + shift, loss="logistic", alpha=0.03)
    np.testing.assert_allclose(found.dual, best.dual, rtol=1e-8)
    np.testing.assert_allclose(
        found.primal, optimality.primal(problem, best.coef, best.intercept + shift), rtol=1e-12
    )


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_certify_bounds_the_optimum_from_any_weights(loss, penalty):
    rng = np.random.default_rng(26)
    problem = random_problem(
        rng, 40, 25, "sparse", loss, intercept=True, weighted=True, penalty=penalty
    )
    best = solve(problem, tol=1e-10)
    for size in (0.0, 1e-6, 1e-2, 1.0, 100.0):
        coef = best.coef + size * rng.standard_normal(25)
        if problem.positive:
            coef = np.maximum(coef, 0.0)
        if problem.penalty_factor is not None:
            coef[np.isinf(problem.penalty_factor)] = 0.0
        intercept = best.intercept + size * rng.standard_normal()
        found = sx.certify(
            problem.X, problem.y, coef, intercept, alpha=problem.alpha, **problem.options()
        )
        primal = optimality.primal(problem, coef, intercept)
        np.testing.assert_allclose(found.primal, primal, rtol=1e-12)
        assert found.dual <= best.primal + rounding(problem), "a bound above the optimum"
        assert found.gap == pytest.approx(max(found.primal - found.dual, 0.0))
        if "unpenalised" not in penalty and problem.l1_ratio == 1.0:
            ours = optimality.certificate(problem, coef, intercept)
            if size == 0.0:
                assert found.dual >= ours - 1e-9 * abs(ours), "weaker than the plain recipe"


# --- several classes ---


def test_one_against_the_rest_is_the_binary_fits():
    rng = np.random.default_rng(27)
    X = problems.matrix(rng, 90, 15)
    labels = np.array(["ash", "oak", "yew"])[np.argmax(X[:, :3] + rng.random((90, 3)), axis=1)]
    model = sx.SparseLogisticRegression(0.01, tol=1e-8).fit(X, labels)
    assert model.coef_.shape == (3, 15)
    for k, label in enumerate(model.classes_):
        alone = sx.SparseLogisticRegression(0.01, tol=1e-8).fit(X, labels == label)
        np.testing.assert_array_equal(model.coef_[k], alone.coef_[0])
        np.testing.assert_array_equal(model.intercept_[k], alone.intercept_[0])
        assert model.dual_gap_[k] == alone.dual_gap_
        problem = problems.Problem(X, np.where(labels == label, 1.0, -1.0), "logistic", 0.01)
        scale = optimality.null_objective(problem)
        assert model.relative_gap_[k] * scale == pytest.approx(model.dual_gap_[k], rel=1e-8)
    scores = model.decision_function(X)
    np.testing.assert_array_equal(model.predict(X), model.classes_[scores.argmax(axis=1)])
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_class_weights_are_sample_weights():
    rng = np.random.default_rng(28)
    X = problems.matrix(rng, 60, 10)
    y = problems.targets(rng, X, "logistic")
    by_class = sx.SparseLogisticRegression(0.02, class_weight={-1.0: 1.0, 1.0: 5.0}).fit(X, y)
    by_sample = sx.SparseLogisticRegression(0.02).fit(X, y, np.where(y > 0, 5.0, 1.0))
    np.testing.assert_array_equal(by_class.coef_, by_sample.coef_)
    assert by_class.coef_.any()


# --- ill-posed problems end with a true status and finite numbers ---


def check_truthful(problem, solution, tol):
    """Finite, and whatever is claimed holds; reaching tol is not asked."""
    check_optimal(problem, solution, tol, converged=False)
    for number in (solution.primal, solution.intercept, solution.coef, solution.dual_point):
        assert np.isfinite(number).all()
    assert solution.status is not Status.not_run
    assert (solution.status is Status.converged) == (solution.relative_gap <= tol)
    if solution.status is Status.not_certified:
        assert solution.dual == -np.inf


def ill_posed(rng):
    X = rng.standard_normal((30, 6))
    y = X[:, 0] - 0.5 * X[:, 1] + rng.standard_normal(30)
    orders = 10.0 ** np.linspace(-6, 6, 6)
    twins = np.column_stack([X, X, X @ rng.standard_normal((6, 3)), np.ones((30, 2))])
    yield "collinear, duplicate and constant columns", twins, y, {}
    yield "nearly collinear", np.column_stack([X, X + 1e-7 * rng.standard_normal(X.shape)]), y, {}
    yield "p >> n", rng.standard_normal((8, 500)), y[:8], {}
    yield "12 orders of magnitude", X * orders, y, {}
    yield "large offsets", X + 1e6, y, {}
    yield "offsets beyond half the digits", X + 1e9, y, {}
    yield "zero X", np.zeros((30, 6)), y, {}
    yield "alpha = 0", X, y, {"alpha": 0.0}
    yield "alpha = 0, 12 orders", X * orders, y, {"alpha": 0.0}
    yield "alpha = 0, p > n", X.T, y[:6], {"alpha": 0.0}
    yield "alpha = 0, collinear", twins, y, {"alpha": 0.0}
    yield "alpha = 0, positive", X, y, {"alpha": 0.0, "positive": True}
    free = np.zeros(12)
    free[6:] = 1.0
    yield "free", np.column_stack([X, X]), y, {"penalty_factor": free}
    yield "free twins", twins, y, {"penalty_factor": np.where(np.arange(17) < 12, 0.0, 1.0)}
    yield (
        "free twins, positive",
        twins,
        y,
        {"penalty_factor": np.where(np.arange(17) < 12, 0.0, 1.0), "positive": True},
    )
    almost = np.column_stack([X[:, :2], X[:, :2] + 1e-5 * rng.standard_normal((30, 2)), X[:, 2:]])
    yield (
        "free and nearly collinear",
        almost,
        y,
        {"penalty_factor": np.where(np.arange(8) < 4, 0.0, 1.0)},
    )


ILL_POSED = [name for name, *_ in ill_posed(np.random.default_rng(0))]
# These have a well-defined optimum that double precision reaches.
REACHED = {
    "collinear, duplicate and constant columns",
    "p >> n",
    "12 orders of magnitude",
    "large offsets",
    "zero X",
    "alpha = 0",
    "free",
    "free twins",
}


@pytest.mark.parametrize("intercept", [False, True], ids=["", "intercept"])
@pytest.mark.parametrize("case", ILL_POSED)
@pytest.mark.parametrize("loss", LOSSES)
def test_ill_posed(loss, case, intercept):
    cases = {name: rest for name, *rest in ill_posed(np.random.default_rng(29))}
    X, y, options = cases[case]
    if loss == "logistic":
        y = np.where(y > np.median(y), 1.0, -1.0)
    if loss == "poisson":
        y = np.round(np.exp(y))
    options = {"alpha": 0.01, **options}
    problem = problems.Problem(X, y, loss, fit_intercept=intercept, **options)
    solution = solve(problem, tol=1e-6, max_iter=20_000)
    check_truthful(problem, solution, 1e-6)
    # |y - m| is linear but for steps that vanish beside margins of 1e6 weights' size.
    out_of_digits = case.startswith("large") and (loss == "absolute" or not intercept)
    if case in REACHED and not out_of_digits:
        assert solution.status is Status.converged


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 1e-3])
@pytest.mark.parametrize("intercept", [False, True])
def test_separable_labels(alpha, intercept):
    rng = np.random.default_rng(30)
    X = rng.standard_normal((20, 4))
    y = np.where(X[:, 0] > 0, 1.0, -1.0)
    problem = problems.Problem(X, y, "logistic", alpha, fit_intercept=intercept)
    solution = solve(problem, tol=1e-6, max_iter=5_000)
    check_truthful(problem, solution, 1e-6)
    assert (np.sign(X @ solution.coef + solution.intercept) == y).all()
    if alpha >= 1e-3:
        assert solution.status is Status.converged


@pytest.mark.parametrize("y", [0.0, 3.0, -1e9, 1e-100])
@pytest.mark.parametrize("alpha", [None, 0.0, 0.1])
def test_constant_targets_need_no_column(y, alpha):
    X = np.random.default_rng(31).standard_normal((12, 5))
    model = sx.Lasso(alpha).fit(X, np.full(12, y))
    assert model.status_ is Status.converged
    assert not model.coef_.any()
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-12)
    assert np.isfinite(model.relative_gap_)


@pytest.mark.parametrize("intercept", [False, True])
def test_one_row(intercept):
    X, y = np.array([[2.0, -1.0, 0.0]]), np.array([3.0])
    model = sx.Lasso(0.5, fit_intercept=intercept, tol=1e-12).fit(X, y)
    assert model.status_ is Status.converged
    if intercept:
        assert model.intercept_ == 3.0
        assert not model.coef_.any()
    else:  # the largest column takes it all: ½ (3 - 2w)² + ½ |w|
        np.testing.assert_allclose(model.coef_, [(6 - 0.5) / 4, 0.0, 0.0], atol=1e-5)


def test_targets_beyond_double_precision_are_refused():
    X = np.random.default_rng(32).standard_normal((10, 3))
    for model in (sx.Lasso(0.1), sx.Lasso(None)):
        with pytest.raises(ValueError, match="loss at zero weights must be finite, got inf: y"):
            model.fit(X, 1e200 * X[:, 0])
    found = sx.certify(X, X[:, 0], np.full(3, 1e200), alpha=0.1)
    assert found.primal == np.inf
    assert found.gap == np.inf


# --- threads, storage ---


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_threads_change_no_bit(loss, intercept):
    rng = np.random.default_rng(33)
    kinked = loss == "absolute"  # takes many smooth problems
    # Enough entries and rows for passes and for sums over samples to be shared.
    shape = (20_000, 300) if kinked else (140_000, 100)
    X = sp.random_array(shape, density=0.05, format="csc", rng=rng)
    y = problems.targets(rng, X.toarray(), loss)
    alpha = (0.5 if kinked else 0.05) * sx.alpha_max(X, y, loss=loss)
    tol = 1e-3 if kinked else 1e-6
    for stored in (X, X.tocsr()):
        one, two = (
            sx.solve(
                stored, y, loss=loss, alpha=alpha, fit_intercept=intercept, n_threads=k, tol=tol
            )
            for k in (1, 2)
        )
        assert one.n_active > 20
        np.testing.assert_array_equal(one.coef, two.coef)
        np.testing.assert_array_equal(one.dual_point, two.dual_point)
        assert (one.primal, one.dual, one.n_iter) == (two.primal, two.dual, two.n_iter)


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_storage_reaches_a_small_gap(loss):
    rng = np.random.default_rng(34)
    X = rng.standard_normal((200, 100)).astype(np.float32)
    y = problems.targets(rng, X.astype(np.float64), loss)
    problem = problems.Problem(X.astype(np.float64), y, loss, alpha=0.01)
    tol = 1e-9 if loss != "absolute" else 1e-8  # the curvature of what it is smoothed to has no end
    solution = solve(problem, X, tol=tol)
    check_optimal(problem, solution, tol)
    assert solution.coef.dtype == np.float64


def test_history_tells_of_each_look():
    rng = np.random.default_rng(35)
    X = problems.matrix(rng, 100, 400)
    y = problems.targets(rng, X, "squared")
    solution = sx.solve(X, y, alpha=0.01, tol=1e-8)
    last = solution.history[-1]
    assert len(solution.history) > 1
    assert (last.primal, last.dual) == (solution.primal, solution.dual)
    assert (last.n_iter, last.n_active) == (solution.n_iter, solution.n_active)
    assert all(
        a.dual <= b.dual and a.n_iter <= b.n_iter and a.seconds <= b.seconds
        for a, b in zip(solution.history, solution.history[1:], strict=False)
    )
    assert max(r.working_set for r in solution.history) < 400, "never all columns at once"


@pytest.mark.parametrize("loss", ESTIMATORS)
def test_out_of_iterations_is_a_warning_with_numbers_and_advice(loss):
    rng = np.random.default_rng(36)
    X = problems.matrix(rng, 100, 200)
    y = problems.targets(rng, X, loss)
    model = ESTIMATORS[loss](1e-4, max_iter=2, tol=1e-9)
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    message = str(caught[0].message)
    for part in (
        type(model).__name__,
        f"{model.n_iter_} iterations",
        f"gap of {model.relative_gap_:.3g}",
        "tol=1e-09",
        "max_iter",
        "increase",
    ):
        assert part in message
    assert caught[0].filename == __file__, "the warning points at the caller"
    assert model.status_ is Status.max_iter
    assert model.n_iter_ == 2
    code = np.where(y > 0, 1.0, -1.0) if loss == "logistic" else y
    problem = problems.Problem(X, code, loss, 1e-4, delta=1.35)
    primal = optimality.primal(problem, np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]))
    best = solve(problem, tol=1e-9)
    assert primal - model.dual_gap_ <= best.primal <= primal, "even then the gap is a bound"


def test_a_task_is_solved_again_at_another_strength():
    rng = np.random.default_rng(37)
    X = problems.matrix(rng, 50, 30)
    y = problems.targets(rng, X, "squared")
    task = Task(as_design(X, "columns"), y, "squared")
    for fraction in (0.5, 0.1):
        alpha = fraction * task.alpha_max()
        problem = problems.Problem(X, y, alpha=alpha)
        check_optimal(problem, task.solve(alpha, tol=1e-8), 1e-8)


def test_excluded_columns_stay_excluded_without_a_penalty():
    X, y = np.random.default_rng(0).standard_normal((2, 40, 3))
    for loss in ("squared", "logistic"):
        target = y[:, 0] if loss == "squared" else np.sign(y[:, 0])
        for l1_ratio in (1.0, 0.5):
            coef = sx.solve(
                X, target, loss=loss, alpha=0, l1_ratio=l1_ratio, penalty_factor=[np.inf, 1, 1]
            ).coef
            assert coef[0] == 0
            assert (coef[1:] != 0).all()


@pytest.mark.parametrize("offset", [1e6, 1.7e9, 1e10])
def test_targets_far_from_zero_are_fitted_as_their_deviations(offset):
    X = np.random.default_rng(1).standard_normal((60, 4))
    y = X[:, 0] + offset
    near = sx.solve(X, y - offset, alpha=0.01, tol=1e-8)
    far = sx.solve(X, y, alpha=0.01, tol=1e-8)
    assert far.status is Status.converged
    assert far.coef == pytest.approx(near.coef, abs=1e-4)
    assert far.relative_gap <= 1e-8
    assert far.intercept == pytest.approx(offset, rel=1e-9)
    certificate = sx.certify(X, y, far.coef, far.intercept, alpha=0.01)
    assert certificate.relative_gap == pytest.approx(0, abs=1e-4)


def test_no_relative_gap_is_called_smaller_than_it_is():
    """Free columns that nearly coincide: the null model is hard, and is the unit of the gap."""
    rng = np.random.default_rng(2)
    a = rng.standard_normal(300)
    X = np.column_stack([a, a + 1e-2 * rng.standard_normal(300), rng.standard_normal((300, 3))])
    y = (X[:, 0] - X[:, 1]) / 1e-2 + 0.01 * X[:, 2] + 1e-3 * rng.standard_normal(300)
    found = sx.solve(X, y, alpha=1e-3, penalty_factor=[0, 0, 1, 1, 1], max_iter=20_000)
    free = np.column_stack([X[:, :2], np.ones(300)])
    rest = y - free @ np.linalg.lstsq(free, y, rcond=None)[0]
    null = rest @ rest / 600
    assert found.relative_gap >= 0.999 * found.gap / null


def test_alpha_none_where_nothing_correlates():
    model = sx.Lasso(alpha=None).fit(np.ones((24, 1)), np.arange(24.0) + 0.5)
    assert model.status_ is Status.converged
    assert (model.coef_ == 0).all()
    assert sx.alpha_max(np.ones((24, 1)), np.arange(24.0) + 0.5) == 0


def test_soft_threshold_keeps_nan():
    assert np.isnan(sx.soft_threshold(np.nan, 2.0))


def test_columns_whose_squares_overflow_are_refused():
    X = np.random.default_rng(3).standard_normal((20, 2)) * [1.0, 1e200]
    with pytest.raises(ValueError, match="squares of column 1 of X must have a finite sum"):
        sx.solve(X, X[:, 0], alpha=1e-3)


@pytest.mark.parametrize(("seed", "strength"), [(125, 1e5), (329, 1e4)])
def test_margins_far_out_leave_finite_numbers(seed, strength):
    """On the way, samples lie so far out that the curvature along a column is 1e-100."""
    rng = np.random.default_rng(seed)
    X = sp.random(120, 400, 0.05, format="csc", random_state=rng)
    X.data = np.exp(3.0 * rng.standard_normal(X.nnz))
    w = np.where(rng.random(400) < 0.1, rng.standard_normal(400), 0.0)
    y = np.where(X @ w + 0.1 * rng.standard_normal(120) > 0, 1.0, -1.0)
    alpha = sx.alpha_max(X, y, loss="logistic") / strength
    solution = sx.solve(X, y, loss="logistic", alpha=alpha, tol=1e-6, max_iter=3000)
    assert solution.status is Status.converged
    assert np.isfinite(solution.coef).all()
    certificate = sx.certify(X, y, solution.coef, solution.intercept, loss="logistic", alpha=alpha)
    assert certificate.relative_gap <= 1e-6
