"""Standard deviations of columns, for penalties in their units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .. import _solvers
from .._inputs import Floats, aligned
from .block import Block
from .points import Units
from .reducer import Reducer
from .rounds import Extent, Sums, SumsRound

_CONSTANT = 1e-15  # of a column's mean square: less variation than that is rounding


@dataclass(frozen=True)
class SumsOfColumns(SumsRound):
    """Of the stored entries of each column Σ s x and Σ s, on two grids, and how many there are.

    Attributes
    ----------
    weight : float
        Σ s over all rows, the bound of both: no entry is above 1 in size.
    n_rows : int
        All rows.
    """

    weight: float
    n_rows: int

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        p = extent.n_columns
        units, sums = extent.units.compiled(p), [np.zeros((p, 2)), np.zeros((p, 2)), np.zeros(p)]
        for block in blocks:
            weight = _weight(block)
            _solvers.add_sums(block.design, units, weight, self.weight, self.n_rows, *sums)
        return sums


@dataclass(frozen=True)
class SquaresOfColumns(SumsRound):
    """Σ s (x - mean)² over the stored entries of each column, on two grids.

    Attributes
    ----------
    weight, n_rows
        As of `SumsOfColumns`.
    mean : ndarray of shape (n_columns,), or None
        0 where there is none.
    """

    weight: float
    n_rows: int
    mean: Floats | None

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        p = extent.n_columns
        units, squares = extent.units.compiled(p), np.zeros((p, 2))
        mean, bound = None if self.mean is None else aligned(self.mean), 4.0 * self.weight
        for block in blocks:
            weight = _weight(block)
            _solvers.add_squares(block.design, units, weight, mean, bound, self.n_rows, squares)
        return [squares]


def _weight(block: Block) -> Floats | None:
    return None if block.weight is None else aligned(block.weight)


def deviations(reducer: Reducer, units: Units, centred: bool) -> Floats:
    """Weighted standard deviations of the columns; root mean squares unless centred.

    Two passes, as in Chan, Golub & LeVeque 1983, in units in which no column is large. A column
    whose mean is beyond 3e7 times its deviation counts as constant, and so has 0.
    """
    facts, asked = reducer.facts, reducer.in_units(units)
    weight = facts.weight
    mean = None
    if centred:
        sums, stored, counts = asked.reduce(SumsOfColumns(weight, facts.n_rows))
        mean = sums.sum(axis=1) / weight
    (squares,) = asked.reduce(SquaresOfColumns(weight, facts.n_rows, mean))
    variance = squares.sum(axis=1) / weight
    if mean is not None:
        # Entries that are not stored, whose weight is rounding where there are none.
        absent = np.where(counts == facts.n_rows, 0.0, weight - stored.sum(axis=1))
        variance += mean**2 * np.maximum(absent, 0.0) / weight
        about_0 = mean + units.middle
        variance[variance <= _CONSTANT * (variance + about_0**2)] = 0.0
    scale: Floats = np.sqrt(variance)
    return scale / (units.common if units.factor is None else units.factor)
