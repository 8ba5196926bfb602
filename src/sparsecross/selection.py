"""Estimators that choose their alpha: LassoCV, ElasticNetCV, SparseLogisticRegressionCV."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy.typing as npt
from sklearn.base import _fit_context

from ._inputs import Floats
from .crossvalidation import CrossValidated
from .estimator import documented
from .folds import logarithmic_losses, squared_losses
from .linear import ElasticNet
from .logistic import SparseLogisticRegression
from .solution import SolverName

_CV_PARAMETERS = """alphas : array-like of shape (n_alphas,), optional
        The strengths to choose from. By default a geometric grid from the smallest strength at
        which all penalised weights are 0 (on all rows) down to `eps` times that.
    n_alphas : int, default=100
        How many strengths the grid has.
    eps : float, default=1e-3
        The last strength of the grid over the first, between 0 and 1.
    cv : int, splitter, iterable of (train, held-out) rows or None, default=None
        The folds, as in scikit-learn: None means 5. Rows are weighed, not copied.
    selection : {"min", "1se"}, default="min"
        "min" takes the strength of the smallest mean loss over the folds, "1se" the largest whose
        mean is within one standard error of that.
    scoring : str, callable or None, default=None
        What to choose by instead of {loss}: the name of one of
        scikit-learn's scorers, or a callable (estimator, X, y) whose larger values are better. It
        needs a copy of the rows held out."""


def _documented(loss: str) -> Any:
    def document(estimator: Any) -> Any:
        if estimator.__doc__ is not None:
            text = _CV_PARAMETERS.replace("{loss}", loss)
            estimator.__doc__ = estimator.__doc__.replace("{choice}", text)
        return documented(estimator)

    return document


@_documented("mean squared error")
class ElasticNetCV(CrossValidated, ElasticNet):
    """Elastic net whose strength, and share of L1, are chosen by cross-validation.

    Parameters
    ----------
    l1_ratio : float or list of float, default=0.5
        ρ, the share of the L1 part, between 0 and 1, 0 only with `alphas`; the best of a
        list is chosen.
    {choice}
    {cv parameters}

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The strength and the share chosen.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The strengths compared, decreasing.
    mse_path_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratios, n_alphas, n_folds)
        Mean squared error of the rows held out; a fold's mean is weighted by `sample_weight`.
    score_path_ : ndarray of the same shape
        The scores that were compared, where `scoring` is given.
    path_ : Path
        The solutions on all rows, at the share chosen.
    coef_, sparse_coef_, intercept_, dual_gap_, relative_gap_
        Of the path at `alpha_`, as of :class:`ElasticNet`.
    n_iter_, solver_, status_, history_
        Likewise.
    n_features_in_ : int
        Number of columns.

    References
    ----------
    Friedman, Hastie & Tibshirani 2010; Hastie, Tibshirani & Friedman 2009, section 7.10.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 20))
    >>> model = sx.ElasticNetCV(l1_ratio=[0.5, 1.0]).fit(X, X[:, 0] - X[:, 1])
    >>> model.l1_ratio_, model.mse_path_.shape
    (1.0, (2, 100, 5))
    """

    _losses_path = "mse_path_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CrossValidated._parameter_constraints,
        "l1_ratio": [*ElasticNet._parameter_constraints["l1_ratio"], "array-like"],
    }

    def __init__(
        self,
        *,
        l1_ratio: float | npt.ArrayLike = 0.5,
        alphas: npt.ArrayLike | None = None,
        n_alphas: int = 100,
        eps: float = 1e-3,
        cv: Any = None,
        selection: str = "min",
        scoring: Any = None,
        fit_intercept: bool = True,
        positive: bool = False,
        standardize: bool = False,
        penalty_factor: npt.ArrayLike | None = None,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 100_000,
        n_threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.alphas = alphas
        self.n_alphas = n_alphas
        self.eps = eps
        self.cv = cv
        self.selection = selection
        self.scoring = scoring
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.standardize = standardize
        self.penalty_factor = penalty_factor
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_threads = n_threads
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, **params: Any
    ) -> Self:
        """Choose alpha and fit to all rows.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            float32 or float64; CSC and Fortran order are read where they lie, other layouts are
            turned into those once.
        y : array-like of shape (n_samples,)
            Real targets.
        sample_weight : array-like of shape (n_samples,), optional
            Weights, not negative; they count in fits and in errors.
        offset : array-like of shape (n_samples,), optional
            What is added to the margins Xw + b of these rows, in fits and in errors. Predictions
            leave it out, so it cannot stand beside `scoring`.
        **params : dict
            `groups` for the splitter; with scikit-learn's metadata routing enabled, whatever the
            splitter asks for.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule; the message names it.
        """
        with self._unchanged_unless_fitted():
            self._cross_validate(X, y, sample_weight, offset, params)
        return self

    def _row_losses(self, truth: npt.NDArray[Any], margins: Floats) -> Floats:
        return squared_losses(truth, margins)


@_documented("mean squared error")
class LassoCV(ElasticNetCV):
    """Lasso whose strength is chosen by cross-validation.

    Parameters
    ----------
    {choice}
    {cv parameters}

    Attributes
    ----------
    alpha_, alphas_, mse_path_, score_path_, path_
        As of :class:`ElasticNetCV`.
    coef_, sparse_coef_, intercept_, dual_gap_, relative_gap_
        Of the path at `alpha_`, as of :class:`Lasso`.
    n_iter_, solver_, status_, history_
        Likewise.
    n_features_in_ : int
        Number of columns.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 20))
    >>> model = sx.LassoCV(selection="1se").fit(X, X[:, 0] - X[:, 1])
    >>> model.path_.n_nonzeros.shape, bool(model.relative_gap_ <= 1e-4)
    ((100,), True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CrossValidated._parameter_constraints

    def __init__(
        self,
        *,
        alphas: npt.ArrayLike | None = None,
        n_alphas: int = 100,
        eps: float = 1e-3,
        cv: Any = None,
        selection: str = "min",
        scoring: Any = None,
        fit_intercept: bool = True,
        positive: bool = False,
        standardize: bool = False,
        penalty_factor: npt.ArrayLike | None = None,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 100_000,
        n_threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            l1_ratio=1.0,
            alphas=alphas,
            n_alphas=n_alphas,
            eps=eps,
            cv=cv,
            selection=selection,
            scoring=scoring,
            fit_intercept=fit_intercept,
            positive=positive,
            standardize=standardize,
            penalty_factor=penalty_factor,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            n_threads=n_threads,
            verbose=verbose,
        )


@_documented("mean logarithmic loss")
class SparseLogisticRegressionCV(CrossValidated, SparseLogisticRegression):
    """Sparse logistic regression whose strength is chosen by cross-validation.

    Of more than two classes, one against the rest or all at once, all have the same strength.

    Parameters
    ----------
    l1_ratio : float or list of float, default=1.0
        ρ, the share of the L1 part, between 0 and 1, 0 only with `alphas`; the best of a
        list is chosen.
    class_weight : dict, "balanced" or None, default=None
        Weights by class, multiplied into `sample_weight`; as in scikit-learn.
    multi_class : {"ovr", "multinomial"}, default="ovr"
        What is fitted for more than two classes: each against the rest, or the multinomial model.
    {choice}
    {cv parameters}

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The strength and the share chosen.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The strengths compared, decreasing.
    loss_path_ : ndarray of shape (n_alphas, n_folds) or (n_l1_ratios, n_alphas, n_folds)
        Mean logarithmic loss of the rows held out; a fold's mean is weighted by class and sample.
    score_path_ : ndarray of the same shape
        The scores that were compared, where `scoring` is given.
    path_ : Path, or list of Path with more than two classes, each fitted against the rest
        The solutions on all rows, at the share chosen; :meth:`Path.of_class` takes the one path of
        the multinomial model apart.
    classes_, coef_, sparse_coef_, intercept_, dual_gap_, relative_gap_
        Of the path at `alpha_`, as of :class:`SparseLogisticRegression`.
    n_iter_, solver_, status_, history_
        Likewise.
    n_features_in_ : int
        Number of columns.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 20))
    >>> model = sx.SparseLogisticRegressionCV(cv=3).fit(X, X[:, 0] > X[:, 1])
    >>> model.loss_path_.shape
    (100, 3)
    """

    _losses_path = "loss_path_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CrossValidated._parameter_constraints,
        "l1_ratio": [*SparseLogisticRegression._parameter_constraints["l1_ratio"], "array-like"],
        **{
            name: SparseLogisticRegression._parameter_constraints[name]
            for name in ("class_weight", "multi_class")
        },
    }

    def __init__(
        self,
        *,
        l1_ratio: float | npt.ArrayLike = 1.0,
        class_weight: Any = None,
        multi_class: str = "ovr",
        alphas: npt.ArrayLike | None = None,
        n_alphas: int = 100,
        eps: float = 1e-3,
        cv: Any = None,
        selection: str = "min",
        scoring: Any = None,
        fit_intercept: bool = True,
        positive: bool = False,
        standardize: bool = False,
        penalty_factor: npt.ArrayLike | None = None,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 100_000,
        n_threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.class_weight = class_weight
        self.multi_class = multi_class
        self.alphas = alphas
        self.n_alphas = n_alphas
        self.eps = eps
        self.cv = cv
        self.selection = selection
        self.scoring = scoring
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.standardize = standardize
        self.penalty_factor = penalty_factor
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.n_threads = n_threads
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, **params: Any
    ) -> Self:
        """Choose alpha and fit to all rows.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            float32 or float64; CSC and Fortran order are read where they lie, other layouts are
            turned into those once.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.
        sample_weight : array-like of shape (n_samples,), optional
            Weights, not negative; they count in fits and in errors.
        offset : array-like of shape (n_samples,), optional
            What is added to the margins Xw + b of these rows, in fits and in errors. Predictions
            leave it out, so it cannot stand beside `scoring`. The multinomial model has none.
        **params : dict
            `groups` for the splitter; with scikit-learn's metadata routing enabled, whatever the
            splitter asks for.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule, or a fold lacks a class; the message names it.
        """
        with self._unchanged_unless_fitted():
            self._cross_validate(X, y, sample_weight, offset, params)
        return self

    def _row_losses(self, truth: npt.NDArray[Any], margins: Floats) -> Floats:
        return logarithmic_losses(truth, margins, together=self._together)
