"""What every reader of a stream's rows does, and weights by the keys that rows have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _stream
from ._inputs import Floats
from .crossing import FeatureCross
from .interactions import Interactions, of_keys

# The number of columns, those with a weight that is not 0, and their weights (m, n_states).
Weights = tuple[int, npt.NDArray[np.intp], Floats]


class StreamRows(ABC):
    """Rows of one kind: how they are read, and which columns and crosses their weights belong to.

    Attributes
    ----------
    field_names : list of str or None
        Of the fields of a table; None for a matrix.
    """

    field_names: list[str] | None

    @property
    @abstractmethod
    def encoder(self) -> FeatureCross | None:
        """What encodes tables as the columns of `weights`; None for a matrix."""

    @property
    def n_met(self) -> int:
        """Columns so far, where they are made as categories are met; else 0."""
        return 0

    @abstractmethod
    def spec(self) -> dict[str, Any]:
        """What the compiled stream must know of rows."""

    @abstractmethod
    def read(self, X: Any) -> tuple[Any, int]:
        """Read a batch; returns what `learn` and `margins` take, and the number of rows."""

    @abstractmethod
    def learn(
        self, model: _stream.StreamModel, batch: Any, y: Floats, weight: Floats | None
    ) -> None:
        """Learn from a batch that was read."""

    @abstractmethod
    def margins(self, model: _stream.StreamModel, batch: Any) -> Floats:
        """Margins of a batch that was read, of shape (n_rows, n_states)."""

    @abstractmethod
    def learn_one(self, model: _stream.StreamModel, row: Any, y: float, weight: float) -> None:
        """Learn from one row."""

    @abstractmethod
    def margins_one(self, model: _stream.StreamModel, row: Any) -> list[float]:
        """Margins of one row."""

    @abstractmethod
    def weights(self, model: _stream.StreamModel) -> Weights:
        """Weights of columns."""

    def told_apart(self, model: _stream.StreamModel) -> bool:
        """Whether each cross that is no column has a weight of its own, or there are none."""
        return True

    @abstractmethod
    def interactions(self, model: _stream.StreamModel) -> Interactions | None:
        """Weights of crosses that are told apart; None where there are none beside columns."""


def weights_of_columns(model: _stream.StreamModel, keys: npt.NDArray[np.uint64]) -> Weights:
    """Weights of columns that have these keys."""
    found = model.weights_of(keys)
    columns = np.flatnonzero(found.any(axis=1))
    return len(keys), columns, found[columns]


def weights_of_crosses(
    model: _stream.StreamModel,
    n_columns: int,
    order: int,
    names: npt.NDArray[Any] | None = None,
) -> Interactions:
    """Weights of crosses whose keys follow on those of the columns."""
    keys, weights = model.weights()
    crosses = keys >= n_columns
    values = weights[crosses]
    return of_keys(
        keys[crosses], values[:, 0] if model.n_states == 1 else values, n_columns, order, names
    )
