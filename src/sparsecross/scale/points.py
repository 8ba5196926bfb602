"""Points that few columns tell, and the units in which they are looked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _solvers
from .._inputs import Floats, aligned

Columns = npt.NDArray[np.int64]


class Point(NamedTuple):
    """Weights of some columns, increasing, and an intercept: a point, or a way from one."""

    columns: Columns
    weights: Floats
    intercept: float

    def aligned(self) -> Point:
        """The same in memory as kernels read it, which arrays that have travelled may not be."""
        return Point(aligned(self.columns), aligned(self.weights), self.intercept)

    def over(self, columns: Columns) -> Point:
        """The same point with weights of more columns."""
        if len(columns) == len(self.columns):
            return self
        weights = np.zeros(len(columns))
        weights[np.searchsorted(columns, self.columns)] = self.weights
        return Point(columns, weights, self.intercept)

    def without_zeros(self, kept: Columns) -> Point:
        """The same point over the columns that have a weight, or are kept."""
        stay = (self.weights != 0) | np.isin(self.columns, kept)
        return Point(self.columns[stay], self.weights[stay], self.intercept)


def as_point(coef: Floats, intercept: float) -> Point:
    """A dense vector of weights as a point."""
    columns = np.flatnonzero(coef)
    return Point(columns, coef[columns], intercept)


@dataclass(frozen=True, eq=False)
class Units:
    """Columns as (x - centre) factor, or x common: those of the data where nothing is given.

    Factors are powers of 2, so that weights go to other units and back without rounding.

    Attributes
    ----------
    factor : ndarray of shape (n_columns,), or None
        What entries are multiplied by.
    centre : ndarray of shape (n_columns,), or None
        What comes off entries, of dense rows alone; with factors.
    common : float
        A factor of all columns, where they have none of their own.
    """

    factor: Floats | None = None
    centre: Floats | None = None
    common: float = 1.0

    @property
    def plain(self) -> bool:
        """Whether they are those of the data."""
        return self.factor is None and self.common == 1.0

    def compiled(self, n_columns: int) -> _solvers.Units:
        """The same for kernels."""
        factor, centre = (None if a is None else aligned(a) for a in (self.factor, self.centre))
        return _solvers.Units(n_columns, factor, centre, self.common)

    def factor_of(self, columns: Columns) -> Floats | float:
        """The factors of some columns."""
        return self.common if self.factor is None else self.factor[columns]

    def inward(self, point: Point) -> Point:
        """A point of the data in these units."""
        weights = point.weights / self.factor_of(point.columns)
        shift = self._shift(point.columns, point.weights)
        return Point(point.columns, weights, point.intercept + shift)

    def outward(self, point: Point) -> Point:
        """A point in these units as one of the data."""
        weights = point.weights * self.factor_of(point.columns)
        return Point(point.columns, weights, point.intercept - self._shift(point.columns, weights))

    def _shift(self, columns: Columns, weights: Floats) -> float:
        """What the centres are worth to the margins."""
        return 0.0 if self.centre is None else math.fsum(weights * self.centre[columns])

    @property
    def middle(self) -> Floats | float:
        """The centres in these units."""
        if self.centre is None or self.factor is None:
            return 0.0
        return self.centre * self.factor

    def scales(self, scale: Floats | None, n_columns: int) -> Floats | None:
        """Scales of columns, by which their weights count in a penalty, in these units."""
        if self.plain:
            return scale
        factor = np.full(n_columns, self.common) if self.factor is None else self.factor
        return factor if scale is None else scale * factor
