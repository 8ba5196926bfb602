"""What each loss, offsets and standardised penalties mean: closed forms and identities."""

import numpy as np
import pytest
import scipy.sparse as sp

import optimality
import problems
import sparsecross as sx
from sparsecross import Status

LOSSES = ("squared", "logistic", "huber", "absolute", "poisson")
SMOOTH = ("squared", "logistic", "huber", "poisson")
OF_DIFFERENCES = ("squared", "huber", "absolute")


def random_problem(seed, loss, *, n=50, p=12, content="sparse", **options):
    rng = np.random.default_rng(seed)
    X = problems.matrix(rng, n, p, content)
    return problems.Problem(X, problems.targets(rng, X, loss), loss, **{"alpha": 0.02, **options})


def solve(problem, X=None, **options):
    return sx.solve(
        problem.X if X is None else X,
        problem.y,
        alpha=problem.alpha,
        **problem.options(),
        **options,
    )


def check_certified(problem, solution, tol):
    """The status is converged, and so it is by the dual point handed back."""
    noise = 1e-12 * (1 + abs(optimality.loss_value(problem, np.zeros(len(problem.y)))))
    primal = optimality.primal(problem, solution.coef, solution.intercept)
    proved = optimality.dual(problem, solution.dual_point)
    scale = optimality.null_objective(problem)
    assert solution.status is Status.converged
    assert optimality.feasible(problem, solution.coef, solution.intercept)
    assert abs(primal - solution.primal) <= noise
    assert proved >= solution.dual - noise
    assert primal - proved <= tol * scale + noise
    np.testing.assert_allclose(solution.relative_gap * scale, solution.gap, rtol=1e-5, atol=noise)


# --- offsets ---


@pytest.mark.parametrize("penalty", [{}, {"l1_ratio": 0.4}, {"positive": True}])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_an_offset_is_added_to_the_margins(loss, intercept, penalty):
    rng = np.random.default_rng(1)
    for weighted in (False, True):
        problem = random_problem(
            2,
            loss,
            fit_intercept=intercept,
            offset=rng.standard_normal(50),
            sample_weight=problems.weights(rng, 50) if weighted else None,
            **penalty,
        )
        tol = 1e-8 if loss in SMOOTH else 1e-4
        for X in (problem.X, sp.csc_array(problem.X)):
            solution = solve(problem, X, tol=tol)
            check_certified(problem, solution, tol)
        found = sx.certify(
            problem.X,
            problem.y,
            solution.coef,
            solution.intercept,
            alpha=problem.alpha,
            **problem.options(),
        )
        np.testing.assert_allclose(found.primal, solution.primal, rtol=1e-10)
        assert found.dual <= solution.primal + 1e-12


