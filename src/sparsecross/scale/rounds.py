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
from .points import Columns, Point, Units, factors_of

# One array has a row for each block, which its block alone fills; the others are exact sums, along
# their last axis on so many grids as units say.
Sums = list[Floats]


class Extent(NamedTuple):
    """How many blocks and columns a set has, and the units in which it is asked of columns."""

    n_blocks: int
    n_columns: int
    units: Units = Units()

    def chosen(self, columns: Columns) -> tuple[_solvers.ChosenColumns, _Layout]:
        """Columns and products that margins are made of, and how kernels number them."""
        units = self.units.compiled(self.n_columns)
        own, keys = columns[columns < self.n_columns], columns[columns >= self.n_columns]
        if not len(keys):
            return _solvers.ChosenColumns(columns, units), _Layout(len(columns), None)
        factors = factors_of(keys, self.n_columns)
        there = np.unique(np.concatenate([own, *factors]))
        pairs = np.stack([np.searchsorted(there, of) for of in factors], axis=1)
        chosen = _solvers.ChosenColumns(there, units, np.ascontiguousarray(pairs))
        n_chosen = len(there) + len(keys)
        place = np.concatenate([np.searchsorted(there, own), np.arange(len(there), n_chosen)])
        return chosen, _Layout(n_chosen, place)


class _Layout(NamedTuple):
    """Where kernels have what belongs to each of some columns; in the same order without places."""

    n_chosen: int
    place: npt.NDArray[np.intp] | None

    def laid_out(self, values: Any, rest: float = 0.0) -> Any:
        """Values of columns as kernels take them."""
        if self.place is None:
            return aligned(values)
        found = np.full(self.n_chosen, rest, values.dtype)
        found[self.place] = values
        return found


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
    in_parts : bool
        Whether the sums of positive and of negative terms are wanted, (n_columns, 2).
    """

    loss: LossOfRows
    at: Point
    bound: float
    off: Point | None = None
    in_parts: bool = False

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        scalars = np.zeros((extent.n_blocks, 4))
        z = np.zeros((extent.n_columns, *((2,) if self.in_parts else ()), extent.units.n_grids))
        residual = self.residual(extent)
        for block in blocks:
            rows = block.rows(self.loss)
            add = rows.add_gradient_parts if self.in_parts else rows.add_gradient
            scalars[block.number] = add(*residual, z)
        return [scalars, z]

    def residual(self, extent: Extent) -> _Residual:
        """What kernels are told of the residual."""
        chosen, layout = extent.chosen(aligned(self.at.columns))
        off = None if self.off is None else layout.laid_out(self.off.weights)
        return _Residual(
            chosen,
            layout.laid_out(self.at.weights),
            self.at.intercept,
            off,
            0.0 if self.off is None else self.off.intercept,
            self.bound,
        )


class _Residual(NamedTuple):
    chosen: _solvers.ChosenColumns
    weights: Floats
    intercept: float
    off: Floats | None
    off_intercept: float
    bound: float


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
        m, grids = self.order, extent.units.n_grids
        sums = [np.zeros((extent.n_blocks, 4))]
        sums += [np.zeros((*shape, grids)) for shape in ((m,), (m,), (m, m))]
        chosen, layout = extent.chosen(aligned(self.at.columns))
        weights, place = layout.laid_out(self.at.weights), layout.laid_out(self.place, -1)
        for block in blocks:
            sums[0][block.number] = block.rows(self.loss).add_model(
                chosen,
                weights,
                self.at.intercept,
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
        chosen, layout = extent.chosen(aligned(self.at.columns))
        at, way = (layout.laid_out(point.weights) for point in (self.at, self.way))
        for block in blocks:
            scalars[block.number] = block.rows(self.loss).losses(
                chosen, at, self.at.intercept, way, self.way.intercept, list(self.t)
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
        residual = self.gradient.residual(extent)
        for block in blocks:
            scalars[block.number] = block.rows(self.gradient.loss).duals(
                *residual, *self.parts, list(self.t)
            )
        return [scalars]
