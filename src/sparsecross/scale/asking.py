"""Rounds of one loss, in means, with bounds of exact sums that hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._inputs import Floats
from .block import LossOfRows
from .pairs import NEAR, TABLE, PairsQuestion, PairsRound, heavy_columns
from .points import Point
from .quadratic import Model
from .reducer import Reducer
from .rounds import DualRound, GradientRound, LossRound, ModelRound
from .survey import Answer, Heavy, Penalty, Question, together

_HEAVIEST = 512  # columns whose products tell how strong a penalty must be at least
_TINY = np.finfo(np.float64).tiny * 2.0**120  # no grid is finer


class Gradient(NamedTuple):
    """Xᵀr as all columns answer to it; loss, residual and curvature are means over the rows.

    Correlations with the dual point are off by `slack` at most.
    """

    round: GradientRound
    loss: float
    up: float
    down: float
    curvature: float
    answer: Answer
    slack: float

    @property
    def residual(self) -> float:
        """The mean of the residual."""
        return self.up - self.down


class Asking:
    """Rounds over a data set under a loss.

    Parameters
    ----------
    reducer : Reducer
        The data, in units in which no entry is above 1 in size.
    loss : LossOfRows
        The loss.
    fit_intercept : bool
        Whether θ must sum to 0.
    """

    def __init__(self, reducer: Reducer, loss: LossOfRows, fit_intercept: bool) -> None:
        self._reducer = reducer
        self._loss = loss
        self._fit_intercept = fit_intercept
        facts = reducer.facts
        factor = dict(loss.class_weight)
        self.weight = facts.weight
        if factor:
            self.weight = math.fsum(of.weight * factor.get(of.value, 1.0) for of in facts.labels)
        positive = 1 if loss.label is None else loss.label
        self._positive = math.fsum(
            of.weight * factor.get(of.value, 1.0) for of in facts.labels if of.value == positive
        )
        # Bounds of Σ |r| and Σ h, with room to grow: asked again where they were too small.
        bounded = {"logistic": 1.0, "huber": loss.delta}.get(loss.name)
        size = facts.size if bounded is None else bounded * self.weight
        self._residuals = 4.0 * max(size, self.weight)
        self._curvatures = 4.0 * self.weight
        self.n_pairs = 0  # that were looked at so far
        self.table_bytes = 0  # of the largest table of pairs

    def likely_intercept(self) -> float:
        """The best intercept where there are no weights and no offsets, as far as sums tell it."""
        mean = self._reducer.facts.mean / self.weight
        share = self._positive / self.weight
        if not self._fit_intercept:
            return 0.0
        if self._loss.name == "logistic":
            return math.log(share / (1.0 - share)) if 0.0 < share < 1.0 else 0.0
        if self._loss.name == "poisson":
            return math.log(mean) if mean > 0.0 else 0.0
        return mean if self._loss.name == "squared" else 0.0

    def gradient(
        self, at: Point, penalty: Penalty, room: int, off: Point | None = None
    ) -> Gradient:
        """The gradient over all columns, and who violates; `at` names whose is wanted."""
        return self._gradient(at, penalty, room, off, NEAR * penalty.least_of_products, None)

    def largest_strength(self, penalty: Penalty, at: Point, off: Point | None = None) -> float:
        """Max |x_jᵀr| / ω_j at a point, for a penalty of strength l1 = 1.

        Of products, those of the heaviest columns first: whatever these reach, no product of
        lighter columns has to be looked at that is bound to stay below.
        """
        if penalty.crosses is None:
            return self.gradient(at, penalty, 1, off).answer.largest
        some = self._gradient(at, penalty, 1, off, 0.0, _HEAVIEST).answer.largest
        least = some * penalty.least_of_products
        return max(some, self._gradient(at, penalty, 1, off, least, None).answer.largest)

    def _gradient(
        self,
        at: Point,
        penalty: Penalty,
        room: int,
        off: Point | None,
        threshold: float,
        most: int | None,
    ) -> Gradient:
        """The gradient; of products, those of columns heavier than that, or the heaviest ones."""
        crosses = penalty.crosses
        heavy = None
        if crosses is not None:
            heavy = Heavy(threshold / crosses.units.least, crosses.units.signed, most)
        ask = Question(penalty, at.columns, at.weights, self.weight, room, heavy)
        while True:
            bound = max(self._residuals, _TINY)
            asked = GradientRound(self._loss, at, bound, off, crosses is not None)
            scalars, answer = self._reducer.survey(asked, ask)
            loss, up, down, curvature = _totals(scalars)
            held = up + down <= bound
            self._residuals = 2.0 * (up + down)
            if held:
                if crosses is not None:
                    answer = self._with_products(asked, ask, answer, most)
                # Where entries are not all 1, a product of r and two of them, both parts of its
                # sum and the mean are rounded, in all by less than 2^-50 of the bound, and n terms
                # lose n² 2^-103 of it to the finer grid (exact_sum.hpp). To shrink the heavier side
                # moves a correlation by the difference at most.
                n = self._reducer.extent.units.n_terms
                slack = bound * (2.0**-50 + n * (n * 2.0**-103)) if n else 0.0
                slack += abs(up - down) if self._fit_intercept else 0.0
                loss, up, down, curvature = (
                    value / self.weight for value in (loss, up, down, curvature)
                )
                return Gradient(asked, loss, up, down, curvature, answer, slack / self.weight)

    def _with_products(
        self, asked: GradientRound, ask: Question, answer: Answer, most: int | None
    ) -> Answer:
        """What columns say, and all products of them that may be beyond the threshold."""
        crosses = ask.penalty.crosses
        assert crosses is not None
        keys = ask.columns[ask.columns >= crosses.n_columns]
        columns = heavy_columns(answer, keys, crosses.n_columns, most)
        of_pairs = PairsQuestion.of(ask, columns)
        n_heavy = len(columns)
        rows = max(1, TABLE // max(n_heavy, 1))
        answers = [answer]
        for first in range(0, n_heavy - 1, rows):
            pairs = PairsRound(asked, columns, first, min(first + rows, n_heavy))
            answers.append(self._reducer.survey_pairs(pairs, of_pairs.within(first, pairs.last)))
        self.n_pairs += n_heavy * (n_heavy - 1) // 2
        self.table_bytes = max(self.table_bytes, 8 * n_heavy * min(rows, n_heavy))
        return together(ask.room, answers)

    def model(
        self, at: Point, order: npt.NDArray[np.int64], first_new: int = 0
    ) -> tuple[Model, float]:
        """The model over some columns of `at`, in this order, and the loss.

        Products among the columns before `first_new` are left 0.
        """
        place = np.full(len(at.columns), -1, np.int64)
        place[np.searchsorted(at.columns, order)] = np.arange(len(order))
        while True:
            residuals = max(self._residuals, _TINY)
            curvatures = max(self._curvatures, _TINY)
            asked = ModelRound(
                self._loss, at, place, len(order), first_new, (residuals, curvatures)
            )
            scalars, *sums = self._reducer.reduce(asked)
            loss, up, down, curvature = _totals(scalars)
            self._residuals, self._curvatures = 2.0 * (up + down), 2.0 * curvature
            if up + down <= residuals and curvature <= curvatures:
                gradient, weighted, products = (part.sum(axis=-1) / self.weight for part in sums)
                residual, bend = (up - down) / self.weight, curvature / self.weight
                return Model(gradient, weighted, products, residual, bend), loss / self.weight

    def losses(self, at: Point, way: Point, t: Sequence[float]) -> list[float]:
        """The mean loss at `at` + t `way`."""
        scalars = self._reducer.reduce(LossRound(self._loss, at, way, tuple(t)))[0]
        return [total / self.weight for total in _sums(scalars)]

    def duals(self, gradient: Gradient, t: Sequence[float]) -> list[float]:
        """The loss's part of the dual at multiples of the θ of a gradient, balanced."""
        up, down, parts = gradient.up, gradient.down, (1.0, 1.0)
        if self._fit_intercept:
            parts = (down / up, 1.0) if up > down else (1.0, up / down if down > 0 else 1.0)
        scalars = self._reducer.reduce(DualRound(gradient.round, parts, tuple(t)))[0]
        return [total / self.weight for total in _sums(scalars)]


def _sums(scalars: Floats) -> list[float]:
    """Sums over blocks, rounded once."""
    return [_sum(column) for column in scalars.T]


def _sum(values: Any) -> float:
    """math.fsum, which an infinity of each sign would stop."""
    if np.isfinite(values).all():
        return math.fsum(values)
    return float(np.sum(values))


def _totals(scalars: Floats) -> list[float]:
    """The sums of a gradient or a model, which must be finite."""
    totals = _sums(scalars)
    if not np.isfinite(totals).all():
        raise OverflowError("the loss or its gradient is beyond double precision")
    return totals
