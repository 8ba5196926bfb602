"""Parameters of the estimators of streams, and what they make: a reader of rows and a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from . import _stream
from ._inputs import as_design
from .fields import has_categories, is_table
from .growingrows import GrowingRows
from .interactions import INTERACTION_RULES
from .matrixrows import MatrixRows
from .rowlists import Fields
from .streamrows import StreamRows
from .streamtables import read_first, table_encoder
from .tablerows import TableRows
from .task import DEFAULT_DELTA, RULES

UPDATES = ("ftrl", "proximal", "subgradient")
StreamLoss = Literal["squared", "logistic", "huber", "absolute"]
LOSSES: tuple[StreamLoss, ...] = ("squared", "logistic", "huber", "absolute")

_PARAMETERS = """learning_rate : float, default=0.1
        Each coordinate's own rate is learning_rate / (beta + √n), n being the sum of the squares of
        its gradients so far.
    beta : float, default=1.0
        What holds the first steps back.
    l1, l2 : float, default=1.0
        Strengths of the penalties. For update="ftrl" ``l1 |w| + l2 w² / 2`` is added once to the
        sum of the losses of all rows: `alpha` of the batch estimators is l1 / rows seen. For the
        two others ``l1 |w| + l2 w²`` is added to the loss of each row that has the coordinate.
    loss : {losses}
        The loss of a row.
    delta : float, default=1.35
        Where the Huber loss turns from a parabola to a line.
    update : {"ftrl", "proximal", "subgradient"}, default="ftrl"
        FTRL-proximal; the proximal (soft-threshold) gradient step; or the textbook rule
        w -= η (∂loss + l1 sign w + 2 l2 w), which never lands on 0 and is there to show so.
    interactions : {"pairwise", "triples"}, list of tuples or None, default=None
        Products of columns that have weights too: they are visited as a row is read, never
        stored. As of the batch estimators: "pairwise" are all of two distinct columns, "triples"
        those and all of three, a list names pairs and triples of columns, or of fields.
    fields : array-like of shape (n_features,), optional
        The field of each column of a matrix, for a list of `interactions` of fields.
    n_bits : int or None, default=22
        Weights lie in 2**n_bits slots, to which columns and crosses are hashed; those of a matrix
        have slots of their own where there are enough. None: exact keys, in a table that grows
        with the columns (of tables of categories: the categories) and crosses that are met.
    admission : int, float or None, default=None
        With n_bits=None, which keys get a weight: an int those met so many times (up to 255;
        counted in 4 MB of shared counters, which may take a key for an older one); a float each
        with this probability whenever it is met, as a hash of key and row says. None: all.
    buckets : int, dict of field to int, or None, default=None
        Into at most how many intervals numeric fields of a table are cut, at quantiles of the first
        batch; as of :class:`FeatureCross`. With it, be it empty, a DataFrame of nothing but numbers
        is a table of categories too, and no matrix.
    numeric_nulls : {"error", "indicator"}, default="error"
        Whether nulls in these raise or are a category of their own.
    fit_intercept : bool, default=True
        Whether there is an intercept, which is never penalised.
    n_features : int, optional
        The number of columns, for rows of integers that are learnt one at a time before any batch.
    n_passes : int, default=1
        How often `fit` goes through the data.
    window : int or None, default=None
        Rows between two records of `history_`; None: after 1, 2, 4, 8, ... rows.
    n_learners : int, default=1
        Threads that learn. More than one neither lock nor wait: results then differ from run to run
        and are a little worse, and exact keys have none.
    n_threads : int, optional
        Threads for reading and for predictions.
    verbose : bool, default=False
        Whether to print a line for each record of `history_`."""

_ATTRIBUTES = """n_rows_ : int
        Rows learnt from.
    progressive_loss_ : float
        The mean loss of each row before it was learnt from; weighted; of several classes the sum
        over them.
    history_ : list of StreamRecord
        Rows, mean loss so far, and mean loss since the last record.
    n_bytes_ : int
        Bytes of the weights' states, with their keys; `fit_memory_` says the same as a `FitMemory`.
    encoder_ : FeatureCross or None
        For tables, what encodes rows as the columns of `coef_`: they are hashed, or, with
        n_bits=None, the categories met so far, by name.
    interactions_ : Interactions or None
        Weights of the crosses of a matrix or, with n_bits=None, of a table, whose hashed ones are
        among `coef_`. It can't be had where the crosses of a matrix are hashed: n_bits=None keeps
        them apart.
    n_features_in_ : int
        Number of columns, or of fields of a table."""

_Estimator = TypeVar("_Estimator", bound=type)


def documented(estimator: _Estimator) -> _Estimator:
    """Put the meaning of the shared parameters and attributes into an estimator's docstring."""
    if estimator.__doc__ is not None:  # python -OO strips docstrings
        kinds = '{"logistic", "squared", "huber", "absolute"}, default="logistic"'
        if issubclass(estimator, RegressorMixin):
            kinds = '{"squared", "huber", "absolute"}, default="squared"'
        estimator.__doc__ = estimator.__doc__.replace(
            "{parameters}", _PARAMETERS.replace("{losses}", kinds)
        ).replace("{attributes}", _ATTRIBUTES)
    return estimator


