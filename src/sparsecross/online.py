"""What the estimators of streams share: rows, states, weights, and the loss ahead of learning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _stream
from ._inputs import Floats, as_design
from .crossing import FeatureCross
from .fields import has_categories, is_table
from .growingrows import GrowingRows
from .interactions import INTERACTION_RULES, Interactions, of_keys
from .locks import Lock
from .model import LinearModel
from .streamrows import (
    Fields,
    MatrixRows,
    TableRows,
    read_first,
    rows_of,
    table_encoder,
)
from .task import DEFAULT_DELTA, RULES

StreamRows = MatrixRows | TableRows | GrowingRows
UPDATES = ("ftrl", "proximal", "subgradient")
StreamLoss = Literal["squared", "logistic", "huber", "absolute"]
LOSSES: tuple[StreamLoss, ...] = ("squared", "logistic", "huber", "absolute")

_PARAMETERS = """learning_rate : float, default=0.1
        Each coordinate's own rate is learning_rate / (beta + √n), n being the sum of the squares of
        its gradients so far.
    beta : float, default=1.0
        What holds the first steps back.
    l1, l2 : float, default=1.0
        Strengths of the penalties. For update="ftrl" l1 |w| + l2 w² / 2 is added once to the sum
        of the losses of all rows: `alpha` of the batch estimators is l1 / rows seen. For the two
        others l1 |w| + l2 w² is added to the loss of each row that has the coordinate.
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
        Bytes of the weights' states, with their keys.
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


class StreamRecord(NamedTuple):
    """Progressive validation up to a row: each row's loss before it was learnt from."""

    n_rows: int
    loss: float  # mean over all rows so far
    window_loss: float  # mean over those since the last record


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


def _batches(X: Any, y: Any, sample_weight: Any) -> Iterator[tuple[Any, Any, Any]]:
    """One batch, or those that an iterator of (X, y) or (X, y, sample_weight) yields."""
    if not isinstance(X, Iterator):
        yield X, y, sample_weight
        return
    if y is not None or sample_weight is not None:
        raise ValueError("y and sample_weight must be None where X is an iterator of (X, y).")
    for batch in X:
        if not isinstance(batch, tuple) or len(batch) not in (2, 3):
            raise ValueError(
                "an iterator must yield (X, y) or (X, y, sample_weight), got "
                f"{type(batch).__name__}."
            )
        yield (*batch, None)[:3]


def _as_weight(sample_weight: Any, n_rows: int) -> Floats | None:
    """Weights as they are: of a stream nobody knows the mean."""
    if sample_weight is None:
        return None
    weight: Floats = np.asarray(sample_weight, np.float64)
    if weight.ndim == 0:
        weight = np.full(n_rows, float(weight))
    if weight.shape != (n_rows,):
        raise ValueError(f"sample_weight must have shape ({n_rows},), got {weight.shape}.")
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if len(bad):
        raise ValueError(
            f"sample_weight must be finite and not negative, got {weight[bad[0]]} in row {bad[0]}."
        )
    return np.ascontiguousarray(weight)


