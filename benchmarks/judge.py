"""One judge for all: the relative duality gap of any weights, in float64, in NumPy alone.

Shares nothing with the package. The dual point is the scaled residual of the weights and of their
own best intercept, so the gap is an upper bound of the true distance from the optimum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.special import expit, xlogy


def alpha_max(X: Any, y: np.ndarray, loss: str, fit_intercept: bool) -> float:
    """The smallest strength at which all weights are 0."""
    if loss == "squared":
        residual = y - y.mean() if fit_intercept else y
    else:
        share = (y > 0).mean() if fit_intercept else 0.5
        residual = np.where(y > 0, 1 - share, -share)
    return float(np.abs(X.T @ residual).max()) / len(y)


class Verdict(NamedTuple):
    """The objective of some weights, a proved lower bound, and the objective at zero weights."""

    primal: float
    dual: float
    null: float

    @property
    def gap(self) -> float:
        """The relative gap: what is not proved, in units of the objective at zero weights."""
        return (self.primal - self.dual) / self.null


def judge(
    X: Any, y: np.ndarray, coef: np.ndarray, intercept: float, alpha: float, loss: str, fit: bool
) -> Verdict:
    """Judge one fit; `fit` tells whether there is an intercept."""
    coef = np.ravel(coef).astype(np.float64)
    return _judge(X, y, X @ coef + intercept, np.abs(coef).sum(), alpha, loss, fit)


def judge_path(
    X: Any, y: np.ndarray, coefs: Any, intercepts: Any, alphas: Any, loss: str, fit: bool
) -> list[Verdict]:
    """Judge each column of `coefs` (features x alphas, dense or sparse)."""
    coefs = sp.csc_matrix(coefs, dtype=np.float64)
    verdicts = []
    for k, alpha in enumerate(alphas):
        column = slice(coefs.indptr[k], coefs.indptr[k + 1])
        values = coefs.data[column]
        margins = X[:, coefs.indices[column]] @ values + intercepts[k]
        verdicts.append(_judge(X, y, margins, np.abs(values).sum(), alpha, loss, fit))
    return verdicts


def relative_gap(
    X: Any, y: np.ndarray, coef: np.ndarray, intercept: float, alpha: float, loss: str, fit: bool
) -> float:
    """(primal - dual) / primal at zero weights; `fit` tells whether there is an intercept."""
    return judge(X, y, coef, intercept, alpha, loss, fit).gap


def _judge(
    X: Any, y: np.ndarray, margins: np.ndarray, l1: float, alpha: float, loss: str, fit: bool
) -> Verdict:
    data_terms = _squared if loss == "squared" else _logistic
    primal, null, theta = data_terms(y, margins, fit)
    primal += alpha * l1
    largest = np.abs(X.T @ theta).max()
    n = len(y)
    if loss == "squared":
        square = n * theta @ theta
        best = (theta @ y) / square if square > 0 else 0.0
        scale = np.clip(best, 0.0, alpha / largest if largest > 0 else np.inf)
        dual = scale * (theta @ y) - 0.5 * scale**2 * square
    else:
        scale = min(1.0, alpha / largest) if largest > 0 else 1.0
        q = np.clip(scale * theta * y * n, 0.0, 1.0)
        dual = -(xlogy(q, q) + xlogy(1 - q, 1 - q)).mean()
    return Verdict(float(primal), float(dual), float(null))


def _squared(y: np.ndarray, margins: np.ndarray, fit: bool) -> tuple[float, float, np.ndarray]:
    n = len(y)
    residual = y - margins
    primal = residual @ residual / (2 * n)
    centre = y.mean() if fit else 0.0
    theta = residual - residual.mean() if fit else residual
    return primal, (y - centre) @ (y - centre) / (2 * n), theta / n


def _logistic(y: np.ndarray, margins: np.ndarray, fit: bool) -> tuple[float, float, np.ndarray]:
    n = len(y)
    primal = np.logaddexp(0, -y * margins).mean()
    share = (y > 0).mean() if fit else 0.5
    null = -(xlogy(share, share) + xlogy(1 - share, 1 - share))
    if not fit:
        null = np.log(2)
    shift = 0.0
    for _ in range(50 if fit else 0):
        p = expit(margins + shift)
        shift += np.clip(((y > 0) - p).mean() / max((p * (1 - p)).mean(), 1e-12), -2, 2)
    theta = y * expit(-y * (margins + shift)) / n
    if fit:  # what rounding leaves of the sum
        up, down = theta[theta > 0].sum(), -theta[theta < 0].sum()
        theta[theta > 0] *= min(1.0, down / up)
        theta[theta < 0] *= min(1.0, up / down)
    return primal, null, theta
