"""A problem but for the strength of its penalty: data checked, ready to be solved."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import starmap
from numbers import Integral, Real
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions

from . import _solvers
from ._inputs import Floats
from .interactions import Interactions
from .memory import FitMemory, Sizes
from .modelfile import sizes
from .solution import SOLVERS, Certificate, Look, OnLook, Round, Solution, SolverName, chosen

SolutionT = TypeVar("SolutionT", bound=Solution)
LossName = Literal["squared", "logistic", "huber", "absolute", "poisson"]
LOSSES = ("squared", "logistic", "huber", "absolute", "poisson")
DEFAULT_ALPHA_RATIO = 100  # alpha=None means alpha_max / 100
DEFAULT_DELTA = 1.35  # Huber 1964: 95 % of the efficiency of least squares under standard noise
MAX_LOG_RATE = 700.0  # beyond it exp() is beyond double precision

# The rules of scalar parameters, the same for the functions here and for the estimators.
RULES: dict[str, list[Any]] = {
    "loss": [StrOptions(set(LOSSES))],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    "fit_intercept": ["boolean"],
    "positive": ["boolean"],
    "standardize": ["boolean"],
    "delta": [Interval(Real, 0, None, closed="neither")],
    "solver": [StrOptions(set(SOLVERS))],
    "penalty_factor": ["array-like", None],
    "tol": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "n_threads": [Interval(Integral, 1, None, closed="left"), None],
}


class PenalisedTask:
    """What the tasks of one margin and of several share: their penalty. Each has these fields."""

    design: _solvers.Design
    sample_weight: Floats | None
    penalty_factor: Floats | None
    fit_intercept: bool
    positive: bool
    n_threads: int | None
    standardize: bool
    products: Any = None  # which products of columns there are

    @property
    def coef_shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        raise NotImplementedError

    def _problem(self, l1: float, l2: float) -> Any:
        """State the problem at one strength to the compiled solvers."""
        raise NotImplementedError

    def solve(self, *args: Any, **options: Any) -> Solution:
        """Minimise the objective at an alpha."""
        raise NotImplementedError

    def margins(self, solution: Solution) -> Floats:
        """Margins of every row, and of every output where there are several."""
        raise NotImplementedError

    @property
    def classifies(self) -> bool:
        """Whether targets are classes."""
        return True

    @property
    def excluded(self) -> npt.NDArray[np.bool_] | None:
        """Which columns have no weight by their penalty factor; None where none can be."""
        return None if self.penalty_factor is None else np.isinf(self.penalty_factor)

    @property
    def saturated(self) -> float:
        """Psat, the loss of perfect margins."""
        return 0.0

    @property
    def _centre(self) -> float:
        """What is taken off the targets, and so off the intercepts that compiled solvers see."""
        return 0.0

    @cached_property
    def null_loss(self) -> float:
        """The loss with all penalised weights 0 and the rest at their best, less Psat."""
        scale: float = self._problem(1.0, 0.0).scale()
        return scale

    @cached_property
    def column_scale(self) -> Floats | None:
        """Standard deviations of the columns where the penalty is to be in their units."""
        if not self.standardize:
            return None
        return _solvers.column_deviations(
            self.design, self.sample_weight, self.fit_intercept, self.n_threads or 0
        )

    def penalty(self, solution: Solution, alpha: float, l1_ratio: float) -> float:
        """Return what a solution's weights cost at this alpha."""
        w = np.ravel(solution.coef)[solution.support]
        columns = solution.support % solution.coef.shape[-1]
        if self.column_scale is not None:
            w = w * self.column_scale[columns]
        each = l1_ratio * np.abs(w) + 0.5 * (1.0 - l1_ratio) * w**2
        factor = 1.0 if self.penalty_factor is None else self.penalty_factor[columns]
        return float(alpha * np.sum(factor * each))

    @property
    def _arrays(self) -> tuple[npt.NDArray[Any] | None, ...]:
        """What the solver reads of the data."""
        return (
            *self.design.arrays,
            self.sample_weight,
            self.penalty_factor,
            self.column_scale,
        )

    def _memory(self, peak: tuple[int, int]) -> FitMemory:
        """What a solve held, of which the compiled solver tells all but the data."""
        return FitMemory(sum(a.nbytes for a in self._arrays if a is not None), *peak)

    order = 1  # how many columns a cross may have

    def counts(self, solution: Solution) -> tuple[list[int], list[int], int]:
        """Of each output, how many columns and crosses have weights; bytes of their look-up."""
        n_columns = self.coef_shape[-1]
        ends = np.arange(0, math.prod(self.coef_shape) + 1, n_columns)
        columns = np.diff(np.searchsorted(solution.support, ends)).tolist()
        return columns, [0] * len(columns), 0

    def alpha_max(self, l1_ratio: float = 1.0) -> float:
        """Return the smallest alpha at which every penalised weight is 0."""
        if l1_ratio == 0:
            raise ValueError("alpha_max does not exist for l1_ratio=0: L2 never reaches 0 exactly.")
        strength: float = self._problem(1.0, 0.0).largest_strength()
        if self.positive and not strength > 0:
            raise ValueError(
                "alpha_max does not exist: positive=True and no column is positively correlated "
                "with y."
            )
        return strength / l1_ratio

    def default_alpha(self, l1_ratio: float = 1.0) -> float:
        """Return alpha_max / 100, or 1 where nothing correlates and every strength is alike."""
        return self.alpha_max(l1_ratio) / DEFAULT_ALPHA_RATIO or 1.0

    def _as_told(self, on_look: OnLook | None) -> Callable[..., bool | None] | None:
        """Return what compiled solvers are to call at a look so that `on_look` hears of it."""
        if on_look is None:
            return None
        scale = self.null_loss

        def told(round_: tuple[Any, ...], coef: Floats, intercept: Any) -> bool | None:
            return on_look(
                Look(
                    Round(*round_).told(scale, self.saturated),
                    coef.reshape(self.coef_shape),
                    np.add(intercept, self._centre),
                )
            )

        return told

    def _as_solved(self, coef: Floats, intercept: Any) -> tuple[Floats, Any]:
        """Weights and intercepts as compiled solvers have them."""
        intercepts = np.broadcast_to(intercept, self.coef_shape[:-1]) - self._centre
        return np.ravel(coef), intercepts

    def _solution(
        self,
        found: _solvers.Solution | _solvers.InteractionSolution,
        history: Iterable[Round],
        *,
        kind: type[SolutionT],
        coef: Floats,
        intercept: Any,
        **more: Any,
    ) -> SolutionT:
        """What compiled solvers have found, in users' shapes and in excess of nothing."""
        return kind(
            coef=coef,
            intercept=intercept,
            primal=found.primal + self.saturated,
            dual=found.dual + self.saturated,
            gap=found.gap,
            relative_gap=found.gap / found.scale,
            n_iter=found.n_iter,
            status=found.status,
            history=[each.told(found.scale, self.saturated) for each in history],
            interruption=found.interruption,
            memory=self._memory(found.peak),
            **{"dual_point": found.dual_point, "solver": "cd", **more},
        )

    def certify(self, coef: Floats, intercept: Any, alpha: float, l1_ratio: float) -> Certificate:
        """Bound the distance of these weights from the optimum."""
        problem = self._problem(alpha * l1_ratio, alpha * (1.0 - l1_ratio))
        primal, dual = problem.certify(*self._as_solved(coef, intercept))
        gap = 0.0 if primal <= dual else primal - dual
        return Certificate(
            primal + self.saturated, dual + self.saturated, gap, gap / problem.scale()
        )


