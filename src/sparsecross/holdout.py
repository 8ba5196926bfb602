"""Choosing the strength of a penalty on rows held back from the fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .linear import ElasticNet
from .logistic import SparseLogisticRegression
from .memory import FitMemory
from .solution import Solution
from .walk import Walk, alpha_grid

Floats = npt.NDArray[np.float64]
Estimator = ElasticNet | SparseLogisticRegression

N_ALPHAS = 30
FACTOR = 0.5**0.5  # from one alpha to the next
SEARCH_TOL = 2e-2  # of the loss, for the held-back error settles long before the duality gap
PATIENCE = 3
_SMALLEST = 1e-15  # probabilities are not judged as more certain than this


@dataclass(frozen=True)
class Rows:
    """Encoded rows with their targets, and weights where rows count differently."""

    X: Any
    y: npt.NDArray[Any]
    weight: Floats | None = None


@dataclass(frozen=True)
class Errors:
    """How wrong a model is on some rows.

    Attributes
    ----------
    named : dict of str to float
        The errors by name; the first is the one that alpha is chosen by.
    each : ndarray of shape (n_rows,)
        The loss of each row, of which the first error is a function of the mean.
    """

    named: dict[str, float]
    each: Floats

    @property
    def first(self) -> float:
        """The error that alpha is chosen by."""
        return next(iter(self.named.values()))


@dataclass(frozen=True)
class Step:
    """One strength that was tried."""

    alpha: float
    error: float
    n_nonzero: int


@dataclass(frozen=True)
class Choice:
    """The strength with the smallest held-back error, and all that were tried, in order."""

    alpha: float
    steps: list[Step]

    @property
    def at_end(self) -> bool:
        """Whether the smallest of all alphas won, so that a smaller one might do better."""
        return len(self.steps) == N_ALPHAS and self.steps[-1].alpha == self.alpha


def split_rows(
    n_rows: int, fraction: float, seed: int, classes: npt.NDArray[Any] | None = None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Divide rows into those to learn from and those held back.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    fraction : float
        The share to hold back, at least 0 and below 1.
    seed : int
        Which rows: the same seed, the same rows.
    classes : ndarray of shape (n_rows,), optional
        Labels; of each class this share is held back then, but never all of its rows.

    Returns
    -------
    train, held : ndarray of int
        Row numbers, increasing.

    Raises
    ------
    ValueError
        If the rows are too few to hold any back.
    """
    order = np.random.default_rng(seed).permutation(n_rows)
    if fraction == 0:
        return np.arange(n_rows), np.arange(0)
    if classes is None:
        groups = [order]
    else:
        codes = np.unique(classes, return_inverse=True)[1][order]
        groups = [order[codes == k] for k in range(codes.max() + 1)]
    held = np.concatenate([g[: min(round(fraction * len(g)), len(g) - 1)] for g in groups])
    if len(held) == 0:
        raise ValueError(f"{n_rows} rows are too few to hold back a share of {fraction:g} of them")
    kept = np.ones(n_rows, bool)
    kept[held] = False
    return np.flatnonzero(kept), np.sort(held)


def regression_errors(y: Floats, predicted: Floats, weight: Floats | None = None) -> Errors:
    """Root mean squared error, and the share of the variance explained (R²)."""
    each = (y - predicted) ** 2
    mean = float(np.average(each, weights=weight))
    variance = float(np.average((y - np.average(y, weights=weight)) ** 2, weights=weight))
    explained = 1 - mean / variance if variance > 0 else float("nan")
    return Errors({"RMSE": mean**0.5, "R²": explained}, each)


def classification_errors(
    y: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    probabilities: Floats,
    classes: npt.NDArray[Any],
    weight: Floats | None = None,
) -> Errors:
    """Mean logarithmic loss, and the share of rows whose label is wrong."""
    true = probabilities[np.arange(len(y)), np.searchsorted(classes, y)]
    each = -np.log(np.maximum(true, _SMALLEST))
    wrong = np.average(labels != y, weights=weight)
    return Errors(
        {"log loss": float(np.average(each, weights=weight)), "error rate": float(wrong)}, each
    )


