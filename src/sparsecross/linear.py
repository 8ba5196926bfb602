"""Regression: Lasso and ElasticNet."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy.typing as npt
from sklearn.base import RegressorMixin, _fit_context

from ._inputs import Floats, as_offset, as_sample_weight, as_target
from .callbacks import Listeners
from .estimator import SparseLinearModel, Stated, documented
from .solution import SolverName
from .stating import check_target
from .task import RULES, LossName


class SparseRegressor(RegressorMixin, SparseLinearModel):
    """What the regressors share: one target, predicted by its margin."""

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> Self:
        """Fit to data.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            float32 or float64; CSC and Fortran order are read where they lie, other layouts are
            turned into those once.
        y : array-like of shape (n_samples,)
            Real targets; counts or rates, not negative, for the Poisson loss.
        sample_weight : array-like of shape (n_samples,), optional
            Weights, not negative; only their proportions matter.
        offset : array-like of shape (n_samples,), optional
            What is added to the margins Xw + b of these rows. Predictions leave it out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule; the message names it.
        """
        with self._unchanged_unless_fitted():
            stated = self._stated(X, y, sample_weight, offset)
            self._solve(stated, Listeners(self, stated.names, X, y, sample_weight))
        return self

    def _stated(self, X: Any, y: Any, sample_weight: Any, offset: Any = None) -> Stated:
        design = self._design(X, y)
        target = as_target(y, design.shape[0])
        weight = as_sample_weight(sample_weight, target)
        shifts = as_offset(offset, design.shape[0])
        check_target(self._loss, target, weight, shifts, self.fit_intercept)
        return Stated(design, target, weight, [""], lambda: iter([target]), shifts)

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
class ElasticNet(SparseRegressor):
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

    _loss: ClassVar[LossName] = "squared"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SparseRegressor._parameter_constraints,
        "l1_ratio": RULES["l1_ratio"],
    }

    def __init__(
        self,
        alpha: float | None = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        positive: bool = False,
        standardize: bool = False,
        penalty_factor: npt.ArrayLike | None = None,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 100_000,
        warm_start: bool = False,
        n_threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.standardize = standardize
        self.penalty_factor = penalty_factor
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_threads = n_threads
        self.verbose = verbose


@documented
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
    n_iter_, solver_, status_, history_
        As of :class:`ElasticNet`.
    n_features_in_ : int
        Number of columns.

    References
    ----------
    Tibshirani 1996; Friedman, Hastie & Tibshirani 2010; Massias, Gramfort & Salmon 2018.

    Examples
    --------
    >>> import sparsecross as sx
    >>> sx.Lasso(alpha=0.5).fit([[-1.0, 0.0], [1.0, 0.0]], [-2.0, 2.0]).coef_
    array([1.5, 0. ])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = SparseRegressor._parameter_constraints

    def __init__(
        self,
        alpha: float | None = 1.0,
        *,
        fit_intercept: bool = True,
        positive: bool = False,
        standardize: bool = False,
        penalty_factor: npt.ArrayLike | None = None,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 100_000,
        warm_start: bool = False,
        n_threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            alpha,
            l1_ratio=1.0,
            fit_intercept=fit_intercept,
            positive=positive,
            standardize=standardize,
            penalty_factor=penalty_factor,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            warm_start=warm_start,
            n_threads=n_threads,
            verbose=verbose,
        )
