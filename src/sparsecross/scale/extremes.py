"""How far the entries of columns reach, and the units that follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _solvers
from .block import Block
from .points import Units
from .reducer import Reducer
from .rounds import Extent, Sums, SumsRound

_FURTHEST = 2.0**500  # whose square is finite, and so is its sum over rows
_ALIKE = 10  # powers of 2 by which sparse columns may be apart and have one factor


@dataclass(frozen=True)
class ExtremesRound(SumsRound):
    """Max x and max -x over the stored entries of each column."""

    together: ClassVar[Any] = np.maximum

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        high, low = np.full((2, extent.n_columns), -np.inf)
        for block in blocks:
            _solvers.widen_extremes(block.design, high, low)
        return [high, low]


def units_of(reducer: Reducer, centred: bool) -> Units:
    """Units in which no entry is above 1, and the largest of a column not far below.

    Columns of dense rows may be `centred`, counted from the middle of their range, where an
    intercept makes up for it. Sparse columns much alike have one factor, which costs no look-up;
    entries that are all 1 are left alone.

    Raises
    ------
    ValueError
        If a column has an entry above 2^500, about 3e150, in size.
    """
    facts = reducer.facts
    if not facts.valued:
        return Units()
    high, low = reducer.reduce(ExtremesRound())
    reach = np.maximum(np.maximum(high, low), 0.0)
    if (reach > _FURTHEST).any():
        j = int(np.argmax(reach))
        raise ValueError(
            f"column {j} of X must hold nothing above 2^500 in size, got {reach[j]:g}: its squares "
            "have no finite sum."
        )
    centre = None
    signed = bool((low > 0).any())
    if facts.dense and centred:
        centre = high / 2.0 - low / 2.0
        reach = np.maximum(high - centre, low + centre)
    exponents = np.clip(np.frexp(reach)[1], -500, 500)
    some = exponents[reach > 0]
    more: dict[str, Any] = {"signed": signed, "n_terms": facts.n_rows}
    if not facts.dense and (not len(some) or np.ptp(some) <= _ALIKE):
        return Units(common=2.0 ** -int(some.max()) if len(some) else 1.0, **more)
    factor = np.ldexp(1.0, np.where(reach > 0, -exponents, 0))
    return Units(factor, centre, **more)
