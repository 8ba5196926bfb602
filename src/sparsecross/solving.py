"""The functional core: a problem stated in arrays, solved, bounded and judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

from . import _solvers
from ._inputs import (
    Floats,
    as_design,
    as_offset,
    as_penalty_factor,
    as_sample_weight,
    as_start,
    as_target,
)
from ._solvers import Status

LossName = Literal["squared", "logistic", "huber", "absolute", "poisson"]
LOSSES = ("squared", "logistic", "huber", "absolute", "poisson")
SolverName = Literal["auto", "cd", "ista", "fista"]
SOLVERS = ("auto", "cd", "ista", "fista")
DEFAULT_ALPHA_RATIO = 100  # alpha=None means alpha_max / 100
DEFAULT_DELTA = 1.35  # Huber 1964: 95 % of the efficiency of least squares under standard noise
MAX_LOG_RATE = 700.0  # beyond it exp() is beyond double precision


class Round(NamedTuple):
    """One look of a solver at all columns.

    `working_set` counts the columns that coordinate descent works on, or those that proximal
    gradient has not screened; `restarts` the restarts of momentum so far.
    """

    n_iter: int
    working_set: int
    n_active: int
    primal: float
    dual: float
    seconds: float
    restarts: int

    def above(self, saturated: float) -> Round:
        """Return the round with values of the loss itself, not in excess of perfect margins."""
        return self._replace(primal=self.primal + saturated, dual=self.dual + saturated)


class Look(NamedTuple):
    """A round while it lasts: `coef` is a view that is gone when the solver goes on."""

    round: Round
    scale: float  # the unit of relative gaps
    coef: Floats
    intercept: float

    @property
    def relative_gap(self) -> float:
        """What is proved so far."""
        return max(0.0, self.round.primal - self.round.dual) / self.scale


OnLook = Callable[[Look], bool | None]


@dataclass(frozen=True)
class Solution:
    """What a solver found, and how good it is.

    Attributes
    ----------
    coef : ndarray of shape (n_features,), float64
        Weights; most are exactly 0.
    intercept : float
        The intercept, 0 without one.
    dual_point : ndarray of shape (n_samples,), float64
        A feasible point of the dual that proves `dual`; empty where none is known.
    primal, dual, gap, relative_gap : float
        Objective, its proved lower bound, their difference, and that in units of the objective
        at zero weights (for the Poisson loss less that of perfect margins, which is not 0). No
        weights whatever reach an objective below `primal - gap`.
    n_iter : int
        Sweeps of coordinate descent over the working sets, or iterations of proximal gradient.
    n_active : int
        Non-zero weights.
    status : Status
        How the solver ended.
    history : list of Round
        One entry for each look at all columns: n_iter, working_set, n_active, primal, dual,
        seconds, restarts.
    solver : {"cd", "ista", "fista"}
        The solver that was used.
    """

    coef: Floats = field(repr=False)
    intercept: float
    dual_point: Floats = field(repr=False)
    primal: float
    dual: float
    gap: float
    relative_gap: float
    n_iter: int
    n_active: int
    status: Status
    history: list[Round] = field(repr=False)
    solver: str
    interruption: BaseException | None = field(default=None, repr=False)


def chosen(solver: SolverName) -> str:
    """Return the solver that a name stands for: "auto" is coordinate descent."""
    return "cd" if solver == "auto" else solver


def unsolved(
    coef: Floats | None, intercept: float, n_features: int, solver: SolverName
) -> Solution:
    """Return the solution of a problem that an interrupt kept from its turn: its start."""
    weights = np.zeros(n_features) if coef is None else coef
    nothing, infinity = np.empty(0), float("inf")
    return Solution(
        coef=weights,
        intercept=intercept,
        dual_point=nothing,
        primal=float("nan"),
        dual=-infinity,
        gap=infinity,
        relative_gap=infinity,
        n_iter=0,
        n_active=int(np.count_nonzero(weights)),
        status=Status.interrupted,
        history=[],
        solver=chosen(solver),
    )


@dataclass(frozen=True)
class Certificate:
    """The primal value of some weights and what their residual proves about the optimum."""

    primal: float
    dual: float
    gap: float
    relative_gap: float


@dataclass(frozen=True)
class Task:
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

    @cached_property
    def column_scale(self) -> Floats | None:
        """Standard deviations of the columns where the penalty is to be in their units."""
        if not self.standardize:
            return None
        return _solvers.column_deviations(
            self.design, self.sample_weight, self.fit_intercept, self.n_threads or 0
        )

    def _problem(self, l1: float, l2: float) -> _solvers.Problem:
        return _solvers.Problem(
            self.design,
            self.loss,
            self._target,
            self.sample_weight,
            l1,
            l2,
            self.penalty_factor,
            self.positive,
            self.fit_intercept,
            self.n_threads or 0,
            None if self._of_differences else self.offset,
            self.column_scale,
            self.delta,
        )

    @cached_property
    def null_loss(self) -> float:
        """The loss with all penalised weights 0 and the rest at their best, less Psat."""
        return self._problem(1.0, 0.0).scale()

    @cached_property
    def saturated(self) -> float:
        """Psat, the loss of perfect margins."""
        return self._problem(1.0, 0.0).saturated()

    def penalty(self, coef: Floats, alpha: float, l1_ratio: float) -> float:
        """Return what weights cost at this alpha."""
        used = np.flatnonzero(coef)
        w = coef[used]
        if self.column_scale is not None:
            w = w * self.column_scale[used]
        each = l1_ratio * np.abs(w) + 0.5 * (1.0 - l1_ratio) * w**2
        factor = 1.0 if self.penalty_factor is None else self.penalty_factor[used]
        return float(alpha * np.sum(factor * each))

    def margins(self, coef: Floats, intercept: float) -> Floats:
        """Xw + b, and the offset, of every row."""
        margins = self.design.product(coef, self.n_threads or 0) + intercept
        return margins if self.offset is None else margins + self.offset

    def alpha_max(self, l1_ratio: float = 1.0) -> float:
        """Return the smallest alpha at which every penalised weight is 0."""
        if l1_ratio == 0:
            raise ValueError("alpha_max does not exist for l1_ratio=0: L2 never reaches 0 exactly.")
        strength = self._problem(1.0, 0.0).largest_strength()
        if self.positive and not strength > 0:
            raise ValueError(
                "alpha_max does not exist: positive=True and no column is positively correlated "
                "with y."
            )
        return strength / l1_ratio

    def default_alpha(self, l1_ratio: float = 1.0) -> float:
        """Return alpha_max / 100, or 1 where nothing correlates and every strength is alike."""
        return self.alpha_max(l1_ratio) / DEFAULT_ALPHA_RATIO or 1.0

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
    ) -> Solution:
        """Minimise the objective at this alpha; `on_look` may end it by returning True."""
        problem = self._problem(alpha * l1_ratio, alpha * (1.0 - l1_ratio))
        used, saturated = chosen(solver), self.saturated
        if used != "cd" and self.loss in ("absolute", "poisson"):
            raise ValueError(
                f"solver must be 'auto' or 'cd' for loss={self.loss!r}, whose curvature has no "
                f"bound, got {solver!r}."
            )
        told = None
        if on_look is not None:
            scale, centre = self.null_loss, self._centre

            def told(round_: tuple[Any, ...], coef: Floats, intercept: float) -> bool | None:
                return on_look(
                    Look(Round(*round_).above(saturated), scale, coef, intercept + centre)
                )

        found = problem.solve(tol, max_iter, coef_init, intercept_init - self._centre, used, told)
        coef = found.coef
        return Solution(
            coef=coef,
            intercept=found.intercept + self._centre,
            dual_point=found.dual_point,
            primal=found.primal + saturated,
            dual=found.dual + saturated,
            gap=found.gap,
            relative_gap=found.gap / found.scale,
            n_iter=found.n_iter,
            n_active=int(np.count_nonzero(coef)),
            status=found.status,
            history=[Round(*r).above(saturated) for r in found.history],
            solver=used,
            interruption=found.interruption,
        )

    def certify(self, coef: Floats, intercept: float, alpha: float, l1_ratio: float) -> Certificate:
        """Bound the distance of these weights from the optimum."""
        problem = self._problem(alpha * l1_ratio, alpha * (1.0 - l1_ratio))
        primal, dual = problem.certify(coef, intercept - self._centre)
        gap = 0.0 if primal <= dual else primal - dual
        saturated = problem.saturated()
        return Certificate(primal + saturated, dual + saturated, gap, gap / problem.scale())


def check_target(
    loss: LossName,
    target: Floats,
    weight: Floats | None,
    offset: Floats | None,
    fit_intercept: bool,
) -> None:
    """Raise a ValueError unless the loss is defined for these targets and offsets."""
    seen = target if weight is None else target[weight > 0]
    if loss == "logistic":
        if not np.isin(target, (-1.0, 1.0)).all():
            bad = target[~np.isin(target, (-1.0, 1.0))][0]
            raise ValueError(f"y must hold -1 and +1 for loss='logistic', got {bad}.")
        if (seen == seen[0]).all():
            raise ValueError(
                "y must hold both -1 and +1 with positive weight for loss='logistic', "
                f"got only {seen[0]}."
            )
    if loss == "poisson":
        if (target < 0).any():
            raise ValueError(
                f"y must not be negative for the Poisson loss, got {target.min()}: it counts."
            )
        if fit_intercept and not seen.any():
            raise ValueError(
                "y must hold a positive target of positive weight for the Poisson loss with an "
                "intercept, got only 0: no intercept is best."
            )
        if offset is not None and offset.max() > MAX_LOG_RATE:
            raise ValueError(
                f"offset must be at most {MAX_LOG_RATE:g} for the Poisson loss, as exp(offset) "
                f"must be finite, got {offset.max()}."
            )


def _task(
    X: Any,
    y: Any,
    loss: LossName,
    sample_weight: Any,
    penalty_factor: Any,
    fit_intercept: bool,
    positive: bool,
    n_threads: int | None,
    offset: Any,
    standardize: bool,
    delta: float,
) -> Task:
    design = as_design(X, "columns", n_threads)
    n_samples, n_features = design.shape
    target = as_target(y, n_samples)
    weight = as_sample_weight(sample_weight, target)
    shifts = as_offset(offset, n_samples)
    check_target(loss, target, weight, shifts, fit_intercept)
    return Task(
        design,
        target,
        loss,
        weight,
        as_penalty_factor(penalty_factor, n_features),
        fit_intercept,
        positive,
        n_threads,
        shifts,
        standardize,
        delta,
    )


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


def _check(function: str, **parameters: Any) -> None:
    validate_parameter_constraints(RULES, parameters, caller_name=function)


def _check_finite(value: float, name: str) -> None:
    if not np.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}.")


def solve(
    X: Any,
    y: Any,
    *,
    loss: LossName = "squared",
    alpha: float,
    l1_ratio: float = 1.0,
    fit_intercept: bool = True,
    positive: bool = False,
    standardize: bool = False,
    delta: float = DEFAULT_DELTA,
    penalty_factor: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    solver: SolverName = "auto",
    tol: float = 1e-4,
    max_iter: int = 100_000,
    coef_init: Any = None,
    intercept_init: float = 0.0,
    n_threads: int | None = None,
) -> Solution:
    """Solve one L1-regularised problem and certify the answer.

    Minimises ``(1/n) Σ s_i loss(y_i, x_i·w + b + o_i) + alpha Σ ω_j (ρ |w_j| + (1-ρ)/2 w_j²)``.

    Parameters
    ----------
    X : array-like or sparse of shape (n_samples, n_features)
        Data, dense or sparse, float32 or float64, CSC and Fortran order without a copy.
    y : array-like of shape (n_samples,)
        Targets; -1 and +1 for the logistic loss, not negative for the Poisson loss.
    loss : {"squared", "logistic", "huber", "absolute", "poisson"}, default="squared"
        The loss at margin m: ½ (y - m)²; log(1 + exp(-y m)); squared up to an error of `delta` and
        linear beyond; |y - m|; exp(m) - y m.
    alpha : float
        Strength of the penalty, at least 0.
    l1_ratio : float, default=1.0
        ρ, the share of the L1 part, between 0 and 1.
    fit_intercept : bool, default=True
        Whether there is an intercept b, which is never penalised.
    positive : bool, default=False
        Whether weights must not be negative.
    standardize : bool, default=False
        Whether to penalise w_j σ_j in place of w_j, as if X were standardised: σ_j is the weighted
        standard deviation of column j (its root mean square without an intercept). X is not
        touched, `coef` is on its scale, and constant columns are excluded.
    delta : float, default=1.35
        Where Huber's loss turns from squared to linear, in units of y. No other loss reads it.
    penalty_factor : array-like of shape (n_features,), optional
        ω: 0 leaves a column unpenalised, infinity excludes it.
    sample_weight : array-like of shape (n_samples,), optional
        s, scaled to mean 1 here.
    offset : array-like of shape (n_samples,), optional
        o, added to the margins: what is known of them already, such as the logarithm of the
        exposure with the Poisson loss.
    solver : {"auto", "cd", "ista", "fista"}, default="auto"
        "cd" is coordinate descent over working sets, "ista" proximal gradient and "fista" its
        accelerated form, both for the squared, logistic and Huber losses; all end at the same
        optimum with the same certificate. "auto" is "cd".
    tol : float, default=1e-4
        The relative duality gap to reach.
    max_iter : int, default=100_000
        Limit of sweeps of coordinate descent, or of iterations of proximal gradient.
    coef_init : array-like of shape (n_features,), optional
        Weights to start from, zeros by default.
    intercept_init : float, default=0.0
        The intercept to start from, with `coef_init`.
    n_threads : int, optional
        Threads; by default as many as OpenMP is allowed. The answer does not depend on it.

    Returns
    -------
    Solution
        Weights, dual point, gap, status and history.

    Raises
    ------
    ValueError
        If an argument breaks its rule; the message names the argument, its value and the rule.

    References
    ----------
    Friedman, Hastie & Tibshirani 2010; Massias, Gramfort & Salmon 2018; Yuan, Ho & Lin 2012;
    Beck & Teboulle 2009; O'Donoghue & Candès 2015; Ndiaye et al. 2017.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    >>> sx.solve(X, [2.0, 0.0, 2.0, 0.0], alpha=0.25, tol=1e-10).coef
    array([1., 0.])
    """
    _check(
        "solve",
        loss=loss,
        alpha=alpha,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
        positive=positive,
        standardize=standardize,
        delta=delta,
        solver=solver,
        tol=tol,
        max_iter=max_iter,
        n_threads=n_threads,
    )
    _check_finite(intercept_init, "intercept_init")
    task = _task(
        X,
        y,
        loss,
        sample_weight,
        penalty_factor,
        fit_intercept,
        positive,
        n_threads,
        offset,
        standardize,
        delta,
    )
    start = None if coef_init is None else as_start(coef_init, task.design.shape[1])
    solution = task.solve(
        alpha,
        l1_ratio,
        solver=solver,
        tol=tol,
        max_iter=max_iter,
        coef_init=start,
        intercept_init=intercept_init,
    )
    if solution.interruption is not None:
        raise solution.interruption
    return solution


def alpha_max(
    X: Any,
    y: Any,
    *,
    loss: LossName = "squared",
    l1_ratio: float = 1.0,
    fit_intercept: bool = True,
    positive: bool = False,
    standardize: bool = False,
    delta: float = DEFAULT_DELTA,
    penalty_factor: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    n_threads: int | None = None,
) -> float:
    """Return the smallest alpha at which every penalised weight is 0.

    Parameters are those of :func:`solve`.

    Raises
    ------
    ValueError
        If there is none: for ``l1_ratio=0``, or for ``positive=True`` where no column is positively
        correlated with y.

    Notes
    -----
    For ``loss="absolute"`` with several samples at the median of y, or unpenalised columns, all
    weights are 0 at the value returned, but may be so at a smaller one.

    Examples
    --------
    >>> import sparsecross as sx
    >>> sx.alpha_max([[1.0], [-1.0]], [1.0, -1.0])
    1.0
    """
    _check(
        "alpha_max",
        loss=loss,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
        positive=positive,
        standardize=standardize,
        delta=delta,
        n_threads=n_threads,
    )
    task = _task(
        X,
        y,
        loss,
        sample_weight,
        penalty_factor,
        fit_intercept,
        positive,
        n_threads,
        offset,
        standardize,
        delta,
    )
    return task.alpha_max(l1_ratio)


def certify(
    X: Any,
    y: Any,
    coef: Any,
    intercept: float = 0.0,
    *,
    loss: LossName = "squared",
    alpha: float,
    l1_ratio: float = 1.0,
    fit_intercept: bool = True,
    positive: bool = False,
    standardize: bool = False,
    delta: float = DEFAULT_DELTA,
    penalty_factor: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    n_threads: int | None = None,
) -> Certificate:
    """Bound how far given weights, from anywhere, are from the optimum.

    Parameters
    ----------
    coef : array-like of shape (n_features,)
        The weights to judge.
    intercept : float, default=0.0
        Their intercept.
    X, y, loss, alpha, l1_ratio, fit_intercept, positive, standardize, delta, penalty_factor, \
