"""Penalties of groups whose strength is chosen by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ._inputs import Floats
from .crossvalidation import CrossValidated
from .folds import logarithmic_losses, squared_losses
from .grouped import (
    GroupClassifier,
    GroupedModel,
    GroupRegressor,
    MultiTaskRegressor,
    documented_groups,
)
from .selection import documented_choice
from .task import RULES

_CHOICE: dict[str, list[Any]] = {
    **CrossValidated._parameter_constraints,
    **GroupedModel._parameter_constraints,
}


@documented_choice("mean squared error", documented_groups)
@dataclass(kw_only=True, eq=False, repr=False)
class GroupLassoCV(GroupRegressor, CrossValidated):
    """GroupLasso whose strength is chosen by cross-validation.

    Parameters
    ----------
    {groups}
    {choice}
    {cv common}

    Attributes
    ----------
    alpha_, alphas_, l1_ratio_, mse_path_, score_path_, path_
        As of :class:`ElasticNetCV`.
    coef_, intercept_
        Of the path at `alpha_`, as of :class:`GroupLasso`.
    {attributes}

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 6))
    >>> model = sx.GroupLassoCV(groups=["a", "a", "b", "b", "c", "c"], cv=3, n_alphas=10)
    >>> model.fit(X, X[:, 0] - X[:, 1]).mse_path_.shape
    (10, 3)
    """

    _losses_path = "mse_path_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = _CHOICE

    def _row_losses(self, truth: npt.NDArray[Any], margins: Floats) -> Floats:
        return squared_losses(truth, margins)


@documented_choice("mean logarithmic loss", documented_groups)
@dataclass(kw_only=True, eq=False, repr=False)
class GroupLogisticRegressionCV(GroupClassifier, CrossValidated):
    """GroupLogisticRegression whose strength is chosen by cross-validation.

    Parameters
    ----------
    {groups}
    class_weight : dict, "balanced" or None, default=None
        Weights by class, multiplied into `sample_weight`; as in scikit-learn.
    multi_class : {"multinomial", "ovr"}, default="multinomial"
        What is fitted for more than two classes: the multinomial model, or each class against the
        rest.
    {choice}
    {cv common}

    Attributes
    ----------
    alpha_, alphas_, l1_ratio_, loss_path_, score_path_, path_
        As of :class:`SparseLogisticRegressionCV`.
    classes_, coef_, intercept_
        Of the path at `alpha_`, as of :class:`GroupLogisticRegression`.
    {attributes}

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((90, 5))
    >>> model = sx.GroupLogisticRegressionCV(cv=3, n_alphas=10).fit(X, X[:, :3].argmax(axis=1))
    >>> model.loss_path_.shape
    (10, 3)
    """

    _losses_path = "loss_path_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_CHOICE,
        **GroupClassifier._parameter_constraints,
    }

    def _row_losses(self, truth: npt.NDArray[Any], margins: Floats) -> Floats:
        return logarithmic_losses(truth, margins, together=self._together)


@documented_choice("mean squared error", documented_groups)
@dataclass(kw_only=True, eq=False, repr=False)
class MultiTaskElasticNetCV(MultiTaskRegressor, CrossValidated):
    """MultiTaskElasticNet whose strength and share are chosen by cross-validation.

    Parameters
    ----------
    l1_ratio : float or list of float, default=0.5
        ρ, the share of the norms, between 0 and 1, 0 only with `alphas`; the best of a list is
        chosen.
    {groups}
    {choice}
    {cv common}

    Attributes
    ----------
    alpha_, l1_ratio_, alphas_, mse_path_, score_path_, path_
        As of :class:`ElasticNetCV`; errors are means over the tasks.
    coef_, intercept_
        Of the path at `alpha_`, as of :class:`MultiTaskElasticNet`.
    {attributes}

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 6))
    >>> model = sx.MultiTaskElasticNetCV(l1_ratio=[0.5, 1.0], cv=3, n_alphas=10).fit(X, X[:, :2])
    >>> model.coef_.shape, model.mse_path_.shape
    ((2, 6), (2, 10, 3))
    """

    l1_ratio: Any = 0.5

    _losses_path = "mse_path_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_CHOICE,
        "l1_ratio": [*RULES["l1_ratio"], "array-like"],
    }

    def _row_losses(self, truth: npt.NDArray[Any], margins: Floats) -> Floats:
        each: Floats = np.mean(squared_losses(truth, margins), axis=1)
        return each


@documented_choice("mean squared error", documented_groups)
@dataclass(kw_only=True, eq=False, repr=False)
class MultiTaskLassoCV(MultiTaskElasticNetCV):
    """MultiTaskLasso whose strength is chosen by cross-validation.

    Parameters
    ----------
    {groups}
    {choice}
    {cv common}

    Attributes
    ----------
    alpha_, alphas_, l1_ratio_, mse_path_, score_path_, path_
        As of :class:`MultiTaskElasticNetCV`.
    coef_, intercept_
        Of the path at `alpha_`, as of :class:`MultiTaskLasso`.
    {attributes}

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((60, 6))
    >>> model = sx.MultiTaskLassoCV(cv=3, n_alphas=10).fit(X, X[:, :2])
    >>> model.coef_.shape
    (2, 6)
    """

    l1_ratio: Any = field(default=1.0, init=False)

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = _CHOICE
