"""From one strength of the penalty to the next: grids of strengths, and starts."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval

from ._inputs import Floats
from .multinomial import AnyTask
from .solution import Solution, SolverName

GRID_RULES: dict[str, list[Any]] = {
    "alphas": ["array-like", None],
    "n_alphas": [Interval(Integral, 1, None, closed="left")],
    "eps": [Interval(Real, 0, 1, closed="neither")],
}
LIMIT_RULES: dict[str, list[Any]] = {
    "max_nonzeros": [Interval(Integral, 0, None, closed="left"), None],
    "max_bytes": [Interval(Integral, 1, None, closed="left"), None],
}


def alpha_grid(alpha_max: float, n_alphas: int, eps: float) -> Floats:
    """Return strengths from `alpha_max` down to `eps` times that, by the same factor each.

    Where `alpha_max` is 0, all strengths are alike, and 1 stands for it.
    """
    start = alpha_max or 1.0
    return np.geomspace(start, eps * start, n_alphas)


def as_alphas(alphas: Any) -> Floats:
    """Return strengths that a user handed in, decreasing.

    Raises
    ------
    ValueError
        If they are not one-dimensional, empty, negative or not finite.
    """
    given: Floats = np.array(alphas, dtype=np.float64)
    if given.ndim != 1 or len(given) == 0:
        raise ValueError(
            f"alphas must be a list of at least one strength, got shape {given.shape}."
        )
    bad = np.flatnonzero(~(np.isfinite(given) & (given >= 0)))
    if len(bad):
        raise ValueError(f"alphas must be finite and not negative, got {given[bad[0]]}.")
    return np.sort(given)[::-1]


class Walk:
    """One problem at one strength after the other, each from the weights of the one before.

    Parameters
    ----------
    task : Task or MultinomialTask
        The problem.
    l1_ratio : float, default=1.0
        ρ, the share of the L1 part.
    solver : {"auto", "cd", "ista", "fista"}, default="auto"
        As of :func:`solve`.
    coef : ndarray of the shape of the weights, optional
        Where to start, zeros by default.
    intercept : float or ndarray of shape (n_classes,), default=0.0
        The intercept there.
    """

    def __init__(
        self,
        task: AnyTask,
        l1_ratio: float = 1.0,
        *,
        solver: SolverName = "auto",
        coef: Floats | None = None,
        intercept: Any = 0.0,
    ) -> None:
        self._task = task
        self._l1_ratio = l1_ratio
        self._solver: SolverName = solver
        self._coef = coef
        self._intercept = intercept
        self._last: tuple[float, Solution] | None = None
        self._before: tuple[float, Floats] | None = None  # the strength before, and its weights

    def to(self, alpha: float, *, tol: float, max_iter: int) -> Solution:
        """Solve at the next strength; decreasing ones are met fastest."""
        last = None if self._last is None else self._last[1]
        crosses = None if last is None else last.interactions
        solution = self._task.solve(
            alpha,
            self._l1_ratio,
            tol=tol,
            max_iter=max_iter,
            solver=self._solver,
            # On a line all weights would have to move; those of crosses are taken as they are.
            coef_init=self._start(alpha) if last is None or crosses is None else last.coef,
            intercept_init=self._intercept,
            interactions_init=crosses,
        )
        if self._last is not None:
            self._before = self._last[0], self._last[1].coef
        self._last, self._intercept = (alpha, solution), solution.intercept
        return solution

    def _start(self, alpha: float) -> Floats | None:
        """Go on along the line of the last two solutions, each weight up to 0 at most.

        Between two changes of the support and its signs, the lasso's path is such a line.
        """
        if self._last is None:
            return self._coef
        last, solution = self._last
        if self._before is None or self._before[0] == last:
            return solution.coef
        first, before = self._before
        w = np.ravel(solution.coef)[solution.support]
        moved = w + min(1.0, (last - alpha) / (first - last)) * (
            w - np.ravel(before)[solution.support]
        )
        start = np.zeros_like(solution.coef)
        start.reshape(-1)[solution.support] = np.where(moved * w > 0.0, moved, 0.0)
        return start
