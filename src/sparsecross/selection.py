"""Estimators that choose their alpha: LassoCV, ElasticNetCV, SparseLogisticRegressionCV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy.typing as npt

from ._inputs import Floats
from .crossvalidation import CrossValidated
from .estimator import ColumnModel, documented
from .folds import logarithmic_losses, squared_losses
from .linear import LinearRegressor
from .logistic import LogisticClassifier
from .task import RULES

_CV_PARAMETERS = """alphas : array-like of shape (n_alphas,), optional
        The strengths to choose from. By default a geometric grid from the smallest strength at
        which all penalised weights are 0 (on all rows) down to `eps` times that.
    n_alphas : int, default=100
        How many strengths the grid has.
    eps : float, default=1e-3
        The last strength of the grid over the first, between 0 and 1.
    cv : int, splitter, iterable of (train, held-out) rows or None, default=None
        The folds, as in scikit-learn: None means 5. Rows are weighed, not copied. Of a `BlockStore`
        folds are made of blocks, which are dealt out in turn, or named by their numbers.
    selection : {"min", "1se"}, default="min"
        "min" takes the strength of the smallest mean loss over the folds, "1se" the largest whose
        mean is within one standard error of that.
    scoring : str, callable or None, default=None
        What to choose by instead of {loss}: the name of one of
        scikit-learn's scorers, or a callable (estimator, X, y) whose larger values are better. It
        needs a copy of the rows held out.
    max_bytes : int, optional
        Only strengths count whose pruned model of all rows takes no more bytes than this, neither
        in memory nor in its file (names of columns and encoders come on top). To tell, the path on
        all rows is solved once more.
    max_nonzeros : int, optional
        Only strengths count whose model of all rows has no more weights that are not 0."""


def documented_choice(loss: str, rest: Callable[[Any], Any] = documented) -> Any:
    """Put the meaning of the parameters of a choice by `loss`, and the rest, into a docstring."""

    def document(estimator: Any) -> Any:
        if estimator.__doc__ is not None:
            text = _CV_PARAMETERS.replace("{loss}", loss)
            estimator.__doc__ = estimator.__doc__.replace("{choice}", text)
        return rest(estimator)

    return document


@documented_choice("mean squared error")
@dataclass(kw_only=True, eq=False, repr=False)
class ElasticNetCV(CrossValidated, LinearRegressor, ColumnModel):
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
    n_iter_, solver_, status_, history_, fit_memory_
        Likewise.
    interactions_, interaction_counts_, interaction_ties_, certified_over_, encoder_
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

    l1_ratio: Any = 0.5

    _losses_path = "mse_path_"
    _losses_per_unit = 2.0
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CrossValidated._parameter_constraints,
        **ColumnModel._parameter_constraints,
        "l1_ratio": [*RULES["l1_ratio"], "array-like"],
    }

    def _row_losses(self, truth: npt.NDArray[Any], margins: Floats) -> Floats:
        return squared_losses(truth, margins)


@documented_choice("mean squared error")
@dataclass(kw_only=True, eq=False, repr=False)
class LassoCV(ElasticNetCV):
    """Lasso whose strength is chosen by cross-validation.

    Parameters
    ----------
    {choice}
    {cv parameters}

    Attributes
    ----------
    alpha_, alphas_, l1_ratio_, mse_path_, score_path_, path_
        As of :class:`ElasticNetCV`.
    coef_, sparse_coef_, intercept_, dual_gap_, relative_gap_
        Of the path at `alpha_`, as of :class:`Lasso`.
    n_iter_, solver_, status_, history_, fit_memory_
        Likewise.
    interactions_, interaction_counts_, interaction_ties_, certified_over_, encoder_
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

    l1_ratio: Any = field(default=1.0, init=False)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CrossValidated._parameter_constraints,
        **ColumnModel._parameter_constraints,
    }


@documented_choice("mean logarithmic loss")
@dataclass(kw_only=True, eq=False, repr=False)
class SparseLogisticRegressionCV(CrossValidated, LogisticClassifier, ColumnModel):
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
    n_iter_, solver_, status_, history_, fit_memory_
        Likewise.
    interactions_, interaction_counts_, interaction_ties_, certified_over_, encoder_
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

    l1_ratio: Any = 1.0

    _losses_path = "loss_path_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CrossValidated._parameter_constraints,
        **LogisticClassifier._parameter_constraints,
        **ColumnModel._parameter_constraints,
        "l1_ratio": [*RULES["l1_ratio"], "array-like"],
    }

    def _row_losses(self, truth: npt.NDArray[Any], margins: Floats) -> Floats:
        return logarithmic_losses(truth, margins, together=self._together)
