"""What is certified of any weights of several classes, against bounds of our own."""

import numpy as np
import pytest
from scipy.special import entr

import problems
import sparsecross as sx
from sparsecross import Status, _solvers
from test_multinomial import OPTIONS, bound, data, objective, weight_of

N, P, K = 80, 12, 3


class Stated:
    """A random problem: what `certify` is told of it, and its penalty of each column."""

    def __init__(self, penalty, intercept, *, alpha=0.01, seed=2):
        rng = np.random.default_rng(seed)
        self.X, self.y = data(seed, N, P, K)
        self.s = rng.uniform(0.5, 2.0, N)
        self.intercept, self.positive = intercept, "positive" in OPTIONS[penalty]
        options = dict(OPTIONS[penalty])
        factor = np.ones(P)
        if "penalty_factor" in options:
            factor = options["penalty_factor"] = problems.factors(rng, P, unpenalised=False)
        sigma = np.ones(P)
        if "standardize" in options:
            c = weight_of(N, self.s)
            sigma = np.sqrt(c @ (self.X - (c @ self.X if intercept else 0.0)) ** 2)
        self.excluded = np.isinf(factor) | (sigma < 1e-9)
        rho, used = options.get("l1_ratio", 1.0), np.where(self.excluded, 0.0, factor)
        self.l1 = np.where(self.excluded, np.inf, alpha * rho * used * sigma)
        self.l2 = alpha * (1 - rho) * used * sigma**2
        self.options = {
            "loss": "multinomial", "alpha": alpha, "sample_weight": self.s,
            "fit_intercept": intercept, **options,
        }  # fmt: skip

    def certify(self, W, b=0.0):
        return sx.certify(self.X, self.y, W, b, **self.options)

    def solve(self, tol):
        found = sx.solve(self.X, self.y, tol=tol, **self.options)
        assert found.status is Status.converged
        assert found.coef.any()
        return found

    def primal(self, W, b):
        return objective(self.X, self.y, W, b, self.l1, self.l2, self.s)

    def bound(self, W, b):
        return bound(
            self.X, self.y, W, b, self.l1, self.l2, self.s,
            intercept=self.intercept, positive=self.positive,
        )  # fmt: skip

    def null(self):
        """P0: the entropy of the labels, or of no knowledge at all."""
        frequency = weight_of(N, self.s) @ np.eye(K)[self.y]
        return entr(frequency).sum() if self.intercept else np.log(K)


every = pytest.mark.parametrize("penalty", OPTIONS)
with_and_without = pytest.mark.parametrize("intercept", [False, True])


@every
@with_and_without
def test_a_solution_is_certified(penalty, intercept):
    problem = Stated(penalty, intercept)
    best = problem.solve(1e-7)
    found = problem.certify(best.coef, best.intercept)
    assert found.relative_gap <= 1e-7
    assert found.relative_gap == pytest.approx(found.gap / problem.null(), rel=1e-9)
    # to the digits of the solver's own: one residual, one bound
    assert found.primal == pytest.approx(best.primal, rel=1e-12)
    assert found.dual == pytest.approx(best.dual, rel=1e-9)
    assert found.dual == pytest.approx(problem.bound(best.coef, best.intercept), rel=1e-9)


@every
@with_and_without
def test_no_weights_prove_more_than_the_optimum(penalty, intercept):
    problem, rng = Stated(penalty, intercept), np.random.default_rng(3)
    best = problem.solve(1e-9)
    duals = []
    for size in (1e-6, 1e-3, 0.1, 1.0, 100.0):
        W = best.coef + size * rng.standard_normal((K, P))
        if problem.positive:
            W = np.maximum(W, 0.0)
        W[:, problem.excluded] = 0.0
        b = best.intercept + size * rng.standard_normal(K) if intercept else np.zeros(K)
        found = problem.certify(W, b)
        assert found.primal == pytest.approx(problem.primal(W, b), rel=1e-12)
        assert found.dual <= best.primal + 1e-12, "a bound above the optimum"
        assert found.gap == pytest.approx(found.primal - found.dual)
        duals.append(found.dual)
        if size <= 0.1:
            assert found.dual == pytest.approx(problem.bound(W, b), rel=1e-4)
    assert duals[0] == pytest.approx(best.primal, abs=1e-4)
    assert duals[0] > duals[-1], "as if they were all alike"


@every
@with_and_without
def test_at_zero_the_labels_alone_prove_the_bound(penalty, intercept):
    problem, zero = Stated(penalty, intercept), np.zeros((K, P))
    # With intercepts the bound is that of the frequencies, wherever the intercepts are.
    frequency = weight_of(N, problem.s) @ np.eye(K)[problem.y]
    settled = np.log(frequency) if intercept else np.zeros(K)
    dual = problem.bound(zero, settled)
    at_best = problem.certify(zero, settled)
    assert at_best.primal == pytest.approx(problem.null(), rel=1e-12)
    assert at_best.dual == pytest.approx(dual, rel=1e-12)
    assert at_best.gap > 0.01 * problem.null()
    if intercept:
        anywhere = problem.certify(zero, [5.0, -3.0, 1.0])
        assert anywhere.primal == pytest.approx(problem.primal(zero, [5.0, -3.0, 1.0]), rel=1e-12)
        assert anywhere.primal > at_best.primal
        assert anywhere.dual == pytest.approx(dual, rel=1e-9)