@pytest.mark.parametrize("loss", LOSSES)
def test_a_constant_offset_is_taken_off_the_intercept(loss):
    problem = random_problem(3, loss)
    tol = 1e-10 if loss in SMOOTH else 1e-5
    plain = solve(problem, tol=tol)
    shifted = solve(problem.at(offset=np.full(50, 1.5)), tol=tol)
    scale = optimality.null_objective(problem)
    np.testing.assert_allclose(shifted.primal, plain.primal, atol=2 * tol * scale)
    if loss in SMOOTH:
        np.testing.assert_allclose(shifted.intercept + 1.5, plain.intercept, atol=1e-3)
    options = problem.options()
    alpha = sx.alpha_max(problem.X, problem.y, **options)
    options["offset"] = np.full(50, 1.5)
    np.testing.assert_allclose(sx.alpha_max(problem.X, problem.y, **options), alpha, rtol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_offset_is_a_column_of_known_weight(loss):
    """At the optimum's own margins of one column as the offset, the rest is as it was."""
    problem = random_problem(4, loss, content="dense")
    tol = 1e-12 if loss in SMOOTH else 1e-5
    whole = solve(problem, tol=tol)
    j = int(np.argmax(np.abs(whole.coef)))
    known = problem.at(X=np.delete(problem.X, j, axis=1), offset=problem.X[:, j] * whole.coef[j])
    rest = solve(known, tol=tol)
    cost = problem.alpha * abs(whole.coef[j])
    assert whole.coef[j] != 0
    assert abs(rest.primal + cost - whole.primal) <= whole.gap + rest.gap + 1e-12


@pytest.mark.parametrize("offset", [1e6, 1.7e9])
@pytest.mark.parametrize("loss", OF_DIFFERENCES)
def test_large_offsets_cost_no_digits(loss, offset):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((60, 4))
    shifts = np.round(offset * rng.standard_normal(60))
    y = X[:, 0] + 0.1 * rng.standard_normal(60)
    tol = 1e-8 if loss in SMOOTH else 1e-4
    near = sx.solve(X, y, alpha=0.01, loss=loss, tol=tol)
    far = sx.solve(X, y + shifts, alpha=0.01, loss=loss, tol=tol, offset=shifts)
    assert far.status is Status.converged
    np.testing.assert_allclose(far.coef, near.coef, atol=1e-2 if loss == "absolute" else 1e-4)


@pytest.mark.parametrize("exposed", [False, True])
def test_exposure_of_counts_is_a_weight_on_rates(exposed):
    """Poisson: exp(m + log e) - y m = e (exp(m) - (y / e) m), a weighted fit of rates."""
    rng = np.random.default_rng(6)
    X = problems.matrix(rng, 60, 8, "dense", awkward=False)
    exposure = rng.uniform(0.5, 4.0, 60) if exposed else np.full(60, 2.0)
    y = rng.poisson(exposure * np.exp(0.2 * X[:, 0])).astype(float)
    counts = sx.PoissonRegressor(0.01, tol=1e-12).fit(X, y, offset=np.log(exposure))
    # sample weights are scaled to mean 1, which the strength of the penalty must follow
    rates = sx.PoissonRegressor(0.01 / exposure.mean(), tol=1e-12)
    rates.fit(X, y / exposure, sample_weight=exposure)
    assert np.count_nonzero(counts.coef_)
    np.testing.assert_allclose(counts.coef_, rates.coef_, atol=1e-5)
    np.testing.assert_allclose(counts.predict(X), np.exp(X @ counts.coef_ + counts.intercept_))


def test_the_offset_of_a_fit_stays_out_of_predictions():
    rng = np.random.default_rng(7)
    X, shifts = rng.standard_normal((40, 3)), rng.standard_normal(40)
    y = X[:, 0] + shifts
    labels = np.where(y > 0, "a", "b")
    for model in (sx.Lasso(0.01), sx.ElasticNet(0.01), sx.HuberRegressor(0.01)):
        model.fit(X, y, offset=shifts)
        np.testing.assert_allclose(model.predict(X), X @ model.coef_ + model.intercept_)
        loss = model._loss
        solution = sx.solve(
            X, y, loss=loss, alpha=0.01, l1_ratio=model.l1_ratio, offset=shifts, delta=1.35
        )
        np.testing.assert_array_equal(model.coef_, solution.coef)
    model = sx.SparseLogisticRegression(0.01).fit(X, labels, offset=shifts)
    np.testing.assert_allclose(model.decision_function(X), X @ model.coef_[0] + model.intercept_)
    assert (model.coef_ != sx.SparseLogisticRegression(0.01).fit(X, labels).coef_).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_offsets_are_met_at_the_door(value):
    X, y = np.eye(4), np.array([1.0, 2.0, 0.0, 1.0])
    calls = [
        lambda o: sx.solve(X, y, alpha=0.1, offset=o),
        lambda o: sx.certify(X, y, np.zeros(4), alpha=0.1, offset=o),
        lambda o: sx.alpha_max(X, y, offset=o),
        lambda o: sx.Lasso(0.1).fit(X, y, offset=o),
        lambda o: sx.HuberRegressor(0.1).fit(X, y, offset=o),
        lambda o: sx.PoissonRegressor(0.1).fit(X, y, offset=o),
        lambda o: sx.SparseLogisticRegression(0.1).fit(X, y > 0, offset=o),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=f"offset must be finite, got {value} for row 2"):
            call([0.0, 0.0, value, 0.0])
        with pytest.raises(ValueError, match=r"offset must have shape \(4,\).*got \(3,\)"):
            call(np.zeros(3))
    for call in (calls[5], lambda o: sx.solve(X, y, loss="poisson", alpha=0.1, offset=o)):
        with pytest.raises(ValueError, match=r"offset must be at most 700 .*got 800.0"):
            call(np.full(4, 800.0))


# --- each loss ---


def test_huber_is_least_squares_where_delta_is_large():
    problem = random_problem(8, "huber", delta=1e6)
    huber, squares = solve(problem, tol=1e-12), solve(problem.at(loss="squared"), tol=1e-12)
    np.testing.assert_allclose(huber.coef, squares.coef, atol=1e-6)
    np.testing.assert_allclose(huber.primal, squares.primal, rtol=1e-10)


def test_huber_over_delta_is_least_absolute_where_delta_is_small():
    problem = random_problem(9, "absolute", alpha=0.1)
    delta = 1e-3
    huber = solve(problem.at(loss="huber", delta=delta, alpha=0.1 * delta), tol=1e-6)
    absolute = solve(problem, tol=1e-4)
    assert huber.primal / delta <= absolute.primal
    assert absolute.dual <= huber.primal / delta + delta / 2


def test_outliers_pull_no_more_than_delta():
    """Moving a sample that lies in a tail further out changes nothing."""
    rng = np.random.default_rng(10)
    X = rng.standard_normal((40, 5))
    y = X[:, 0] + 0.1 * rng.standard_normal(40)
    y[0] += 50.0
    far = y.copy()
    far[0] += 1e6
    for loss, tol in (("huber", 1e-10), ("absolute", 1e-6)):
        one, other = (
            sx.solve(X, target, loss=loss, alpha=0.05, delta=0.5, tol=tol * 50 / move)
            for target, move in ((y, 50), (far, 1e6 if loss == "huber" else 50))
        )
        np.testing.assert_allclose(one.coef, other.coef, atol=1e-2)


def test_least_absolute_deviations_are_a_linear_programme():
    rng = np.random.default_rng(11)
    X = rng.standard_normal((40, 6))
    y = X[:, 0] - X[:, 1] + rng.standard_cauchy(40)
    for intercept in (False, True):
        for weight in (None, problems.weights(rng, 40)):
            problem = problems.Problem(
                X, y, "absolute", 0.1, fit_intercept=intercept, sample_weight=weight
            )
            solution = solve(problem, tol=1e-5)
            check_certified(problem, solution, 1e-5)
            columns = np.column_stack([X, -X, np.ones((40, int(intercept)))])
            bounds = [(0.0, None)] * 12 + [(None, None)] * intercept
            cost = np.append(np.full(12, 0.1), np.zeros(int(intercept)))
            best = optimality.least_absolute(problem, columns, bounds, cost)
            assert solution.dual - 1e-9 <= best <= solution.primal + 1e-9


@pytest.mark.parametrize("weights", [None, [1.0, 5.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0, 1.0]])
def test_without_weights_the_intercept_is_the_losses_centre(weights):
    y = np.array([3.0, 1.0, 10.0, 2.0, 0.0])
    c = np.ones(5) if weights is None else np.array(weights)
    X = np.zeros((5, 1))

    def intercept(loss, **options):
        found = sx.solve(X, y, loss=loss, alpha=1.0, sample_weight=weights, tol=1e-12, **options)
        assert found.status is Status.converged
        return found

    np.testing.assert_allclose(intercept("squared").intercept, np.average(y, weights=c))
    np.testing.assert_allclose(intercept("poisson").intercept, np.log(np.average(y, weights=c)))
    grid = np.linspace(-1, 11, 240_001)
    for loss, delta in (("huber", 1.35), ("huber", 0.01), ("absolute", 1.0)):
        problem = problems.Problem(X, y, loss, sample_weight=weights, delta=delta)
        best = min(optimality.loss_value(problem, np.full(5, b)) for b in grid[::100])
        assert intercept(loss, delta=delta).primal <= best + 1e-12
    # the psi of Huber's estimate is balanced
    b = intercept("huber", delta=1.35).intercept
    assert c @ np.clip(y - b, -1.35, 1.35) == pytest.approx(0, abs=1e-9)


def test_poisson_agrees_with_scikit_learn():
    from sklearn.linear_model import PoissonRegressor

    rng = np.random.default_rng(12)
    X = problems.matrix(rng, 200, 6, "dense", awkward=False) * 0.1
    y = rng.poisson(np.exp(X[:, 0] + 0.5)).astype(float)
    s = problems.weights(rng, 200)
    ours = sx.PoissonRegressor(0.1, l1_ratio=0.0, tol=1e-12).fit(X, y, s)
    theirs = PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=10_000).fit(X, y, s)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)
    np.testing.assert_allclose(ours.score(X, y, s), theirs.score(X, y, s), rtol=1e-6)


