"""Rows of a matrix in a stream: dense, sparse, or given one by one by their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _stream
from ._inputs import Floats, as_design
from .interactions import Interactions, combinations_of, fields_of, order_of
from .streamrows import StreamRows, Weights, weights_of_columns, weights_of_crosses


class MatrixRows(StreamRows):
    """Rows of numbers in columns: dense, sparse, or given one by one by their columns.

    Parameters
    ----------
    n_columns : int
        How many columns there are.
    interactions : {"pairwise", "triples"}, list of tuples, or None
        Which of them cross.
    fields : array-like of shape (n_columns,), optional
        The field of each column, for a list.
    names : ndarray of str, optional
        Of the columns.
    n_threads : int, optional
        For checks and changes of layout.
    """

    field_names = None

    def __init__(
        self,
        n_columns: int,
        interactions: Any,
        fields: Any,
        names: npt.NDArray[Any] | None,
        n_threads: int | None,
    ) -> None:
        self.n_columns = n_columns
        self.names = names
        self.n_threads = n_threads
        self.field: list[int] = []
        self.combinations: list[list[int]] = []
        if interactions is not None and not isinstance(interactions, str):
            labels, codes = fields_of(fields, n_columns, names)
            found = combinations_of(interactions, labels, whole_fields=fields is not None)
            # Fields are numbered anew, so that only those that cross count.
            mentioned = np.unique(found[found >= 0])
            number = np.full(int(codes.max()) + 1, -1)
            number[mentioned] = np.arange(len(mentioned))
            self.field = number[codes].tolist()
            self.combinations = np.where(found < 0, -1, number[found]).tolist()
        self.order = order_of(interactions)

    @property
    def encoder(self) -> None:
        """None: columns are what they are."""
        return

    def spec(self) -> dict[str, Any]:
        """What the compiled stream must know of rows."""
        return {
            "n_columns": self.n_columns,
            "order": self.order,
            "field": self.field,
            "combinations": self.combinations,
        }

    def read(self, X: Any) -> tuple[Any, int]:
        """Read a batch; returns what `learn` and `margins` take, and the number of rows."""
        design = as_design(X, "rows", self.n_threads)
        n_rows, n_columns = design.shape
        if n_columns != self.n_columns:
            raise ValueError(f"X has {n_columns} features, but {self.n_columns} were expected.")
        if len(design.arrays) == 1:
            return ((np.ascontiguousarray(design.arrays[0]),), n_rows, n_columns), n_rows
        if design.structure.all_ones:
            design = design.valueless()
        *values, indices, indptr = design.arrays
        arrays = (values[0] if values else None, indices, indptr)
        return (arrays, n_rows, n_columns), n_rows

    def learn(
        self, model: _stream.StreamModel, batch: Any, y: Floats, weight: Floats | None
    ) -> None:
        """Learn from a batch that was read."""
        arrays, n_rows, n_columns = batch
        model.learn(arrays, n_rows, n_columns, y, weight)

    def margins(self, model: _stream.StreamModel, batch: Any) -> Floats:
        """Margins of a batch that was read, of shape (n_rows, n_states)."""
        return model.margins(*batch)

    def learn_one(self, model: _stream.StreamModel, row: Any, y: float, weight: float) -> None:
        """Learn from one row."""
        model.learn_entries(*_entries(row, self.n_columns), self.n_columns, y, weight)

    def margins_one(self, model: _stream.StreamModel, row: Any) -> list[float]:
        """Margins of one row."""
        entries = _entries(row, self.n_columns)
        return model.margins_of_entries(*entries, self.n_columns)

    def weights(self, model: _stream.StreamModel) -> Weights:
        """Weights of columns."""
        return weights_of_columns(model, np.arange(self.n_columns, dtype=np.uint64))

    def told_apart(self, model: _stream.StreamModel) -> bool:
        """Whether each cross has a weight of its own, or there are none."""
        return self.order == 1 or model.keying != "hashed"

    def interactions(self, model: _stream.StreamModel) -> Interactions | None:
        """Weights of crosses that are told apart; None where there are none."""
        if self.order == 1:
            return None
        return weights_of_crosses(model, self.n_columns, self.order, self.names)


def _entries(row: Any, n_columns: int) -> tuple[list[int], list[float] | None]:
    """Columns and values (None: all 1) of a row: a mapping, the columns that are 1, or itself."""
    if isinstance(row, Mapping):
        return list(row), list(row.values())
    if isinstance(row, np.ndarray):
        if row.shape != (n_columns,):
            raise ValueError(f"row must have shape ({n_columns},), got {row.shape}.")
        support = np.flatnonzero(row)
        return support.tolist(), row[support].tolist()
    return list(row), None
