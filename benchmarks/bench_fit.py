"""Time to a certified gap: ours and scikit-learn's in the same run, each call judged."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LogisticRegression

import datasets
import judge
import sparsecross as sx

GAP = 1e-4
RATIO = 100


def _squared(library, alpha, fit, tol):
    if library == "sparsecross":
        return sx.Lasso(alpha, fit_intercept=fit, tol=tol, n_threads=1)
    return Lasso(alpha, fit_intercept=fit, tol=tol, max_iter=10**6)


def _logistic(library, alpha, fit, tol, n):
    if library == "sparsecross":
        return sx.SparseLogisticRegression(alpha, fit_intercept=fit, tol=tol, n_threads=1)
    return LogisticRegression(
        l1_ratio=1.0,
        C=1 / (alpha * n),
        fit_intercept=fit,
        solver="liblinear",
        tol=tol,
        max_iter=10**6,
    )


@pytest.mark.parametrize("library", ["sparsecross", "scikit-learn"])
@pytest.mark.parametrize("fit", [False, True], ids=["plain", "intercept"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("name", datasets.ALL)
def bench_fit(benchmark, name, loss, fit, library):
    if library == "scikit-learn" and fit and name in ("debian_crosses", "synthetic"):
        pytest.skip("takes minutes: an O(n) loop at each change of a weight")
    if library == "scikit-learn" and fit and loss == "logistic":
        pytest.skip("liblinear penalises the intercept: another problem")
    problem = datasets.ALL[name]()
    X, y = problem.X, problem.y if loss == "squared" else problem.labels
    alpha = judge.alpha_max(X, y, loss, fit) / RATIO
    if library == "scikit-learn" and loss == "logistic" and name != "dense":
        X = X.tocsr()  # what liblinear reads; not timed

    def model(tol):
        if loss == "squared":
            return _squared(library, alpha, fit, tol)
        return _logistic(library, alpha, fit, tol, len(y))

    def gap(fitted):
        intercept = float(np.ravel(fitted.intercept_)[0])
        return judge.relative_gap(X, y, fitted.coef_, intercept, alpha, loss, fit)

    # The loosest tolerance of each library's own that reaches the gap.
    tols = [GAP] if library == "sparsecross" else 10.0 ** -np.arange(2, 10)
    tol = next((t for t in tols if gap(model(t).fit(X, y)) <= GAP), tols[-1])
    benchmark.group = f"fit {name} {loss} {'intercept' if fit else 'plain'} /{RATIO}"
    fitted = benchmark(model(tol).fit, X, y)
    reached = gap(fitted)
    benchmark.extra_info |= {"gap": reached, "non_zeros": int(np.count_nonzero(fitted.coef_))}
    assert reached <= GAP
