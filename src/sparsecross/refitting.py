"""Solving again for the weights that a model has, without the bias that its penalty put on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._inputs import Floats
from .grouped import MultiTaskElasticNet
from .linear import ElasticNet
from .logistic import SparseLogisticRegression
from .poisson import PoissonRegressor
from .robust import HuberRegressor
from .survivors import Survivors, values_of
from .trimming import Evidence

_KINDS: dict[str, Any] = {
    "squared": ElasticNet,
    "logistic": SparseLogisticRegression,
    "huber": HuberRegressor,
    "poisson": PoissonRegressor,
}
_SHARE = 1e-3  # of the strength: weights that would run away (separable classes) are held
_KEPT = {"fit_intercept", "positive", "solver", "tol", "max_iter", "n_threads"} | {
    "delta",
    "standardize",
    "multi_class",
    "class_weight",
}


def refitted(model: Any, survivors: Survivors, evidence: Evidence) -> tuple[Survivors, Any]:
    """Weights of these columns and crosses on rows, at a thousandth of the strength.

    Returns
    -------
    Survivors
        The weights; those that came out as 0 are left out.
    float or ndarray
        The intercept.

    Raises
    ------
    ValueError
        If the model is one of a stream, which has no strength to take less of, or the rows lack a
        class.

    Notes
    -----
    Source: Meinshausen 2007, "Relaxed Lasso", at φ = 0.001.
    """
    kind = _KINDS.get(getattr(model, "_loss", ""))
    if evidence.y.ndim == 2:
        kind = MultiTaskElasticNet
    if kind is None:
        raise ValueError(
            f"refit needs an estimator of a batch, got {type(model).__name__}: start_from hands "
            "its weights to one"
        )
    if not len(survivors):
        return survivors, model.intercept_
    parameters = {k: v for k, v in model.get_params(deep=False).items() if k in _KEPT}
    parameters["l1_ratio"] = getattr(model, "l1_ratio_", model.l1_ratio)
    features, place = survivors.features()
    X = values_of(evidence.X, features)
    alpha = _SHARE * float(np.min(model.alpha_))
    again = kind(alpha=alpha, penalty_factor=_factors(model, features), **parameters)
    again.fit(X, evidence.y, evidence.weight, evidence.offset)
    classes = getattr(model, "classes_", None)
    if classes is not None and not np.array_equal(again.classes_, classes):
        raise ValueError(f"refit needs rows of every class, of which {len(classes)} were fitted.")
    weights = np.atleast_2d(again.coef_)[survivors.outputs(), place]
    return survivors.with_weights(weights), again.intercept_


def _factors(model: Any, features: npt.NDArray[np.int64]) -> Floats | None:
    """The penalty factors that the model's columns and crosses have."""
    alone = features[:, 1] < 0
    factors = np.where(alone, 1.0, getattr(model, "interaction_penalty", 1.0))
    if model.penalty_factor is not None:
        given = np.asarray(model.penalty_factor, dtype=np.float64)
        if hasattr(model, "groups_"):
            given = given[model.groups_.codes]
        factors[alone] = given[features[alone, 0]]
    return None if (factors == 1.0).all() else factors
