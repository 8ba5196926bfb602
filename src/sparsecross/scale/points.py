"""Points that few columns tell, and the units in which they are looked for.

Products of columns are columns of numbers of their own, n_columns and beyond: the keys of
csrc/interactions/keys.hpp.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _solvers
from .._inputs import Floats, aligned
from ..interactions import Interactions, of_keys

Columns = npt.NDArray[np.int64]


def factors_of(keys: Columns, n_columns: int) -> tuple[Columns, Columns]:
    """Of which two columns products are, the first at most the second."""
    first, second = np.divmod(keys - n_columns, n_columns)
    return first, second


class Point(NamedTuple):
    """Weights of some columns, increasing, and an intercept: a point, or a way from one."""

    columns: Columns
    weights: Floats
    intercept: float

    def over(self, columns: Columns) -> Point:
        """The same point with weights of more columns."""
        if len(columns) == len(self.columns):
            return self
        weights = np.zeros(len(columns))
        weights[np.searchsorted(columns, self.columns)] = self.weights
        return Point(columns, weights, self.intercept)

    def dense(self, n_columns: int) -> Floats:
        """The weights of all columns."""
        own = self.columns < n_columns
        coef = np.zeros(n_columns)
        coef[self.columns[own]] = self.weights[own]
        return coef

    def crosses(self, n_columns: int, names: npt.NDArray[Any] | None = None) -> Interactions:
        """The weights of products."""
        own = self.columns < n_columns
        keys = self.columns[~own].astype(np.uint64)
        return of_keys(keys, self.weights[~own], n_columns, 2, names)

    def without_zeros(self, kept: Columns) -> Point:
        """The same point over the columns that have a weight, or are kept."""
        stay = (self.weights != 0) | np.isin(self.columns, kept)
        return Point(self.columns[stay], self.weights[stay], self.intercept)


def as_point(coef: Floats, intercept: float, crosses: Interactions | None = None) -> Point:
    """A dense vector of weights, and those of products, as a point."""
    columns = np.flatnonzero(coef)
    if crosses is None:
        return Point(columns, coef[columns], intercept)
    keys = np.concatenate([columns, crosses.keys.astype(np.int64)])
    return Point(keys, np.concatenate([coef[columns], crosses.values]), intercept)


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
    signed : bool
        Whether some entry may be negative.
    n_terms : int
        Rows of all blocks, each a term of a sum, which takes two grids then; 0 where all entries
        are 1, and one is enough.
    """

    factor: Floats | None = None
    centre: Floats | None = None
    common: float = 1.0
    signed: bool = False
    n_terms: int = 0

    @property
    def n_grids(self) -> int:
        """How many doubles a sum takes; their sum is its value."""
        return 2 if self.n_terms else 1

    @property
    def plain(self) -> bool:
        """Whether they are those of the data."""
        return self.factor is None and self.common == 1.0

    def compiled(self, n_columns: int) -> _solvers.Units:
        """The same for kernels."""
        factor, centre = (None if a is None else aligned(a) for a in (self.factor, self.centre))
        return _solvers.Units(n_columns, factor, centre, self.common, self.n_terms)

    def factor_of(self, columns: Columns, n_columns: int) -> Floats:
        """The factors of some columns and products, of which those of products are products."""
        if self.plain:
            return np.ones(len(columns))
        own = columns < n_columns
        first, second = factors_of(columns[~own], n_columns)
        found = np.empty(len(columns))
        found[own] = self._of(columns[own])
        found[~own] = self._of(first) * self._of(second)
        return found

    def _of(self, columns: Columns) -> Floats | float:
        return self.common if self.factor is None else self.factor[columns]

    @property
    def least(self) -> float:
        """The smallest factor."""
        return self.common if self.factor is None else float(self.factor.min())

    def inward(self, point: Point, n_columns: int) -> Point:
        """A point of the data in these units."""
        weights = point.weights / self.factor_of(point.columns, n_columns)
        shift = self._shift(point.columns, point.weights)
        return Point(point.columns, weights, point.intercept + shift)

    def outward(self, point: Point, n_columns: int) -> Point:
        """A point in these units as one of the data."""
        weights = point.weights * self.factor_of(point.columns, n_columns)
        return Point(point.columns, weights, point.intercept - self._shift(point.columns, weights))

    def _shift(self, columns: Columns, weights: Floats) -> float:
        """What the centres are worth to the margins; products stand beside none."""
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
