"""What all columns say to a dual point, chunk by chunk: room and violators, not correlations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from .._inputs import Floats
from .points import Columns, Units

CHUNK = 1 << 20  # columns


@dataclass(frozen=True)
class CrossPenalty:
    """What products of two columns cost.

    Attributes
    ----------
    factor : float
        ω of every product.
    n_columns : int
        Columns to cross.
    units : Units
        In which columns are looked at.
    """

    factor: float
    n_columns: int
    units: Units


@dataclass(frozen=True)
class Penalty:
    """Σ ω_j (l1 σ_j |w_j| + ½ l2 (σ_j w_j)²), w >= 0 where `positive`; ω = ∞ or σ = 0 exclude.

    With `crosses`, products of columns are columns too.
    """

    l1: float
    l2: float
    factor: Floats | None = None
    scale: Floats | None = None
    positive: bool = False
    crosses: CrossPenalty | None = None

    def of(self, columns: slice | Columns) -> tuple[Floats, Floats]:
        """The strengths of both parts for some columns, infinite for those that are excluded."""
        if self.crosses is None or isinstance(columns, slice):
            return self._of_own(columns)
        own = columns < self.crosses.n_columns
        one, two = np.empty(len(columns)), np.empty(len(columns))
        one[own], two[own] = self._of_own(columns[own])
        of_units = self.crosses.units.factor_of(columns[~own], self.crosses.n_columns)
        one[~own] = self.l1 * self.crosses.factor * of_units
        two[~own] = self.l2 * self.crosses.factor * of_units**2
        return one, two

    def _of_own(self, columns: slice | Columns) -> tuple[Floats, Floats]:
        factor = np.ones(1) if self.factor is None else self.factor[columns]
        scale = np.ones(1) if self.scale is None else self.scale[columns]
        out = np.isinf(factor) | (scale == 0)
        with np.errstate(invalid="ignore"):
            one, two = self.l1 * factor * scale, self.l2 * factor * scale**2
        return np.where(out, np.inf, one), np.where(out, np.inf, two)

    def value(self, columns: Columns, w: Floats) -> float:
        """What these weights cost."""
        l1, l2 = self.of(columns)
        with np.errstate(invalid="ignore"):
            return math.fsum(np.where(w == 0, 0.0, l1 * np.abs(w) + 0.5 * l2 * w**2))

    def counted(self, z: Floats) -> Floats:
        """The part of correlations that counts against the penalty."""
        return np.maximum(z, 0.0) if self.positive else np.abs(z)

    @property
    def least(self) -> float:
        """The smallest L1 penalty of a column that has one."""
        l1, _ = self.of(slice(None))
        least = float(np.min(l1, where=l1 > 0, initial=np.inf))
        return least if self.crosses is None else min(least, self.least_of_products)

    @property
    def least_of_products(self) -> float:
        """The smallest L1 penalty that a product may have."""
        crosses = self.crosses
        return np.inf if crosses is None else self.l1 * crosses.factor * crosses.units.least**2

    @property
    def unpenalised(self) -> Columns:
        """Columns that nothing holds back."""
        if self.factor is None:
            return np.empty(0, np.int64)
        free = self.factor == 0
        return np.flatnonzero(free if self.scale is None else free & (self.scale != 0))


class Heavy(NamedTuple):
    """Columns whose products may come to something.

    Attributes
    ----------
    threshold : float
        What the bound of a column's products must be above, in units of its factor.
    signed : bool
        Whether entries may be negative, so that positive and negative terms do not bound alone.
    most : int or None
        How many are wanted of a chunk at most, those of the largest bounds.
    """

    threshold: float
    signed: bool
    most: int | None


@dataclass(frozen=True)
class Question:
    """What is asked of the columns.

    Attributes
    ----------
    penalty : Penalty
        Theirs.
    columns, weights : ndarray
        Those with a weight, and those whose correlation is wanted in any case; increasing.
    n_rows : float
        What sums are divided by: Σ s.
    room : int
        How many violators are wanted.
    heavy : Heavy or None
        Which columns are to be named for their products, whose sums come in parts then.
    """

    penalty: Penalty
    columns: Columns
    weights: Floats
    n_rows: float
    room: int
    heavy: Heavy | None = None

    def with_factors(self, factor: Floats | None, scale: Floats | None) -> Question:
        """The same of columns whose penalties have these factors and scales."""
        return replace(self, penalty=replace(self.penalty, factor=factor, scale=scale))


@dataclass(frozen=True)
class Answer:
    """What some columns leave of the multiples of θ, and who violates.

    Attributes
    ----------
    largest : float
        max |x_jᵀθ| / (n l1_j) over penalised columns, augmented where there is an L2 part.
    beyond : (float, float, float)
        Σ a²/(2 l2_j), Σ a/l2_j and Σ 1/(2 l2_j), where a is how far a column is beyond its penalty.
    violators : ndarray of int64
        Columns of weight 0 beyond their penalty, the hardest first, and as many as there is room.
    pulls, violators_z : ndarray
        How far they are beyond it, and their x_jᵀθ / n.
    z : ndarray
        x_jᵀθ / n of the columns that were named.
    heavy, bounds : ndarray
        Columns whose products may be more than was asked, and how much at most.
    """

    largest: float
    beyond: tuple[float, float, float]
    violators: Columns
    pulls: Floats
    violators_z: Floats
    z: Floats
    heavy: Columns = field(default_factory=lambda: np.empty(0, np.int64))
    bounds: Floats = field(default_factory=lambda: np.empty(0))

    def limit(self, slack: float, least: float) -> float:
        """Up to which multiple θ obeys, where correlations are off by `slack` at most.

        `least` is the smallest penalty of a column.
        """
        largest = self.largest + (slack / least if slack > 0 else 0.0)
        return 1.0 / largest if largest > 0 else math.inf

    def moved(self, first: int) -> Answer:
        """The same of columns that are counted from `first` on."""
        return replace(self, violators=self.violators + first, heavy=self.heavy + first)

    def conjugate(self, slack: float) -> float:
        """A bound of Σ g*(x_jᵀθ) where correlations are off by `slack` at most."""
        square, line, constant = self.beyond
        return square + slack * line + slack**2 * constant


def chunks(n_columns: int) -> Iterator[slice]:
    """Where the columns are cut, the same for everybody."""
    for first in range(0, n_columns, CHUNK):
        yield slice(first, min(first + CHUNK, n_columns))


def answer(ask: Question, z: Floats, at: slice) -> Answer:
    """Of one chunk, whose sums x_jᵀr are z, on one grid or more."""
    penalty, z = ask.penalty, z.sum(axis=-1)
    heavy: tuple[Columns, Floats] | tuple[()] = ()
    if ask.heavy is not None:
        heavy = _heavy(ask.heavy, z / ask.n_rows, penalty.scale, at)
        z = z[:, 0] - z[:, 1]
    z = z / ask.n_rows
    named = slice(*np.searchsorted(ask.columns, [at.start, at.stop]))
    columns, w = ask.columns[named], ask.weights[named]
    local = columns - at.start
    l1, l2 = penalty.of(at)
    l1, l2 = np.broadcast_to(l1, z.shape), np.broadcast_to(l2, z.shape)
    z_named = z[local]

    held = np.isfinite(l1) & (l1 > 0)
    size = penalty.counted(z)
    beyond = (0.0, 0.0, 0.0)
    if penalty.l2 > 0:
        a, bend = np.maximum(size - l1, 0.0)[held], l2[held]
        beyond = math.fsum(a**2 / (2.0 * bend)), math.fsum(a / bend), math.fsum(0.5 / bend)
        size[local] = penalty.counted(z_named - np.where(w == 0, 0.0, l2[local] * w))
    with np.errstate(divide="ignore", invalid="ignore"):
        largest = float(np.max(np.where(held, size / l1, 0.0), initial=0.0))

    pull = penalty.counted(z) - l1
    pull[~held] = 0.0
    pull[local[w != 0]] = 0.0
    found = np.flatnonzero(pull > 0)
    hardest = hardest_of(found + at.start, pull[found], z[found], ask.room)
    return Answer(largest, beyond, *hardest, z_named, *heavy)


def _heavy(ask: Heavy, parts: Floats, scale: Floats | None, at: slice) -> tuple[Columns, Floats]:
    """Columns whose products may be beyond their penalty.

    A product has an entry only where both columns have one, of at most their sizes: no sum over
    its rows is beyond that of a column's positive terms, or of its negative ones; where
    entries may be negative, of both together (Nakagawa et al. 2016, "Safe pattern pruning").
    """
    bounds = parts.sum(axis=1) if ask.signed else parts.max(axis=1)
    if scale is not None:
        bounds = bounds / scale[at]
    found = np.flatnonzero(bounds > ask.threshold)
    found = found[np.lexsort((found, -bounds[found]))[: ask.most]]
    return found + at.start, bounds[found]


def together(room: int, each: Iterable[Answer]) -> Answer:
    """Of all chunks, in their order, with as many violators as there is room."""
    parts = list(each)
    heavy = np.concatenate([part.heavy for part in parts])
    bounds = np.concatenate([part.bounds for part in parts])
    hardest = hardest_of(
        np.concatenate([part.violators for part in parts]),
        np.concatenate([part.pulls for part in parts]),
        np.concatenate([part.violators_z for part in parts]),
        room,
    )
    return Answer(
        max(part.largest for part in parts),
        (
            math.fsum(part.beyond[0] for part in parts),
            math.fsum(part.beyond[1] for part in parts),
            math.fsum(part.beyond[2] for part in parts),
        ),
        *hardest,
        np.concatenate([part.z for part in parts]),
        heavy,
        bounds,
    )


def hardest_of(
    columns: Columns, pulls: Floats, z: Floats, room: int
) -> tuple[Columns, Floats, Floats]:
    """Those that pull hardest, as many as there is room."""
    order = np.lexsort((columns, -pulls))[:room]
    return columns[order], pulls[order], z[order]
