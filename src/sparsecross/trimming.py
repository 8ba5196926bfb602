"""Which weights to do without: the smallest effects first, until a model is small enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import xlogy
from sklearn.utils.validation import check_array, validate_data

from ._inputs import Floats, as_offset, as_sample_weight
from .crossing import FeatureCross
from .folds import logarithmic_losses
from .memory import Tradeoff
from .rowlists import rows_of
from .survivors import Survivors, values_of
from .task import DEFAULT_DELTA

_STEP = 0.8  # of the weights are left, from one size to the next


def _loss_of(model: Any) -> str:
    """The name of a model's loss, which is a parameter of those of streams."""
    return str(getattr(model, "loss", None) or model._loss)


def mean_loss(model: Any, margins: Floats, y: npt.NDArray[Any], weight: Floats | None) -> float:
    """The mean loss of margins as in this model's objective; -log of a label's probability."""
    loss, classes = _loss_of(model), getattr(model, "classes_", None)
    if loss == "logistic":
        truth = np.searchsorted(model.classes_, y)
        together = model._link == "softmax"
        each = logarithmic_losses(truth, margins, together=together)
        return float(np.average(each, weights=weight))
    if classes is not None:
        labels = classes[1:] if margins.ndim == 1 else classes
        y = np.where(y[:, None] == labels, 1.0, -1.0)
        y = y[:, 0] if margins.ndim == 1 else y
    r = np.abs(y - margins)
    if loss == "squared":
        each = 0.5 * r**2
    elif loss == "absolute":
        each = r
    elif loss == "huber":
        delta = getattr(model, "delta", DEFAULT_DELTA)
        each = np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta))
    else:
        each = np.exp(margins) - y * margins - (y - xlogy(y, y))
    return float(np.average(each.reshape(len(each), -1).sum(axis=1), weights=weight))


@dataclass(frozen=True)
class Evidence:
    """Rows to judge weights by.

    Attributes
    ----------
    model : fitted linear model
        Whose weights they are.
    given : Any
        The rows as they came.
    X : csc_matrix of shape (n_rows, n_columns)
        The same, encoded.
    y : ndarray of shape (n_rows,), or (n_rows, n_targets) where these are several
        Targets, or labels.
    weight : ndarray of shape (n_rows,) or None
        Of rows.
    offset : ndarray of shape (n_rows,) or None
        What is added to their margins.
    """

    model: Any
    given: Any
    X: sp.csc_matrix
    y: npt.NDArray[Any]
    weight: Floats | None
    offset: Floats | None = None

    @classmethod
    def of(
        cls,
        model: Any,
        encoder: FeatureCross | None,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
    ) -> Evidence:
        """Check rows and targets.

        Raises
        ------
        ValueError
            If they do not fit the model or one another.
        """
        if encoder is None:
            validate_data(model, X, reset=False, skip_check_array=True)
            encoded = X
        else:
            encoded = encoder.transform(rows_of(X, encoder._names))
        matrix = check_array(encoded, accept_sparse="csc", dtype=np.float64, input_name="X")
        targets = np.asarray(y)
        classes = getattr(model, "classes_", None)
        n_targets = np.size(model.intercept_) if classes is None else 1
        shape = (matrix.shape[0], n_targets) if n_targets > 1 else (matrix.shape[0],)
        if targets.shape != shape:
            raise ValueError(
                f"y must have shape {shape}, {'targets' if n_targets > 1 else 'a target'} for each "
                f"row of X, got {targets.shape}."
            )
        if classes is None:
            targets = check_array(targets, ensure_2d=False, dtype=np.float64, input_name="y")
            if _loss_of(model) == "poisson" and (targets < 0).any():
                raise ValueError(f"y must not be negative, got {targets.min()}.")
        elif unknown := set(targets.tolist()) - set(classes.tolist()):
            raise ValueError(f"y must hold labels of the model, got {unknown.pop()!r}.")
        weight = as_sample_weight(sample_weight, targets)
        shifts = as_offset(offset, len(targets))
        return cls(model, X, sp.csc_matrix(matrix), targets, weight, shifts)

    def loss(self, margins: Floats) -> float:
        """The mean loss of these margins, offsets still to be added."""
        if self.offset is not None:
            margins = margins + (self.offset if margins.ndim == 1 else self.offset[:, None])
        return mean_loss(self.model, margins, self.y, self.weight)


