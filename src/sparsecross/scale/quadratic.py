"""A quadratic model over few columns, minimised as a lasso over its Cholesky factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from .. import _solvers
from .._inputs import Floats

_RIDGE = 1e-10  # of each column's curvature: where columns are collinear, a factor still exists
_CONSTANT = 1e-12  # of a column's square: less variation than that is rounding


@dataclass(frozen=True)
class Model:
    """The model -gᵀd - R e + ½ (dᵀ G d + 2 e bᵀd + H e²) of the loss, of means.

    Attributes
    ----------
    gradient : ndarray of shape (m,)
        g, the correlations of columns with the residual.
    weighted : ndarray of shape (m,)
        b, the sums of columns weighted by the curvature.
    products : ndarray of shape (m, m)
        G.
    residual, curvature : float
        R and H, the sums of the residual and of the curvature.
    """

    gradient: Floats
    weighted: Floats
    products: Floats
    residual: float
    curvature: float

    def fall(self, d: Floats, e: float) -> float:
        """How much lower the loss is after a step."""
        rise = -self.gradient @ d - self.residual * e
        bend = d @ (self.products @ d) + 2.0 * e * (self.weighted @ d) + self.curvature * e**2
        return -float(rise + 0.5 * bend)

    def best_shift(self, d: Floats) -> float:
        """The best e for a d."""
        if not self.curvature > 0:
            return 0.0
        return float((self.residual - self.weighted @ d) / self.curvature)


def minimise(
    model: Model,
    w: Floats,
    l1: Floats,
    l2: Floats,
    *,
    positive: bool,
    fit_intercept: bool,
    accuracy: float,
    n_threads: int | None,
) -> tuple[Floats, float]:
    """Minimise the model and the penalty over weights and the intercept's move.

    Problem: min over v and e of the model at d = v - w, plus Σ l1_j |v_j| + ½ l2_j v_j².
    Method:  e at its best takes b bᵀ / H off G. What is left, A, is factored, A = MᵀM, and ½ dᵀAd -
             gᵀd is ½ ‖M v - t‖² but for a constant, with Mᵀ(t - M w) = g: the lasso over M, which
             is solved to a duality gap of `accuracy`. The L2 part joins A.
    Cost:    m³ / 3 for the factor, and a lasso of m rows and columns.

    Returns
    -------
    v : ndarray of shape (m,)
        The weights.
    e : float
        The intercept's move.
    """
    g, products = model.gradient, model.products
    if fit_intercept and model.curvature > 0:
        share = model.weighted / model.curvature
        g = g - share * model.residual
        products = products - np.outer(model.weighted, share)
    variation = np.diagonal(products)
    moves = (variation > _CONSTANT * np.diagonal(model.products)) & np.isfinite(l1)
    v = np.zeros_like(w)  # of columns that do not: what the intercept can do at no price
    if moves.any():
        at = np.flatnonzero(moves)
        # Units in which columns have curvature 1, the L2 part included.
        norm = np.sqrt(variation[at] + l2[at])
        unit = (products[np.ix_(at, at)] + np.diag(l2[at])) / np.outer(norm, norm)
        factor = _factored(unit)
        force = (g[at] - l2[at] * w[at]) / norm
        now = norm * w[at]
        target = factor @ now + solve_triangular(factor, force, trans="T", check_finite=False)
        v[at] = _lasso(factor, target, l1[at] / norm, positive, accuracy, now, n_threads) / norm
    d = v - w
    return v, model.best_shift(d) if fit_intercept else 0.0


def _factored(unit: Floats) -> Floats:
    """The Cholesky factor, with as much of a ridge as roundings of the products make necessary."""
    ridge = _RIDGE
    while True:
        unit[np.diag_indices_from(unit)] = 1.0 + ridge
        try:
            factor: Floats = cholesky(unit, lower=False, check_finite=False)
        except LinAlgError:
            ridge *= 100.0
        else:
            return factor


def _lasso(
    factor: Floats,
    target: Floats,
    l1: Floats,
    positive: bool,
    accuracy: float,
    start: Floats,
    n_threads: int | None,
) -> Floats:
    """Argmin ½ ‖M v - t‖² + Σ l1_j |v_j|, to an absolute gap."""
    m = len(target)
    design = _solvers.Design.from_dense(np.asfortranarray(factor * np.sqrt(m)), "columns")
    strength = float(l1.max())
    factors = l1 / strength if strength > 0 else None
    problem = _solvers.Problem(
        design,
        "squared",
        target * np.sqrt(m),
        None,
        strength,
        0.0,
        factors,
        positive,
        False,
        n_threads or 0,
    )
    found = problem.solve(accuracy / problem.scale(), 100_000, start, 0.0, "cd", None)
    if found.interruption is not None:
        raise found.interruption
    return found.coef
