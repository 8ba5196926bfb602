"""Robust regression: HuberRegressor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .estimator import ColumnModel, documented
from .linear import LinearRegressor
from .onestrength import OneStrength
from .task import DEFAULT_DELTA, RULES, LossName


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class HuberRegressor(OneStrength, LinearRegressor, ColumnModel):
    """Linear regression that outliers cannot lead astray, with L1 and L2 penalties, certified.

    Minimises ``1/n Σ s_i h(y_i - x_i·w - b) + alpha Σ_j ω_j (ρ |w_j| + (1-ρ)/2 w_j²)`` with
    ``h(r) = ½ r²`` for ``|r| <= delta`` and ``delta |r| - ½ delta²`` beyond. No scale is estimated:
    delta is in units of y.

    Parameters
    ----------
    alpha : float or None, default=None
        Strength of the penalty; None means a hundredth of the smallest strength at which all
        penalised weights are 0.
    delta : float, default=1.35
        The error beyond which the loss is linear, in units of y.
    l1_ratio : float, default=1.0
        ρ, the share of the L1 part, between 0 and 1.
    {parameters}

    Attributes
    ----------
    coef_, sparse_coef_, intercept_, dual_gap_, relative_gap_, alpha_, n_iter_, solver_, status_,
    history_, fit_memory_
        As of :class:`ElasticNet`.
    interactions_, interaction_counts_, interaction_ties_, certified_over_, encoder_
        As of :class:`ElasticNet`.
    n_features_in_ : int
        Number of columns.

    References
    ----------
    Huber 1964, "Robust estimation of a location parameter"; Yi & Huang 2017.

    Examples
    --------
    >>> import sparsecross as sx
    >>> X, y = [[-2.0], [-1.0], [0.0], [1.0], [2.0]], [-2.0, -1.0, 0.0, 1.0, 99.0]
    >>> model = sx.HuberRegressor(alpha=0.0, delta=0.1, tol=1e-9).fit(X, y)
    >>> bool(abs(model.coef_[0] - 1.0) < 0.2)
    True
    """

    delta: float = DEFAULT_DELTA
    l1_ratio: float = 1.0

    _loss: ClassVar[LossName] = "huber"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OneStrength._parameter_constraints,
        **ColumnModel._parameter_constraints,
        "l1_ratio": RULES["l1_ratio"],
        "delta": RULES["delta"],
    }