@dataclass(kw_only=True, eq=False, repr=False)
class StreamParameters(BaseEstimator):
    """The parameters that the estimators of streams share."""

    learning_rate: float = field(default=0.1, kw_only=False)
    beta: float = field(default=1.0, kw_only=False)
    l1: float = field(default=1.0, kw_only=False)
    l2: float = field(default=1.0, kw_only=False)
    interactions: Any = None
    n_bits: int | None = 22
    loss: StreamLoss = "squared"
    delta: float = DEFAULT_DELTA
    update: str = "ftrl"
    fields: Any = None
    admission: int | float | None = None
    buckets: Any = None
    numeric_nulls: str = "error"
    fit_intercept: bool = True
    n_features: int | None = None
    n_passes: int = 1
    window: int | None = None
    n_learners: int = 1
    n_threads: int | None = None
    verbose: bool = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "l1": [Interval(Real, 0, None, closed="left")],
        "l2": [Interval(Real, 0, None, closed="left")],
        "interactions": INTERACTION_RULES["interactions"],
        "n_bits": [Interval(Integral, 1, 31, closed="both"), None],
        "loss": [StrOptions(set(LOSSES))],
        "delta": RULES["delta"],
        "update": [StrOptions(set(UPDATES))],
        "fields": ["array-like", None],
        "admission": [
            Interval(Integral, 1, 255, closed="both"),
            Interval(Real, 0, 1, closed="right"),
            None,
        ],
        "buckets": [Interval(Integral, 2, None, closed="left"), dict, None],
        "numeric_nulls": [StrOptions({"error", "indicator"})],
        "fit_intercept": ["boolean"],
        "n_features": [Interval(Integral, 1, None, closed="left"), None],
        "n_passes": [Interval(Integral, 1, None, closed="left")],
        "window": [Interval(Integral, 1, 2**62, closed="both"), None],
        "n_learners": [Interval(Integral, 1, 1024, closed="both")],
        "n_threads": RULES["n_threads"],
        "verbose": ["boolean"],
    }

    def _parameters(self) -> dict[str, Any]:
        """Parameters that what was learnt depends on."""
        free = ("n_passes", "n_threads", "verbose", "window")
        return {name: v for name, v in self.get_params(deep=False).items() if name not in free}

    def _rows_like(self, X: Any) -> tuple[StreamRows, dict[str, Any]]:
        """What reads rows like these, and the attributes that scikit-learn asks for."""
        if isinstance(X, Fields) or has_categories(X) or (is_table(X) and self.buckets is not None):
            return self._table_rows(X)
        shape: tuple[int, ...] = getattr(X, "shape", ())
        if len(shape) != 2:  # only reading a list tells how wide it is
            shape = as_design(X, "rows", self.n_threads).shape
        known: dict[str, Any] = {"n_features_in_": int(shape[1])}
        validate_data(self, X, reset=True, skip_check_array=True)
        if hasattr(self, "feature_names_in_"):
            known["feature_names_in_"] = self.feature_names_in_
        return self._matrix_rows(known["n_features_in_"], known.get("feature_names_in_")), known

    def _table_rows(self, X: Any) -> tuple[StreamRows, dict[str, Any]]:
        if self.fields is not None:
            raise ValueError(
                f"fields must be None for a table, which names its own; got {self.fields!r}."
            )
        names, columns, n_rows = read_first(X)
        if n_rows == 0:
            raise ValueError("the first batch must have at least one row, got none.")
        shared = {"numeric_nulls": self.numeric_nulls, "n_threads": self.n_threads}
        exact = self.n_bits is None
        encoder = table_encoder(
            names,
            columns,
            None if exact else self.interactions,
            n_bits=1 if exact else self.n_bits,
            buckets=self.buckets,
            **shared,
        )
        known = {"n_features_in_": len(names), "feature_names_in_": np.array(names, dtype=object)}
        if exact:  # the encoder knows of what kind fields are, and the edges of numbers
            kinds = encoder._learnt.dictionaries
            return GrowingRows(names, kinds, self.interactions, shared), known
        return TableRows(encoder), known

    def _matrix_rows(self, n_columns: int, names: npt.NDArray[Any] | None = None) -> MatrixRows:
        if self.n_features is not None and self.n_features != n_columns:
            raise ValueError(f"X must have n_features={self.n_features} columns, got {n_columns}.")
        if self.buckets is not None:
            raise ValueError(f"buckets are for fields of a table, got {self.buckets!r}.")
        if self.fields is not None and (
            self.interactions is None or isinstance(self.interactions, str)
        ):
            raise ValueError(
                f"fields are for a list of interactions, got interactions={self.interactions!r}."
            )
        return MatrixRows(n_columns, self.interactions, self.fields, names, self.n_threads)

    def _new_model(self, rows: StreamRows, n_states: int) -> _stream.StreamModel:
        if self.admission is not None and self.n_bits is not None:
            raise ValueError(
                f"admission is for exact keys (n_bits=None), got n_bits={self.n_bits}."
            )
        if self.n_learners > 1 and self.n_bits is None:
            raise ValueError(f"n_learners must be 1 for exact keys, got {self.n_learners}.")
        counted = isinstance(self.admission, Integral)
        spec = {
            "update": UPDATES.index(self.update),
            "learning_rate": float(self.learning_rate),
            "beta": float(self.beta),
            "l1": float(self.l1),
            "l2": float(self.l2),
            "loss": LOSSES.index(self.loss),
            "delta": float(self.delta),
            "fit_intercept": bool(self.fit_intercept),
            "window": self.window or 0,
            "n_states": n_states,
            "n_learners": int(self.n_learners),
            "n_bits": self.n_bits or 0,
            "admission_count": int(self.admission) if counted else 1,  # type: ignore[arg-type]
            "admission_probability": 1.0 if counted or not self.admission else self.admission,
        }
        return _stream.StreamModel(spec | rows.spec())