@dataclass(frozen=True)
class Task(PenalisedTask):
    """Everything of an L1 problem but the strength of its penalty; arrays checked and prepared."""

    design: _solvers.Design
    y: Floats
    loss: LossName
    sample_weight: Floats | None = None
    penalty_factor: Floats | None = None
    fit_intercept: bool = True
    positive: bool = False
    n_threads: int | None = None
    offset: Floats | None = None
    standardize: bool = False
    delta: float = DEFAULT_DELTA

    @property
    def coef_shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        return (self.design.shape[1],)

    @property
    def classifies(self) -> bool:
        """Whether targets are classes."""
        return self.loss == "logistic"

    @property
    def _of_differences(self) -> bool:
        """Whether the loss is one of y - m, so that an offset may be taken off y."""
        return self.loss in ("squared", "huber", "absolute")

    @cached_property
    def _centre(self) -> float:
        """What is taken off the targets of such a loss and given back to the intercept.

        Otherwise targets with a mean far above their deviation (times, prices) would lose the
        digits that tell them apart to cancellation.
        """
        if not self._of_differences or not self.fit_intercept:
            return 0.0
        target = self.y if self.offset is None else self.y - self.offset
        if self.loss == "squared":
            return float(np.average(target, weights=self.sample_weight))
        return float(np.median(target))

    @cached_property
    def _target(self) -> Floats:
        target = self.y
        if self._of_differences and self.offset is not None:
            target = target - self.offset
        return target - self._centre if self._centre else target

    @property
    def _arrays(self) -> tuple[npt.NDArray[Any] | None, ...]:
        target = self._target
        return (*super()._arrays, self.offset, self.y, None if target is self.y else target)

    @cached_property
    def _bound(self) -> _solvers.Problem:
        return _solvers.Problem(
            self.design,
            self.loss,
            self._target,
            self.sample_weight,
            1.0,
            0.0,
            self.penalty_factor,
            self.positive,
            self.fit_intercept,
            self.n_threads or 0,
            None if self._of_differences else self.offset,
            self.column_scale,
            self.delta,
        )

    def _problem(self, l1: float, l2: float) -> _solvers.Problem:
        """The problem at these strengths; fits at several of them share what they work out."""
        return self._bound.at(l1, l2)

    @cached_property
    def saturated(self) -> float:
        """Psat, the loss of perfect margins."""
        return self._problem(1.0, 0.0).saturated()

    def margins(self, solution: Solution) -> Floats:
        """Xw + b, and the offset, of every row."""
        margins = self.design.product(solution.coef, self.n_threads or 0) + solution.intercept
        return margins if self.offset is None else margins + self.offset

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

        There are no interactions to start from here.
        """
        problem = self._problem(alpha * l1_ratio, alpha * (1.0 - l1_ratio))
        used = chosen(solver)
        if used != "cd" and self.loss in ("absolute", "poisson"):
            raise ValueError(
                f"solver must be 'auto' or 'cd' for loss={self.loss!r}, whose curvature has no "
                f"bound, got {solver!r}."
            )
        found = problem.solve(
            tol,
            max_iter,
            coef_init,
            intercept_init - self._centre,
            used,
            self._as_told(on_look),
        )
        return self._solution(
            found,
            starmap(Round, found.history),
            kind=Solution,
            coef=found.coef,
            intercept=found.intercept + self._centre,
            solver=used,
        )


def sizes_of(
    tasks: Sequence[PenalisedTask],
    solutions: Sequence[Solution],
    classes: npt.NDArray[Any] | None = None,
) -> Sizes:
    """Bytes of the pruned model that has the solutions of these problems as its outputs.

    Where nobody tells the labels of classes, they are taken to be the integers from 0 on.
    """
    columns: list[int] = []
    crosses: list[int] = []
    n_bytes = 0
    for task, solution in zip(tasks, solutions, strict=True):
        more_columns, more_crosses, looked_up = task.counts(solution)
        columns += more_columns
        crosses += more_crosses
        n_bytes += looked_up
    first = tasks[0]
    if classes is None and first.classifies:
        classes = np.arange(max(2, len(columns)))
    found = sizes(first.design.shape[1], columns, first.order, crosses, classes)
    return found._replace(memory=found.memory + n_bytes)
