"""The functional core: a problem stated in arrays, solved, bounded and judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import validate_parameter_constraints

from . import _solvers
from ._inputs import as_start
from .interactions import INTERACTION_RULES, Hierarchy, Interactions, as_interactions
from .interactiontask import InteractionTask
from .multinomial import AnyTask
from .scale.blocktask import BlockTask
from .solution import Certificate, Solution, SolverName
from .stating import ANY_LOSS, GROUP_RULES, AnyLossName, Statement, as_intercept
from .task import DEFAULT_DELTA, RULES


def _check(function: str, **parameters: Any) -> None:
    rules = {**RULES, **INTERACTION_RULES, **GROUP_RULES, "loss": ANY_LOSS}
    validate_parameter_constraints(rules, parameters, caller_name=function)


def solve(
    X: Any,
    y: Any = None,
    *,
    loss: AnyLossName = "squared",
    alpha: float,
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
    interactions_init: Any = None,
    n_threads: int | None = None,
) -> Solution:
    """Solve one L1-regularised problem and certify the answer.

    Minimises ``(1/n) Σ s_i loss(y_i, x_i·w + b + o_i) + alpha Σ ω_j (ρ |w_j| + (1-ρ)/2 w_j²)``.

    Parameters
    ----------
    X : array-like or sparse of shape (n_samples, n_features)
        Data, dense or sparse, float32 or float64, CSC and Fortran order without a copy.
    y : array-like of shape (n_samples,)
        Targets; -1 and +1 for the logistic loss, not negative for the Poisson loss, the numbers of
        classes 0, 1, ... for the multinomial one.
    loss : {"squared", "logistic", "huber", "absolute", "poisson", "multinomial"}, \
default="squared"
        The loss at margin m: ``½ (y - m)²``; ``log(1 + exp(-y m))``; squared up to an error of
        `delta` and linear beyond; ``|y - m|``; ``exp(m) - y m``; ``log Σ_k exp(m_k) - m_y``, with
        weights and an intercept for each class and no offset.
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
    interactions : {"pairwise", "triples"}, list of tuples or None, default=None
        Products of columns that may have weights, none of which is built unless it matters:
        "pairwise" are all of two distinct columns, "triples" those and all of three. A list of
        tuples says which: of columns by number, or of fields where `fields` names them or X is a
        table of categories, which is then encoded as :class:`FeatureCross` does.
    hierarchy : {"none", "weak", "strong"}, default="none"
        Whether one or all columns of a cross must have a weight themselves. The optimum is then
        that over crosses of such columns, and `certified_over` of the solution says which.
    squares : bool, default=False
        Whether squares of columns that are not all 0 and 1 count among the crosses.
    interaction_penalty : float, default=1.0
        The penalty factor of crosses; `penalty_factor` speaks of columns.
    fields : array-like of shape (n_features,), optional
        The field of each column, for a list of `interactions` of fields.
    groups : array-like of shape (n_features,), list of lists, mapping or "fields", optional
        Which columns are penalised together, by the norms of their weights, as of
        :class:`GroupLasso`; `penalty_factor` is of groups then. Columns are groups of their own by
        default where y has several targets, shape (n_samples, n_tasks).
    l1_share : float, default=0.0
        With groups, the share of the penalty on single weights.
    solver : {"auto", "cd", "ista", "fista"}, default="auto"
        "cd" is coordinate descent over working sets, "ista" proximal gradient and "fista" its
        accelerated form, both for the squared, logistic and Huber losses; all end at the same
        optimum with the same certificate. "auto" is "cd".
    tol : float, default=1e-4
        The relative duality gap to reach.
    max_iter : int, default=100_000
        Limit of sweeps of coordinate descent, or of iterations of proximal gradient.
    coef_init : array-like of shape (n_features,) or (n_classes, n_features), optional
        Weights to start from, zeros by default.
    intercept_init : float or array-like of shape (n_classes,), default=0.0
        The intercept to start from, with `coef_init`.
    interactions_init : Interactions or sparse matrix of shape (n_features, n_features), optional
        Weights of crosses to start from.
    n_threads : int, optional
        Threads; by default as many as OpenMP is allowed. The answer does not depend on it.

    Returns
    -------
    Solution
        Weights, dual point, gap, status and history; with the multinomial loss `coef` is
        (n_classes, n_features), `intercept` (n_classes,) and `dual_point` (n_classes, n_samples).

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
        interactions=interactions,
        hierarchy=hierarchy,
        squares=squares,
        interaction_penalty=interaction_penalty,
        fields=fields,
        groups=groups,
        l1_share=l1_share,
    )
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
    crosses = _crosses_of(task, interactions_init, "interactions_init")
    solution = task.solve(
        alpha,
        l1_ratio,
        solver=solver,
        tol=tol,
        max_iter=max_iter,
        coef_init=start,
        intercept_init=as_intercept(intercept_init, task.coef_shape),
        interactions_init=crosses,
    )
    if solution.interruption is not None:
        raise solution.interruption
    return solution


