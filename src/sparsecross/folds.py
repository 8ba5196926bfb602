"""Folds of cross-validation as sample weights: no row of X is copied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_expit, logsumexp

from ._inputs import Floats, as_sample_weight
from .multinomial import MultinomialTask
from .task import Task


@dataclass(frozen=True)
class Fold:
    """Rows to learn from, and rows held out.

    Attributes
    ----------
    train : ndarray of shape (n_samples,) or None
        Sample weights of mean 1 over all rows, 0 where a row is not to be learnt from. The
        objective, Σ s_i ℓ_i / Σ s_i, is then that of the training rows alone.
    held : ndarray of int
        The rows held out.
    weight : ndarray of the same shape or None
        Their sample weights.
    """

    train: Floats | None
    held: npt.NDArray[np.intp]
    weight: Floats | None

    def task(self, task: Task | MultinomialTask) -> Task | MultinomialTask:
        """The same problem over the rows to learn from.

        A new task, with deviations of its own where columns are standardised.
        """
        return replace(task, sample_weight=self.train)

    def mean(self, losses: Floats) -> float:
        """Return the weighted mean of the losses of the held-out rows."""
        return float(np.average(losses, weights=self.weight))


def as_folds(
    splits: Iterable[tuple[Any, Any]], truth: npt.NDArray[Any], weight: Floats | None, classes: Any
) -> list[Fold]:
    """Read what a splitter yields: row numbers (repeated ones count as often) or masks.

    Parameters
    ----------
    splits : iterable of (train, held)
        The folds.
    truth : ndarray of shape (n_samples,)
        Real targets, or places in `classes`.
    weight : ndarray of shape (n_samples,) or None
        Sample weights.
    classes : ndarray or None
        The labels of a classifier, all of which every fold must learn from.

    Raises
    ------
    ValueError
        If there is no fold, or a fold has nothing to learn from or to judge by.
    """
    n_samples = len(truth)
    rows = np.arange(n_samples)
    folds = []
    for k, (train, held) in enumerate(splits):
        counts = np.bincount(rows[train], minlength=n_samples).astype(np.float64)
        learnt = counts if weight is None else counts * weight
        judged = rows[held]
        held_weight = None if weight is None else weight[judged]
        if len(judged) == 0 or (held_weight is not None and not held_weight.any()):
            raise ValueError(f"fold {k} of cv must hold out at least one row of positive weight.")
        if not learnt.any():
            raise ValueError(f"fold {k} of cv must learn from at least one row of positive weight.")
        if classes is not None:
            missing = np.setdiff1d(np.arange(len(classes)), truth[learnt > 0])
            if len(missing):
                raise ValueError(
                    f"fold {k} of cv must learn from rows of every class, got none of "
                    f"{classes.tolist()[missing[0]]!r} with positive weight; fewer folds or a "
                    "stratified splitter have some."
                )
        folds.append(Fold(as_sample_weight(learnt, truth), judged, held_weight))
    if not folds:
        raise ValueError("cv must have at least one fold, got none.")
    return folds


def squared_losses(truth: Floats, margins: Floats) -> Floats:
    """(y - m)² of each row."""
    each: Floats = (truth - margins) ** 2
    return each


def logarithmic_losses(
    truth: npt.NDArray[np.intp], margins: Floats, *, together: bool = False
) -> Floats:
    """-log of the probability of each row's class.

    Parameters
    ----------
    truth : ndarray of int of shape (n_samples,)
        Places of the classes.
    margins : ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
        Of each class against the rest, whose probabilities are scaled to sum to 1.
    together : bool, default=False
        Whether the margins are those of the multinomial model.
    """
    if margins.ndim == 1:
        each: Floats = -log_expit(np.where(truth == 1, margins, -margins))
        return each
    of_each: Floats = margins if together else log_expit(margins)  # logarithms, to be scaled
    of_all: Floats = logsumexp(of_each, axis=1)
    return of_all - of_each[np.arange(len(truth)), truth]