def test_huber_agrees_with_scikit_learn_at_its_scale():
    """scikit-learn estimates a scale σ besides; at that σ, delta is σ epsilon."""
    from sklearn.linear_model import HuberRegressor

    rng = np.random.default_rng(13)
    X = rng.standard_normal((100, 4))
    y = X @ [1.0, -1.0, 0.5, 0.0] + 0.3 * rng.standard_cauchy(100)
    theirs = HuberRegressor(epsilon=1.35, alpha=0.0, tol=1e-10, max_iter=10_000).fit(X, y)
    ours = sx.HuberRegressor(0.0, delta=1.35 * theirs.scale_, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)


def test_counts_of_any_size_are_certified():
    """The loss of perfect margins, y - y log y, may dwarf what a fit changes."""
    rng = np.random.default_rng(14)
    X = rng.standard_normal((50, 3))
    for size in (1e-6, 1.0, 1e6, 1e12):
        y = size * np.exp(0.1 * X[:, 0] + 0.01 * rng.standard_normal(50))
        solution = sx.solve(X, y, loss="poisson", alpha=1e-3 * size, tol=1e-8)
        assert solution.status is Status.converged
        assert solution.coef[0] == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 0.1])
@pytest.mark.parametrize("intercept", [False, True])
def test_counts_that_a_column_separates(alpha, intercept):
    """Where y = 0 for every row of a column its free weight has no end; the status says so."""
    X = np.column_stack([np.repeat([0.0, 1.0], 10), np.tile([0.0, 1.0], 10)])
    y = np.where(X[:, 0] > 0, 0.0, np.arange(20.0) % 3)
    problem = problems.Problem(X, y, "poisson", alpha, fit_intercept=intercept)
    solution = solve(problem, tol=1e-6, max_iter=5_000)
    assert np.isfinite(solution.coef).all()
    assert np.isfinite(solution.primal)
    assert (solution.status is Status.converged) == (solution.relative_gap <= 1e-6)
    if alpha:
        check_certified(problem, solution, 1e-6)


