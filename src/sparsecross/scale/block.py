"""Rows that lie together: the smallest part of the data that solvers ask anything of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import xlogy

from .. import _solvers
from .._inputs import Floats, aligned

MOST_LABELS = 1000  # of classes


class LossOfRows(NamedTuple):
    """A loss, and how targets as they are stored become those that it knows.

    Attributes
    ----------
    name : {"squared", "logistic", "huber", "poisson"}
        The loss.
    delta : float
        Of Huber's loss.
    label : object
        Rows of this label count as +1, all others as -1; None where targets are numbers.
    class_weight : tuple of (label, weight)
        What the weights of rows are multiplied by.
    """

    name: str
    delta: float = 1.35
    label: Any = None
    class_weight: tuple[tuple[Any, float], ...] = ()


class Label(NamedTuple):
    """A target, how many rows have it, and their weight."""

    value: Any
    n_rows: int
    weight: float


class Facts(NamedTuple):
    """What has to be known of rows before anything is asked of them.

    Attributes
    ----------
    n_rows, n_stored : int
        Rows, and entries of X.
    weight : float
        Σ s.
    size : float
        Σ s |y|, NaN where targets are no numbers.
    mean : float
        Σ s y, likewise.
    lowest : float
        The least target, likewise.
    perfect : float
        Σ s (y - y log y), the Poisson loss of perfect margins, NaN where a target is negative.
    valued : bool
        Whether there are values other than 1.
    dense : bool
        Whether no row is sparse.
    labels : tuple of Label
        The distinct targets, sorted, or none where they are more than a thousand.
    """

    n_rows: int
    n_stored: int
    weight: float
    size: float
    mean: float
    lowest: float
    perfect: float
    valued: bool
    dense: bool
    labels: tuple[Label, ...]

    @classmethod
    def of_all(cls, each: Iterable[Facts]) -> Facts:
        """Of all blocks together: sums are rounded once, whatever the order."""
        parts = list(each)
        by_value: dict[Any, list[Label]] = {}
        for part in parts:
            for label in part.labels:
                by_value.setdefault(label.value, []).append(label)
        few = all(part.labels for part in parts) and len(by_value) <= MOST_LABELS
        if len({isinstance(value, str) for value in by_value}) > 1:
            raise ValueError("y must hold labels of one kind, got text in some blocks alone.")
        return cls(
            sum(part.n_rows for part in parts),
            sum(part.n_stored for part in parts),
            math.fsum(part.weight for part in parts),
            math.fsum(part.size for part in parts),
            math.fsum(part.mean for part in parts),
            min(part.lowest for part in parts),
            math.fsum(part.perfect for part in parts),
            any(part.valued for part in parts),
            all(part.dense for part in parts),
            tuple(
                Label(value, sum(of.n_rows for of in same), math.fsum(of.weight for of in same))
                for value, same in sorted(by_value.items())
            )
            if few
            else (),
        )


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of X, their targets, weights and offsets.

    Attributes
    ----------
    number : int
        Its place among the blocks of a set.
    n_columns : int
        Of X.
    y : ndarray of shape (n_rows,)
        Targets or labels, of any type.
    indices : ndarray of int32 or int64, or None
        The columns of the entries, increasing within a row; None where X is dense.
    indptr : ndarray of int32 or int64, or None
        Where rows begin; None where all are as long.
    values : ndarray of float32 or float64, or None
        Of the entries; of shape (n_rows, n_columns) where X is dense, None where all are 1.
    weight, offset : ndarray of shape (n_rows,), float64, or None
        Of rows.
    """

    number: int
    n_columns: int
    y: npt.NDArray[Any]
    indices: npt.NDArray[Any] | None = None
    indptr: npt.NDArray[Any] | None = None
    values: npt.NDArray[Any] | None = None
    weight: Floats | None = None
    offset: Floats | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Its arrays by name."""
        names = ("indices", "indptr", "values", "y", "weight", "offset")
        found = {name: getattr(self, name) for name in names}
        return {name: array for name, array in found.items() if array is not None}

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    @property
    def row_ends(self) -> npt.NDArray[np.int64]:
        """Where rows of a sparse X begin, and the last one ends."""
        assert self.indices is not None
        if self.indptr is not None:
            return self.indptr.astype(np.int64)
        n_rows = len(self.y)
        return np.arange(n_rows + 1) * (len(self.indices) // max(n_rows, 1))

    def rows_of_X(self) -> Any:  # noqa: N802 - the matrix is called so
        """X as a csr_array, or an ndarray where it is dense."""
        if self.indices is None:
            return self.values
        values = np.ones(len(self.indices)) if self.values is None else self.values
        shape = len(self.y), self.n_columns
        return sp.csr_array((values, self.indices, self.row_ends), shape)

    @cached_property
    def design(self) -> _solvers.Design:
        """X by rows, looked at once.

        Raises
        ------
        ValueError
            If indices do not increase within the columns, or values are not finite.
        """
        n_rows = len(self.y)
        if self.indices is None:
            if self.values is None or self.values.shape != (n_rows, self.n_columns):
                raise ValueError(f"block {self.number} must have {n_rows} rows, a target for each")
            design = _solvers.Design.from_dense(aligned(self.values), "rows", 1)
        else:
            design = _solvers.Design.from_sparse(
                None if self.values is None else aligned(self.values),
                aligned(self.indices),
                None if self.indptr is None else aligned(self.indptr),
                n_rows,
                self.n_columns,
                "rows",
                1,
            )
        structure = design.structure
        if not structure.canonical:
            raise ValueError(f"indices of block {self.number} must increase within each row")
        if structure.not_finite_slice >= 0:
            raise ValueError(
                f"block {self.number} has NaN or infinity at its row {structure.not_finite_slice}, "
                f"column {structure.not_finite_position}; every value must be finite."
            )
        return design

    @property
    def _labels(self) -> npt.NDArray[Any]:
        """Targets to be compared with a label: a narrow array would round it to its own type."""
        return self.y.astype(np.float64) if self.y.dtype.kind == "f" else self.y

    def rows(self, loss: LossOfRows) -> _solvers.RowBlock:
        """The rows under a loss, for compiled rounds."""
        if loss.label is None:
            target = self.y.astype(np.float64)
        else:
            target = np.where(self._labels == loss.label, 1.0, -1.0)
        weight = self.weight
        for label, factor in loss.class_weight:
            base = np.ones(len(self.y)) if weight is None else weight
            weight = np.where(self._labels == label, factor * base, base)
        weight = None if weight is None else aligned(weight)
        offset = None if self.offset is None else aligned(self.offset)
        return _solvers.RowBlock(self.design, loss.name, target, weight, offset, loss.delta)

    def facts(self) -> Facts:
        """Look at all of it.

        Raises
        ------
        ValueError
            If something in it is no number, not finite, or negative where it must not be.
        """
        n_rows = len(self.y)
        for name, array in (("weight", self.weight), ("offset", self.offset)):
            if array is not None and not (array.shape == (n_rows,) and np.isfinite(array).all()):
                raise ValueError(f"{name} of block {self.number} must be finite, one for each row")
        if self.weight is not None and (self.weight < 0).any():
            raise ValueError(f"weight of block {self.number} must not be negative")
        numeric = self.y.dtype.kind in "biuf"
        if numeric and not np.isfinite(self.y).all():
            raise ValueError(f"y of block {self.number} must be finite")
        weight = np.ones(n_rows) if self.weight is None else self.weight
        y = self.y.astype(np.float64) if numeric else np.full(n_rows, np.nan)
        labels = np.unique(self.y)
        few = len(labels) <= MOST_LABELS
        valued = self.values is not None and not self.design.structure.all_ones
        return Facts(
            n_rows,
            self.design.n_stored,
            float(weight.sum()),
            float(np.sum(weight * np.abs(y))),
            float(np.sum(weight * y)),
            float(y.min(initial=np.inf)),
            float(np.sum(weight * (y - xlogy(y, y)))),
            valued,
            self.indices is None,
            _labels(labels, np.searchsorted(labels, self.y), weight) if few else (),
        )


def _labels(
    labels: npt.NDArray[Any], codes: npt.NDArray[np.intp], weight: Floats
) -> tuple[Label, ...]:
    counts, weights = np.bincount(codes), np.bincount(codes, weight)
    return tuple(map(Label, labels.tolist(), counts.tolist(), weights.tolist()))
