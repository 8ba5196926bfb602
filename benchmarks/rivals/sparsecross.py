"""Ours. The tolerance is the relative gap itself."""

from __future__ import annotations

from rivals import UNLIMITED

TOLERANCES = [10 ** (-k / 2) for k in range(2, 17)]


def installed() -> str:
    import sparsecross as sx

    return sx.__version__


def _solve(loss, X, y, alpha, intercept, tol):
    import sparsecross as sx

    found = sx.solve(
        X, y, loss=loss, alpha=alpha, fit_intercept=intercept, tol=tol, max_iter=UNLIMITED
    )
    return found.coef, found.intercept


def lasso(X, y, alpha, intercept, tol):
    return _solve("squared", X, y, alpha, intercept, tol)


def logistic(X, y, alpha, intercept, tol):
    return _solve("logistic", X, y, alpha, intercept, tol)
