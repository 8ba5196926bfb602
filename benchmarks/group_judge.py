"""One judge for group penalties: the relative duality gap of any weights, in NumPy alone.

Three kinds of problem, each with the mean over rows and weights W of shape features x outputs:

    group        |y - X w - b|^2 / 2n      + alpha * sum over groups of sqrt(size) * |w_g|
    multitask    |Y - X W - 1 b'|^2 / 2n   + alpha * sum over columns of |W_j|
    multinomial  mean of logsumexp(m_i) - m_i[y_i], m = X W + 1 b', and the penalty of multitask

Shares nothing with the package. As in `judge.py` the dual point is the scaled residual of the
weights and of their own best intercepts, so the gap bounds the true distance from the optimum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp, softmax, xlogy

from judge import Verdict


def alpha_max(X: Any, Y: np.ndarray, groups: np.ndarray | None, kind: str, fit: bool) -> float:
    """The smallest strength at which all weights are 0; `fit` tells of an intercept."""
    if kind == "multinomial":
        ones = _one_hot(Y)
        residual = ones - (ones.mean(axis=0) if fit else 1 / ones.shape[1])
    else:
        residual = _columns(Y)
        residual = residual - residual.mean(axis=0) if fit else residual
    return float(_norms(X.T @ residual, groups).max()) / len(Y)


def judge(
    X: Any,
    Y: np.ndarray,
    groups: np.ndarray | None,
    coef: np.ndarray,
    intercept: Any,
    alpha: float,
    kind: str,
    fit: bool,
) -> Verdict:
    """Judge one fit: `coef` is features x outputs, `groups` the label of each column or None."""
    coef = _columns(np.asarray(coef, np.float64))
    used = np.flatnonzero(coef.any(axis=1))
    margins = X[:, used] @ coef[used] + np.asarray(intercept, np.float64)
    sizes = 1.0 if groups is None else np.bincount(groups)
    penalty = alpha * (sizes * _norms(coef, groups)).sum()  # _norms divides by the root of the size
    n = len(Y)
    if kind == "multinomial":
        ones = _one_hot(Y)
        primal = (logsumexp(margins, axis=1) - (margins * ones).sum(axis=1)).mean()
        share = ones.mean(axis=0) if fit else np.full(ones.shape[1], 1 / ones.shape[1])
        null = -xlogy(share, share).sum() if fit else np.log(len(share))
        theta = ones - (_balanced(margins, ones) if fit else softmax(margins, axis=1))
        largest = _norms(X.T @ theta, groups).max() / n
        scale = min(1.0, alpha / largest) if largest > 0 else 1.0
        mixed = np.clip(ones - scale * theta, 0.0, 1.0)  # between the labels and the chances
        dual = -xlogy(mixed, mixed).sum() / n
    else:
        Y = _columns(Y)
        residual = Y - margins
        primal = (residual**2).sum() / (2 * n)
        centred = Y - Y.mean(axis=0) if fit else Y
        null = (centred**2).sum() / (2 * n)
        theta = residual - residual.mean(axis=0) if fit else residual
        largest = _norms(X.T @ theta, groups).max() / n
        square, product = (theta**2).sum() / n, (theta * centred).sum() / n
        best = product / square if square > 0 else 0.0
        scale = np.clip(best, 0.0, alpha / largest if largest > 0 else np.inf)
        dual = scale * product - 0.5 * scale**2 * square
    return Verdict(float(primal + penalty), float(dual), float(null))


def _columns(Y: np.ndarray) -> np.ndarray:
    return Y.reshape(len(Y), -1)


def _one_hot(labels: np.ndarray) -> np.ndarray:
    """A row for each label, which is a whole number from 0."""
    return np.eye(labels.max() + 1)[labels]


def _norms(Z: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """The norm of each group of rows over the root of its size; of each row without groups."""
    squares = (_columns(Z) ** 2).sum(axis=1)
    if groups is None:
        return np.sqrt(squares)
    return np.sqrt(np.bincount(groups, weights=squares) / np.bincount(groups))


def _balanced(margins: np.ndarray, ones: np.ndarray) -> np.ndarray:
    """Chances at the best intercepts: each class is expected as often as it occurs."""
    counts = ones.sum(axis=0)
    shift = np.zeros(len(counts))
    for _ in range(50):
        chances = softmax(margins + shift, axis=1)
        excess = chances.sum(axis=0) - counts
        if np.abs(excess).max() <= 1e-13 * len(ones):
            break
        curvature = np.diag(chances.sum(axis=0)) - chances.T @ chances
        shift -= np.clip(np.linalg.pinv(curvature, hermitian=True) @ excess, -2, 2)
    chances = softmax(margins + shift, axis=1)
    # What Newton and rounding leave: frequent classes give what they have too much to the others.
    expected = chances.sum(axis=0)
    kept = chances * np.minimum(1.0, counts / expected)
    missing = np.maximum(counts - kept.sum(axis=0), 0.0)
    if missing.sum() > 0:
        kept += np.outer(1.0 - kept.sum(axis=1), missing / missing.sum())
    return kept