def errors_of(model: Any, rows: Rows) -> Errors:
    """Errors of a fitted estimator, a pruned model, or anything that predicts as they do."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return regression_errors(rows.y, model.predict(rows.X), rows.weight)
    return classification_errors(
        rows.y, model.predict(rows.X), model.predict_proba(rows.X), classes, rows.weight
    )


def constant_errors(train: Rows, judged: Rows, classify: bool) -> Errors:
    """Errors of the best constant: the mean target of the training rows, or its frequencies."""
    n = len(judged.y)
    if not classify:
        mean = float(np.average(train.y, weights=train.weight))
        return regression_errors(judged.y, np.full(n, mean), judged.weight)
    classes, codes = np.unique(train.y, return_inverse=True)
    counts = np.bincount(codes, weights=train.weight)
    labels = np.full(n, classes[counts.argmax()])
    probabilities = np.tile(counts / counts.sum(), (n, 1))
    return classification_errors(judged.y, labels, probabilities, classes, judged.weight)


def largest_alpha(estimator: Estimator, train: Rows) -> float:
    """Return the smallest strength at which every weight is 0, of every class.

    Raises
    ------
    ValueError
        If it is 0 or does not exist.
    """
    tasks = estimator._tasks(estimator._stated(train.X, train.y, train.weight))
    largest = max(task.alpha_max(estimator.l1_ratio) for task in tasks)
    if largest == 0:
        raise ValueError("no feature has anything to do with the target in the rows of the fit")
    return largest


def alphas_for(estimator: Estimator, train: Rows) -> Floats:
    """Return the strengths to try: from just below the largest downwards, by the same factor each.

    Raises
    ------
    ValueError
        If alpha_max is 0 or does not exist.
    """
    return alpha_grid(largest_alpha(estimator, train), N_ALPHAS + 1, FACTOR**N_ALPHAS)[1:]


def walk(
    estimator: Estimator, train: Rows, alphas: Iterable[float], tol: Callable[[], float]
) -> Iterator[list[Solution]]:
    """Solve at one strength after the other; the estimator predicts with the last weights.

    Parameters
    ----------
    estimator : ElasticNet or SparseLogisticRegression
        Its alpha, tol and warm_start do not count.
    train : Rows
        What to fit on.
    alphas : iterable of float
        The strengths, decreasing.
    tol : callable
        Returns the relative gap to reach at the next of them.

    Yields
    ------
    list of Solution
        One for each problem: several with more than two classes.
    """
    tasks = list(estimator._tasks(estimator._stated(train.X, train.y, train.weight)))
    walks = [Walk(task, estimator.l1_ratio) for task in tasks]
    for alpha in map(float, alphas):
        found = []
        for one in walks:
            solution = one.to(alpha, tol=tol(), max_iter=estimator.max_iter)
            if solution.interruption is not None:
                raise solution.interruption
            found.append(solution)
        memory = FitMemory.together(s.memory for s in found)
        estimator._set_fitted(found, [alpha] * len(found), memory)
        yield found


def choose_alpha(
    estimator: Estimator,
    train: Rows,
    held: Rows,
    alphas: Sequence[float] | Floats,
    on_step: Callable[[Step], None] = lambda step: None,
    judge: Callable[[Estimator], Errors] | None = None,
) -> Choice:
    """Solve at one strength after the other and find the one with the least held-back error.

    It stops where the error has not fallen for some strengths, or has risen clearly: by more than
    the standard error of the mean difference of the rows' losses. What `judge` makes of weights
    may have errors that rise and fall again, so that only the first ends the search.

    Parameters
    ----------
    estimator : ElasticNet or SparseLogisticRegression
        Its parameters other than alpha and warm_start are kept. Afterwards it holds the weights of
        the chosen strength, from which `fit` starts then.
    train, held : Rows
        What to fit on and what to judge by.
    alphas : sequence of float
        The strengths, decreasing.
    on_step : callable, optional
        Called with every `Step`.
    judge : callable, optional
        How wrong what is made of a fitted estimator is on the rows held back; by default how wrong
        it is itself.

    Returns
    -------
    Choice
    """
    left = 1.0  # the share of the first loss that is still there; tol is about in units of that
    first_loss = 0.0
    steps: list[Step] = []
    best: tuple[Errors, Step, list[Solution]] | None = None
    # Only the fit at the chosen strength has to converge.
    points = walk(estimator, train, alphas, lambda: max(estimator.tol, SEARCH_TOL * left))
    for alpha, found in zip(map(float, alphas), points, strict=True):
        errors = errors_of(estimator, held) if judge is None else judge(estimator)
        step = Step(alpha, errors.first, sum(s.n_active for s in found))
        steps.append(step)
        on_step(step)
        if best is None or step.error < best[1].error:
            best = errors, step, found
            first_loss = first_loss or float(errors.each.mean())
            left = float(errors.each.mean()) / first_loss if first_loss else 1.0
        elif len(steps) - steps.index(best[1]) > PATIENCE or (
            judge is None and _clearly_worse(errors, best[0], held.weight)
        ):
            break
    assert best is not None
    _, chosen, found = best
    estimator._set_fitted(found, [chosen.alpha] * len(found), estimator.fit_memory_)
    estimator.set_params(alpha=chosen.alpha, warm_start=True)
    return Choice(chosen.alpha, steps)


def _clearly_worse(errors: Errors, best: Errors, weight: Floats | None) -> bool:
    difference = errors.each - best.each
    share = np.full(len(difference), 1.0) if weight is None else weight
    share = share / share.sum()
    mean = float(share @ difference)
    return mean > float(np.sqrt(np.sum((share * (difference - mean)) ** 2)))
