"""adelie: group elastic nets along paths (Yang & Hastie 2024)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from rivals import UNLIMITED, threads

DISTRIBUTION = "adelie"
DEFAULT = 1e-7


def _fit(X, glm, alphas, intercept, tol):
    import adelie as ad

    matrix = ad.matrix.sparse if sp.issparse(X) else ad.matrix.dense
    return ad.grpnet(
        matrix(X, method="naive", n_threads=threads()),
        glm,
        lmda_path=np.asarray(alphas),
        intercept=intercept,
        tol=tol,
        irls_tol=tol * 1e-2,
        early_exit=False,
        progress_bar=False,
        max_iters=UNLIMITED,
        n_threads=threads(),
    )


def lasso_path(X, y, alphas, intercept, tol):
    import adelie as ad

    state = _fit(X, ad.glm.gaussian(y), alphas, intercept, tol)
    return state.betas.T, state.intercepts


def logistic_path(X, y, alphas, intercept, tol):
    import adelie as ad

    state = _fit(X, ad.glm.binomial((y > 0).astype(np.float64)), alphas, intercept, tol)
    return state.betas.T, state.intercepts


def lasso(X, y, alpha, intercept, tol):
    coefs, intercepts = lasso_path(X, y, [alpha], intercept, tol)
    return coefs.toarray().ravel(), float(intercepts[0])


def logistic(X, y, alpha, intercept, tol):
    coefs, intercepts = logistic_path(X, y, [alpha], intercept, tol)
    return coefs.toarray().ravel(), float(intercepts[0])
