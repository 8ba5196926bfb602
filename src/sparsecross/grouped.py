"""Estimators whose penalty drops groups of columns as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.validation import validate_data

from . import _solvers
from ._inputs import Floats, as_sample_weight, as_targets
from .estimator import SparseLinearModel, Stated
from .groups import as_group_factor
from .grouptask import GroupTask
from .linear import LinearRegressor
from .logistic import LogisticClassifier
from .multinomial import AnyTask
from .onestrength import OneStrength
from .scale.block import Facts, LossOfRows
from .scale.reducer import Reducer
from .stating import GROUP_RULES, grouped_design
from .task import DEFAULT_DELTA, RULES, LossName

_PARAMETERS = """groups : "fields", array-like of shape (n_features,), list of lists or mapping, \
default=None
        Which columns are penalised together: the label of each column's group; the columns of each
        group, by number or name; the same by the groups' names. "fields" takes a table of
        categories, which is encoded as :class:`FeatureCross` does, a field being a group. By
        default each column is one of its own{alone}.
    l1_share : float, default=0.0
        τ, the share of the penalty on single weights (the sparse-group lasso's), between 0 and 1.
    penalty_factor : array-like of shape (n_groups,), optional
        ω of each group, in the order of `groups_.labels`: 0 leaves it unpenalised, infinity
        excludes it. By default the root of the number of its columns.
"""
_COMMON = """fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised, and X is not centred for it.
    tol : float, default=1e-4
        The relative duality gap to reach: gap / (objective at zero weights).
    max_iter : int, default=100_000
        Limit of sweeps of block coordinate descent.
{warm start}    n_threads : int, optional
        Threads; by default as many as OpenMP is allowed here. The answer does not depend on it.
    verbose : bool, default=False
        Whether to print a line at each look at all groups: seconds, relative duality gap, groups
        with weights, groups in the working set, and sweeps."""
_WARM_START = """    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit.
"""
_ATTRIBUTES = """groups_ : Groups
        The groups: `labels`, and `codes`, the place of each column's.
    group_norms_ : ndarray of shape (n_groups,)
        The root of the sum of squares of each group's weights; most are exactly 0.
    dual_gap_, relative_gap_ : float
        How far the objective is from the optimum at most, absolute and in units of the objective
        at zero weights.
    alpha_ : float
        The strength used.
    n_iter_, solver_, status_, history_, fit_memory_
        As of :class:`ElasticNet`.
    encoder_ : FeatureCross or None
        What encodes a table of categories, where X was one.
    n_features_in_ : int
        Number of columns."""


def documented_groups(estimator: Any) -> Any:
    """Put the meaning of the shared parameters into an estimator's docstring."""
    if estimator.__doc__ is not None:  # python -OO strips docstrings
        multinomial = ", whose weights in all classes belong together"
        alone = multinomial if "class" in estimator.__doc__ else ""
        estimator.__doc__ = (
            estimator.__doc__.replace("{groups}", _PARAMETERS.replace("{alone}", alone).rstrip())
            .replace("{common}", _COMMON.replace("{warm start}", _WARM_START))
            .replace("{cv common}", _COMMON.replace("{warm start}", ""))
            .replace("{attributes}", _ATTRIBUTES)
        )
    return estimator


@dataclass(kw_only=True, eq=False, repr=False)
class GroupedModel(SparseLinearModel):
    """What the estimators of groups share: the groups, and the task."""

    groups: Any = None
    l1_share: float = 0.0

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SparseLinearModel._parameter_constraints,
        **GROUP_RULES,
    }

    @property
    def group_norms_(self) -> Floats:
        """The root of the sum of squares of each group's weights."""
        norms: Floats = self.groups_.norms(self.coef_)
        return norms

    def _reducer(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Reducer | None:
        if super()._reducer(X, y, sample_weight, offset) is not None:
            raise ValueError(
                f"X must be a matrix or a table for {type(self).__name__}: groups of columns are "
                "not fitted over blocks of rows."
            )
        return None

    def _losses_of(self, facts: Facts) -> tuple[LossOfRows, ...]:
        raise NotImplementedError

    def _design(self, X: Any, y: Any) -> tuple[_solvers.Design, None]:
        validate_data(self, X, y, skip_check_array=True)
        names = getattr(self, "feature_names_in_", None)
        design, self.encoder_, self.groups_ = grouped_design(X, self.groups, names, self.n_threads)
        return design, None

    def _task(self, stated: Stated, targets: Floats, loss: str, **more: Any) -> GroupTask:
        assert isinstance(stated.design, _solvers.Design)  # blocks are refused
        return GroupTask(
            design=stated.design,
            targets=np.atleast_2d(targets),
            loss=loss,
            groups=self.groups_,
            penalty_factor=as_group_factor(self.penalty_factor, self.groups_),
            sample_weight=stated.weight,
            offset=stated.offset,
            fit_intercept=self.fit_intercept,
            n_threads=self.n_threads,
            l1_share=self.l1_share,
            delta=self.delta,
            **more,
        )

    def _tasks(self, stated: Stated) -> Iterator[AnyTask]:
        for target in stated.targets():
            yield self._task(stated, target, self._loss)


@dataclass(kw_only=True, eq=False, repr=False)
class GroupRegressor(GroupedModel, LinearRegressor):
    """What the regressors of one target share."""


@documented_groups
@dataclass(kw_only=True, eq=False, repr=False)
class GroupLasso(GroupRegressor, OneStrength):
    """Linear regression that drops groups of columns as a whole, certified by a duality gap.

    Minimises ``1/(2n) Σ s_i (y_i - x_i·w - b)² + alpha Σ_g ω_g (τ ‖w_g‖₁ + (1-τ) ‖w_g‖₂)``.

    Parameters
    ----------
    alpha : float or None, default=1.0
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0.
    {groups}
    {common}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,), float64
        Weights; those of most groups are exactly 0.
    intercept_ : float
        The intercept, 0.0 without one.
    {attributes}

    References
    ----------
    Yuan & Lin 2006; Simon, Friedman, Hastie & Tibshirani 2013; Ndiaye et al. 2017.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 6))
    >>> y = X[:, 0] - X[:, 1]
    >>> model = sx.GroupLasso(alpha=0.1, groups=["a", "a", "b", "b", "c", "c"]).fit(X, y)
    >>> model.groups_.labels[model.group_norms_ > 0]
    array(['a'], dtype='<U1')
    """

    alpha: float | None = field(default=1.0, kw_only=False)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OneStrength._parameter_constraints,
        **GroupedModel._parameter_constraints,
    }


