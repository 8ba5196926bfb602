"""celer: working sets with dual extrapolation (Massias, Gramfort & Salmon 2018)."""

from __future__ import annotations

import numpy as np

from rivals import Unable

DISTRIBUTION = "celer"
ROUNDS = 1000


def lasso(X, y, alpha, intercept, tol):
    from celer import Lasso

    model = Lasso(alpha, fit_intercept=intercept, tol=tol, max_iter=ROUNDS).fit(X, y)
    return model.coef_, model.intercept_


def logistic(X, y, alpha, intercept, tol):
    from celer import LogisticRegression

    if intercept:
        raise Unable("its logistic regression fits no intercept")
    model = LogisticRegression(
        C=1 / (alpha * len(y)), fit_intercept=False, tol=tol, max_iter=ROUNDS
    )
    return model.fit(X, y).coef_.ravel(), 0.0


def _path(X, y, problem, alphas, intercept, tol, **options):
    from celer import celer_path

    if intercept:
        raise Unable("celer_path fits no intercept")
    coefs = celer_path(
        X, y, problem, alphas=np.asarray(alphas), tol=tol, max_iter=ROUNDS, **options
    )[1]
    return coefs, [0.0] * len(alphas)


def lasso_path(X, y, alphas, intercept, tol):
    return _path(X, y, "lasso", alphas, intercept, tol)


def logistic_path(X, y, alphas, intercept, tol):
    sums = np.asarray(alphas) * len(y)  # its logistic loss is a sum, not a mean
    return _path(X, y, "logreg", sums, intercept, tol, use_PN=True)
