"""Regression: Lasso and ElasticNet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from sklearn.base import RegressorMixin

from ._inputs import Floats, as_offset, as_sample_weight, as_target
from .estimator import ColumnModel, SparseLinearModel, Stated, documented
from .onestrength import OneStrength
from .scale.block import Facts, LossOfRows
from .scale.targets import numeric_loss
from .stating import check_target
from .task import RULES, LossName


@dataclass(kw_only=True, eq=False, repr=False)
class LinearRegressor(RegressorMixin, SparseLinearModel):
    """What the regressors share: one target, predicted by its margin."""

    _loss: ClassVar[LossName] = "squared"

    def _losses_of(self, facts: Facts) -> tuple[LossOfRows, ...]:
        return (numeric_loss(self._loss, facts, self.fit_intercept, self.delta),)

    def _stated(self, X: Any, y: Any, sample_weight: Any, offset: Any = None) -> Stated:
        reducer = self._reducer(X, y, sample_weight, offset)
        if reducer is not None:
            return self._stated_by_blocks(reducer)
        design, products = self._design(X, y)
        target = as_target(y, design.shape[0])
        weight = as_sample_weight(sample_weight, target)
        shifts = as_offset(offset, design.shape[0])
        check_target(self._loss, target, weight, shifts, self.fit_intercept)
        return Stated(design, target, weight, [""], lambda: iter([target]), shifts, products)

    def predict(self, X: Any) -> Floats:
        """Predict targets.

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
        return self._margins(X)


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class ElasticNet(OneStrength, LinearRegressor, ColumnModel):
    """Linear regression with L1 and L2 penalties, certified by a duality gap.

    Minimises ``1/(2n) Σ s_i (y_i - x_i·w - b)² + alpha Σ_j ω_j (ρ |w_j| + (1-ρ)/2 w_j²)``,
    scikit-learn's scaling exactly.

    Parameters
    ----------
    alpha : float or None, default=1.0
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0. As a MAP estimate with noise of variance σ² and ρ = 1, the prior
        of each weight is Laplace's with scale σ² / (n alpha).
    l1_ratio : float, default=0.5
        ρ, the share of the L1 part, between 0 and 1.
    {parameters}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,), float64
        Weights; most are exactly 0.
    sparse_coef_ : csr_matrix of shape (1, n_features)
        The same without the zeros.
    intercept_ : float
        The intercept, 0.0 without one.
    dual_gap_, relative_gap_ : float
        How far the objective is from the optimum at most, absolute and in units of the objective
        at zero weights.
    alpha_ : float
        The strength used.
    n_iter_ : int
        Sweeps of coordinate descent, or iterations of proximal gradient.
    solver_ : {"cd", "ista", "fista"}
        The solver that was used.
    status_ : Status
        How the solver ended.
    history_ : list of Round
        Gap, support, working set and seconds at each look at all columns.
    fit_memory_ : FitMemory
        Bytes that the fit held at most: `data`, `vectors`, `working_set`, and their `total`.
    interactions_ : Interactions or None
        The weights of crosses, where `interactions` asks for any.
    interaction_counts_ : InteractionCounts or None
        Crosses possible, co-occurring, looked at and built.
    interaction_ties_ : int or None
        How often a cross was equal to a column already built, which stands for it.
    certified_over_ : str or None
        What the gap is proved over, where there are crosses.
    encoder_ : FeatureCross or None
        What encodes a table of categories, where X was one and `interactions` asks for crosses.
    n_features_in_ : int
        Number of columns.

    References
    ----------
    Friedman, Hastie & Tibshirani 2010; Massias, Gramfort & Salmon 2018.

    Examples
    --------
    >>> import sparsecross as sx
    >>> model = sx.ElasticNet(alpha=0.1).fit([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]], [0.0, 1.0, 2.0])
    >>> bool(model.relative_gap_ <= 1e-4)
    True
    """

    alpha: float | None = field(default=1.0, kw_only=False)
    l1_ratio: float = 0.5

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OneStrength._parameter_constraints,
        **ColumnModel._parameter_constraints,
        "l1_ratio": RULES["l1_ratio"],
    }


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class Lasso(ElasticNet):
    """Linear regression with an L1 penalty, certified by a duality gap.

    Minimises ``1/(2n) Σ s_i (y_i - x_i·w - b)² + alpha Σ_j ω_j |w_j|``, scikit-learn's scaling
    exactly.

    Parameters
    ----------
    alpha : float or None, default=1.0
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0. As a MAP estimate with noise of variance σ², the prior of each
        weight is Laplace's with scale σ² / (n alpha).
    {parameters}

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, relative_gap_, alpha_
        As of :class:`ElasticNet`.
    n_iter_, solver_, status_, history_, fit_memory_
        As of :class:`ElasticNet`.
    interactions_, interaction_counts_, interaction_ties_, certified_over_, encoder_
        As of :class:`ElasticNet`.
    n_features_in_ : int
        Number of columns.

    References
    ----------
    Tibshirani 1996; Friedman, Hastie & Tibshirani 2010; Massias, Gramfort & Salmon 2018.

    Examples
    --------
    >>> import sparsecross as sx
    >>> sx.Lasso(alpha=0.5).fit([[-1.0, 0.0], [1.0, 0.0]], [-2.0, 2.0]).coef_.round(3)
    array([1.5, 0. ])
    """

    l1_ratio: float = field(default=1.0, init=False)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OneStrength._parameter_constraints,
        **ColumnModel._parameter_constraints,
    }
