"""What is asked of all blocks at once: pure functions, summed over the blocks in any order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from .. import _solvers
from .._inputs import Floats, aligned
from .block import Block, LossOfRows
from .points import Columns, Point, Units

# One array has a row for each block, which its block alone fills; the others are exact sums.
Sums = list[Floats]


class Extent(NamedTuple):
    """How many blocks and columns a set has, and the units in which it is asked of columns."""

    n_blocks: int
    n_columns: int
    units: Units = Units()

    def chosen(self, columns: Columns) -> _solvers.ChosenColumns:
        """Columns that margins are made of."""
        return _solvers.ChosenColumns(columns, self.units.compiled(self.n_columns))


class Round(Protocol):
    """Something to ask of blocks."""

    def run(self, blocks: Iterable[Block], extent: Extent) -> Any:
        """Ask it of some blocks."""


class SumsRound:
    """One whose answers are `Sums`, which are put together by adding unless it says otherwise."""

    together: ClassVar[Any] = np.add

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        raise NotImplementedError


def add(sums: Sums, more: Sums, by: Any = np.add) -> Sums:
    """Add the sums of other blocks to these, in place."""
    for into, part in zip(sums, more, strict=True):
        by(into, part, out=into)
    return sums


@dataclass(frozen=True)
class FactsRound:
    """The facts of every block, in no array."""

    def run(self, blocks: Iterable[Block], extent: Extent) -> Any:
        """Ask it of some blocks."""
        return [(block.number, block.facts()) for block in blocks]


@dataclass(frozen=True)
class GradientRound(SumsRound):
    """Xᵀr over all columns, and of every block Σ loss, Σ r₊, Σ r₋, Σ h.

    Attributes
    ----------
    loss : LossOfRows
        What r is the residual of.
    at : Point
        Where.
    bound : float
        Of Σ |r|, and so of Σ |x r| for every column, in whose units no |x| is above 1.
    off : Point or None
        The residual loses h times the margins of this.
    """

    loss: LossOfRows
    at: Point
    bound: float
    off: Point | None = None

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        scalars, z = np.zeros((extent.n_blocks, 4)), np.zeros(extent.n_columns)
        at = self.at.aligned()
        chosen = extent.chosen(at.columns)
        off, off_intercept = _weights(self.off)
        for block in blocks:
            scalars[block.number] = block.rows(self.loss).add_gradient(
                chosen, at.weights, at.intercept, off, off_intercept, self.bound, z
            )
        return [scalars, z]


@dataclass(frozen=True)
class ModelRound(SumsRound):
    """The quadratic model over some columns: X_Aᵀr, X_Aᵀh and X_Aᵀ diag(h) X_A, and the scalars.

    Attributes
    ----------
    loss, at
        As of `GradientRound`.
    place : ndarray of int64
        Where each column of `at` stands in the model, -1 where nowhere.
    order : int
        Columns of the model.
    first_new : int
        Products among earlier columns are left 0.
    bounds : (float, float)
        Of Σ |r| and of Σ h.
    """

    loss: LossOfRows
    at: Point
    place: npt.NDArray[np.int64]
    order: int
    first_new: int
    bounds: tuple[float, float]

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        m = self.order
        sums = [np.zeros((extent.n_blocks, 4)), np.zeros(m), np.zeros(m), np.zeros((m, m))]
        at, place = self.at.aligned(), aligned(self.place)
        chosen = extent.chosen(at.columns)
        for block in blocks:
            sums[0][block.number] = block.rows(self.loss).add_model(
                chosen,
                at.weights,
                at.intercept,
                place,
                self.first_new,
                *self.bounds,
                *sums[1:],
            )
        return sums


@dataclass(frozen=True)
class LossRound(SumsRound):
    """Σ loss of every block at some points of a way: `at` + t `way`, of the same columns."""

    loss: LossOfRows
    at: Point
    way: Point
    t: tuple[float, ...]

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        scalars = np.zeros((extent.n_blocks, len(self.t)))
        at, way = self.at.aligned(), self.way.aligned()
        chosen = extent.chosen(at.columns)
        for block in blocks:
            scalars[block.number] = block.rows(self.loss).losses(
                chosen,
                at.weights,
                at.intercept,
                way.weights,
                way.intercept,
                list(self.t),
            )
        return [scalars]


@dataclass(frozen=True)
class DualRound(SumsRound):
    """Σ -f*(-t θ) of every block, for the θ of a `GradientRound` whose parts shrink by `parts`."""

    gradient: GradientRound
    parts: tuple[float, float]
    t: tuple[float, ...]

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        scalars = np.zeros((extent.n_blocks, len(self.t)))
        of, at = self.gradient, self.gradient.at.aligned()
        chosen = extent.chosen(at.columns)
        off, off_intercept = _weights(of.off)
        for block in blocks:
            scalars[block.number] = block.rows(of.loss).duals(
                chosen,
                at.weights,
                at.intercept,
                off,
                off_intercept,
                of.bound,
                *self.parts,
                list(self.t),
            )
        return [scalars]


def _weights(point: Point | None) -> tuple[Floats | None, float]:
    return (None, 0.0) if point is None else (aligned(point.weights), point.intercept)