@documented_groups
@dataclass(kw_only=True, eq=False, repr=False)
class GroupHuberRegressor(GroupRegressor, OneStrength):
    """:class:`GroupLasso` that outliers cannot lead astray, by the loss of :class:`HuberRegressor`.

    Minimises ``1/n Σ s_i h(y_i - x_i·w - b) + alpha Σ_g ω_g (τ ‖w_g‖₁ + (1-τ) ‖w_g‖₂)``.

    Parameters
    ----------
    alpha : float or None, default=None
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0.
    delta : float, default=1.35
        The error beyond which the loss is linear, in units of y.
    {groups}
    {common}

    Attributes
    ----------
    coef_, intercept_
        As of :class:`GroupLasso`.
    {attributes}

    References
    ----------
    Huber 1964; Yuan & Lin 2006.

    Examples
    --------
    >>> import sparsecross as sx
    >>> X, y = [[-2.0], [-1.0], [0.0], [1.0], [2.0]], [-2.0, -1.0, 0.0, 1.0, 99.0]
    >>> model = sx.GroupHuberRegressor(alpha=0.0, delta=0.1, tol=1e-9).fit(X, y)
    >>> bool(abs(model.coef_[0] - 1.0) < 0.2)
    True
    """

    alpha: float | None = field(default=None, kw_only=False)
    delta: float = DEFAULT_DELTA

    _loss: ClassVar[LossName] = "huber"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **GroupLasso._parameter_constraints,
        "delta": RULES["delta"],
    }


@dataclass(kw_only=True, eq=False, repr=False)
class GroupClassifier(GroupedModel, LogisticClassifier):
    """What the classifiers of groups share."""

    multi_class: str = "multinomial"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **GroupedModel._parameter_constraints,
        **LogisticClassifier._parameter_constraints,
    }

    def _tasks(self, stated: Stated) -> Iterator[AnyTask]:
        if not self._together:
            yield from super()._tasks(stated)
            return
        labels = stated.truth.astype(np.float64)
        yield self._task(stated, labels, "multinomial", n_classes=len(self.classes_), single=False)


