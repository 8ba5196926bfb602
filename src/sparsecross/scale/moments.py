"""Standard deviations of columns, for penalties in their units."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .._inputs import Floats
from .block import Block
from .reducer import Reducer
from .rounds import Extent, Sums


@dataclass(frozen=True)
class MomentsRound:
    """Σ s x and Σ s x² of every column.

    Attributes
    ----------
    bounds : (float, float)
        Of both, for exact sums.
    """

    bounds: tuple[float, float]

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        sums = [np.zeros(extent.n_columns), np.zeros(extent.n_columns)]
        for block in blocks:
            weight = np.ones(len(block.y)) if block.weight is None else block.weight
            for power, (into, bound) in enumerate(zip(sums, self.bounds, strict=True), 1):
                if block.indices is None:
                    assert block.values is not None
                    part: Floats = weight @ (block.values.astype(np.float64) ** power)
                else:
                    lengths = np.diff(block.row_ends)
                    terms = np.repeat(weight, lengths)
                    if block.values is not None:
                        terms = terms * block.values.astype(np.float64) ** power
                    part = np.bincount(block.indices, terms, extent.n_columns).astype(np.float64)
                into += _on_grid(part, bound)
        return sums


def deviations(reducer: Reducer, centred: bool) -> Floats:
    """Weighted standard deviations of the columns; root mean squares unless centred."""
    facts = reducer.facts
    bounds = facts.weight * facts.largest, facts.weight * facts.largest**2
    sums, squares = reducer.reduce(MomentsRound(bounds))
    mean, square = sums / facts.weight, squares / facts.weight
    variance = square - mean**2 if centred else square
    # Less than rounding is none: a constant column is excluded.
    return np.sqrt(np.where(variance > 1e-12 * square, variance, 0.0))


def _on_grid(values: Floats, bound: float) -> Floats:
    """Multiples of a power of 2 near these values, whose sums are exact up to the bound."""
    shift = math.ldexp(1.5, math.frexp(max(bound, 1e-250))[1])
    return (values + shift) - shift
