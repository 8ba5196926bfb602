"""A problem over blocks of rows, with the strength of its penalty left open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._inputs import Floats
from ..interactions import Interactions
from ..interactiontask import EVERYTHING, cost_of_crosses, counts_of
from ..memory import FitMemory
from ..solution import Certificate, Look, OnLook, Round, Solution, SolverName, chosen
from ..task import PenalisedTask
from .block import LossOfRows
from .descent import Descent, Found, Null, OnRound
from .extremes import units_of
from .moments import deviations
from .pairs import AllPairs
from .points import Point, Units, as_point
from .reducer import Reducer
from .survey import CrossPenalty, Penalty

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class BlockTask(PenalisedTask):
    """Everything of a problem over blocks but the strength of its penalty.

    Points are looked for in units in which no column is large (`units_of`), and told in those of
    the data.

    Attributes
    ----------
    reducer : Reducer
        The rows, their targets, weights and offsets.
    loss : LossOfRows
        The loss.
    penalty_factor, fit_intercept, positive, n_threads, standardize
        As of :class:`Task`.
    products : AllPairs or None
        Which products of columns there are.
    """

    reducer: Reducer
    loss: LossOfRows
    penalty_factor: Floats | None
    fit_intercept: bool
    positive: bool
    n_threads: int | None
    standardize: bool
    products: AllPairs | None = None

    @property
    def design(self) -> Any:  # type: ignore[override]
        """What has the shape of X."""
        return self.reducer

    @property
    def coef_shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        return (self._n_columns,)

    @property
    def classifies(self) -> bool:
        """Whether targets are classes."""
        return self.loss.name == "logistic"

    @property
    def saturated(self) -> float:
        """Psat, the loss of perfect margins."""
        facts = self.reducer.facts
        return facts.perfect / facts.weight if self.loss.name == "poisson" else 0.0

    @cached_property
    def column_scale(self) -> Floats | None:
        """Standard deviations of the columns where the penalty is to be in their units."""
        if not self.standardize:
            return None
        return deviations(self.reducer, self._units, self.fit_intercept)

    @cached_property
    def _units(self) -> Units:
        return units_of(self.reducer, self.fit_intercept and self.products is None)

    @cached_property
    def _scale(self) -> Floats | None:
        return self._units.scales(self.column_scale, self._n_columns)

    @cached_property
    def _descent(self) -> Descent:
        asked = self.reducer.in_units(self._units)
        return Descent(asked, self.loss, self.fit_intercept, self.n_threads)

    def _penalty(self, l1: float, l2: float) -> Penalty:
        return Penalty(
            l1, l2, self.penalty_factor, self._scale, self.positive, self._cost_of_crosses
        )

    @cached_property
    def _cost_of_crosses(self) -> CrossPenalty | None:
        if self.products is None:
            return None
        return CrossPenalty(self.products.penalty, self._n_columns, self._units)

    @property
    def _n_columns(self) -> int:
        return self.reducer.extent.n_columns

    @cached_property
    def _null(self) -> Null:
        return self._descent.null(self._penalty(1.0, 0.0))

    @cached_property
    def null_loss(self) -> float:
        """The loss with all penalised weights 0 and the rest at their best, less Psat."""
        return max(self._null.loss, float(np.finfo(np.float64).tiny))

    def alpha_max(self, l1_ratio: float = 1.0) -> float:
        """Return the smallest alpha at which every penalised weight is 0."""
        if l1_ratio == 0:
            raise ValueError("alpha_max does not exist for l1_ratio=0: L2 never reaches 0 exactly.")
        strength = self._descent.largest_strength(self._penalty(1.0, 0.0), self._null)
        if self.positive and not strength > 0:
            raise ValueError(
                "alpha_max does not exist: positive=True and no column is positively correlated "
                "with y."
            )
        return strength / l1_ratio

    def margins(self, solution: Solution) -> Floats:
        """Xw + b, and the offset, of every row."""
        raise NotImplementedError

    @property
    def order(self) -> int:  # type: ignore[override]
        """How many columns a cross may have."""
        return 1 if self.products is None else self.products.order

    def penalty(self, solution: Solution, alpha: float, l1_ratio: float) -> float:
        """Return what a solution's weights cost at this alpha."""
        own = super().penalty(solution, alpha, l1_ratio)
        if self.products is None or solution.interactions is None:
            return own
        return own + cost_of_crosses(solution.interactions, alpha * self.products.penalty, l1_ratio)

    def counts(self, solution: Solution) -> tuple[list[int], list[int], int]:
        """How many columns and crosses have weights; bytes of what looks these up."""
        return super().counts(solution) if self.products is None else counts_of(solution)

    def certify(
        self,
        coef: Floats,
        intercept: Any,
        alpha: float,
        l1_ratio: float,
        interactions: Interactions | None = None,
    ) -> Certificate:
        """Bound the distance of these weights from the optimum, over all crosses too."""
        self._check_strength(alpha, l1_ratio)
        penalty = self._penalty(alpha * l1_ratio, alpha * (1.0 - l1_ratio))
        primal, dual = self._descent.certify(
            penalty, self._inward(coef, float(intercept), interactions)
        )
        gap = 0.0 if primal <= dual else primal - dual
        shift = self.saturated
        return Certificate(primal + shift, dual + shift, gap, gap / self.null_loss)

    def solve(
        self,
        alpha: float,
        l1_ratio: float = 1.0,
        *,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 100_000,
        coef_init: Floats | None = None,
        intercept_init: float = 0.0,
        on_look: OnLook | None = None,
        interactions_init: Interactions | None = None,
    ) -> Solution:
        """Minimise the objective at this alpha; `on_look` may end it by returning True.

        `max_iter` limits rounds over the blocks.
        """
        if chosen(solver) != "cd":
            raise ValueError(f"solver must be 'auto' or 'cd' for blocks of rows, got {solver!r}.")
        self._check_strength(alpha, l1_ratio)
        penalty = self._penalty(alpha * l1_ratio, alpha * (1.0 - l1_ratio))
        start = self._null.point
        if coef_init is not None:
            start = self._feasible(
                self._inward(coef_init, intercept_init, interactions_init), penalty
            )
        found = self._descent.solve(
            penalty, tol * self.null_loss, max_iter, start, self._told(on_look)
        )
        return self._as_solution(found)

    def _feasible(self, start: Point, penalty: Penalty) -> Point:
        """A start without weights that are excluded, or negative where they must not be."""
        l1, _ = penalty.of(start.columns)
        stays = np.isfinite(np.broadcast_to(l1, start.weights.shape))
        if self.positive:
            stays = stays & (start.weights > 0)
        intercept = start.intercept if self.fit_intercept else 0.0
        return Point(start.columns[stays], start.weights[stays], intercept)

    @staticmethod
    def _check_strength(alpha: float, l1_ratio: float) -> None:
        if not alpha * l1_ratio > 0:
            raise ValueError(
                f"alpha and l1_ratio must be positive for blocks of rows, got alpha={alpha} and "
                f"l1_ratio={l1_ratio}: without an L1 part every column has a weight."
            )

    def _inward(self, coef: Floats, intercept: float, crosses: Interactions | None) -> Point:
        return self._units.inward(as_point(coef, intercept, crosses), self._n_columns)

    def _outward(self, point: Point) -> tuple[Floats, float, Interactions | None]:
        p, told = self._n_columns, self._units.outward(point, self._n_columns)
        crosses = None if self.products is None else told.crosses(p, self.products.names)
        return told.dense(p), told.intercept, crosses

    def _told(self, on_look: OnLook | None) -> OnRound:
        if on_look is None:
            return lambda told, point: None
        scale = self.null_loss

        def tell(seen: Round, point: Point) -> bool | None:
            look = Look(seen.told(scale, self.saturated), *self._outward(point))
            return on_look(look)

        return tell

    def _as_solution(self, found: Found) -> Solution:
        shift = self.saturated
        coef, intercept, crosses = self._outward(found.point.without_zeros(_NONE))
        return Solution(
            coef=coef,
            intercept=intercept,
            dual_point=np.empty(0),
            primal=found.primal + shift,
            dual=found.dual + shift,
            gap=found.gap,
            relative_gap=found.gap / self.null_loss,
            n_iter=found.history[-1].n_iter,
            status=found.status,
            history=[each.told(self.null_loss, shift) for each in found.history],
            solver="cd",
            interactions=crosses,
            certified_over="" if crosses is None else EVERYTHING,
            memory=FitMemory(self.reducer.nbytes, *self._descent.held),
        )
