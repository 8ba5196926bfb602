"""skglm: working sets with Anderson extrapolation, compiled at first use (Bertrand et al. 2022).

Its tolerance is the largest violation of the optimality conditions; in units of alpha here.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

DISTRIBUTION = "skglm"
ROUNDS = 1000


def lasso(X, y, alpha, intercept, tol):
    from skglm import Lasso

    model = Lasso(alpha, fit_intercept=intercept, tol=tol * alpha, max_iter=ROUNDS).fit(X, y)
    return model.coef_, model.intercept_


def logistic(X, y, alpha, intercept, tol):
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(
        alpha, fit_intercept=intercept, tol=tol * alpha, max_iter=ROUNDS
    )
    model.fit(X, y)
    return model.coef_.ravel(), float(np.ravel(model.intercept_)[0]) if intercept else 0.0


def lasso_path(X, y, alphas, intercept, tol):
    from skglm import Lasso

    model = Lasso(fit_intercept=intercept, tol=tol * alphas[-1], max_iter=ROUNDS)
    coefs = model.path(X, y, np.asarray(alphas))[1]
    p = X.shape[1]
    return coefs[:p], coefs[p] if intercept else [0.0] * len(alphas)


def logistic_path(X, y, alphas, intercept, tol):
    """One estimator, warm-started from strength to strength: there is no function for it."""
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(fit_intercept=intercept, max_iter=ROUNDS, warm_start=True)
    coefs, intercepts = [], []
    for alpha in alphas:
        model.set_params(alpha=alpha, tol=tol * alpha).fit(X, y)
        coefs.append(model.coef_.ravel().copy())
        intercepts.append(float(np.ravel(model.intercept_)[0]) if intercept else 0.0)
    return np.array(coefs).T, intercepts


def group(X, y, groups, alpha, intercept, tol):
    """GroupBCD on QuadraticGroup and WeightedGroupL2, through its estimator.

    Dense columns are centred for it: its own intercept is slow where they have large means.
    """
    from skglm import GroupLasso

    if intercept and not sp.issparse(X):
        means, centre = X.mean(axis=0), y.mean()
        coef, _ = group(X - means, y - centre, groups, alpha, False, tol)
        return coef, float(centre - means @ coef)
    sizes = np.bincount(groups)
    model = GroupLasso(
        sizes.tolist(),
        alpha,
        weights=np.sqrt(sizes),
        fit_intercept=intercept,
        tol=tol * alpha,
        max_iter=ROUNDS,
    ).fit(X, y)
    return model.coef_, float(np.ravel(model.intercept_)[0]) if intercept else 0.0


def multitask(X, Y, groups, alpha, intercept, tol):
    """MultiTaskBCD on QuadraticMultiTask and L2_1, through its estimator."""
    from skglm.estimators import MultiTaskLasso

    model = MultiTaskLasso(alpha, fit_intercept=intercept, tol=tol * alpha, max_iter=ROUNDS)
    model.fit(X, Y)
    return model.coef_.T, model.intercept_ if intercept else 0.0
