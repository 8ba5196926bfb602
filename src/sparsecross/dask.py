"""The estimators for data on the workers of a Dask cluster: the user's, who has a client to it.

Estimators of one strength and `path` are those of `sparsecross`, with the
same parameters and the same answers, but for where the rows lie: X may be a :class:`BlockStore`, a
dask DataFrame, a dask array whose blocks are dense or scipy's CSR, or a list of delayed batches.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from sklearn.base import _fit_context

from . import linear, logistic, poisson, robust, stream
from .callbacks import Listeners
from .classifier import LinearClassifier
from .crossing import FeatureCross
from .estimator import Stated
from .interactions import Interactions
from .onestrength import OneStrength
from .path import path as sx_path
from .pathrecord import Path
from .scale.averaging import LearnRound, average
from .scale.checkpoints import Checkpoint
from .scale.clusterblocks import cluster_reducer
from .scale.points import as_point
from .scale.reducer import Reducer
from .scale.targets import label_losses
from .solution import Look, OnLook
from .streamparameters import StreamLoss, StreamParameters

__all__ = [
    "ElasticNet",
    "FTRLClassifier",
    "HuberRegressor",
    "Lasso",
    "PoissonRegressor",
    "SparseLogisticRegression",
    "path",
]

_PARAMETERS = """encoder : FeatureCross, optional
        Fitted; turns the partitions of a DataFrame into columns. Without it they must be numbers.
    checkpoint : str or path-like, optional
        A file that the point of every look is saved to, and that is removed in the end. Where it is
        there at the beginning of a fit of the same parameters to rows of the same number, the fit
        goes on from it: a client that was lost costs no more than the time since the last look."""


@dataclass(kw_only=True, eq=False, repr=False)
class _OnCluster(OneStrength):
    """What the estimators here have beside those that they are named after."""

    encoder: FeatureCross | None = None
    checkpoint: str | os.PathLike[str] | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "encoder": [FeatureCross, None],
        "checkpoint": [str, os.PathLike, None],
    }

    def __init_subclass__(cls) -> None:
        """Check the parameters of both sides."""
        super().__init_subclass__()
        rules: dict[str, list[Any]] = {}
        for base in reversed(cls.__mro__):
            rules |= vars(base).get("_parameter_constraints", {})
        cls._parameter_constraints = rules

    def _reducer(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Reducer | None:
        return cluster_reducer(X, y, sample_weight, offset, encoder=self.encoder)

    def _solve(self, stated: Stated, listeners: Listeners) -> None:
        self._kept: Checkpoint | None = None
        if self.checkpoint is not None:
            asked = {
                name: repr(value)
                for name, value in self.get_params(deep=False).items()
                if name not in ("checkpoint", "encoder", "n_threads", "verbose")
            }
            self._kept = Checkpoint(self.checkpoint, asked | {"shape": repr(stated.design.shape)})
        try:
            super()._solve(stated, listeners)
            if self._kept is not None:
                self._kept.remove()
        finally:
            del self._kept

    def _starts(self, stated: Stated) -> list[tuple[Any, Any]]:
        starts, n_features = super()._starts(stated), stated.design.shape[1]
        if self._kept is None:
            return starts
        return [
            start if saved is None else (saved.dense(n_features), saved.intercept)
            for start, saved in zip(starts, map(self._kept.point, range(len(starts))), strict=True)
        ]

    def _crosses_to_start_from(self, k: int, coef: Any) -> Interactions | None:
        saved = None if self._kept is None else self._kept.point(k)
        if saved is None or self.interactions is None:
            return super()._crosses_to_start_from(k, coef)
        return saved.crosses(len(coef))

    def _heard(self, k: int, listeners: Listeners) -> OnLook | None:
        on_look, kept = super()._heard(k, listeners), self._kept
        if kept is None:
            return on_look

        def saved(look: Look) -> bool | None:
            kept.save(k, as_point(look.coef, float(look.intercept), look.interactions))
            return None if on_look is None else on_look(look)

        return saved


def _documented(estimator: Any) -> Any:
    """Say what the estimator is of this module, and what it has more."""
    name = estimator.__name__
    estimator.__doc__ = f"""{name} over the rows of a Dask cluster, certified by a duality gap.

    Parameters and attributes are those of :class:`sparsecross.{name}`, and:

    Parameters
    ----------
    {_PARAMETERS}

    Notes
    -----
    `interactions` are "pairwise" or None; `hierarchy`, `squares`, `fields`, and
    `multi_class="multinomial"` where there are more than two classes are for rows in memory.
    `max_iter` limits rounds over the blocks, which `n_iter_` counts.

    Examples
    --------
    >>> import dask.array as da, numpy as np, sparsecross.dask as sxd
    >>> from distributed import Client
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> with Client(processes=False, dashboard_address=None) as client:
    ...     rows, targets = da.from_array(X, chunks=(50, 3)), da.from_array(y, chunks=50)
    ...     model = sxd.{name}(alpha=0.1).fit(rows, targets)
    >>> np.flatnonzero(model.coef_)
    array([0])
    """
    return estimator


@_documented
@dataclass(kw_only=True, eq=False, repr=False)
class ElasticNet(_OnCluster, linear.ElasticNet):
    """Elastic net."""


@_documented
@dataclass(kw_only=True, eq=False, repr=False)
class Lasso(_OnCluster, linear.Lasso):
    """Lasso."""


@_documented
@dataclass(kw_only=True, eq=False, repr=False)
class HuberRegressor(_OnCluster, robust.HuberRegressor):
    """Regression that few outliers do not pull."""


@_documented
@dataclass(kw_only=True, eq=False, repr=False)
class PoissonRegressor(_OnCluster, poisson.PoissonRegressor):
    """Regression of counts."""


@_documented
@dataclass(kw_only=True, eq=False, repr=False)
class SparseLogisticRegression(_OnCluster, logistic.SparseLogisticRegression):
    """Sparse logistic regression."""


@dataclass(kw_only=True, eq=False, repr=False)
class FTRLClassifier(LinearClassifier, StreamParameters):
    """One model of a stream for each thread of a cluster that has rows, and their average.

    Each learns from its blocks alone, in their order, as :class:`sparsecross.FTRLClassifier` does;
    the weights are then averaged, each counted by its rows. That is another model than one that
    learns from all rows: it has no certificate, depends on how many threads there are, and more
    weights are not 0. :class:`SparseLogisticRegression` has none of these. Parameters are those of
    :class:`sparsecross.FTRLClassifier`, of which `interactions` must be None (make crosses columns,
    with an encoder), and:

    Parameters
    ----------
    encoder : FeatureCross, optional
        Fitted; turns the partitions of a DataFrame into columns.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    coef_, intercept_ : ndarray of shape (1 or n_classes, n_features), and (1 or n_classes,)
        The averages.
    n_models_ : int
        How many models were averaged.
    n_rows_ : int
        Rows learnt from, in all passes.
    progressive_loss_ : float
        The mean loss of each row before its own model learnt from it.

    References
    ----------
    McMahan et al. 2013; Zinkevich, Weimer, Smola & Li 2010, "Parallelized stochastic gradient
    descent" (averaging).

    Examples
    --------
    >>> import dask.array as da, numpy as np, sparsecross.dask as sxd
    >>> from distributed import Client
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> with Client(processes=False, dashboard_address=None) as client:
    ...     rows, targets = da.from_array(X, chunks=(50, 3)), da.from_array(X[:, 0] > 0, chunks=50)
    ...     model = sxd.FTRLClassifier(learning_rate=0.5).fit(rows, targets)
    >>> bool(model.score(X, X[:, 0] > 0) > 0.9)
    True
    """

    loss: StreamLoss = "logistic"
    encoder: FeatureCross | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **StreamParameters._parameter_constraints,
        "encoder": [FeatureCross, None],
    }

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from the rows of a cluster.

        Parameters
        ----------
        X, y, sample_weight
            As of the other estimators here.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule; the message names it.
        """
        if self.interactions is not None:
            raise ValueError(
                f"interactions must be None for averaged models, got {self.interactions!r}: make "
                "crosses columns, with an encoder."
            )
        reducer = cluster_reducer(X, y, sample_weight, encoder=self.encoder)
        self.classes_, _ = label_losses(reducer.facts, None)
        parameters = {k: v for k, v in self.get_params(deep=False).items() if k != "encoder"}
        asked = LearnRound(stream.FTRLClassifier(**parameters), tuple(self.classes_.tolist()))
        parts = reducer.deal(asked)
        found = average(parts)
        self.coef_, self.intercept_ = found.weights.toarray(), found.intercepts
        self.n_models_, self.n_rows_, self.progressive_loss_ = len(parts), found.n_rows, found.loss
        self.interactions_, self.encoder_ = None, reducer.encoder
        self.n_features_in_ = reducer.shape[1]
        if reducer.encoder is not None:
            self.n_features_in_ = reducer.encoder.n_features_in_
        return self


def path(
    X: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    offset: Any = None,
    encoder: FeatureCross | None = None,
    **options: Any,
) -> Path:
    """Solve at many strengths of the penalty over the rows of a Dask cluster.

    Parameters
    ----------
    X, y, sample_weight, offset
        As of `fit` here.
    encoder : FeatureCross, optional
        Fitted; turns the partitions of a DataFrame into columns.
    **options : dict
        As of :func:`sparsecross.path`.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        As of :func:`sparsecross.path`, and where the rows cannot be put on the cluster.

    Examples
    --------
    >>> import dask.array as da, numpy as np, sparsecross.dask as sxd
    >>> from distributed import Client
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> with Client(processes=False, dashboard_address=None) as client:
    ...     rows, targets = da.from_array(X, chunks=(50, 3)), da.from_array(X[:, 0], chunks=50)
    ...     found = sxd.path(rows, targets, n_alphas=3)
    >>> found.n_nonzeros.tolist()
    [0, 1, 1]
    """
    return sx_path(cluster_reducer(X, y, sample_weight, offset, encoder=encoder), **options)
