"""The multinomial problem: several classes at once, one optimum, one certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _solvers
from ._inputs import Floats
from .interactions import Interactions
from .scale.blocktask import BlockTask
from .solution import OnLook, Round, Solution, SolverName, chosen
from .task import PenalisedTask


@dataclass(frozen=True)
class MultinomialSolution(Solution):
    """A `Solution` whose coef is (n_classes, n_features), and intercept and dual_point likewise."""

    intercept: Any


@dataclass(frozen=True)
class MultinomialTask(PenalisedTask):
    """All of a multinomial problem but the strength of its penalty; arrays checked and prepared.

    Minimised over W (n_classes, n_features) and b (n_classes,):
    ``(1/n) Σ s_i (log Σ_k exp(m_ik) - m_i,y_i) + alpha Σ_jk ω_j (ρ |w_kj| + (1-ρ)/2 w_kj²)``.
    """

    design: _solvers.Design
    labels: npt.NDArray[np.int64]
    n_classes: int
    sample_weight: Floats | None
    penalty_factor: Floats | None
    fit_intercept: bool
    positive: bool
    n_threads: int | None
    standardize: bool

    @property
    def coef_shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        return (self.n_classes, self.design.shape[1])

    def margins(self, solution: Solution) -> Floats:
        """XWᵀ + b of every row and class."""
        each = [self.design.product(w, self.n_threads or 0) for w in solution.coef]
        margins: Floats = np.stack(each, axis=1) + solution.intercept
        return margins

    @property
    def _arrays(self) -> tuple[npt.NDArray[Any] | None, ...]:
        return (*super()._arrays, self.labels)

    def _problem(self, l1: float, l2: float) -> _solvers.MultinomialProblem:
        return _solvers.MultinomialProblem(
            self.design,
            self.labels,
            self.n_classes,
            self.sample_weight,
            l1,
            l2,
            self.penalty_factor,
            self.positive,
            self.fit_intercept,
            self.n_threads or 0,
            self.column_scale,
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
        intercept_init: Any = 0.0,
        on_look: OnLook | None = None,
        interactions_init: Interactions | None = None,
    ) -> MultinomialSolution:
        """Minimise the objective at this alpha; `on_look` may end it by returning True.

        There are no interactions to start from here.
        """
        if chosen(solver) != "cd":
            raise ValueError(
                f"solver must be 'auto' or 'cd' for the multinomial model, got {solver!r}."
            )
        problem = self._problem(alpha * l1_ratio, alpha * (1.0 - l1_ratio))
        start = None if coef_init is None else np.ravel(coef_init)
        intercepts = np.array(np.broadcast_to(intercept_init, self.n_classes), np.float64)
        found, intercept = problem.solve(tol, max_iter, start, intercepts, self._as_told(on_look))
        coef = found.coef.reshape(self.n_classes, -1)
        point = found.dual_point
        return MultinomialSolution(
            coef=coef,
            intercept=intercept,
            dual_point=point.reshape(self.n_classes, -1) if len(point) else point,
            primal=found.primal,
            dual=found.dual,
            gap=found.gap,
            relative_gap=found.gap / found.scale,
            n_iter=found.n_iter,
            status=found.status,
            history=[Round(*r).told(found.scale) for r in found.history],
            solver="cd",
            interruption=found.interruption,
            memory=self._memory(found.peak),
        )


AnyTask = PenalisedTask | BlockTask


def check_together(
    model: str,
    classes: npt.NDArray[Any],
    codes: npt.NDArray[Any],
    weight: Floats | None,
    offset: Floats | None,
) -> None:
    """Refuse what the multinomial model has no use for; `model` is what the user asked for it by.

    Raises
    ------
    ValueError
        If a class has no sample of positive weight, or there are offsets.
    """
    seen = np.unique(codes if weight is None else codes[weight > 0])
    if len(seen) < len(classes):
        missing = np.setdiff1d(np.arange(len(classes)), seen)[0]
        raise ValueError(
            f"every class must have a sample of positive weight for {model}, "
            f"{classes.tolist()[missing]!r} has none."
        )
    if offset is not None:
        raise ValueError(
            f"offset must be None for {model} and more than two classes: added to the margins of "
            "all classes alike it changes nothing."
        )
