"""Estimators: scikit-learn's conventions around the functional core."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import expit, log_expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _solvers
from ._inputs import (
    Floats,
    as_design,
    as_penalty_factor,
    as_sample_weight,
    as_target,
    check_length,
)
from ._solvers import Status
from .solving import RULES, LossName, Solution, Task, unsolved

_ADVICE = {
    Status.max_iter: "increase max_iter, or accept the gap by increasing tol",
    Status.precision_limit: "no step changes the objective any more in double precision; "
    "increase tol",
    Status.not_certified: "no dual-feasible point was found (unpenalised columns); "
    "the weights are stationary",
}

# What the parameters mean, the same for every estimator.
_PARAMETERS = """fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised, and X is not centred for it.
    positive : bool, default=False
        Whether weights must not be negative.
    penalty_factor : array-like of shape (n_features,), optional
        ω: 0 leaves a column unpenalised, infinity excludes it. All 1 by default.
    tol : float, default=1e-4
        The relative duality gap to reach: gap / (objective at zero weights).
    max_iter : int, default=100_000
        Limit of sweeps of coordinate descent.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit.
    n_threads : int, optional
        Threads; by default as many as OpenMP is allowed here. The answer does not depend on it."""


class _SparseLinearModel(BaseEstimator):
    """What the estimators share: one or several L1 problems over the same columns."""

    _loss: ClassVar[LossName]
    l1_ratio: float = 1.0

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [*RULES["alpha"], None],
        "warm_start": ["boolean"],
        **{
            name: RULES[name]
            for name in (
                "fit_intercept",
                "positive",
                "penalty_factor",
                "tol",
                "max_iter",
                "n_threads",
            )
        },
    }

    @contextmanager
    def _unchanged_unless_fitted(self) -> Iterator[None]:
        """Put every attribute back if an exception ends a fit that found no weights."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            if vars(self).get("coef_") is before.get("coef_"):
                self.__dict__.clear()
                self.__dict__.update(before)
            raise

    def _design(self, X: Any, y: Any) -> _solvers.Design:
        validate_data(self, X, y, skip_check_array=True)
        return as_design(X, "columns", self.n_threads)

    def _solve(
        self, design: _solvers.Design, targets: Iterable[Floats], n_targets: int, weight: Any
    ) -> None:
        """Solve a problem for each target, which is held only meanwhile, and set what is fitted.

        An exception of a signal handler is raised again once what was found is set; targets that
        had no turn keep their start, or zeros.
        """
        n_features = design.shape[1]
        starts = self._starts(n_targets, n_features)
        factor = as_penalty_factor(self.penalty_factor, n_features)
        solutions: list[Solution] = []
        alphas = []
        interruption = None
        for target, (coef, intercept) in zip(targets, starts, strict=True):
            if interruption is not None:
                solutions.append(unsolved(coef, intercept, n_features))
                alphas.append(alphas[-1])
                continue
            task = Task(
                design,
                target,
                self._loss,
                weight,
                factor,
                self.fit_intercept,
                self.positive,
                self.n_threads,
            )
            alpha = task.default_alpha(self.l1_ratio) if self.alpha is None else self.alpha
            solution = task.solve(
                alpha,
                self.l1_ratio,
                tol=self.tol,
                max_iter=self.max_iter,
                coef_init=coef,
                intercept_init=intercept,
            )
            alphas.append(float(alpha))
            solutions.append(replace(solution, dual_point=np.empty(0)))
            interruption = solution.interruption
        self._set_fitted(solutions, alphas)
        if interruption is not None:
            raise interruption
        self._warn(solutions)

    def _starts(self, n_problems: int, n_features: int) -> list[tuple[Floats | None, float]]:
        if self.warm_start and hasattr(self, "coef_"):
            coef = np.atleast_2d(self.coef_)
            if coef.shape == (n_problems, n_features):
                intercepts = np.atleast_1d(self.intercept_)
                return [
                    (np.ascontiguousarray(w), float(b))
                    for w, b in zip(coef, intercepts, strict=True)
                ]
        return [(None, 0.0)] * n_problems

    def _set_fitted(self, solutions: list[Solution], alphas: list[float]) -> None:
        single = len(solutions) == 1

        def one_or_all(values: list[Any]) -> Any:
            return values[0] if single else np.array(values)

        self.coef_ = np.array([s.coef for s in solutions]) if not single else solutions[0].coef
        self.intercept_ = one_or_all([s.intercept for s in solutions])
        self.dual_gap_ = one_or_all([s.gap for s in solutions])
        self.relative_gap_ = one_or_all([s.relative_gap for s in solutions])
        self.n_iter_ = one_or_all([max(1, s.n_iter) for s in solutions])
        self.alpha_ = one_or_all(alphas)
        self.status_ = solutions[0].status if single else [s.status for s in solutions]
        self.history_ = solutions[0].history if single else [s.history for s in solutions]

    def _warn(self, solutions: list[Solution]) -> None:
        short = [s for s in solutions if s.status is not Status.converged]
        if not short:
            return
        worst = max(short, key=lambda s: s.relative_gap)
        of_several = f" in {len(short)} of {len(solutions)} problems" if len(solutions) > 1 else ""
        warnings.warn(
            f"{type(self).__name__} stopped after {worst.n_iter} iterations with a relative "
            f"duality gap of {worst.relative_gap:.3g}, above tol={self.tol:g}{of_several} "
            f"({worst.status.name}): {_ADVICE[worst.status]}.",
            ConvergenceWarning,
            stacklevel=5,  # past _solve, fit and scikit-learn's wrapper of fit
        )

    @property
    def sparse_coef_(self) -> sp.csr_matrix:
        """The weights as a CSR matrix of shape (1, n_features) or (n_classes, n_features)."""
        check_is_fitted(self)
        return sp.csr_matrix(np.atleast_2d(self.coef_))

    def _margins(self, X: Any) -> Floats:
        """Xw + b, of shape (n_samples,) or (n_samples, n_problems)."""
        check_is_fitted(self)
        design = as_design(X, n_threads=self.n_threads)
        validate_data(self, X, reset=False, skip_check_array=True)
        threads = self.n_threads or 0
        coefs, intercepts = np.atleast_2d(self.coef_), np.atleast_1d(self.intercept_)
        margins = [
            design.product(np.ascontiguousarray(w, dtype=np.float64), threads) + b
            for w, b in zip(coefs, intercepts, strict=True)
        ]
        return margins[0] if len(margins) == 1 else np.stack(margins, axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class ElasticNet(RegressorMixin, _SparseLinearModel):
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
        Sweeps of coordinate descent.
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
        **_SparseLinearModel._parameter_constraints,
        "l1_ratio": RULES["l1_ratio"],
    }

    def __init__(
        self,
        alpha: float | None = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        positive: bool = False,
        penalty_factor: npt.ArrayLike | None = None,
        tol: float = 1e-4,
        max_iter: int = 100_000,
        warm_start: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.penalty_factor = penalty_factor
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_threads = n_threads

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to data.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            float32 or float64; CSC and Fortran order are read where they lie, other layouts are
            turned into those once.
        y : array-like of shape (n_samples,)
            Real targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights, not negative; only their proportions matter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule; the message names it.
        """
        with self._unchanged_unless_fitted():
            design = self._design(X, y)
            target = as_target(y, design.shape[0])
            self._solve(design, [target], 1, as_sample_weight(sample_weight, target))
        return self

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
    coef_, sparse_coef_, intercept_, dual_gap_, relative_gap_, alpha_, n_iter_, status_, history_
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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = (
        _SparseLinearModel._parameter_constraints
    )

    def __init__(
        self,
        alpha: float | None = 1.0,
        *,
        fit_intercept: bool = True,
        positive: bool = False,
        penalty_factor: npt.ArrayLike | None = None,
        tol: float = 1e-4,
        max_iter: int = 100_000,
        warm_start: bool = False,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(
            alpha,
            l1_ratio=1.0,
            fit_intercept=fit_intercept,
            positive=positive,
            penalty_factor=penalty_factor,
            tol=tol,
            max_iter=max_iter,
            warm_start=warm_start,
            n_threads=n_threads,
        )


class SparseLogisticRegression(ClassifierMixin, _SparseLinearModel):
    """Logistic regression with L1 and L2 penalties, certified by a duality gap.

    Minimises ``1/n Σ s_i log(1 + exp(-y_i (x_i·w + b))) + alpha Σ_j ω_j (ρ |w_j| + (1-ρ)/2 w_j²)``
    with two labels coded -1 and +1. More than two classes are fitted one against the rest, each
    with its own certificate. scikit-learn's C is 1 / (alpha Σ s_i).

    Parameters
    ----------
    alpha : float or None, default=None
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0 (of each one-against-the-rest problem). As a MAP estimate, the
        prior of each weight is Laplace's with scale 1 / (n alpha) for ρ = 1.
    l1_ratio : float, default=1.0
        ρ, the share of the L1 part, between 0 and 1.
    class_weight : dict, "balanced" or None, default=None
        Weights by class, multiplied into `sample_weight`; as in scikit-learn.
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float64
        Weights; most are exactly 0.
    sparse_coef_ : csr_matrix of the same shape
        The same without the zeros.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, 0.0 without.
    dual_gap_, relative_gap_, alpha_, n_iter_ : float and int, or ndarray of shape (n_classes,)
        Of the one problem, or of each.
    status_, history_ : Status and list of Round, or lists of them
        Of the one problem, or of each.
    n_features_in_ : int
        Number of columns.

    References
    ----------
    Yuan, Ho & Lin 2012; Massias, Gramfort & Salmon 2018.

    Examples
    --------
    >>> import sparsecross as sx
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> sx.SparseLogisticRegression().fit(X, ["no", "no", "yes", "yes"]).predict([[2.5]])
    array(['yes'], dtype='<U3')
    """

    _loss: ClassVar[LossName] = "logistic"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_SparseLinearModel._parameter_constraints,
        "l1_ratio": RULES["l1_ratio"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        alpha: float | None = None,
        *,
        l1_ratio: float = 1.0,
        class_weight: dict[Any, float] | str | None = None,
        fit_intercept: bool = True,
        positive: bool = False,
        penalty_factor: npt.ArrayLike | None = None,
        tol: float = 1e-4,
        max_iter: int = 100_000,
        warm_start: bool = False,
        n_threads: int | None = None,
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.penalty_factor = penalty_factor
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_threads = n_threads

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to data.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            float32 or float64; CSC and Fortran order are read where they lie, other layouts are
            turned into those once.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.
        sample_weight : array-like of shape (n_samples,), optional
            Weights, not negative; only their proportions matter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule, or y holds only one class; the message names it.
        """
        with self._unchanged_unless_fitted():
            design = self._design(X, y)
            y = column_or_1d(y, warn=True)
            assert_all_finite(y, input_name="y")
            check_classification_targets(y)
            check_length(y, design.shape[0], "y")
            classes, codes = np.unique(y, return_inverse=True)
            weight = as_sample_weight(sample_weight, codes)
            if self.class_weight is not None:
                by_class = compute_sample_weight(self.class_weight, y)
                weight = as_sample_weight(by_class if weight is None else by_class * weight, codes)
            seen = np.unique(codes if weight is None else codes[weight > 0])
            if len(seen) < 2:
                raise ValueError(
                    "y must hold at least two classes with positive weight, got one class: "
                    f"{classes.tolist()[seen[0]]!r}."
                )
            positives = [1] if len(classes) == 2 else range(len(classes))
            targets = (np.where(codes == k, 1.0, -1.0) for k in positives)
            # Before solving: an interrupted fit keeps its weights, and they need their labels.
            self.classes_ = classes
            self._solve(design, targets, len(positives), weight)
        return self

    def _set_fitted(self, solutions: list[Solution], alphas: list[float]) -> None:
        super()._set_fitted(solutions, alphas)
        self.coef_ = np.atleast_2d(self.coef_)
        self.intercept_ = np.atleast_1d(self.intercept_)

    def decision_function(self, X: Any) -> Floats:
        """Margins Xw + b.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes), float64

        Raises
        ------
        ValueError
            If X has another number of columns than at fit, or is malformed.
        """
        return self._margins(X)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Predict labels: of positive margin for two classes, else of the largest margin.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If X has another number of columns than at fit, or is malformed.
        """
        return labels(self._margins(X), self.classes_)

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes; one against the rest, they are scaled to sum to 1.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`.

        Raises
        ------
        ValueError
            If X has another number of columns than at fit, or is malformed.
        """
        return probabilities(self._margins(X))

    def predict_log_proba(self, X: Any) -> Floats:
        """Return the logarithm of :meth:`predict_proba`, same arguments and shape."""
        margins = self._margins(X)
        if margins.ndim == 1:  # probabilities too small for a float still have a logarithm
            return np.stack([log_expit(-margins), log_expit(margins)], axis=1)
        return np.log(probabilities(margins))


def labels(margins: Floats, classes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels of margins (n,) for two classes or (n, n_classes) for more."""
    at = (margins > 0).astype(np.intp) if margins.ndim == 1 else margins.argmax(axis=1)
    chosen: npt.NDArray[Any] = classes[at]
    return chosen


def probabilities(margins: Floats) -> Floats:
    """Probabilities (n, n_classes) of margins (n,) for two classes or (n, n_classes) for more."""
    if margins.ndim == 1:
        return np.stack([expit(-margins), expit(margins)], axis=1)
    each: Floats = expit(margins)
    total = each.sum(axis=1, keepdims=True)
    # Where every class is hopeless, all are equally so.
    return np.where(total > 0, each / np.where(total > 0, total, 1.0), 1.0 / margins.shape[1])


for _estimator in (ElasticNet, Lasso, SparseLogisticRegression):
    if _estimator.__doc__ is not None:  # python -OO strips docstrings
        _estimator.__doc__ = _estimator.__doc__.replace("{parameters}", _PARAMETERS)
