"""The outer loop over rounds: few columns at a time, certified over all of them.

Problem: min over w, b of (1/S) Σ s_i ℓ(y_i, x_i·w + b + o_i) + Σ_j penalty_j(w_j), S = Σ s_i, to a
         relative duality gap, where only sums over blocks of rows can be asked for.
Method:  as solve/working_set.hpp. A look is a gradient over all columns, and a dual value; the
         violators that pull hardest join the set, which at most doubles; Newton steps on the set,
         each a quadratic model (quadratic.py) and a line search, follow until they gain no more
         than a part of the gap. Of squared loss the model is the loss: one step is enough, and
         products are asked for once for each column.
Cost:    two rounds a look and two a step; of squared loss one a step, none without new columns. A
         round exchanges what belongs to the columns of the set, and of a look what survey.py says.
Sources: Johnson & Guestrin 2015, "Blitz"; Massias, Gramfort & Salmon 2018, "Celer"; Yuan, Ho & Lin
         2012, "An improved GLMNET" (line search); Lee, Sun & Saunders 2014 (proximal Newton).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import comb
from typing import NamedTuple

import numpy as np

from .._solvers import Status
from ..interactions import InteractionCounts
from ..solution import Round
from .asking import Asking, Gradient
from .block import LossOfRows
from .pairs import NEAR
from .points import Columns, Point
from .products import KnownProducts
from .quadratic import Model, minimise
from .reducer import Reducer
from .survey import Penalty

OnRound = Callable[[Round, Point], bool | None]

LARGEST_SET = 4096  # columns of a model, whose products take 128 MiB
_LEAST_ROOM = 100  # violators that may join the set at once, at least
_STEPS = 6  # Newton steps between two looks
_PART = 0.1  # of the gap: a step that promises less has to be looked at
_SHORTER = (0.5, 0.25, 0.125, 2.0**-4, 2.0**-6, 2.0**-9)
_ARMIJO = 0.01
_IDLE = 3  # looks without progress
_ROUNDING = 1e-15  # of the objective
_UNSEEN = 1e-13  # of the objective: a fall that sums of losses do not show
_BEYOND = 1.1  # multiples of θ: of active columns that pull a little less than their penalty
_TIGHT = 1e-12  # of Σ |r|: what is left of x_uᵀθ where it must be 0


class Null(NamedTuple):
    """All penalised weights 0 and the rest at their best: the point, and its loss."""

    point: Point
    loss: float


@dataclass
class Found:
    """The best point that the loop has seen, and the best bound."""

    point: Point
    primal: float = math.inf
    dual: float = -math.inf
    status: Status = Status.not_run
    history: list[Round] = field(default_factory=list)

    @property
    def gap(self) -> float:
        """What is proved."""
        return 0.0 if self.primal <= self.dual else self.primal - self.dual


class Descent:
    """One problem at any strength of its penalty: what is learnt at one serves the next.

    Parameters
    ----------
    reducer : Reducer
        The data, in units in which no entry is above 1 in size.
    loss : LossOfRows
        The loss, one with a gradient.
    fit_intercept : bool
        Whether there is an intercept.
    n_threads : int, optional
        For models on the set.
    """

    def __init__(
        self,
        reducer: Reducer,
        loss: LossOfRows,
        fit_intercept: bool,
        n_threads: int | None = None,
    ) -> None:
        self._reducer = reducer
        self._ask = Asking(reducer, loss, fit_intercept)
        self._fit_intercept = fit_intercept
        self._n_threads = n_threads
        self._quadratic = loss.name == "squared"
        self._known = KnownProducts(LARGEST_SET)
        self._largest_set = 0
        self._n_columns = reducer.extent.n_columns
        self._built: Columns = np.empty(0, np.int64)  # products

    @property
    def held(self) -> tuple[int, int]:
        """Bytes of vectors and of the set's products at most: those of rounds in this process."""
        n_columns = self._reducer.extent.n_columns
        n_sets = 1 + self._reducer.n_workers
        of_set = 8 * self._largest_set**2 * (n_sets + 1)
        return 8 * n_columns * n_sets, max(of_set, self._ask.table_bytes * n_sets)

    def null(self, penalty: Penalty) -> Null:
        """Newton steps on the intercept and the unpenalised columns alone."""
        free = penalty.unpenalised
        at = Point(free, np.zeros(len(free)), self._ask.likely_intercept())
        return Null(*self._settled(at, free, penalty))

    def _settled(self, at: Point, free: Columns, penalty: Penalty) -> tuple[Point, float]:
        """Newton steps on the intercept and some columns, until rounding is all there is to gain.

        The point, and the loss where the last step began.
        """
        lowest, least, idle = math.inf, math.inf, 0
        while True:
            step = self._step(at, free, penalty, 0.0, None)
            moved = self._searched(at, step, penalty)
            if moved is None:
                return at, step.loss
            at = moved
            unseen = step.promised <= _UNSEEN * step.loss
            forward = step.loss < lowest or step.promised < least
            idle = 0 if forward else idle + 1
            if step.promised <= 0 or idle >= _IDLE or (unseen and step.promised > 0.1 * least):
                return at, step.loss
            lowest, least = min(lowest, step.loss), min(least, step.promised)

    def largest_strength(self, penalty: Penalty, null: Null) -> float:
        """Max |x_jᵀr| / ω_j at the null model, for a penalty of strength l1 = 1."""
        of_1 = replace(penalty, l1=1.0, l2=0.0)
        return self._ask.largest_strength(of_1, null.point, self._off(null.point, of_1))

    def solve(
        self,
        penalty: Penalty,
        target: float,
        max_rounds: int,
        start: Point,
        on_round: OnRound,
    ) -> Found:
        """Descend from a start until the gap is at most `target`."""
        started, first = time.perf_counter(), self._reducer.n_rounds
        free = penalty.unpenalised
        at = start.over(np.union1d(start.columns, free))
        found = Found(at)
        best_gap, idle, n_set = math.inf, 0, len(at.columns)
        stalled = False
        while True:
            at = at.without_zeros(free)
            room = max(_LEAST_ROOM, len(at.columns))
            gradient = self._look(at, penalty, room)
            primal = gradient.loss + penalty.value(at.columns, at.weights)
            forward = primal < found.primal * (1.0 - _ROUNDING)
            if primal <= found.primal:
                found.point, found.primal = at, primal
            found.dual = max(found.dual, self._dual(gradient, penalty))
            n_rounds = self._reducer.n_rounds - first
            found.history.append(
                Round(
                    n_rounds,
                    n_set,
                    int(np.count_nonzero(at.weights)),
                    primal,
                    found.dual,
                    time.perf_counter() - started,
                    0,
                    self._crossed(penalty),
                )
            )
            told = on_round(found.history[-1], at)
            gap = found.gap
            idle = 0 if forward or gap < 0.99 * best_gap else idle + 1
            best_gap = min(best_gap, gap)
            if told:
                found.status = Status.interrupted
            elif gap <= target:
                found.status = Status.converged
            elif n_rounds >= max_rounds:
                found.status = Status.max_iter
            elif idle >= _IDLE or (stalled and not len(gradient.answer.violators)):
                proved = math.isfinite(found.dual)
                found.status = Status.precision_limit if proved else Status.not_certified
            if found.status != Status.not_run:
                return found
            active = self._active(at, gradient, penalty)
            wide = at.over(np.union1d(at.columns, active))
            n_set = len(active)
            self._built = np.union1d(self._built, active[active >= self._n_columns])
            self._largest_set = max(self._largest_set, n_set)
            aim = max(_PART * (gap if math.isfinite(gap) else found.primal), 0.3 * target)
            at, stalled = self._descend(wide, active, penalty, aim, 1e-3 * target, gradient)

    def _crossed(self, penalty: Penalty) -> InteractionCounts | None:
        """How many products there are, were looked at, and ever had a place in the set."""
        if penalty.crosses is None:
            return None
        possible = comb(penalty.crosses.n_columns, 2)
        return InteractionCounts(possible, None, self._ask.n_pairs, len(self._built))

    def certify(self, penalty: Penalty, at: Point) -> tuple[float, float]:
        """The primal value at a point as it is, and the best bound that follows from it."""
        at = at.over(np.union1d(at.columns, penalty.unpenalised))
        cost = penalty.value(at.columns, at.weights)
        primal = self._ask.losses(at, at, (0.0,))[0] + cost
        nothing = np.empty(0, np.int64)
        if self._fit_intercept:  # the best one proves most
            at, _ = self._settled(at, nothing, penalty)
        return primal, self._dual(self._look(at, penalty, 1), penalty)

    def _look(self, at: Point, penalty: Penalty, room: int) -> Gradient:
        """The gradient at a point, off the unpenalised columns."""
        return self._ask.gradient(at, penalty, room, self._off(at, penalty))

    def _off(self, at: Point, penalty: Penalty) -> Point | None:
        """What takes the residual off unpenalised columns and the ones: h times its margins.

        The nearest θ, in the metric of 1 / h, that is orthogonal to them. Where weights must not be
        negative, columns of weight 0 that pull the other way may stay as they are.
        """
        free = penalty.unpenalised
        off = self._off_columns(at, free) if len(free) else None
        if off is None or not penalty.positive:
            return off
        while True:
            place = np.searchsorted(at.columns, free)
            wrong = (at.weights[place] == 0) & (off.weights[place] < 0)
            if not wrong.any():
                return off
            free = free[~wrong]
            off = self._off_columns(at, free)

    def _off_columns(self, at: Point, free: Columns) -> Point:
        """The same of these columns."""
        model, _ = self._ask.model(at, free)
        square, force = model.products, model.gradient
        if self._fit_intercept:
            corner = np.append(model.weighted, model.curvature)
            square = np.column_stack([np.vstack([square, model.weighted]), corner])
            force = np.append(force, model.residual)
        solved = np.linalg.lstsq(square, force, rcond=1e-13)[0]
        weights = np.zeros(len(at.columns))
        weights[np.searchsorted(at.columns, free)] = solved[: len(free)]
        return Point(at.columns, weights, float(solved[-1]) if self._fit_intercept else 0.0)

    def _dual(self, gradient: Gradient, penalty: Penalty) -> float:
        """The best dual value along the multiples of θ that the columns leave."""
        at, answer = gradient.round.at, gradient.answer
        free = np.searchsorted(at.columns, penalty.unpenalised)
        if (penalty.counted(answer.z[free]) > _TIGHT * (gradient.up + gradient.down)).any():
            return -math.inf
        l2 = penalty.of(at.columns)[1]
        extra = math.fsum(np.where(at.weights == 0, 0.0, l2 * at.weights**2))
        if gradient.slack > (1.0 - NEAR) * penalty.least_of_products:
            return -math.inf  # products that were left out may be beyond their penalty
        limit = answer.limit(gradient.slack, penalty.least)
        if penalty.crosses is not None:
            limit = min(limit, 1.0 / (NEAR + gradient.slack / penalty.least_of_products))
        limit = min(limit, 10.0) if len(free) else limit
        ends = (1.0, 0.5) if self._quadratic else (min(limit, _BEYOND), 1.0)
        first, second = self._ask.duals(gradient, ends)
        if self._quadratic:  # a parabola without a constant: a t - b t²
            b = 2.0 * (2.0 * second - first)
            a, whole = first + b, first
            bend = 2.0 * b + extra
            t = min(max(a / bend, 0.0), limit) if bend > 0 else 0.0
            best = a * t - b * t * t - 0.5 * t * t * extra
        else:
            best, whole = first - 0.5 * ends[0] ** 2 * extra, second
            best = max(best, whole - 0.5 * extra) if limit >= 1.0 else best
        return max(best, whole - answer.conjugate(gradient.slack)) if penalty.l2 > 0 else best

    def _active(self, at: Point, gradient: Gradient, penalty: Penalty) -> Columns:
        """The columns to solve for: those of the point and violators, or those off most."""
        answer = gradient.answer
        if len(at.columns) + len(answer.violators) <= LARGEST_SET:
            return np.union1d(at.columns, answer.violators)
        l1, l2 = penalty.of(at.columns)
        off = np.abs(answer.z - l2 * at.weights - np.copysign(l1, at.weights))
        free = penalty.unpenalised
        off[np.searchsorted(at.columns, free)] = np.inf
        columns = np.concatenate([at.columns, answer.violators])
        order = np.lexsort((columns, -np.concatenate([off, answer.pulls])))
        return np.sort(columns[order[:LARGEST_SET]])

    def _descend(
        self,
        at: Point,
        active: Columns,
        penalty: Penalty,
        aim: float,
        accuracy: float,
        look: Gradient,
    ) -> tuple[Point, bool]:
        """Newton steps on some columns; whether the last one was of no use.

        Models are solved closely: they cost no round, and their gap may be far below that of a
        point whose dual point a single column spoils.
        """
        for _ in range(_STEPS):
            step = self._step(at, active, penalty, accuracy, look)
            moved = self._searched(at, step, penalty)
            if moved is None:
                return at, True
            at = moved
            if self._quadratic or step.promised <= aim:
                break
        return at, False

    def _step(
        self, at: Point, active: Columns, penalty: Penalty, accuracy: float, look: Gradient | None
    ) -> _Step:
        """A Newton step over some columns of a point."""
        model, loss = self._model(at, active, look)
        w = at.weights[np.searchsorted(at.columns, active)]
        l1, l2 = (np.broadcast_to(part, w.shape) for part in penalty.of(active))
        v, shift = minimise(
            model,
            w,
            l1,
            l2,
            positive=penalty.positive,
            fit_intercept=self._fit_intercept,
            accuracy=accuracy,
            n_threads=self._n_threads,
        )
        saved = penalty.value(active, w) - penalty.value(active, v)
        way = np.zeros(len(at.columns))
        way[np.searchsorted(at.columns, active)] = v - w
        weights = at.weights.copy()
        weights[np.searchsorted(at.columns, active)] = v
        return _Step(
            Point(at.columns, weights, at.intercept + shift),
            Point(at.columns, way, shift),
            model.fall(v - w, shift) + saved,
            loss,
        )

    def _model(self, at: Point, active: Columns, look: Gradient | None) -> tuple[Model, float]:
        """The model over some columns, of which squared loss asks for the new ones alone."""
        if not self._quadratic or look is None:
            return self._ask.model(at, active)
        new = self._known.missing(active)
        if len(new):
            order = np.concatenate([self._known.columns, new])
            known = at.over(np.union1d(at.columns, order))
            self._known.learn(new, self._ask.model(known, order, len(self._known.columns))[0])
        weighted, products = self._known.of(active)
        if look.round.off is not None:  # the look is at another residual
            gradient = self._ask.model(at, active, len(active))[0].gradient
        else:
            known_at, answer = look.round.at, look.answer
            columns = np.concatenate([known_at.columns, answer.violators])
            z = np.concatenate([answer.z, answer.violators_z])
            order = np.argsort(columns)
            gradient = z[order[np.searchsorted(columns, active, sorter=order)]]
        return Model(gradient, weighted, products, look.residual, look.curvature), look.loss

    def _searched(self, at: Point, step: _Step, penalty: Penalty) -> Point | None:
        """The furthest point on the way that is low enough (Armijo); None where there is none."""
        start = step.loss + penalty.value(at.columns, at.weights)
        if not step.promised > -_ROUNDING * abs(start):
            return None
        # No loss tells of less than rounding, but the gap falls on like the root of what is left.
        if self._quadratic or step.promised <= _UNSEEN * abs(start):
            return step.end
        for some in ((1.0,), _SHORTER):
            for t, loss in zip(some, self._ask.losses(at, step.way, some), strict=True):
                weights = step.end.weights if t == 1.0 else at.weights + t * step.way.weights
                value = loss + penalty.value(at.columns, weights)
                if value <= start - _ARMIJO * t * step.promised + _ROUNDING * abs(start):
                    return Point(at.columns, weights, at.intercept + t * step.way.intercept)
        return None


class _Step(NamedTuple):
    """Where a step ends, the way there, what the model promises, and the loss where it begins."""

    end: Point
    way: Point
    promised: float
    loss: float