def test_zero_is_optimal_from_alpha_max_on():
    X, y = data(4)
    zero, b = np.zeros((3, 12)), np.log(np.bincount(y) / len(y))
    top = sx.alpha_max(X, y, loss="multinomial")
    above, below = (
        sx.certify(X, y, zero, b, loss="multinomial", alpha=top * f).relative_gap
        for f in (1 + 1e-9, 0.99)
    )
    assert above <= 1e-12
    assert below > 1e-9


@pytest.mark.parametrize("shift", [[0.0, 1e4, -1e4], [0.0, 0.0, -40.0], [7.0, 7.0, 7.0]])
def test_intercepts_are_settled_from_anywhere(shift):
    problem = Stated("lasso", intercept=True)
    best = problem.solve(1e-9)
    b = best.intercept + shift
    found = problem.certify(best.coef, b)
    assert found.dual == pytest.approx(best.dual, rel=1e-8)
    assert found.primal == pytest.approx(problem.primal(best.coef, b), rel=1e-12)


def test_unpenalised_columns():
    X, y = data(6, n=200, p=4, content="dense")
    options = {"loss": "multinomial", "alpha": 0.02, "penalty_factor": [0.0, 1.0, 1.0, 1.0]}
    best = sx.solve(X, y, tol=1e-7, **options)
    assert best.status is Status.converged
    found = sx.certify(X, y, best.coef, best.intercept, **options)
    assert found.relative_gap <= 1e-7
    l1 = 0.02 * np.array(options["penalty_factor"])
    assert found.primal == pytest.approx(
        objective(X, y, best.coef, best.intercept, l1, 0.0), rel=1e-12
    )
    near = best.coef + 1e-3 * np.random.default_rng(7).standard_normal((3, 4))
    moved = sx.certify(X, y, near, best.intercept, **options)
    assert best.dual - 0.1 < moved.dual <= best.primal + 1e-12
    assert moved.gap > found.gap


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_weights_beyond_double_precision(l1_ratio):
    X, y = data(8)
    best = sx.solve(X, y, loss="multinomial", alpha=0.1, l1_ratio=l1_ratio)
    for size in (1e200, 1e308):
        W = size * np.sign(np.random.default_rng(9).standard_normal((3, 12)))
        found = sx.certify(X, y, W, loss="multinomial", alpha=0.1, l1_ratio=l1_ratio)
        assert found.primal >= 1e198
        assert found.gap >= 1e198
        assert found.dual <= best.primal + 1e-12


def test_weights_and_intercepts_must_be_feasible():
    X, y = data(10)
    X[:, 4] = 1.0
    W = np.ones((3, 12))
    negative, not_a_number = W.copy(), W.copy()
    negative[2, 5] = -2.0
    not_a_number[1, 7] = np.nan
    factor = np.where(np.arange(12) == 9, np.inf, 1.0)
    for coef, b, options, message in (
        (W[0], 0.0, {}, r"coef must have shape \(3, 12\), .* got \(12,\)"),
        (not_a_number, 0.0, {}, "coef must be finite, got nan for column 7"),
        (negative, 0.0, {"positive": True}, "coef must not be negative .*, got -2.0"),
        (W, 0.0, {"penalty_factor": factor}, "coef must be 0 where .* infinite, not so at 9"),
        (W, 0.0, {"standardize": True}, "coef must be 0 for constant columns .* not so at 4"),
        (W, [0.0, 1.0], {}, r"intercept must be .* of shape \(3,\), got shape \(2,\)"),
        (W, [0.0, 1.0, np.inf], {}, "intercept must be finite"),
        (W, 0.0, {"offset": np.ones(80)}, "offset must be None for loss='multinomial'"),
    ):
        with pytest.raises(ValueError, match=message):
            sx.certify(X, y, coef, b, loss="multinomial", alpha=0.1, **options)


def test_the_border_checks_lengths():
    X, y = data(11)
    problem = _solvers.MultinomialProblem(
        _solvers.Design.from_dense(np.asfortranarray(X), "columns"), y.astype(np.int64), 3, None,
        0.1, 0.0, None, False, True, 1,
    )  # fmt: skip
    with pytest.raises(ValueError, match="coef must be one-dimensional of length 36"):
        problem.certify(np.zeros(12), np.zeros(3))
    with pytest.raises(ValueError, match="intercept must be one-dimensional of length 3"):
        problem.certify(np.zeros(36), np.zeros(1))
