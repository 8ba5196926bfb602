"""liblinear through scikit-learn: only without an intercept, since it penalises that."""

from __future__ import annotations

import numpy as np

from rivals import UNLIMITED, Unable

DISTRIBUTION = "scikit-learn"
LAYOUT = "csr"


def logistic(X, y, alpha, intercept, tol):
    from sklearn.linear_model import LogisticRegression

    if intercept:
        raise Unable("it penalises the intercept")
    model = LogisticRegression(
        l1_ratio=1.0,
        C=1 / (alpha * len(y)),
        fit_intercept=False,
        solver="liblinear",
        tol=tol,
        max_iter=UNLIMITED,
        random_state=0,
    )
    return model.fit(X, y).coef_.ravel(), 0.0


def logistic_path(X, y, alphas, intercept, tol):
    """One fit after another: liblinear has no warm start."""
    coefs = [logistic(X, y, alpha, intercept, tol)[0] for alpha in alphas]
    return np.array(coefs).T, [0.0] * len(alphas)