def alpha_max(
    X: Any,
    y: Any = None,
    *,
    loss: AnyLossName = "squared",
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
    n_threads: int | None = None,
) -> float:
    """Return the smallest alpha at which every penalised weight is 0.

    Parameters
    ----------
    X, y, loss, l1_ratio, fit_intercept, positive, standardize, delta, penalty_factor, \
sample_weight, offset, interactions, hierarchy, squares, interaction_penalty, fields, groups, \
l1_share, n_threads
        The problem, as in :func:`solve`.

    Returns
    -------
    float

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
        interactions=interactions,
        hierarchy=hierarchy,
        squares=squares,
        interaction_penalty=interaction_penalty,
        fields=fields,
        groups=groups,
        l1_share=l1_share,
    )
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
    return task.alpha_max(l1_ratio)


def certify(
    X: Any,
    y: Any,
    coef: Any,
    intercept: Any = 0.0,
    *,
    interaction_coef: Any = None,
    loss: AnyLossName = "squared",
    alpha: float,
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
    n_threads: int | None = None,
) -> Certificate:
    """Bound how far given weights, from anywhere, are from the optimum.

    Parameters
    ----------
    coef : array-like of shape (n_features,) or (n_classes, n_features)
        The weights to judge; of the multinomial loss those of each class.
    intercept : float or array-like of shape (n_classes,), default=0.0
        Their intercept, or intercepts.
    interaction_coef : Interactions or sparse matrix of shape (n_features, n_features), optional
        The weights of crosses to judge; of pairs as an upper triangular matrix.
    X, y, loss, alpha, l1_ratio, fit_intercept, positive, standardize, delta, penalty_factor, \
sample_weight, offset, interactions, hierarchy, squares, interaction_penalty, fields, groups, \
l1_share, n_threads
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

    Examples
    --------
    >>> import sparsecross as sx
    >>> X, y = [[1.0], [2.0], [3.0]], [0, 1, 2]
    >>> problem = {"loss": "multinomial", "alpha": 0.1}
    >>> found = sx.solve(X, y, **problem)
    >>> sx.certify(X, y, found.coef, found.intercept, **problem).relative_gap <= 1e-4
    True
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
        interactions=interactions,
        hierarchy=hierarchy,
        squares=squares,
        interaction_penalty=interaction_penalty,
        fields=fields,
        groups=groups,
        l1_share=l1_share,
    )
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
    weights = as_start(coef, task.coef_shape)
    if positive and (weights < 0).any():
        raise ValueError(f"coef must not be negative for positive=True, got {weights.min()}.")
    if task.excluded is not None:
        excluded = task.excluded & (weights != 0)
        if excluded.any():
            at = int(np.argwhere(excluded)[0][-1])
            raise ValueError(f"coef must be 0 where penalty_factor is infinite, not so at {at}.")
    if task.column_scale is not None:
        constant = (task.column_scale == 0) & (weights != 0)
        if constant.any():
            at = int(np.argwhere(constant)[0][-1])
            raise ValueError(
                f"coef must be 0 for constant columns with standardize=True, not so at {at}."
            )
    given = as_intercept(intercept, task.coef_shape, "intercept")
    crosses = _crosses_of(task, interaction_coef, "interaction_coef")
    if not isinstance(task, InteractionTask | BlockTask) or task.products is None:
        return task.certify(weights, given, alpha, l1_ratio)
    if hierarchy != "none":
        raise ValueError(
            f"hierarchy must be 'none' to certify, got {hierarchy!r}: which crosses take part "
            "depends on how a solution was found."
        )
    if positive and crosses is not None and (crosses.values < 0).any():
        raise ValueError(
            f"interaction_coef must not be negative for positive=True, got {crosses.values.min()}."
        )
    return task.certify(weights, given, alpha, l1_ratio, crosses)


def _crosses_of(task: AnyTask, given: Any, name: str) -> Interactions | None:
    """Weights of crosses as a user hands them to a task."""
    if given is None:
        return None
    if task.products is None:
        raise ValueError(f"{name} must be None where interactions are None.")
    crosses = as_interactions(given, task.products.n_columns, task.products.order, name)
    task.products.check(crosses, name)
    return crosses


def soft_threshold(z: npt.ArrayLike, t: npt.ArrayLike) -> Any:
    """Return ``sign(z) max(|z| - t, 0)``, the proximal operator of the L1 norm, by elements.

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
