"""A problem of groups but for the strength of its penalty."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _solvers
from ._inputs import Floats
from .groups import Groups
from .interactions import Interactions
from .multinomial import MultinomialSolution
from .solution import OnLook, Round, Solution, SolverName
from .task import DEFAULT_DELTA, PenalisedTask


@dataclass(frozen=True, kw_only=True)
class GroupTask(PenalisedTask):
    """All of a problem of groups but the strength of its penalty; arrays checked and prepared.

    Minimised over W (n_outputs, n_features) and b (n_outputs,), with the blocks W_g of groups:
    ``(1/n) Σ s_i loss(y_i, m_i) + alpha Σ_g ω_g (ρ (τ ‖W_g‖₁ + (1-τ) ‖W_g‖₂) + (1-ρ)/2 ‖W_g‖₂²)``.

    Attributes
    ----------
    targets : ndarray of shape (n_outputs, n_samples)
        Targets of each output; of the multinomial loss one row, of the places of classes.
    n_classes : int
        Of the multinomial loss; else 0.
    single : bool
        Whether weights and intercept are those of one output, without an axis of their own.
    l1_share : float
        τ, the share of the penalty on single weights.
    penalty_factor : ndarray of shape (n_groups,)
        ω.
    """

    design: _solvers.Design
    targets: Floats
    loss: str
    groups: Groups
    penalty_factor: Floats
    n_classes: int = 0
    single: bool = True
    sample_weight: Floats | None = None
    offset: Floats | None = None
    fit_intercept: bool = True
    n_threads: int | None = None
    l1_share: float = 0.0
    delta: float = DEFAULT_DELTA
    positive: bool = False
    standardize: bool = False

    @property
    def n_outputs(self) -> int:
        """Of tasks or classes."""
        return self.n_classes or len(self.targets)

    @property
    def coef_shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        n_columns = self.design.shape[1]
        return (n_columns,) if self.single else (self.n_outputs, n_columns)

    @property
    def excluded(self) -> npt.NDArray[np.bool_]:
        """Which columns are of a group of infinite factor."""
        found: npt.NDArray[np.bool_] = np.isinf(self.penalty_factor)[self.groups.codes]
        return found

    @property
    def classifies(self) -> bool:
        """Whether targets are classes."""
        return self.loss in ("logistic", "multinomial")

    @property
    def _of_differences(self) -> bool:
        return self.loss in ("squared", "huber")

    @cached_property
    def _centre(self) -> Any:
        """What is taken off the targets of losses of y - m, as of `Task`."""
        if not self._of_differences or not self.fit_intercept:
            return 0.0
        given = self._shifted
        if self.loss == "squared":
            centre = np.average(given, axis=1, weights=self.sample_weight)
        else:
            centre = np.median(given, axis=1)
        return float(centre[0]) if self.single else centre

    @property
    def _shifted(self) -> Floats:
        if self.offset is None or not self._of_differences:
            return self.targets
        return self.targets - self.offset

    @cached_property
    def _target(self) -> Floats:
        return np.ascontiguousarray(self._shifted - np.reshape(self._centre, (-1, 1)))

    @property
    def _arrays(self) -> tuple[npt.NDArray[Any] | None, ...]:
        return (*super()._arrays, self.offset, self.targets, self._target)

    @cached_property
    def _grouping(self) -> _solvers.Grouping:
        columns = np.argsort(self.groups.codes, kind="stable").astype(np.int64)
        ends = np.append(0, np.cumsum(self.groups.sizes)).astype(np.int64)
        return _solvers.Grouping(ends, columns)

    def _problem(self, l1: float, l2: float) -> _solvers.GroupProblem:
        return _solvers.GroupProblem(
            self.design,
            self.loss,
            self._target,
            self.n_classes,
            self.sample_weight,
            l1 * self.l1_share,
            l1 * (1.0 - self.l1_share),
            l2,
            self._grouping,
            self.penalty_factor,
            self.fit_intercept,
            self.n_threads or 0,
            None if self._of_differences else self.offset,
            self.delta,
        )

    @cached_property
    def saturated(self) -> float:
        """Psat, the loss of perfect margins."""
        saturated: float = self._problem(1.0, 0.0).saturated()
        return saturated

    def _by_columns(self, coef: Any) -> Floats:
        """Weights as compiled solvers have them: those of a column in all outputs together."""
        return np.ascontiguousarray(np.atleast_2d(coef).T, np.float64).ravel()

    def _as_coef(self, by_columns: Floats) -> Floats:
        coef: Floats = np.ascontiguousarray(by_columns.reshape(-1, self.n_outputs).T)
        return coef.reshape(self.coef_shape)

    def margins(self, solution: Solution) -> Floats:
        """XWᵀ + b, and the offset, of every row."""
        each = [
            self.design.product(np.ascontiguousarray(w), self.n_threads or 0)
            for w in np.atleast_2d(solution.coef)
        ]
        margins: Floats = np.stack(each, axis=1) + solution.intercept
        if self.offset is not None:
            margins = margins + self.offset[:, None]
        return margins[:, 0] if self.single else margins

    def penalty(self, solution: Solution, alpha: float, l1_ratio: float) -> float:
        """Return what a solution's weights cost at this alpha."""
        coef = np.atleast_2d(solution.coef)
        norms = self.groups.norms(coef)
        sums = np.bincount(self.groups.codes, np.abs(coef).sum(axis=0), minlength=len(norms))
        tau = self.l1_share
        each = l1_ratio * (tau * sums + (1 - tau) * norms) + 0.5 * (1 - l1_ratio) * norms**2
        used = norms > 0
        return float(alpha * np.sum(self.penalty_factor[used] * each[used]))

    def _as_told(self, on_look: OnLook | None) -> Any:
        told = super()._as_told(on_look)
        if told is None:
            return None
        return lambda round_, coef, intercept: told(
            round_, self._as_coef(coef), intercept[0] if self.single else np.array(intercept)
        )

    def _as_solved(self, coef: Floats, intercept: Any) -> tuple[Floats, Any]:
        intercepts = np.broadcast_to(np.subtract(intercept, self._centre), (self.n_outputs,))
        return self._by_columns(coef), np.array(intercepts, np.float64)

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
    ) -> Solution:
        """Minimise the objective at this alpha; `on_look` may end it by returning True.

        There are no interactions to start from here, and one solver.
        """
        problem = self._problem(alpha * l1_ratio, alpha * (1.0 - l1_ratio))
        start, intercepts = (
            (None, None) if coef_init is None else self._as_solved(coef_init, intercept_init)
        )
        found, intercepts = problem.solve(tol, max_iter, start, intercepts, self._as_told(on_look))
        coef = self._as_coef(found.coef)
        point = found.dual_point.reshape(-1, self.design.shape[0])
        intercepts = intercepts + self._centre
        kind = Solution if self.single else MultinomialSolution
        saturated = self.saturated
        return kind(
            coef=coef,
            intercept=float(intercepts[0]) if self.single else intercepts,
            dual_point=point.ravel() if self.single else point,
            primal=found.primal + saturated,
            dual=found.dual + saturated,
            gap=found.gap,
            relative_gap=found.gap / found.scale,
            n_iter=found.n_iter,
            status=found.status,
            history=[Round(*r).told(found.scale, saturated) for r in found.history],
            solver="cd",
            interruption=found.interruption,
            memory=self._memory(found.peak),
        )