def test_a_start_that_proves_nothing_is_only_a_start():
    """With no sample of a free column off the tails there is no bound at the start."""
    rng = np.random.default_rng(21)
    X = problems.matrix(rng, 80, 10, "valueless", awkward=False)
    y = X[:, 0] + rng.standard_normal(80)
    factor = np.array([0.0, 0.0, *[1.0] * 8])
    options = {"loss": "huber", "penalty_factor": factor, "fit_intercept": False}
    start = np.append([1e3, -1e3], np.zeros(8))
    for delta in (1.0, 0.1, 0.01):
        cold, warm = (
            sx.solve(X, y, alpha=0.01 * delta, delta=delta, coef_init=coef, tol=1e-6, **options)
            for coef in (None, start)
        )
        start = warm.coef
        assert warm.status is Status.converged
        assert abs(warm.primal - cold.primal) <= warm.gap + cold.gap


def test_all_samples_in_the_tails_at_the_start():
    rng = np.random.default_rng(15)
    X = rng.standard_normal((40, 5))
    y = 1e4 * np.where(rng.random(40) < 0.5, 1.0, -1.0) + X[:, 0]
    for delta in (1e-3, 1.0, 1e8):
        problem = problems.Problem(X, y, "huber", 1e-4 * delta, delta=delta)
        # delta = 1e-3 is 1e-7 of y, so the objective has no digits for the last of the gap.
        tol = 1e-4 if delta < 1 else 1e-6
        check_certified(problem, solve(problem, tol=tol, coef_init=np.full(5, 1e5)), tol)


@pytest.mark.parametrize("y", [0.0, 3.0, -1e9, 1e-100])
@pytest.mark.parametrize("loss", ["huber", "absolute", "poisson"])
def test_constant_targets(loss, y):
    if loss == "poisson" and y <= 0:
        return
    X = np.random.default_rng(16).standard_normal((12, 5))
    for alpha in (0.0, 0.1):
        solution = sx.solve(X, np.full(12, y), loss=loss, alpha=alpha)
        assert solution.status is Status.converged
        assert np.isfinite(solution.relative_gap)
        centre = np.log(y) if loss == "poisson" else y
        np.testing.assert_allclose(X @ solution.coef + solution.intercept, centre, rtol=1e-9)


