"""How the estimators of streams learn: batches or rows one at a time, and the loss ahead of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils.validation import validate_data

from ._inputs import Floats, as_unscaled_weight
from .rowlists import Fields, rows_of
from .scale.store import BlockStore
from .streamparameters import StreamParameters
from .streamrows import StreamRows
from .streamweights import StreamWeights


class StreamRecord(NamedTuple):
    """Progressive validation up to a row: each row's loss before it was learnt from.

    Attributes
    ----------
    n_rows : int
        Rows so far.
    loss : float
        Mean over all of them.
    window_loss : float
        Mean over those since the last record.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> [record.n_rows for record in sx.FTRLRegressor().fit(X, X[:, 0]).history_]
    [1, 2, 4, 8, 16, 32, 64]
    """

    n_rows: int
    loss: float
    window_loss: float


class ReadAhead(NamedTuple):
    """A batch as `StreamRows.read` returns it."""

    arrays: Any
    n_rows: int


def _batches(X: Any, y: Any, sample_weight: Any) -> Iterator[tuple[Any, Any, Any]]:
    """One batch, those of a store, or those that an iterator of (X, y, sample_weight) yields."""
    if isinstance(X, BlockStore):
        if y is not None or sample_weight is not None:
            raise ValueError("y and sample_weight must be None where X is a BlockStore.")
        for part in X.batches():
            if part.offset is not None:
                raise ValueError("X must have no offsets for a stream, which learns without.")
            yield part.X, part.y, part.sample_weight
        return
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


@dataclass(kw_only=True, eq=False, repr=False)
class OnlineModel(StreamParameters, StreamWeights):
    """What the estimators of streams share: each row's loss is taken, then the row is learnt."""

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from more rows, each once and in order.

        Parameters
        ----------
        X : array-like or sparse of shape (n_rows, n_features), DataFrame, list, iterator or store
            Rows in any layout; a table of categories; a list of mappings from field to value, or
            of lists of tokens; an iterator of (X, y) or (X, y, sample_weight); or a `BlockStore`.
        y : array-like of shape (n_rows,)
            Targets; None with an iterator or a store.
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
            All labels; by default those of y, of a store, or of an iterator's first batch.

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
        if classes is None and isinstance(X, BlockStore):
            classes = self._labels_in(X.y)
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
        rows = self._rows
        learnt: dict[str, Any] = {}
        if rows is None:
            X = rows_of(X)
            rows, learnt = self._rows_like(X)
            arrays, n_rows = rows.read(X)
        else:
            self._check_parameters()
            arrays, n_rows = X if isinstance(X, ReadAhead) else self._read_ahead(X)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        targets, of_targets = self._targets(y, n_rows, classes)
        weight = as_unscaled_weight(sample_weight, n_rows)
        if self._model is None:
            self._begin(rows, learnt | of_targets)
        assert self._model is not None
        try:
            rows.learn(self._model, arrays, targets, weight)
        finally:
            self._note()

    def _read_ahead(self, X: Any) -> ReadAhead:
        """Read a batch that follows on others; a thread of its own may, while others are learnt."""
        assert self._rows is not None
        X = rows_of(X, self._rows.field_names)
        if not isinstance(X, Fields):
            validate_data(self, X, reset=False, skip_check_array=True)
        return ReadAhead(*self._rows.read(X))

    def _check_parameters(self) -> None:
        """Raise a ValueError if one was set anew since the first row was learnt."""
        for name, value in self._parameters().items():
            begun = self._begun[name]
            if value is not begun and not np.array_equal(value, begun):
                raise ValueError(
                    f"{name} was {begun!r} when the first row was learnt, got {value!r}: fit "
                    "begins anew."
                )

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
