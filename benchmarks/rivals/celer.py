"""celer: working sets with dual extrapolation (Massias, Gramfort & Salmon 2018)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import scipy.sparse as sp

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


def group(X, y, groups, alpha, intercept, tol):
    from celer import GroupLasso

    if sp.issparse(X):
        return _sparse_group(X, y, groups, alpha, intercept, tol)
    sizes = np.bincount(groups)
    model = GroupLasso(
        sizes.tolist(),
        alpha,
        weights=np.sqrt(sizes),
        fit_intercept=intercept,
        tol=tol,
        max_iter=ROUNDS,
    ).fit(X, y)
    return model.coef_, model.intercept_


def _sparse_group(X, y, groups, alpha, intercept, tol):
    """As its estimator does, which takes minutes for the norms: it loops over pairs of columns."""
    from celer.group_fast import celer_grp, dnorm_grp

    n, p = X.shape
    bounds = np.concatenate([[0], np.cumsum(np.bincount(groups))]).astype(np.int32)
    count = len(bounds) - 1
    indices = np.arange(p, dtype=np.int32)
    weights = np.sqrt(np.diff(bounds))
    mean = np.asarray(X.mean(axis=0)).ravel() if intercept else np.zeros(p)
    # Without centring: a little above what they would be with it.
    norms = np.array([_norm(X[:, i:j]) for i, j in pairwise(bounds)])
    target = y - y.mean() if intercept else y.copy()
    arrays = (np.empty((1, 1), order="F"), indices, bounds, X.data, X.indices, X.indptr, mean)
    residual, theta, coef = target.copy(), target.copy(), np.zeros(p)
    largest = dnorm_grp(
        True, theta, bounds, indices, arrays[0], *arrays[3:], weights, count,
        np.zeros(1, np.int32), intercept,
    )  # fmt: skip
    theta /= max(largest / alpha, n)
    celer_grp(
        True, 0, *arrays, target, alpha, coef, residual, theta, norms, tol, weights, ROUNDS,
        50_000, p0=10, prune=True,
    )  # fmt: skip
    return coef, float(y.mean() - mean @ coef) if intercept else 0.0


def _norm(X):
    from scipy.sparse.linalg import svds

    if X.shape[1] == 1:
        return np.linalg.norm(X.data)
    return svds(X, k=1, return_singular_vectors=False, rng=0)[0]


def multitask(X, Y, groups, alpha, intercept, tol):
    """The function under its estimator, which does not run with scikit-learn 1.6 and later."""
    from celer.homotopy import mtl_path

    if sp.issparse(X):
        raise Unable("its multitask solver reads no sparse X")
    if not intercept:
        return mtl_path(X, Y, alphas=[alpha], tol=tol, max_iter=ROUNDS)[1][..., 0].T, 0.0
    means, centre = X.mean(axis=0), Y.mean(axis=0)
    coef = mtl_path(X - means, Y - centre, alphas=[alpha], tol=tol, max_iter=ROUNDS)[1][..., 0].T
    return coef, centre - means @ coef
