"""A problem over columns and their products, of which only those that matter are built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _solvers
from ._inputs import Floats
from .interactions import InteractionCounts, Interactions, Products, of_keys
from .memory import FitMemory
from .solution import Certificate, Look, OnLook, Round, Solution, SolverName, chosen
from .task import Task

Keys = npt.NDArray[np.uint64]


class _AtStrength(NamedTuple):
    """What tasks ask of a problem at one strength; what it answers here is of all strengths."""

    problem: _solvers.InteractionProblem

    def scale(self) -> float:
        return self.problem.scale()

    def largest_strength(self) -> float:
        return self.problem.largest_strength()

    def saturated(self) -> float:
        return self.problem.saturated()


EVERYTHING = "all columns and their interactions"


def cost_of_crosses(crosses: Interactions, alpha: float, l1_ratio: float) -> float:
    """What the weights of crosses cost at this strength."""
    w = crosses.values
    return float(alpha * np.sum(l1_ratio * np.abs(w) + 0.5 * (1.0 - l1_ratio) * w**2))


def counts_of(solution: Solution) -> tuple[list[int], list[int], int]:
    """How many columns and crosses have weights; bytes of what looks these up."""
    crosses = solution.interactions
    if crosses is None:
        return [len(solution.support)], [0], 0
    return [len(solution.support)], [len(crosses)], int(crosses.terms().nbytes)


@dataclass(frozen=True)
class InteractionTask(Task):
    """A `Task` whose columns are those of the design and their products."""

    products: Products = field(kw_only=True)

    @cached_property
    def _interacting(self) -> _solvers.InteractionProblem:
        return _solvers.InteractionProblem(
            self.products.space,
            self.loss,
            self._target,
            self.sample_weight,
            self.penalty_factor,
            self.products.penalty,
            self.positive,
            self.fit_intercept,
            self.n_threads or 0,
            None if self._of_differences else self.offset,
            self.delta,
        )

    def _memory(self, peak: tuple[int, int]) -> FitMemory:
        memory = super()._memory(peak)
        return memory._replace(data=memory.data + self.products.space.nbytes)

    def _problem(self, l1: float, l2: float) -> Any:
        return _AtStrength(self._interacting)

    def _as_told(self, on_look: OnLook | None) -> Callable[..., bool | None] | None:
        if on_look is None:
            return None
        scale = self.null_loss

        def told(round_: tuple[Any, ...], coef: Floats, rest: Any) -> bool | None:
            intercept, keys, values = rest
            crosses = self._crosses(np.array(keys, np.uint64), np.array(values))
            round_told = Round(*round_).told(scale, self.saturated)
            return on_look(Look(round_told, coef, intercept + self._centre, crosses))

        return told

    def _crosses(self, keys: Keys, values: Floats) -> Interactions:
        """The crosses among weights by key."""
        products = self.products
        n_own = int(np.searchsorted(keys, np.uint64(products.n_columns)))
        return of_keys(
            keys[n_own:], values[n_own:], products.n_columns, products.order, products.names
        )

    def _as_keyed(self, coef: Floats | None, crosses: Interactions | None) -> tuple[Keys, Floats]:
        """All weights that are not 0, by key."""
        keys, values = np.empty(0, np.uint64), np.empty(0)
        if coef is not None:
            support = np.flatnonzero(coef)
            keys, values = support.astype(np.uint64), coef[support]
        if crosses is not None and len(crosses):
            keys = np.concatenate([keys, crosses.keys])
            values = np.concatenate([values, crosses.values])
        return keys, values

    def margins(self, solution: Solution) -> Floats:
        """Xw + b, the crosses and the offset, of every row."""
        margins = super().margins(solution)
        if solution.interactions is None:
            return margins
        return margins + solution.interactions.margins(self.design, self.n_threads)

    def penalty(self, solution: Solution, alpha: float, l1_ratio: float) -> float:
        """Return what a solution's weights cost at this alpha."""
        own, crosses = super().penalty(solution, alpha, l1_ratio), solution.interactions
        if crosses is None:
            return own
        return own + cost_of_crosses(crosses, alpha * self.products.penalty, l1_ratio)

    @property
    def order(self) -> int:  # type: ignore[override]
        """How many columns a cross may have."""
        return self.products.order

    def counts(self, solution: Solution) -> tuple[list[int], list[int], int]:
        """How many columns and crosses have weights; bytes of what looks these up."""
        return counts_of(solution)

    def certify(
        self,
        coef: Floats,
        intercept: Any,
        alpha: float,
        l1_ratio: float,
        interactions: Interactions | None = None,
    ) -> Certificate:
        """Bound the distance of these weights from the optimum over all columns and crosses."""
        problem = self._interacting
        primal, dual = problem.certify(
            alpha * l1_ratio,
            alpha * (1.0 - l1_ratio),
            *self._as_keyed(coef, interactions),
            float(intercept) - self._centre,
        )
        gap = 0.0 if primal <= dual else primal - dual
        return Certificate(
            primal + self.saturated, dual + self.saturated, gap, gap / self.null_loss
        )

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
        """Minimise the objective at this alpha; `on_look` may end it by returning True."""
        if chosen(solver) != "cd":
            raise ValueError(f"solver must be 'auto' or 'cd' with interactions, got {solver!r}.")
        if not alpha * l1_ratio > 0:
            raise ValueError(
                "alpha and l1_ratio must be positive with interactions, got "
                f"alpha={alpha} and l1_ratio={l1_ratio}: without an L1 part every cross has a "
                "weight."
            )
        start = coef_init, interactions_init, intercept_init
        if self.products.hierarchy == "none":
            return self._solved(alpha, l1_ratio, tol, max_iter, start, None, EVERYTHING, on_look)
        return self._hierarchical(alpha, l1_ratio, tol, max_iter, start, on_look)

    def _hierarchical(
        self,
        alpha: float,
        l1_ratio: float,
        tol: float,
        max_iter: int,
        start: tuple[Floats | None, Interactions | None, float],
        on_look: OnLook | None,
    ) -> Solution:
        """Solve with interactions of columns that are in the model themselves.

        Their parents are sought among the columns that have a weight in the model without
        interactions. A column that loses its own while an interaction of it has one is no parent
        from then on, and the rest is solved again, until there is none.
        """
        strong = self.products.hierarchy == "strong"
        alone = self._solved(
            alpha,
            l1_ratio,
            tol,
            max_iter,
            start,
            np.zeros(self.design.shape[1], np.uint8),
            "",
            None,
        )
        parents = (alone.coef != 0).astype(np.uint8)
        found, n_iter = alone, alone.n_iter
        while found.interruption is None:
            what = (
                f"all columns and the interactions with {'all columns' if strong else 'a column'} "
                f"among {int(parents.sum())} that are in the model "
                f"(hierarchy={self.products.hierarchy!r})"
            )
            start = found.coef, found.interactions, found.intercept
            found = self._solved(alpha, l1_ratio, tol, max_iter, start, parents, what, on_look)
            n_iter += found.n_iter
            crosses = found.interactions
            if crosses is None or len(crosses) == 0:
                break
            columns = crosses.columns
            weightless = (found.coef[columns] == 0) & (columns >= 0)
            in_model = ~weightless & (columns >= 0)
            broken = weightless.any(axis=1) if strong else ~in_model.any(axis=1)
            orphans = np.unique(columns[broken][weightless[broken]])
            if len(orphans) == 0:
                break
            parents[orphans] = 0
        memory = FitMemory.largest([alone.memory, found.memory])
        return replace(found, n_iter=n_iter, memory=memory)

    def _solved(
        self,
        alpha: float,
        l1_ratio: float,
        tol: float,
        max_iter: int,
        start: tuple[Floats | None, Interactions | None, float],
        parents: npt.NDArray[np.uint8] | None,
        certified_over: str,
        on_look: OnLook | None,
    ) -> Solution:
        """Solve one convex problem: with all interactions, or those of the parents."""
        coef_init, crosses_init, intercept_init = start
        products = self.products
        found = self._interacting.solve(
            alpha * l1_ratio,
            alpha * (1.0 - l1_ratio),
            tol,
            max_iter,
            *self._as_keyed(coef_init, crosses_init),
            intercept_init - self._centre,
            parents,
            products.hierarchy == "strong",
            self._as_told(on_look),
        )
        p = products.n_columns
        n_own = int(np.searchsorted(found.keys, np.uint64(p)))
        coef = np.zeros(p)
        coef[found.keys[:n_own].astype(np.int64)] = found.values[:n_own]
        return self._solution(
            found,
            (
                Round(*round_)._replace(**self._looked_at(*counts))
                for round_, counts in found.history
            ),
            kind=Solution,
            coef=coef,
            intercept=found.intercept + self._centre,
            interactions=self._crosses(found.keys, found.values),
            certified_over=certified_over,
        )

    def _looked_at(self, co_occurring: int, visited: int, built: int, ties: int) -> dict[str, Any]:
        """What a round tells of crosses."""
        known = None if co_occurring < 0 else co_occurring
        counts = InteractionCounts(self.products.possible, known, visited, built)
        return {"interactions": counts, "ties": ties}