@documented_groups
@dataclass(kw_only=True, eq=False, repr=False)
class GroupLogisticRegression(GroupClassifier, OneStrength):
    """Classification that drops groups of columns as a whole, for all classes at once.

    Minimises ``1/n Σ s_i loss(y_i, m_i) + alpha Σ_g ω_g (τ ‖W_g‖₁ + (1-τ) ‖W_g‖₂)`` with the
    logistic loss of two classes, or the multinomial one of several, where the block W_g has the
    weights of a group's columns in all classes.

    Parameters
    ----------
    alpha : float or None, default=None
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0.
    {groups}
    class_weight : dict, "balanced" or None, default=None
        Weights by class, multiplied into `sample_weight`; as in scikit-learn.
    multi_class : {"multinomial", "ovr"}, default="multinomial"
        What is fitted for more than two classes: the multinomial model, whose columns are dropped
        for all classes or none, or each class against the rest.
    {common}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float64
        Weights.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, 0.0 without.
    {attributes}

    References
    ----------
    Meier, van de Geer & Buhlmann 2008, "The group lasso for logistic regression"; Yuan & Lin 2006.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((90, 5))
    >>> model = sx.GroupLogisticRegression(alpha=0.1).fit(X, X[:, :3].argmax(axis=1))
    >>> (model.coef_ != 0).any(axis=0)
    array([ True,  True,  True, False, False])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OneStrength._parameter_constraints,
        **GroupClassifier._parameter_constraints,
    }


@dataclass(kw_only=True, eq=False, repr=False)
class MultiTaskRegressor(GroupedModel, LinearRegressor):
    """What the regressors of several targets share: a column's weights in all are a block."""

    def _stated(self, X: Any, y: Any, sample_weight: Any, offset: Any = None) -> Stated:
        self._reducer(X, y, sample_weight, offset)
        design, _ = self._design(X, y)
        targets = as_targets(y, design.shape[0])
        weight = as_sample_weight(sample_weight, targets[0])
        if offset is not None:
            raise ValueError("offset must be None for several tasks: take it off y.")
        return Stated(
            design, targets.T, weight, [""], lambda: iter([targets]), n_together=len(targets)
        )

    def _tasks(self, stated: Stated) -> Iterator[AnyTask]:
        for targets in stated.targets():
            yield self._task(stated, targets, "squared", single=False)

    def predict(self, X: Any) -> Floats:
        """Predict targets.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.

        Returns
        -------
        ndarray of shape (n_samples, n_tasks), float64

        Raises
        ------
        ValueError
            If X has another number of columns than at fit, or is malformed.
        """
        margins = self._margins(X)
        return margins if margins.ndim == 2 else margins[:, None]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags


@documented_groups
@dataclass(kw_only=True, eq=False, repr=False)
class MultiTaskElasticNet(MultiTaskRegressor, OneStrength):
    """Linear regression of several targets that have their columns in common, certified.

    Minimises ``1/(2n) Σ s_i ‖y_i - W x_i - b‖² + alpha Σ_j ω_j (ρ ‖w_j‖₂ + (1-ρ)/2 ‖w_j‖²)``, with
    w_j the weights of column j (or of a group) in all targets; scikit-learn's scaling exactly.

    Parameters
    ----------
    alpha : float or None, default=1.0
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0.
    l1_ratio : float, default=0.5
        ρ, the share of the norms, between 0 and 1.
    {groups}
    {common}

    Attributes
    ----------
    coef_ : ndarray of shape (n_tasks, n_features), float64
        Weights; most columns are exactly 0.
    intercept_ : ndarray of shape (n_tasks,)
        Intercepts, 0.0 without.
    {attributes}

    References
    ----------
    Obozinski, Taskar & Jordan 2010; Massias, Gramfort & Salmon 2018.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 4))
    >>> model = sx.MultiTaskElasticNet(alpha=0.1).fit(X, X[:, :2] @ [[1.0, 2.0], [3.0, 4.0]])
    >>> (model.coef_ != 0).any(axis=0)
    array([ True,  True, False, False])
    """

    alpha: float | None = field(default=1.0, kw_only=False)
    l1_ratio: float = 0.5

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **GroupLasso._parameter_constraints,
        "l1_ratio": RULES["l1_ratio"],
    }


@documented_groups
@dataclass(kw_only=True, eq=False, repr=False)
class MultiTaskLasso(MultiTaskElasticNet):
    """Linear regression of several targets that have their columns in common, certified.

    Minimises ``1/(2n) Σ s_i ‖y_i - W x_i - b‖² + alpha Σ_j ω_j ‖w_j‖₂``, with w_j the weights of
    column j (or of a group) in all targets; scikit-learn's scaling exactly.

    Parameters
    ----------
    alpha : float or None, default=1.0
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0.
    {groups}
    {common}

    Attributes
    ----------
    coef_, intercept_
        As of :class:`MultiTaskElasticNet`.
    {attributes}

    References
    ----------
    Obozinski, Taskar & Jordan 2010; Massias, Gramfort & Salmon 2018.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 4))
    >>> model = sx.MultiTaskLasso(alpha=0.1).fit(X, X[:, :2] @ [[1.0, 2.0], [3.0, 4.0]])
    >>> model.coef_.shape, model.predict(X).shape
    ((2, 4), (50, 2))
    """

    l1_ratio: float = field(default=1.0, init=False)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = GroupLasso._parameter_constraints