def test_targets_outside_the_losses_domain():
    X = np.eye(3)
    for call in (
        lambda y, **o: sx.solve(X, y, loss="poisson", alpha=0.1, **o),
        lambda y, **o: sx.PoissonRegressor(0.1).fit(X, y, **o),
    ):
        with pytest.raises(ValueError, match=r"y must not be negative .* Poisson loss, got -1.0"):
            call([1.0, -1.0, 2.0])
        with pytest.raises(ValueError, match="y must hold a positive target of positive weight"):
            call([0.0, 0.0, 0.0])
        with pytest.raises(ValueError, match="y must hold a positive target of positive weight"):
            call([0.0, 1.0, 0.0], sample_weight=[1, 0, 1])
    none = sx.solve(X, np.zeros(3), loss="poisson", alpha=0.5, fit_intercept=False)
    assert none.status is Status.converged
    for delta in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match=r"'delta' parameter of .* must be"):
            sx.HuberRegressor(0.1, delta=delta).fit(X, np.ones(3))
        with pytest.raises(ValueError, match="'delta' parameter of solve must be"):
            sx.solve(X, np.ones(3), loss="huber", alpha=0.1, delta=delta)


# --- standardised penalties ---


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4, 0.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("loss", SMOOTH)
def test_standardize_is_a_fit_of_standardised_columns(loss, intercept, weighted, l1_ratio):
    rng = np.random.default_rng(17)
    for content in ("dense", "sparse", "valueless"):
        problem = random_problem(
            18,
            loss,
            content=content,
            fit_intercept=intercept,
            l1_ratio=l1_ratio,
            sample_weight=problems.weights(rng, 50) if weighted else None,
            penalty_factor=problems.factors(rng, 12, unpenalised=False),
        )
        sigma = optimality.deviations(problem)
        assert (sigma == 0).any()
        used = sigma > 0
        scaled = problem.X[:, used] / sigma[used]
        factor = problem.penalty_factor[used]
        expected = solve(problem.at(X=scaled, penalty_factor=factor), tol=1e-10)
        for X in (problem.X, np.asfortranarray(problem.X), sp.csc_array(problem.X)):
            found = solve(problem.at(standardize=True), X, tol=1e-10)
            check_certified(problem.at(standardize=True), found, 1e-10)
            np.testing.assert_allclose(found.primal, expected.primal, rtol=1e-8)
            assert not found.coef[~used].any()
            margins = problem.X @ found.coef + found.intercept
            np.testing.assert_allclose(
                margins, scaled @ expected.coef + expected.intercept, atol=1e-3
            )
        if l1_ratio:
            options = problem.at(standardize=True).options()
            top = sx.alpha_max(problem.X, problem.y, **options)
            options = problem.at(penalty_factor=factor).options()
            np.testing.assert_allclose(top, sx.alpha_max(scaled, problem.y, **options), rtol=1e-9)


def test_standardize_does_not_see_the_units_of_columns():
    rng = np.random.default_rng(19)
    X = rng.standard_normal((60, 5))
    units = np.array([1e-6, 1.0, 1e6, 1e3, 1e-3])
    y = X @ [1.0, 2.0, 0.0, -1.0, 0.0] + rng.standard_normal(60)
    for model in (
        sx.Lasso(0.1, standardize=True, tol=1e-10),
        sx.ElasticNet(0.1, standardize=True, tol=1e-10),
        sx.HuberRegressor(0.1, standardize=True, tol=1e-10),
    ):
        plain = model.fit(X, y).coef_.copy()
        np.testing.assert_allclose(model.fit(X * units, y).coef_ * units, plain, atol=1e-6)


def test_deviations_keep_their_digits_far_from_zero():
    rng = np.random.default_rng(20)
    X = rng.standard_normal((100, 3))
    y = X[:, 0]
    near = sx.solve(X, y, alpha=0.1, standardize=True, tol=1e-13)
    far = sx.solve(X + 1e6, y, alpha=0.1, standardize=True, tol=1e-13)
    np.testing.assert_allclose(far.coef, near.coef, atol=1e-6)
    constant = np.column_stack([X, np.full(100, 0.1)])
    found = sx.solve(constant, y, alpha=0.0, standardize=True)
    assert found.coef[3] == 0
    with pytest.raises(ValueError, match=r"coef must be 0 for constant columns .* not so at 3"):
        sx.certify(constant, y, np.ones(4), alpha=0.1, standardize=True)
    with pytest.raises(ValueError, match="squares of column 1 of X must have a finite sum"):
        sx.solve(X * [1.0, 1e200, 1.0], y, alpha=0.1, standardize=True)
