"""Products of columns, built: what problems over interactions are compared with."""

from dataclasses import replace
from itertools import combinations

import numpy as np


def columns_of(X, order=2, *, squares=False, allowed=None):
    """The columns of each product that exists, as tuples, in the order of their keys."""
    p = X.shape[1]
    pairs = list(combinations(range(p), 2))
    if squares:
        real = [j for j in range(p) if not np.isin(X[:, j], (0.0, 1.0)).all()]
        pairs += [(j, j) for j in real]
    found = sorted(pairs) + (list(combinations(range(p), 3)) if order == 3 else [])
    return [c for c in found if allowed is None or allowed(c)]


def products(X, columns):
    """The products themselves (n, len(columns))."""
    if not columns:
        return np.empty((len(X), 0))
    return np.column_stack([np.prod(X[:, list(c)], axis=1) for c in columns])


def built(problem, columns, penalty=1.0):
    """The problem with all these products among its columns."""
    p = problem.X.shape[1]
    factor = np.ones(p) if problem.penalty_factor is None else problem.penalty_factor
    return replace(
        problem,
        X=np.column_stack([problem.X, products(problem.X, columns)]),
        penalty_factor=np.concatenate([factor, np.full(len(columns), penalty)]),
    )


def weights(coef, interactions, columns):
    """Weights of columns and products as one vector, as `built` has them."""
    place = {c: k for k, c in enumerate(columns)}
    w = np.zeros(len(columns))
    for row, value in zip(interactions.columns.tolist(), interactions.values, strict=True):
        w[place[tuple(j for j in row if j >= 0)]] = value
    return np.concatenate([coef, w])
