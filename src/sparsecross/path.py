"""Paths: one problem at many strengths of the penalty."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from sklearn.utils._param_validation import validate_parameter_constraints

from ._inputs import Floats, as_start
from .convergence import warn_if_short
from .interactions import INTERACTION_RULES, Hierarchy
from .multinomial import AnyTask
from .pathrecord import Path, PathRecord, StoppedBy
from .solution import Solution, SolverName
from .stating import ANY_LOSS, GROUP_RULES, AnyLossName, Statement, as_intercept
from .task import DEFAULT_DELTA, RULES, sizes_of
from .walk import GRID_RULES, LIMIT_RULES, Walk, alpha_grid, as_alphas

_RULES: dict[str, list[Any]] = {
    **RULES,
    **INTERACTION_RULES,
    **GROUP_RULES,
    **GRID_RULES,
    **LIMIT_RULES,
    "loss": ANY_LOSS,
    "verbose": ["boolean"],
}


def follow(
    task: AnyTask,
    alphas: Floats,
    l1_ratio: float,
    *,
    tol: float,
    max_iter: int,
    solver: SolverName = "auto",
    coef_init: Floats | None = None,
    intercept_init: Any = 0.0,
    max_nonzeros: int | None = None,
    max_bytes: int | None = None,
    on_point: Callable[[float, Solution], None] = lambda alpha, solution: None,
) -> tuple[Path, BaseException | None]:
    """Solve along strengths; arguments as of :func:`path`, checked.

    Returns
    -------
    Path
        What was finished.
    BaseException or None
        What a signal handler raised meanwhile.
    """
    record = PathRecord(task, l1_ratio, solver)
    walk = Walk(task, l1_ratio, solver=solver, coef=coef_init, intercept=intercept_init)
    try:
        for alpha in map(float, alphas):
            solution = walk.to(alpha, tol=tol, max_iter=max_iter)
            if solution.interruption is not None:
                return record.path("interrupt"), solution.interruption
            sizes = sizes_of([task], [solution])
            limits: list[tuple[StoppedBy, int, int | None]] = [
                ("max_nonzeros", solution.n_active, max_nonzeros),
                ("max_bytes", max(sizes), max_bytes),
            ]
            for stopped_by, size, limit in limits:
                if limit is not None and size > limit:
                    if not len(record):
                        raise ValueError(
                            f"{stopped_by} must leave room for the first point of the path, which "
                            f"takes {size} at alpha={alpha:g}; got {limit}."
                        )
                    return record.path(stopped_by), None
            record.add(alpha, solution, sizes)
            on_point(alpha, solution)
    except KeyboardInterrupt as interruption:  # between two solves
        return record.path("interrupt"), interruption
    return record.path(), None


def path(
    X: Any,
    y: Any = None,
    *,
    loss: AnyLossName = "squared",
    alphas: Any = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    l1_ratio: float = 1.0,
    fit_intercept: bool = True,
    positive: bool = False,
    standardize: bool = False,
    delta: float = DEFAULT_DELTA,
    penalty_factor: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    interactions: Any = None,
    hierarchy: Hierarchy = "none",
    squares: bool = False,
    interaction_penalty: float = 1.0,
    fields: Any = None,
    groups: Any = None,
    l1_share: float = 0.0,
    solver: SolverName = "auto",
    tol: float = 1e-4,
    max_iter: int = 100_000,
    coef_init: Any = None,
    intercept_init: Any = 0.0,
    max_nonzeros: int | None = None,
    max_bytes: int | None = None,
    n_threads: int | None = None,
    verbose: bool = False,
) -> Path:
    """Solve one L1-regularised problem at many strengths of the penalty, each certified.

    Parameters
    ----------
    X, y, loss, l1_ratio, fit_intercept, positive, standardize, delta, penalty_factor
        The problem, as in :func:`solve`.
    sample_weight, offset, solver, n_threads
        As in :func:`solve`.
    interactions, hierarchy, squares, interaction_penalty, fields, groups, l1_share
        As in :func:`solve`.
    alphas : array-like of shape (n_alphas,), optional
        The strengths; solved in decreasing order. By default a geometric grid from the smallest
        strength at which all penalised weights are 0 down to `eps` times that.
    n_alphas : int, default=100
        How many strengths the grid has.
    eps : float, default=1e-3
        The last strength of the grid over the first, between 0 and 1.
    tol : float, default=1e-4
        The relative duality gap to reach at each strength.
    max_iter : int, default=100_000
        Limit of sweeps of coordinate descent at each strength.
    coef_init : array-like of shape (n_features,) or (n_classes, n_features), optional
        Weights to start from at the first strength, zeros by default.
    intercept_init : float or array-like of shape (n_classes,), default=0.0
        The intercept to start from, with `coef_init`.
    max_nonzeros : int, optional
        The path ends before the first solution with more weights that are not 0.
    max_bytes : int, optional
        The path ends before the first solution whose pruned model takes more bytes, in memory or
        in its file; names of columns and encoders come on top of that.
    verbose : bool, default=False
        Whether to print a line at each strength: non-zero weights, relative duality gap and
        iterations.

    Returns
    -------
    Path
        The solutions, without their zeros.

    Raises
    ------
    ValueError
        If an argument breaks its rule, if not even the first solution keeps to `max_nonzeros` and
        `max_bytes`, or if there is no grid: for ``l1_ratio=0``, or for ``positive=True`` where no
        column is positively correlated with y.

    Warns
    -----
    ConvergenceWarning
        Once, if solutions did not reach `tol`: how many, and the worst.

    Notes
    -----
    The exception that Ctrl-C raises has the path as far as it was finished in its attribute `path`;
    its last weights are a start for the rest.

    A strength starts from the last two solutions, on the line through them.

    References
    ----------
    Friedman, Hastie & Tibshirani 2010, section 2.5.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 8))
    >>> found = sx.path(X, 2 * X[:, 0] - X[:, 1], n_alphas=5, eps=1e-2)
    >>> found.n_nonzeros
    array([0, 2, 2, 2, 2])
    >>> found.coefs.shape
    (8, 5)
    """
    validate_parameter_constraints(
        _RULES,
        {
            "loss": loss,
            "alphas": alphas,
            "n_alphas": n_alphas,
            "eps": eps,
            "l1_ratio": l1_ratio,
            "fit_intercept": fit_intercept,
            "positive": positive,
            "standardize": standardize,
            "delta": delta,
            "solver": solver,
            "tol": tol,
            "max_iter": max_iter,
            "max_nonzeros": max_nonzeros,
            "max_bytes": max_bytes,
            "n_threads": n_threads,
            "interactions": interactions,
            "hierarchy": hierarchy,
            "squares": squares,
            "interaction_penalty": interaction_penalty,
            "fields": fields,
            "groups": groups,
            "l1_share": l1_share,
            "verbose": verbose,
        },
        caller_name="path",
    )
    grid = None if alphas is None else as_alphas(alphas)
    task = Statement(
        sample_weight=sample_weight,
        penalty_factor=penalty_factor,
        fit_intercept=fit_intercept,
        positive=positive,
        n_threads=n_threads,
        offset=offset,
        standardize=standardize,
        delta=delta,
        interactions=interactions,
        hierarchy=hierarchy,
        squares=squares,
        interaction_penalty=interaction_penalty,
        fields=fields,
        groups=groups,
        l1_share=l1_share,
    ).task(X, y, loss)
    start = None if coef_init is None else as_start(coef_init, task.coef_shape)
    if grid is None:
        grid = alpha_grid(task.alpha_max(l1_ratio), n_alphas, eps)
    steps = count(1)

    def say(strength: float, solution: Solution) -> None:
        if verbose:
            print(
                f"path: strength {next(steps):,} of {len(grid):,}, alpha {strength:.3e}, "
                f"{solution.n_active:,} non-zero weights, relative gap "
                f"{solution.relative_gap:8.2e}, {solution.n_iter:,} iterations",
                flush=True,
            )

    found, interruption = follow(
        task,
        grid,
        l1_ratio,
        tol=tol,
        max_iter=max_iter,
        solver=solver,
        coef_init=start,
        intercept_init=as_intercept(intercept_init, task.coef_shape),
        max_nonzeros=max_nonzeros,
        max_bytes=max_bytes,
        on_point=say,
    )
    if interruption is not None:
        interruption.path = found  # type: ignore[attr-defined]
        raise interruption
    warn_if_short(
        "sparsecross.path",
        found.endings,
        tol,
        each="points",
        which=lambda k: f"at alpha={found.alphas[k]:.3g}",
    )
    return found