sample_weight, offset, n_threads
        The problem, as in :func:`solve`.

    Returns
    -------
    Certificate
        primal, dual, gap and relative_gap.

    Raises
    ------
    ValueError
        If an argument breaks its rule, or the weights are not feasible (negative although
        `positive`, or not 0 although excluded).

    Notes
    -----
    The bound is made from the residuals of the weights. For ``loss="absolute"`` those of samples
    that are fitted exactly say nothing, and the bound may be loose; :func:`solve` knows more.
    """
    _check(
        "certify",
        loss=loss,
        alpha=alpha,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
        positive=positive,
        standardize=standardize,
        delta=delta,
        n_threads=n_threads,
    )
    _check_finite(intercept, "intercept")
    task = _task(
        X,
        y,
        loss,
        sample_weight,
        penalty_factor,
        fit_intercept,
        positive,
        n_threads,
        offset,
        standardize,
        delta,
    )
    weights = as_start(coef, task.design.shape[1])
    if positive and (weights < 0).any():
        raise ValueError(f"coef must not be negative for positive=True, got {weights.min()}.")
    if task.penalty_factor is not None:
        excluded = np.isinf(task.penalty_factor) & (weights != 0)
        if excluded.any():
            at = int(np.flatnonzero(excluded)[0])
            raise ValueError(f"coef must be 0 where penalty_factor is infinite, not so at {at}.")
    if task.column_scale is not None:
        constant = (task.column_scale == 0) & (weights != 0)
        if constant.any():
            at = int(np.flatnonzero(constant)[0])
            raise ValueError(
                f"coef must be 0 for constant columns with standardize=True, not so at {at}."
            )
    return task.certify(weights, float(intercept), alpha, l1_ratio)


def soft_threshold(z: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """Return sign(z) max(|z| - t, 0), the proximal operator of the L1 norm, element by element.

    Parameters
    ----------
    z : array-like of float
        Points.
    t : array-like of float
        Thresholds, not negative; broadcast against z.

    Returns
    -------
    float or ndarray of float64

    Raises
    ------
    ValueError
        If a threshold is negative or NaN.

    Examples
    --------
    >>> import sparsecross as sx
    >>> sx.soft_threshold([-3.0, 0.5, 2.0], 1.0)
    array([-2.,  0.,  1.])
    """
    thresholds = np.asarray(t, dtype=np.float64)
    if not (thresholds >= 0).all():
        raise ValueError(f"t must not be negative or NaN, got {np.min(thresholds)}.")
    return _solvers.soft_threshold(np.asarray(z, dtype=np.float64), thresholds)
