"""What a solver tells: its looks while it runs, the solution, and certificates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ._inputs import Floats
from ._solvers import Status
from .htmltables import html_table
from .interactions import InteractionCounts, Interactions
from .memory import FitMemory, format_bytes

SolverName = Literal["auto", "cd", "ista", "fista"]
SOLVERS = ("auto", "cd", "ista", "fista")


class Round(NamedTuple):
    """One look of a solver at all columns.

    `working_set` counts the columns that coordinate descent works on, or those that proximal
    gradient has not screened; `restarts` the restarts of momentum so far; `interactions` the
    crosses looked at so far, and `ties` how often one of them was equal to a column already built,
    which stands for it. `relative_gap` is what is proved so far: (primal - dual) in units of the
    objective at zero weights (for the Poisson loss less that of perfect margins).
    """

    n_iter: int
    working_set: int
    n_active: int
    primal: float
    dual: float
    seconds: float
    restarts: int
    interactions: InteractionCounts | None = None
    ties: int = 0
    relative_gap: float = float("inf")

    def told(self, scale: float, saturated: float = 0.0) -> Round:
        """Return a solver's round as users see it.

        Parameters
        ----------
        scale : float
            The unit of relative gaps.
        saturated : float, default=0.0
            The loss of perfect margins, which solvers leave out of their values.

        Returns
        -------
        Round
        """
        return self._replace(
            primal=self.primal + saturated,
            dual=self.dual + saturated,
            relative_gap=max(0.0, self.primal - self.dual) / scale,
        )


class Look(NamedTuple):
    """A round while it lasts: `coef` is a view that is gone when the solver goes on."""

    round: Round
    coef: Floats
    intercept: Any
    interactions: Interactions | None = None


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
    support : ndarray of int64, increasing
        Where the non-zero weights stand in `coef`; in its rows one after the other where it has
        several.
    n_active : int
        Non-zero weights.
    status : Status
        How the solver ended.
    history : list of Round
        One entry for each look at all columns: n_iter, working_set, n_active, primal, dual,
        seconds, restarts, relative_gap.
    solver : {"cd", "ista", "fista"}
        The solver that was used.
    interruption : BaseException or None
        What a signal handler raised meanwhile; functions raise it again.
    interactions : Interactions or None
        The weights of crosses, where there are any to have; `n_active` counts them too.
    certified_over : str
        What the gap is proved over, where crosses take part.
    memory : FitMemory
        What the solver held in memory at most, by part.

    Examples
    --------
    >>> import sparsecross as sx
    >>> found = sx.solve([[1.0, 0.0], [-1.0, 0.0]], [1.0, -1.0], alpha=0.5)
    >>> found.support, found.status.name, found.primal - found.dual == found.gap
    (array([0]), 'converged', True)
    """

    coef: Floats = field(repr=False)
    intercept: float
    dual_point: Floats = field(repr=False)
    primal: float
    dual: float
    gap: float
    relative_gap: float
    n_iter: int
    status: Status
    history: list[Round] = field(repr=False)
    solver: str
    interruption: BaseException | None = field(default=None, repr=False)
    interactions: Interactions | None = field(default=None, repr=False)
    certified_over: str = ""
    memory: FitMemory = field(default_factory=FitMemory)
    support: npt.NDArray[np.int64] = field(init=False, repr=False)
    n_active: int = field(init=False)

    def __post_init__(self) -> None:
        support = np.flatnonzero(self.coef != 0)  # five times as fast as of floats
        object.__setattr__(self, "support", support)
        n_crosses = 0 if self.interactions is None else len(self.interactions)
        object.__setattr__(self, "n_active", len(support) + n_crosses)

    def _repr_html_(self) -> str:
        of = f"{self.coef.size:,}" + (
            "" if self.interactions is None else " columns and their crosses"
        )
        rows: list[tuple[str, object]] = [
            ("status", self.status.name),
            *_told_of_gap(self),
            ("weights", f"{self.n_active:,} not 0, of {of}"),
            ("intercept", self.intercept),
            ("solver", f"{self.solver}, {self.n_iter:,} iterations"),
            ("memory at most", format_bytes(self.memory.total)),
        ]
        if self.certified_over:
            rows.append(("certified over", self.certified_over))
        return html_table((), rows, ("Solution",))


def chosen(solver: SolverName) -> str:
    """Return the solver that a name stands for: "auto" is coordinate descent."""
    return "cd" if solver == "auto" else solver


def unsolved(coef: Floats, intercept: Any, solver: SolverName) -> Solution:
    """Return the solution of a problem that an interrupt kept from its turn: its start."""
    nothing, infinity = np.empty(0), float("inf")
    return Solution(
        coef=coef,
        intercept=intercept,
        dual_point=nothing,
        primal=float("nan"),
        dual=-infinity,
        gap=infinity,
        relative_gap=infinity,
        n_iter=0,
        status=Status.interrupted,
        history=[],
        solver=chosen(solver),
    )


@dataclass(frozen=True)
class Certificate:
    """The primal value of some weights and what their residual proves about the optimum.

    Attributes
    ----------
    primal : float
        The objective at the weights.
    dual : float
        A lower bound of the objective at any weights; minus infinity where there is none.
    gap : float
        Their difference, at least 0.
    relative_gap : float
        The same in units of the objective at zero weights.

    References
    ----------
    Kim et al. 2007; Ndiaye et al. 2017.

    Examples
    --------
    >>> import sparsecross as sx
    >>> sx.certify([[1.0], [-1.0]], [1.0, -1.0], coef=[0.5], alpha=0.5).gap
    0.0
    """

    primal: float
    dual: float
    gap: float
    relative_gap: float

    def _repr_html_(self) -> str:
        return html_table((), _told_of_gap(self), ("Certificate",))


def _told_of_gap(proof: Solution | Certificate) -> list[tuple[str, object]]:
    return [
        ("primal", f"{proof.primal:.10g}"),
        ("dual", f"{proof.dual:.10g}"),
        ("gap", f"{proof.gap:.3g}"),
        ("relative gap", f"{proof.relative_gap:.3g}"),
    ]
