"""Regression of counts: PoissonRegressor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions

from ._inputs import Floats
from .estimator import ColumnModel, documented
from .linear import LinearRegressor
from .model import Link
from .onestrength import OneStrength
from .task import RULES, LossName


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class PoissonRegressor(OneStrength, LinearRegressor, ColumnModel):
    """Poisson regression of counts and rates with L1 and L2 penalties, certified by a duality gap.

    Minimises ``1/n Σ s_i (exp(m_i) - y_i m_i) + alpha Σ_j ω_j (ρ |w_j| + (1-ρ)/2 w_j²)`` with
    margins m_i = x_i·w + b; exp(m_i) is the expected count.

    Parameters
    ----------
    alpha : float or None, default=None
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0. As a MAP estimate, the prior of each weight is Laplace's with scale
        1 / (n alpha) for ρ = 1.
    l1_ratio : float, default=1.0
        ρ, the share of the L1 part, between 0 and 1.
    {parameters}

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, relative_gap_, alpha_, n_iter_, solver_, status_,
    history_, fit_memory_
        As of :class:`ElasticNet`; the unit of the relative gap is half the mean deviance at zero
        weights.
    interactions_, interaction_counts_, interaction_ties_, certified_over_, encoder_
        As of :class:`ElasticNet`.
    n_features_in_ : int
        Number of columns.

    References
    ----------
    Friedman, Hastie & Tibshirani 2010; Yuan, Ho & Lin 2012.

    Examples
    --------
    Counts over different exposures, whose logarithm is an offset:

    >>> import numpy as np, sparsecross as sx
    >>> X, exposure = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([1.0, 2.0, 1.0, 2.0])
    >>> model = sx.PoissonRegressor(alpha=0.0, tol=1e-12)
    >>> model.fit(X, [1.0, 2.0, 3.0, 6.0], offset=np.log(exposure)).predict(X).round(3)
    array([1., 1., 3., 3.])
    """

    l1_ratio: float = 1.0

    _link: Link | None = field(default="log", init=False)

    _loss: ClassVar[LossName] = "poisson"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OneStrength._parameter_constraints,
        **ColumnModel._parameter_constraints,
        "l1_ratio": RULES["l1_ratio"],
        "solver": [StrOptions({"auto", "cd"})],
    }

    def predict(self, X: Any) -> Floats:
        """Predict the expected counts exp(Xw + b), at an offset of 0.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.

        Returns
        -------
        ndarray of shape (n_samples,), float64

        Raises
        ------
        ValueError
            If X has another number of columns than at fit, or is malformed.
        """
        return rates(self._margins(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of the deviance that is explained, D².

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.
        y : array-like of shape (n_samples,)
            True counts.
        sample_weight : array-like of shape (n_samples,), optional
            Weights.

        Returns
        -------
        float
            1 at best, 0 for the mean of y.
        """
        from sklearn.metrics import d2_tweedie_score  # all metrics: longer to load than a fit takes

        predicted = np.maximum(self.predict(X), np.finfo(np.float64).tiny)
        return float(d2_tweedie_score(y, predicted, sample_weight=sample_weight, power=1))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags


def rates(margins: Floats) -> Floats:
    """Expected counts exp(margins); infinite where they are beyond double precision."""
    with np.errstate(over="ignore"):
        expected: Floats = np.exp(margins)
    return expected