@dataclass(kw_only=True, eq=False, repr=False)
class OnlineModel(LinearModel):
    """What the estimators share: rows, states, weights, and the loss ahead of learning."""

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

    # What is learnt: both or none.
    _model: _stream.StreamModel | None = field(default=None, init=False)
    _rows: StreamRows | None = field(default=None, init=False)
    _guard: Lock = field(default_factory=Lock, init=False)

    # Learning

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from more rows, each once and in order.

        Parameters
        ----------
        X : array-like or sparse of shape (n_rows, n_features), DataFrame, list, or iterator
            Rows in any layout; a table of categories; a list of mappings from field to value, or
            of lists of tokens; or an iterator of (X, y) or (X, y, sample_weight).
        y : array-like of shape (n_rows,)
            Targets; None with an iterator.
        classes : array-like of shape (n_classes,), optional
            Of classifiers all labels that there will be, when first called.
        sample_weight : array-like of shape (n_rows,), optional
            Weights of the rows' losses, not negative.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule: the batch is left out as a whole.
        OverflowError
            If numbers leave their range; the rows before that one are learnt. (Keys that some rows
            after it hold may have been admitted, or counted.)
        """
        for batch, targets, weights in _batches(X, y, sample_weight):
            with self._guard, self._unless_nothing_is_learnt():
                self._take(batch, targets, classes, weights)
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, classes: Any = None) -> Self:
        """Forget what was learnt, and learn from these rows, `n_passes` times.

        Parameters
        ----------
        X, y, sample_weight : as of :meth:`partial_fit`
        classes : array-like of shape (n_classes,), optional
            All labels; by default those of y, or of an iterator's first batch.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an input breaks its rule.
        """
        if isinstance(X, Iterator) and self.n_passes > 1:
            raise ValueError(
                f"n_passes must be 1 with an iterator, which ends after one; got {self.n_passes}."
            )
        if sample_weight is not None and not np.any(np.asarray(sample_weight)):
            raise ValueError("sample_weight must be positive in some row, got zeros only.")
        with self._guard, self._unless_nothing_is_learnt():
            self._forget()
            for _ in range(self.n_passes):
                for batch, targets, weights in _batches(X, y, sample_weight):
                    if classes is None and self._model is None:
                        classes = self._labels_in(targets)
                    self._take(batch, targets, classes, weights)
        return self

    def _forget(self) -> None:
        for name in (
            "n_features_in_",
            "feature_names_in_",
            "classes_",
            "history_",
            "_cache",
            "_codes",
            "_begun",
        ):
            self.__dict__.pop(name, None)
        self._model = self._rows = None

    @contextmanager
    def _unless_nothing_is_learnt(self) -> Iterator[None]:
        """Put every attribute back if an exception comes before the first row is learnt."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            if self._model is None or self._model.n_rows == 0:
                self.__dict__.clear()
                self.__dict__.update(before)
            raise

    def _parameters(self) -> dict[str, Any]:
        """Parameters that what was learnt depends on."""
        free = ("n_passes", "n_threads", "verbose", "window")
        return {name: v for name, v in self.get_params(deep=False).items() if name not in free}

    def _begin(self, rows: StreamRows, learnt: dict[str, Any]) -> None:
        """Become a model that has learnt nothing yet."""
        model = self._new_model(rows, self._n_states(learnt))
        begun = {"_begun": self._parameters(), "_cache": {}, "history_": []}
        self.__dict__.update(learnt, _rows=rows, _model=model, **begun)

    def _labels_in(self, y: Any) -> Any:
        """The labels among targets; of regressors none."""
        return None

    def _targets(self, y: Any, n_rows: int, classes: Any) -> tuple[Floats, dict[str, Any]]:
        """Targets as the compiled stream takes them, and attributes that they determine."""
        raise NotImplementedError

    def _n_states(self, learnt: dict[str, Any]) -> int:
        """One, or the number of classes of which each is told from the rest."""
        return 1

    def _take(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> None:
        """Learn from one batch, once everything about it is found to be sound."""
        X = rows_of(X, self._field_names())
        learnt: dict[str, Any] = {}
        rows = self._rows
        if rows is None:
            rows, learnt = self._rows_like(X)
        else:
            self._check_parameters()
            if not isinstance(X, Fields):
                validate_data(self, X, reset=False, skip_check_array=True)
        arrays, n_rows = rows.read(X)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        targets, of_targets = self._targets(y, n_rows, classes)
        weight = _as_weight(sample_weight, n_rows)
        if self._model is None:
            self._begin(rows, learnt | of_targets)
        assert self._model is not None
        try:
            rows.learn(self._model, arrays, targets, weight)
        finally:
            self._note()

    def _field_names(self) -> list[str] | None:
        """Of the fields, where rows are known to be of a table."""
        rows = self._rows
        return None if rows is None or isinstance(rows, MatrixRows) else rows.names

    def _check_parameters(self) -> None:
        """Raise a ValueError if one was set anew since the first row was learnt."""
        for name, value in self._parameters().items():
            begun = self._begun[name]
            if value is not begun and not np.array_equal(value, begun):
                raise ValueError(
                    f"{name} was {begun!r} when the first row was learnt, got {value!r}: fit "
                    "begins anew."
                )

    def _rows_like(self, X: Any) -> tuple[StreamRows, dict[str, Any]]:
        """What reads rows like these, and the attributes that scikit-learn asks for."""
        known: dict[str, Any] = {}
        if isinstance(X, Fields) or has_categories(X) or (is_table(X) and self.buckets is not None):
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
            known["n_features_in_"] = len(names)
            known["feature_names_in_"] = np.array(names, dtype=object)
            if exact:  # the encoder knows of what kind fields are, and the edges of numbers
                kinds = encoder._learnt.dictionaries
                return GrowingRows(names, kinds, self.interactions, shared), known
            return TableRows(encoder), known
        known["n_features_in_"] = as_design(X, "rows", self.n_threads).shape[1]
        validate_data(self, X, reset=True, skip_check_array=True)
        if hasattr(self, "feature_names_in_"):
            known["feature_names_in_"] = self.feature_names_in_
        return self._matrix_rows(known["n_features_in_"], known.get("feature_names_in_")), known

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

    def learn_one(self, row: Any, y: Any, sample_weight: float = 1.0) -> Self:
        """Learn from one row, at low latency.

        Parameters
        ----------
        row : mapping, list, or ndarray
            Of a table a mapping from field to value (a list of tokens for a list-valued field), or
            a list of tokens. Of a matrix a mapping from column to value, a list of the columns that
            are 1, or an ndarray of shape (n_features,).
        y : float or label
            The target. A classifier that knows no labels yet takes False and True or 0 and 1, and
            -1 and 1 where it is -1.
        sample_weight : float, default=1.0
            The weight of the row's loss.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If row or target break a rule: the model stays as it was.
        """
        if not (0.0 <= sample_weight < np.inf):
            raise ValueError(f"sample_weight must be finite and not negative, got {sample_weight}.")
        if self._model is None or self._model.n_rows == 0:
            with self._guard, self._unless_nothing_is_learnt():
                self._begin_with(row, y)
                return self._learn_one(row, y, sample_weight)
        with self._guard:
            return self._learn_one(row, y, sample_weight)

    def _learn_one(self, row: Any, y: Any, sample_weight: float) -> Self:
        assert self._model is not None
        assert self._rows is not None
        self._rows.learn_one(self._model, row, self._target(y), sample_weight)
        if self._model.n_records:
            self._note()
        return self

    def _begin_with(self, row: Any, y: Any) -> None:
        """Become a model of rows like this one."""
        if self._model is not None:
            return
        self._validate_params()
        tokens = isinstance(row, list | tuple) and any(isinstance(token, str) for token in row)
        if tokens or (isinstance(row, Mapping) and any(isinstance(name, str) for name in row)):
            rows, learnt = self._rows_like(rows_of([row]))
        else:
            n_columns = row.shape[0] if isinstance(row, np.ndarray) else self.n_features
            if n_columns is None:
                raise ValueError(
                    "n_features must say how many columns there are where rows of integers are "
                    "learnt one at a time, got None."
                )
            rows, learnt = self._matrix_rows(n_columns), {"n_features_in_": n_columns}
        self._begin(rows, learnt | self._labels_to_expect(y))

    def _labels_to_expect(self, y: Any) -> dict[str, Any]:
        return {}

    def _target(self, y: Any) -> float:
        """One target as the compiled stream takes it."""
        raise NotImplementedError

    def _note(self) -> None:
        """Take over the records of progressive validation."""
        assert self._model is not None
        for n_rows, loss, weight, window_loss, window_weight in self._model.take_records():
            record = StreamRecord(
                n_rows,
                loss / weight if weight > 0 else np.nan,
                window_loss / window_weight if window_weight > 0 else np.nan,
            )
            self.history_.append(record)
            if self.verbose:
                if len(self.history_) == 1:
                    print(f"{'rows':>14}{'loss':>12}{'since':>12}")
                print(f"{record.n_rows:>14,}{record.loss:>12.6f}{record.window_loss:>12.6f}")

    # What was learnt

    def __sklearn_is_fitted__(self) -> bool:
        """Whether rows were learnt from."""
        return self._model is not None

    def _learnt(self) -> tuple[_stream.StreamModel, StreamRows]:
        check_is_fitted(self)
        assert self._model is not None
        assert self._rows is not None
        return self._model, self._rows

    @property
    def n_rows_(self) -> int:
        """Rows learnt from."""
        return int(self._learnt()[0].n_rows)

    @property
    def n_bytes_(self) -> int:
        """Bytes of the weights' states, with their keys."""
        return int(self._learnt()[0].nbytes)

    @property
    def progressive_loss_(self) -> float:
        """The mean loss of each row before it was learnt from; NaN before the first."""
        _, loss, weight, _, _ = self._learnt()[0].progress
        return loss / weight if weight > 0 else float("nan")

    @property
    def encoder_(self) -> FeatureCross | None:  # type: ignore[override]
        """What encodes tables; None for matrices."""
        encoder: FeatureCross | None = self._cached("encoder", lambda: self._learnt()[1].encoder)
        return encoder

    def _cached(self, name: str, make: Any) -> Any:
        """What was made from the weights since the last row was learnt."""
        model, rows = self._learnt()
        with self._guard:
            seen = model.n_rows, rows.n_met if isinstance(rows, GrowingRows) else 0
            if self._cache.get("seen") != seen:
                self._cache.clear()
                self._cache["seen"] = seen
            if name not in self._cache:
                self._cache[name] = make()
            return self._cache[name]

    def _columns_weights(self) -> Floats:
        """Weights of columns, of shape (n_states, n_columns)."""
        model, rows = self._learnt()
        if isinstance(rows, MatrixRows):
            keys = np.arange(rows.n_columns, dtype=np.uint64)
            return np.ascontiguousarray(model.weights_of(keys).T)
        if isinstance(rows, GrowingRows):  # what was never met has a key that none has
            return np.ascontiguousarray(model.weights_of(rows.column_order.astype(np.uint64)).T)
        found = np.zeros((model.n_states, rows.n_columns))
        keys, weights = model.weights()
        found[:, keys.astype(np.int64)] = weights.T
        return found

    @property
    def coef_(self) -> Floats:  # type: ignore[override]
        """Weights of columns."""
        weights: Floats = self._cached("coef", self._columns_weights)
        return weights[0] if isinstance(self, RegressorMixin) else weights

    @property
    def intercept_(self) -> Any:
        """The intercept, or one for each class."""
        found = self._learnt()[0].intercepts
        return float(found[0]) if isinstance(self, RegressorMixin) else found

    @property
    def interactions_(self) -> Interactions | None:  # type: ignore[override]
        """Weights of crosses that have names; None where there are none beside `coef_`."""
        model, rows = self._learnt()
        if isinstance(rows, TableRows) or rows.order == 1:
            return None
        if model.keying == "hashed":
            raise AttributeError(
                "crosses that are hashed can't be told apart: n_bits=None, or more bits, keeps "
                "them so"
            )
        has_crosses = rows

        def make() -> Interactions:
            keys, weights = model.weights()
            crosses = keys >= has_crosses.n_columns
            values = weights[crosses]
            found = of_keys(
                keys[crosses],
                values[:, 0] if model.n_states == 1 else values,
                has_crosses.n_columns,
                has_crosses.order,
                getattr(self, "feature_names_in_", None),
            )
            if isinstance(has_crosses, GrowingRows):
                return has_crosses.interactions(found.padded, found.values)
            return found

        found: Interactions = self._cached("interactions", make)
        return found

    @property
    def interaction_counts_(self) -> None:
        """None: nobody counts the crosses of a stream."""
        return

    def _weights_of_outputs(self) -> tuple[int, list[tuple[npt.NDArray[np.intp], Floats]]]:
        model, rows = self._learnt()
        if not isinstance(rows, TableRows):
            return super()._weights_of_outputs()
        keys, weights = model.weights()
        columns = keys.astype(np.intp)
        return rows.n_columns, [(columns[w != 0], w[w != 0]) for w in weights.T]

    def _unpruned_bytes(self) -> dict[str, int]:
        return {"weights": self.n_bytes_, "crosses": 0}

    def _margins(self, X: Any) -> Floats:
        model, rows = self._learnt()
        X = rows_of(X, self._field_names())
        crossing = isinstance(rows, MatrixRows) and rows.order > 1
        with self._guard:  # weights and the encoder must be of the same time
            if not (crossing and model.keying == "hashed") and not isinstance(X, Fields):
                return super()._margins(X)
            if not isinstance(X, Fields):
                validate_data(self, X, reset=False, skip_check_array=True)
            found = rows.margins(model, rows.read(X)[0])
        return found[:, 0] if found.shape[1] == 1 else found

    def _margins_one(self, row: Any) -> list[float]:
        model, rows = self._model, self._rows
        if model is None or rows is None:
            model, rows = self._learnt()  # which says that there is none
        with self._guard:
            return rows.margins_one(model, row)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what is made anew when it is asked for."""
        state: dict[str, Any] = super().__getstate__()
        return state | ({"_cache": {}} if "_cache" in state else {})