class Trimming:
    """Models of the largest effects among some weights.

    The effect of a weight is the root mean square of what it adds to margins, or, without rows to
    tell, its absolute value.

    Parameters
    ----------
    survivors : Survivors
        The weights.
    n_bytes : callable
        Of survivors, the bytes of their model.
    evidence : Evidence, optional
        Rows.
    """

    def __init__(
        self,
        survivors: Survivors,
        n_bytes: Callable[[Survivors], int],
        evidence: Evidence | None = None,
    ) -> None:
        self._survivors, self._n_bytes, self._evidence = survivors, n_bytes, evidence
        self._weights, self._output = survivors.weights, survivors.outputs()
        effects = np.abs(self._weights)
        if evidence is not None:
            features, self._place = survivors.features()
            self._values = values_of(evidence.X, features)
            squares = self._values.power(2)
            n = evidence.X.shape[0]
            share = np.full(n, 1.0) if evidence.weight is None else evidence.weight
            effects *= np.sqrt(squares.T @ (share / share.sum()))[self._place]
        self._order = np.argsort(-effects, kind="stable")

    def largest(self, n: int) -> Survivors:
        """The n weights of the largest effects."""
        mask = np.zeros(len(self._order), bool)
        mask[self._order[:n]] = True
        return self._survivors.kept(mask)

    def within(self, max_bytes: int) -> int:
        """How many weights there may be at most.

        Raises
        ------
        ValueError
            If not even a model without weights is that small.
        """
        n = len(self._order)
        if self._n_bytes(self._survivors) <= max_bytes:
            return n
        least = self._n_bytes(self.largest(0))
        if least > max_bytes:
            raise ValueError(
                f"max_bytes must leave room for a model without weights, which takes {least} "
                f"bytes; got {max_bytes}."
            )
        return _last(0, n, lambda m: self._n_bytes(self.largest(m)) <= max_bytes)

    def margins(self, n: int) -> Floats:
        """Margins of the rows under the n weights of the largest effects."""
        assert self._evidence is not None
        return self._added(np.zeros((self._evidence.X.shape[0], self._survivors.n_outputs)), 0, n)

    def _added(self, margins: Floats, first: int, last: int) -> Floats:
        """Margins with what the weights of ranks first .. last add."""
        some = self._order[first:last]
        place, output = self._place[some], self._output[some]
        used, at = np.unique(place, return_inverse=True)
        shape = (len(used), self._survivors.n_outputs)
        weights = sp.csc_matrix((self._weights[some], (at, output)), shape=shape)
        more: Floats = (self._values[:, used] @ weights).toarray()
        return margins + more

    def loss(self, margins: Floats) -> float:
        """The mean loss of margins, intercepts still to be added."""
        assert self._evidence is not None
        whole = margins + np.atleast_1d(self._evidence.model.intercept_)
        return self._evidence.loss(whole[:, 0] if whole.shape[1] == 1 else whole)

    def tradeoff(self) -> list[Tradeoff]:
        """Bytes and loss of models of fewer and fewer weights, the largest first."""
        sizes = [len(self._order)]
        while sizes[-1] > 0:
            sizes.append(int(sizes[-1] * _STEP))
        found = []
        margins, done = self.margins(0), 0
        for n in reversed(sizes):
            margins, done = self._added(margins, done, n), n
            found.append(Tradeoff(n, self._n_bytes(self.largest(n)), self.loss(margins)))
        return found[::-1]

    def costing(self, max_loss_increase: float, known: list[Tradeoff]) -> int:
        """How few weights there may be, before the loss has grown by more.

        `known` is the trade-off, whose first point that costs more ends the search.
        """
        limit = known[0].loss + max_loss_increase
        too_small, enough = 0, len(self._order)
        for each in known:
            if each.loss > limit:
                too_small = each.n_nonzero
                break
            enough = each.n_nonzero
        else:
            return enough
        return 1 + _last(too_small, enough, lambda n: self.loss(self.margins(n)) > limit)


def _last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The last number for which it holds, as it does for `low` and not for `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
