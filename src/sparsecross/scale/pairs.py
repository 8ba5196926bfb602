"""Products of columns: which may matter, and what those say to a dual point.

Problem: of all p (p - 1) / 2 products of two columns, the correlations z_jk = Σ_i r_i x_ij x_ik
         that are beyond their penalties, a bound of all others, and those of products with weights.
Method:  a column's positive and negative terms bound all of its products (survey.py); of the heavy
         columns, few as their terms share Σ |r|, all pairs are summed in a square table, some of
         its rows at a time.
Cost:    a round for every 2^24 pairs of heavy columns; of a row of X, the pairs of its entries in
         heavy columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _solvers
from .._inputs import Floats, aligned
from ..interactions import Interactions
from .block import Block
from .points import Columns, factors_of
from .rounds import Extent, GradientRound, Sums, SumsRound
from .survey import Answer, Question, hardest_of, together

TABLE = 1 << 24  # pairs of a round: 128 MiB of sums
NEAR = 0.9  # of its penalty: what a product that is not looked at cannot exceed
_AT_ONCE = 1 << 18  # pairs that are judged at once


@dataclass(frozen=True)
class AllPairs:
    """All products of two distinct columns, as tasks over blocks know them.

    Attributes
    ----------
    n_columns : int
        Columns to cross.
    penalty : float
        The penalty factor of each product.
    names : ndarray of str, or None
        Of the columns.
    """

    n_columns: int
    penalty: float
    names: npt.NDArray[Any] | None

    order = 2

    def check(self, crosses: Interactions, name: str) -> None:
        """Raise a ValueError unless these crosses are among the products that there are."""
        squares = crosses.columns[:, 0] == crosses.columns[:, 1]
        if squares.any():
            bad = crosses.columns[squares][0].tolist()
            raise ValueError(f"{name} must be of crosses that interactions allow, got {bad}.")


def all_pairs(reducer: Any, stated: Any) -> AllPairs | None:
    """State which products of columns there are over blocks of rows, or None where there are none.

    Parameters
    ----------
    reducer : Reducer
        The rows.
    stated : object
        With the parameters `interactions`, `hierarchy`, `squares`, `interaction_penalty`, `fields`
        and `standardize`, as of :func:`sparsecross.solve`.

    Raises
    ------
    ValueError
        If others are asked for than all of two distinct columns, or there are too many columns.
    """
    for name, value, silent in (
        ("hierarchy", stated.hierarchy, "none"),
        ("squares", stated.squares, False),
        ("fields", stated.fields, None),
    ):
        if value is not silent and (silent is None or value != silent):
            raise ValueError(f"{name} must be {silent!r} for blocks of rows, got {value!r}.")
    if stated.interactions is None:
        return None
    if stated.interactions != "pairwise":
        raise ValueError(
            "interactions must be 'pairwise' or None for blocks of rows, got "
            f"{stated.interactions!r}."
        )
    if stated.standardize:
        raise ValueError(
            "standardize must be False with interactions, whose deviations are not known before "
            "they are built; got True."
        )
    n_columns, encoder = reducer.extent.n_columns, reducer.encoder
    names = reducer.feature_names if encoder is None else encoder.get_feature_names_out()
    _solvers.ProductKeys(n_columns, 2)  # which has the limit
    return AllPairs(n_columns, float(stated.interaction_penalty), names)


@dataclass(frozen=True)
class PairsRound(SumsRound):
    """Σ r x_a x_b over the pairs a < b of some columns, for the rows [first, last) of their table.

    Attributes
    ----------
    gradient : GradientRound
        Whose r, and for whose bound.
    columns : ndarray of int64
        Increasing.
    first, last : int
        Places among them.
    """

    gradient: GradientRound
    columns: Columns
    first: int
    last: int

    def run(self, blocks: Iterable[Block], extent: Extent) -> Sums:
        """Ask it of some blocks."""
        shape = self.last - self.first, len(self.columns), extent.units.n_grids
        table = np.zeros(shape)
        residual = self.gradient.residual(extent)
        columns = _solvers.ChosenColumns(
            aligned(self.columns), extent.units.compiled(extent.n_columns)
        )
        for block in blocks:
            block.rows(self.gradient.loss).add_pairs(
                *residual, columns, self.first, self.last, table
            )
        return [table]


@dataclass(frozen=True)
class PairsQuestion:
    """What is asked of the pairs of a `PairsRound`.

    Attributes
    ----------
    l1, l2 : float
        Their penalties, in units of the factors.
    factors : ndarray
        Of the columns, whose products are those of pairs.
    columns : ndarray of int64
        As of the round.
    positive : bool
        Whether weights must not be negative.
    keys, weights : ndarray
        Products with a weight, and those whose correlation is wanted in any case; increasing.
    n_columns : int
        Of X.
    n_rows : float
        What sums are divided by.
    room : int
        How many violators are wanted.
    """

    l1: float
    l2: float
    factors: Floats
    columns: Columns
    positive: bool
    keys: Columns
    weights: Floats
    n_columns: int
    n_rows: float
    room: int

    @classmethod
    def of(cls, ask: Question, columns: Columns) -> PairsQuestion:
        """The part of a question that is for products."""
        penalty, crosses = ask.penalty, ask.penalty.crosses
        assert crosses is not None
        own = ask.columns < crosses.n_columns
        return cls(
            penalty.l1 * crosses.factor,
            penalty.l2 * crosses.factor,
            crosses.units.factor_of(columns, crosses.n_columns),
            columns,
            penalty.positive,
            ask.columns[~own],
            ask.weights[~own],
            crosses.n_columns,
            ask.n_rows,
            ask.room,
        )

    def within(self, first: int, last: int) -> PairsQuestion:
        """The same to some rows of the table."""
        ends = [self.columns[k] if k < len(self.columns) else self.n_columns for k in (first, last)]
        named = slice(*np.searchsorted(factors_of(self.keys, self.n_columns)[0], ends))
        return replace(self, keys=self.keys[named], weights=self.weights[named])


def heavy_columns(answer: Answer, keys: Columns, n_columns: int, most: int | None) -> Columns:
    """Columns whose products are looked at: the heaviest, or all, and those of named products."""
    heaviest = np.lexsort((answer.heavy, -answer.bounds))[:most]
    return np.unique(np.concatenate([answer.heavy[heaviest], *factors_of(keys, n_columns)]))


def answer_pairs(ask: PairsQuestion, asked: PairsRound, table: Floats) -> Answer:
    """Of some rows of the table of pairs, whose sums are given."""
    per_part = max(1, _AT_ONCE // max(len(ask.columns), 1))
    parts = []
    for first in range(asked.first, asked.last, per_part):
        last = min(first + per_part, asked.last)
        z = table[first - asked.first : last - asked.first].sum(axis=-1) / ask.n_rows
        parts.append(_answer(ask.within(first, last), z, np.arange(first, last)))
    return together(ask.room, parts)


def _answer(ask: PairsQuestion, z: Floats, rows: npt.NDArray[np.intp]) -> Answer:
    places = np.arange(len(ask.columns))
    scale = ask.factors[rows, None] * ask.factors
    l1, l2 = ask.l1 * scale, ask.l2 * scale**2
    first, second = factors_of(ask.keys, ask.n_columns)
    named = (
        np.searchsorted(ask.columns, first) - rows[0],
        np.searchsorted(ask.columns, second),
    )
    z_named = z[named]
    size = np.maximum(z, 0.0) if ask.positive else np.abs(z)
    pairs = places > rows[:, None]
    beyond = (0.0, 0.0, 0.0)
    if ask.l2 > 0:
        near = pairs & (size > NEAR * l1)  # which no slack that is allowed for brings others to
        a, bend = np.maximum(size[near] - l1[near], 0.0), l2[near]
        beyond = math.fsum(a**2 / (2.0 * bend)), math.fsum(a / bend), math.fsum(0.5 / bend)
    pull = np.where(pairs, size - l1, 0.0)
    pull[named] = np.where(ask.weights == 0, pull[named], 0.0)
    if ask.l2 > 0:
        left = z_named - np.where(ask.weights == 0, 0.0, l2[named] * ask.weights)
        size[named] = np.maximum(left, 0.0) if ask.positive else np.abs(left)
    largest = float(np.max(size / l1, where=pairs, initial=0.0))
    a_found, b_found = np.nonzero(pull > 0)
    keys = ask.n_columns + ask.columns[rows[a_found]] * ask.n_columns + ask.columns[b_found]
    pulls, z_found = pull[a_found, b_found], z[a_found, b_found]
    return Answer(largest, beyond, *hardest_of(keys, pulls, z_found, ask.room), z_named)
