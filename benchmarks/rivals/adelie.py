"""adelie: group elastic nets along paths (Yang & Hastie 2024)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from rivals import UNLIMITED, threads

DISTRIBUTION = "adelie"
DEFAULT = 1e-7
SMALL = 1_500_000  # stored values
GROUP_TOLERANCES = [10.0**-k for k in range(5, 19)]  # of the square of a change: loose ones idle


def _fit(X, glm, alphas, intercept, tol, **options):
    import adelie as ad

    matrix = ad.matrix.sparse if sp.issparse(X) else ad.matrix.dense
    count = options.pop("n_threads", threads())
    return ad.grpnet(
        matrix(X, method="naive", n_threads=count),
        glm,
        lmda_path=np.asarray(alphas),
        intercept=intercept,
        tol=tol,
        irls_tol=tol * 1e-2,
        early_exit=False,
        progress_bar=False,
        max_iters=UNLIMITED,
        n_threads=count,
        **options,
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


def _threads(X):
    """One for what is small: a second made it slower there, by up to three times."""
    return threads() if (X.nnz if sp.issparse(X) else X.size) > SMALL else 1


def group(X, y, groups, alpha, intercept, tol):
    import adelie as ad

    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    options = {"groups": starts, "penalty": np.sqrt(np.bincount(groups)), "n_threads": _threads(X)}
    state = _fit(X, ad.glm.gaussian(y), [alpha], intercept, tol, **options)
    return state.betas[-1].toarray().ravel(), float(state.intercepts[-1])


def _outputs(X, glm, alpha, intercept, tol):
    """Its loss is divided by the outputs too, and so is the strength."""
    count = glm.y.shape[1]
    options = {"penalty": np.ones(X.shape[1]), "n_threads": _threads(X)}
    state = _fit(X, glm, [alpha / count], intercept, tol, **options)
    return state.betas[-1].toarray().reshape(X.shape[1], count), state.intercepts[-1]


def multitask(X, Y, groups, alpha, intercept, tol):
    import adelie as ad

    return _outputs(X, ad.glm.multigaussian(np.ascontiguousarray(Y)), alpha, intercept, tol)


def multinomial(X, labels, groups, alpha, intercept, tol):
    import adelie as ad

    ones = np.eye(labels.max() + 1)[labels]
    return _outputs(X, ad.glm.multinomial(ones), alpha, intercept, tol)
