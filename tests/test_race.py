"""The judge of the benchmarks, and how the race reads its results."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LogisticRegression

import judge
import report


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 20))
    y = X[:, 0] - 2 * X[:, 1] + rng.standard_normal(60) + 3
    return X, y, np.where(X[:, 2] + rng.standard_normal(60) > 0.5, 1.0, -1.0)


@pytest.mark.parametrize("fit", [False, True])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_gap_bounds_the_distance_from_an_optimum_of_another_library(problem, loss, fit):
    X, y, labels = problem
    target = y if loss == "squared" else labels
    alpha = judge.alpha_max(X, target, loss, fit) / 5
    if loss == "squared":
        best = Lasso(alpha, fit_intercept=fit, tol=1e-14, max_iter=10**6).fit(X, target)
    else:
        # saga leaves the intercept unpenalised.
        best = LogisticRegression(
            C=1 / (alpha * len(y)), l1_ratio=1.0, solver="saga", fit_intercept=fit, tol=1e-12,
            max_iter=10**6, random_state=0,
        ).fit(X, target)  # fmt: skip
    coef, intercept = np.ravel(best.coef_), float(np.ravel(best.intercept_)[0])
    at_best = judge.judge(X, target, coef, intercept, alpha, loss, fit)
    assert 0 <= at_best.gap + 1e-12 < 1e-6
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-1, 1.0):
        away = coef + size * rng.standard_normal(len(coef))
        there = judge.judge(X, target, away, intercept, alpha, loss, fit)
        assert there.dual <= at_best.primal + 1e-12
        assert there.primal > at_best.primal
        assert there.gap * there.null >= there.primal - at_best.primal - 1e-12


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_alpha_max_is_where_zero_weights_are_proved_optimal(problem, loss):
    X, y, labels = problem
    target = y if loss == "squared" else labels
    share = (labels > 0).mean()
    best = y.mean() if loss == "squared" else np.log(share / (1 - share))
    alpha = judge.alpha_max(X, target, loss, True)
    zeros = np.zeros(X.shape[1])
    assert abs(judge.relative_gap(X, target, zeros, best, alpha, loss, True)) < 1e-12
    assert judge.relative_gap(X, target, zeros, best, 0.9 * alpha, loss, True) > 1e-4


def test_path_is_judged_point_by_point(problem):
    X, y, _ = problem
    coefs = np.random.default_rng(2).standard_normal((20, 3)) * (np.arange(20) < 5)[:, None]
    alphas, intercepts = [0.3, 0.2, 0.1], [0.0, 1.0, 2.0]
    found = judge.judge_path(X, y, coefs, intercepts, alphas, "squared", True)
    single = [
        judge.judge(X, y, coefs[:, k], intercepts[k], alphas[k], "squared", True) for k in range(3)
    ]
    assert np.allclose(found, single, rtol=1e-12)


def _result(library, *rungs, repeats=()):
    keys = ("tol", "seconds", "gap", "primal", "rss_mb")
    rows = [dict(zip(keys, rung, strict=True)) | {"null": 1.0} for rung in rungs]
    again = [dict(zip(keys, rung, strict=True)) for rung in repeats]
    cell = dict(zip(report.KEY, ("growth_4m", "lasso", 100.0, True), strict=True))
    return cell | {"library": library, "rungs": rows, "repeats": again}


def test_first_rung_at_the_gap_counts_with_its_repeats():
    rungs = [(1e-1, 1.0, 1e-2, [0.5], 3.0), (1e-2, 2.0, 1e-5, [0.4], 4.0)]
    again = [(1e-2, 4.0, 1e-5, [0.4], 4.0), (1e-2, 6.0, 1e-5, [0.4], 4.0)]
    found = _result("celer", *rungs, (1e-3, 0.5, 1e-7, [0.4], 4.0), repeats=again)
    assert report.reached(found, 1e-4) == (4.0, 4.0)
    assert report.reached(found, 1e-9) is None


def test_nearness_is_measured_from_the_best_objective_of_all():
    loose = _result("ours", (1e-1, 1.0, 1e-2, [0.40005, 0.3], None))
    tight = _result("celer", (1e-1, 3.0, 1e-6, [0.4, 0.3002], None))
    best = report.optimum([loose, tight])
    assert np.array_equal(best, [0.4, 0.3])
    assert report.near(loose, best, 1e-4) == (1.0, None)
    assert report.near(tight, best, 1e-4) is None


def test_growth_is_the_slope_of_logarithms():
    small = _result("celer", (1e-4, 2.0, 1e-5, [0.4], None))
    large = small | {"set": "growth_16m"}
    large["rungs"] = [small["rungs"][0] | {"seconds": 2.0 * 4**1.5}]
    assert "| 1.50 |" in report.growth([small, large], 1e-4)
