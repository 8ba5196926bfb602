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


def _path(loss, X, y, alphas, intercept, tol):
    import sparsecross as sx

    found = sx.path(
        X, y, loss=loss, alphas=alphas, fit_intercept=intercept, tol=tol, max_iter=UNLIMITED
    )
    return found.coefs, found.intercepts


def lasso_path(X, y, alphas, intercept, tol):
    return _path("squared", X, y, alphas, intercept, tol)


def logistic_path(X, y, alphas, intercept, tol):
    return _path("logistic", X, y, alphas, intercept, tol)


def group(X, y, groups, alpha, intercept, tol):
    import sparsecross as sx

    model = sx.GroupLasso(
        alpha, groups=groups, fit_intercept=intercept, tol=tol, max_iter=UNLIMITED
    ).fit(X, y)
    return model.coef_, model.intercept_


def multitask(X, Y, groups, alpha, intercept, tol):
    import sparsecross as sx

    model = sx.MultiTaskLasso(alpha, fit_intercept=intercept, tol=tol, max_iter=UNLIMITED)
    model.fit(X, Y)
    return model.coef_.T, model.intercept_


def multinomial(X, labels, groups, alpha, intercept, tol):
    import sparsecross as sx

    model = sx.GroupLogisticRegression(
        alpha, multi_class="multinomial", fit_intercept=intercept, tol=tol, max_iter=UNLIMITED
    ).fit(X, labels)
    return model.coef_.T, model.intercept_
