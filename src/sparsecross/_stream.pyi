"""The stream border: single Python rows in, answers at low latency."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

class RowScorer:
    universe: int
    def __init__(
        self,
        values: NDArray[np.float64],
        universe: int,
        low: NDArray[np.uint64],
        high: NDArray[np.uint64],
        samples: NDArray[np.uint64],
    ) -> None: ...
    def margin_of_columns(self, columns: Iterable[int]) -> float: ...
    def margin_of_entries(self, entries: Mapping[int, float]) -> float: ...
