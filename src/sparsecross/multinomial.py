"""The multinomial problem: several classes at once, one optimum, one certificate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _solvers
from ._inputs import Floats
from .solution import Round, Solution
from .task import DEFAULT_ALPHA_RATIO


@dataclass(frozen=True)
class MultinomialSolution(Solution):
    """A `Solution` whose coef is (n_classes, n_features), and intercept and dual_point likewise."""

    intercept: Any


@dataclass(frozen=True)
class MultinomialTask:
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

    @cached_property
    def _column_scale(self) -> Floats | None:
        if not self.standardize:
            return None
        return _solvers.column_deviations(
            self.design, self.sample_weight, self.fit_intercept, self.n_threads or 0
        )

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
            self._column_scale,
        )

    def default_alpha(self, l1_ratio: float) -> float:
        """Return a hundredth of the smallest alpha at which every penalised weight is 0, or 1."""
        if l1_ratio == 0:
            raise ValueError("alpha_max does not exist for l1_ratio=0: L2 never reaches 0 exactly.")
        strength = self._problem(1.0, 0.0).largest_strength()
        return strength / l1_ratio / DEFAULT_ALPHA_RATIO or 1.0

    def solve(
        self,
        alpha: float,
        l1_ratio: float,
        *,
        tol: float,
        max_iter: int,
        coef_init: Floats | None,
        intercept_init: Floats | None,
    ) -> MultinomialSolution:
        """Minimise the objective at this alpha."""
        problem = self._problem(alpha * l1_ratio, alpha * (1.0 - l1_ratio))
        start = None if coef_init is None else np.ravel(coef_init)
        found, intercept = problem.solve(tol, max_iter, start, intercept_init)
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
            n_active=int(np.count_nonzero(coef)),
            status=found.status,
            history=[Round(*r) for r in found.history],
            solver="cd",
            interruption=found.interruption,
        )
