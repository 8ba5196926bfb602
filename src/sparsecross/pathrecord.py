"""What is kept of a path: its solutions without their zeros, and what was measured of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils._param_validation import validate_parameter_constraints

from ._inputs import Floats
from ._solvers import Status
from .convergence import Ending
from .htmltables import html_table
from .interactions import Interactions
from .memory import Sizes, format_bytes
from .multinomial import AnyTask
from .solution import Solution, SolverName, chosen
from .walk import LIMIT_RULES

_MOST_ROWS = 12  # that a notebook shows
StoppedBy = Literal["max_nonzeros", "max_bytes", "interrupt"]


class PathPoint(NamedTuple):
    """The solution at one strength of a path.

    Attributes
    ----------
    alpha : float
        The strength.
    coef : ndarray of shape (n_features,) or (n_classes, n_features), float64
        The weights.
    intercept : float or ndarray of shape (n_classes,)
        The intercept, 0 without.
    primal, gap, relative_gap : float
        The objective, its proved distance from the optimum, and that in units of the objective at
        zero weights.
    n_iter : int
        Sweeps of coordinate descent.
    n_nonzero : int
        Weights that are not 0.
    n_bytes, file_bytes : int
        What the pruned model holds in memory, and what its file takes.
    deviance_explained : float
        The share of the loss at zero penalised weights that the weights take away.
    status : Status
        How the solver ended.
    interactions : Interactions or None
        The weights of crosses, where there are any to have.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 8))
    >>> sx.path(X, X[:, 0], n_alphas=3)[0].n_nonzero
    0
    """

    alpha: float
    coef: Floats
    intercept: Any
    primal: float
    gap: float
    relative_gap: float
    n_iter: int
    n_nonzero: int
    n_bytes: int
    file_bytes: int
    deviance_explained: float
    status: Status
    interactions: Interactions | None = None


@dataclass(frozen=True, eq=False)
class Path:
    """Solutions along decreasing strengths of the penalty; `path[k]` is one, as a `PathPoint`.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,), float64
        The strengths that were finished, decreasing.
    l1_ratio : float
        ρ, the share of the L1 part.
    coefs : csc_array of shape (n_features, n_alphas), float64
        The weights, a column for each strength; of the multinomial model n_classes * n_features,
        one class after the other.
    intercepts : ndarray of shape (n_alphas,) or (n_alphas, n_classes), float64
        The intercepts, 0 without.
    primals, gaps, relative_gaps : ndarray of shape (n_alphas,), float64
        The objective, its proved distance from the optimum, and that in units of the objective at
        zero weights.
    n_iters : ndarray of shape (n_alphas,), int
        Sweeps of coordinate descent at each strength.
    statuses : list of Status
        How the solver ended at each strength.
    n_nonzeros : ndarray of shape (n_alphas,), int
        Weights that are not 0.
    n_bytes : ndarray of shape (n_alphas,), int
        What the pruned model holds in memory: values, index of their columns, and intercepts.
    file_bytes : ndarray of shape (n_alphas,), int
        What its file takes, names of columns apart; labels of classes are taken to be integers.
    deviance_explained : ndarray of shape (n_alphas,), float64
        The share of the loss at zero penalised weights that the weights take away: R² of squared
        loss, McFadden's of logistic loss, D² of Poisson's (losses less that of perfect margins).
    solver : {"cd", "ista", "fista"}
        The solver that was used.
    stopped_by : {"max_nonzeros", "max_bytes", "interrupt"} or None
        What cut the path short, if anything did.
    n_classes : int or None
        Of the multinomial model.
    interactions : list of Interactions, or None
        The weights of crosses at each strength, where there are any to have; `n_nonzeros`,
        `n_bytes` and `file_bytes` count them too.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 8))
    >>> found = sx.path(X, 2 * X[:, 0] - X[:, 1], n_alphas=20)
    >>> [point.n_nonzero for point in found] == found.n_nonzeros.tolist()
    True
    >>> found.within(max_nonzeros=1).n_nonzero
    1
    """

    alphas: Floats
    l1_ratio: float
    coefs: sp.csc_array = field(repr=False)
    intercepts: Floats = field(repr=False)
    primals: Floats = field(repr=False)
    gaps: Floats = field(repr=False)
    relative_gaps: Floats = field(repr=False)
    n_iters: npt.NDArray[np.int64] = field(repr=False)
    statuses: list[Status] = field(repr=False)
    n_nonzeros: npt.NDArray[np.int64] = field(repr=False)
    n_bytes: npt.NDArray[np.int64] = field(repr=False)
    file_bytes: npt.NDArray[np.int64] = field(repr=False)
    deviance_explained: Floats = field(repr=False)
    solver: str = "cd"
    stopped_by: StoppedBy | None = None
    n_classes: int | None = None
    interactions: list[Interactions] | None = field(default=None, repr=False)

    @property
    def endings(self) -> list[Ending]:
        """How the solver ended at each strength."""
        return [
            Ending(*each, self.solver)
            for each in zip(self.n_iters, self.relative_gaps, self.statuses, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.alphas)

    def __getitem__(self, k: int) -> PathPoint:
        if not -len(self) <= k < len(self):
            raise IndexError(f"the path has {len(self)} points, got {k}")
        k %= len(self)
        coef = self.coefs[:, [k]].toarray().ravel()
        return PathPoint(
            float(self.alphas[k]),
            coef if self.n_classes is None else coef.reshape(self.n_classes, -1),
            float(self.intercepts[k]) if self.n_classes is None else self.intercepts[k],
            float(self.primals[k]),
            float(self.gaps[k]),
            float(self.relative_gaps[k]),
            int(self.n_iters[k]),
            int(self.n_nonzeros[k]),
            int(self.n_bytes[k]),
            int(self.file_bytes[k]),
            float(self.deviance_explained[k]),
            self.statuses[k],
            None if self.interactions is None else self.interactions[k],
        )

    def __iter__(self) -> Iterator[PathPoint]:
        return (self[k] for k in range(len(self)))

    def _repr_html_(self) -> str:
        shown = np.unique(np.linspace(0, len(self) - 1, min(_MOST_ROWS, len(self))).round())
        rows = [
            (
                f"{self.alphas[k]:.4g}",
                f"{self.n_nonzeros[k]:,}",
                format_bytes(int(self.file_bytes[k])),
                f"{self.deviance_explained[k]:.4f}",
                f"{self.relative_gaps[k]:.2g}",
                self.statuses[k].name,
            )
            for k in shown.astype(int)
        ]
        head = ("alpha", "non-zero", "file", "deviance explained", "relative gap", "status")
        told = f"Path of {len(self):,} strengths, l1_ratio {self.l1_ratio:g}, {self.solver}"
        if len(shown) < len(self):
            told += f"; {len(shown)} of them:"
        stopped = () if self.stopped_by is None else (f"stopped by {self.stopped_by}",)
        return html_table(head, rows, (told, *stopped))

    def within(self, *, max_bytes: int | None = None, max_nonzeros: int | None = None) -> PathPoint:
        """Return the best solution that is small enough: the one with the least loss.

        Parameters
        ----------
        max_bytes : int, optional
            Neither the pruned model in memory nor its file (without names of columns and encoders)
            may take more bytes.
        max_nonzeros : int, optional
            There may be no more weights that are not 0.

        Returns
        -------
        PathPoint
            Its `deviance_explained` tells the loss that the limits cost, beside that of the last
            point of the path.

        Raises
        ------
        ValueError
            If no solution is small enough, or a limit is no positive integer.
        """
        limits = {"max_bytes": max_bytes, "max_nonzeros": max_nonzeros}
        validate_parameter_constraints(LIMIT_RULES, limits, caller_name="Path.within")
        fits = np.full(len(self), True)
        for name, limit, sizes in (
            ("max_bytes", max_bytes, np.maximum(self.n_bytes, self.file_bytes)),
            ("max_nonzeros", max_nonzeros, self.n_nonzeros),
        ):
            if limit is None:
                continue
            if len(self) and not (fits & (sizes <= limit)).any():
                raise ValueError(
                    f"{name} must leave room for a point of the path, of which the smallest takes "
                    f"{sizes.min()}; got {limit}."
                )
            fits &= sizes <= limit
        if not fits.any():
            raise ValueError("no point of the path is within these limits.")
        return self[int(np.argmax(np.where(fits, self.deviance_explained, -np.inf)))]

    def of_class(self, k: int) -> Path:
        """Return the weights that the multinomial model has for one class along the path.

        Parameters
        ----------
        k : int
            The place of the class.

        Returns
        -------
        Path
            With `coefs`, `intercepts` and `n_nonzeros` of this class; the rest is of all classes.

        Raises
        ------
        ValueError
            If there is no such class.
        """
        n_classes = self.n_classes
        if n_classes is None:
            raise ValueError(f"k must not be given where the path has no classes, got {k}.")
        if not 0 <= k < n_classes:
            raise ValueError(f"k must be a class, a number from 0 to {n_classes - 1}, got {k}.")
        n_features = self.coefs.shape[0] // n_classes
        coefs = self.coefs[k * n_features : (k + 1) * n_features]
        return replace(
            self,
            coefs=coefs,
            intercepts=self.intercepts[:, k],
            n_nonzeros=np.diff(coefs.indptr).astype(np.int64),
            n_classes=None,
        )


class PathRecord:
    """Collects solutions as a `Path` keeps them: without their zeros.

    Parameters
    ----------
    task : Task or MultinomialTask
        The problem.
    l1_ratio : float
        ρ, the share of the L1 part.
    solver : {"auto", "cd", "ista", "fista"}
        What solves it.
    """

    def __init__(self, task: AnyTask, l1_ratio: float, solver: SolverName) -> None:
        self._task = task
        self._l1_ratio = l1_ratio
        self._solver = chosen(solver)
        self._null_loss, self._saturated = task.null_loss, task.saturated
        self._supports: list[npt.NDArray[np.intp]] = []
        self._values: list[Floats] = []
        self._intercepts: list[Any] = []
        self._rows: list[tuple[float, ...]] = []
        self._statuses: list[Status] = []
        self._interactions: list[Interactions] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, alpha: float, solution: Solution, sizes: Sizes) -> None:
        """Take down the solution at the next strength."""
        support = solution.support
        penalty = self._task.penalty(solution, alpha, self._l1_ratio)
        loss = solution.primal - self._saturated - penalty
        self._supports.append(support)
        self._values.append(np.ravel(solution.coef)[support])
        self._intercepts.append(solution.intercept)
        self._statuses.append(solution.status)
        if solution.interactions is not None:
            self._interactions.append(solution.interactions)
        self._rows.append(
            (
                alpha,
                solution.primal,
                solution.gap,
                solution.relative_gap,
                1.0 - loss / self._null_loss,
                solution.n_iter,
                solution.n_active,
                sizes.memory,
                sizes.file,
            )
        )

    def path(self, stopped_by: StoppedBy | None = None) -> Path:
        """Return what was taken down so far."""
        n_columns = len(self._rows)
        columns = list(zip(*self._rows, strict=True)) or [()] * 9
        alphas, primals, gaps, relative, explained = (
            np.array(c, dtype=np.float64) for c in columns[:5]
        )
        n_iters, n_nonzeros, n_bytes, file_bytes = (
            np.array(c, dtype=np.int64) for c in columns[5:]
        )
        indptr = np.cumsum([0, *map(len, self._supports)])
        indices = np.concatenate([np.empty(0, np.intp), *self._supports])
        values = np.concatenate([np.empty(0), *self._values])
        of_weights = self._task.coef_shape
        shape = (math.prod(of_weights), n_columns)
        intercepts = np.array(self._intercepts, np.float64).reshape(n_columns, *of_weights[:-1])
        return Path(
            alphas=alphas,
            l1_ratio=self._l1_ratio,
            coefs=sp.csc_array((values, indices, indptr), shape=shape),
            intercepts=intercepts,
            primals=primals,
            gaps=gaps,
            relative_gaps=relative,
            n_iters=n_iters,
            statuses=list(self._statuses),
            n_nonzeros=n_nonzeros,
            n_bytes=n_bytes,
            file_bytes=file_bytes,
            deviance_explained=explained,
            solver=self._solver,
            stopped_by=stopped_by,
            n_classes=of_weights[0] if len(of_weights) == 2 else None,
            interactions=self._interactions or None,
        )
