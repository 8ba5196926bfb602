"""The stream border: single Python rows in, answers at low latency."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of one output its weights, and low, high and samples of the index of their columns.
Output = tuple[NDArray[np.generic], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint32]]

class RowScorer:
    universe: int
    def __init__(
        self,
        universe: int,
        exponent: int,
        intercepts: NDArray[np.float64],
        outputs: list[Output],
    ) -> None: ...
    def margins_of_columns(self, columns: Iterable[int]) -> list[float]: ...
    def margins_of_entries(self, entries: Mapping[int, float]) -> list[float]: ...

class StreamModel:
    spec: dict[str, Any]
    n_states: int
    keying: str
    nbytes: int
    n_rows: int
    n_records: int
    progress: tuple[int, float, float, float, float]
    intercepts: NDArray[np.float64]
    def __init__(self, spec: dict[str, Any]) -> None: ...
    def learn(
        self,
        arrays: tuple[Any, ...],
        n_rows: int,
        n_cols: int,
        y: NDArray[np.float64],
        weight: NDArray[np.float64] | None,
    ) -> int: ...
    def learn_table(
        self,
        hashes: list[NDArray[np.uint64]],
        codes: list[Any],
        n_rows: int,
        y: NDArray[np.float64],
        weight: NDArray[np.float64] | None,
    ) -> int: ...
    def margins(self, arrays: tuple[Any, ...], n_rows: int, n_cols: int) -> NDArray[np.float64]: ...
    def margins_of_table(
        self, hashes: list[NDArray[np.uint64]], codes: list[Any], n_rows: int
    ) -> NDArray[np.float64]: ...
    def add_fields(self, fields: list[int]) -> None: ...
    def learn_entries(
        self, columns: list[Any], values: list[Any] | None, n_columns: int, y: float, weight: float
    ) -> None: ...
    def margins_of_entries(
        self, columns: list[Any], values: list[Any] | None, n_columns: int
    ) -> list[float]: ...
    def learn_hashes(self, fields: list[Any], y: float, weight: float) -> None: ...
    def margins_of_hashes(self, fields: list[Any]) -> list[float]: ...
    def weights_of(self, keys: NDArray[np.uint64]) -> NDArray[np.float64]: ...
    def weights(self) -> tuple[NDArray[np.uint64], NDArray[np.float64]]: ...
    def take_records(self) -> list[tuple[int, float, float, float, float]]: ...
    def state(self) -> dict[str, NDArray[Any]]: ...
    def restore(self, arrays: dict[str, NDArray[Any]]) -> None: ...
