"""snapml's logistic and linear regression: only without an intercept, since it penalises that."""

from __future__ import annotations

import numpy as np

from rivals import UNLIMITED, Unable, threads

DISTRIBUTION = "snapml"


def _fit(model, X, y, alpha, intercept, tol):
    if intercept:
        raise Unable("it penalises the intercept")
    model = model(
        penalty="l1",
        dual=False,
        regularizer=alpha * len(y),
        fit_intercept=False,
        tol=tol,
        max_iter=UNLIMITED,
        n_jobs=threads(),
    )
    return np.asarray(model.fit(X, y).coef_, np.float64).ravel(), 0.0


def lasso(X, y, alpha, intercept, tol):
    from snapml import LinearRegression

    return _fit(LinearRegression, X, y, alpha, intercept, tol)


def logistic(X, y, alpha, intercept, tol):
    from snapml import LogisticRegression

    return _fit(LogisticRegression, X, y, alpha, intercept, tol)
