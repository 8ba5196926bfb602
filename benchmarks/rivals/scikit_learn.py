"""scikit-learn's coordinate descent; liblinear has a file of its own."""

from __future__ import annotations

from rivals import UNLIMITED, Unable

DISTRIBUTION = "scikit-learn"


def lasso(X, y, alpha, intercept, tol):
    from sklearn.linear_model import Lasso

    model = Lasso(alpha, fit_intercept=intercept, tol=tol, max_iter=UNLIMITED).fit(X, y)
    return model.coef_, model.intercept_


def lasso_path(X, y, alphas, intercept, tol):
    from sklearn.linear_model import lasso_path

    if intercept:
        raise Unable("lasso_path fits no intercept")
    coefs = lasso_path(X, y, alphas=alphas, tol=tol, max_iter=UNLIMITED)[1]
    return coefs, [0.0] * len(alphas)


def multitask(X, Y, groups, alpha, intercept, tol):
    from sklearn.linear_model import MultiTaskLasso

    model = MultiTaskLasso(alpha, fit_intercept=intercept, tol=tol, max_iter=UNLIMITED)
    model.fit(X, Y)
    return model.coef_.T, model.intercept_
