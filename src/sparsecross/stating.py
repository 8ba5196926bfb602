"""Arrays as users hand them in, checked and stated as a task."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import StrOptions

from ._inputs import (
    Floats,
    as_design,
    as_offset,
    as_penalty_factor,
    as_sample_weight,
    as_target,
)
from .multinomial import MultinomialTask, check_together
from .task import LOSSES, MAX_LOG_RATE, LossName, Task

AnyLossName = LossName | Literal["multinomial"]
ANY_LOSS = [StrOptions({*LOSSES, "multinomial"})]


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


def as_task(
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
    """Check arrays, as they come from users, and state the problem."""
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


def as_any_task(
    X: Any,
    y: Any,
    loss: AnyLossName,
    sample_weight: Any,
    penalty_factor: Any,
    fit_intercept: bool,
    positive: bool,
    n_threads: int | None,
    offset: Any,
    standardize: bool,
    delta: float,
) -> Task | MultinomialTask:
    """Do as :func:`as_task` does, for the multinomial loss as well."""
    if loss != "multinomial":
        return as_task(
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
    design = as_design(X, "columns", n_threads)
    n_samples, n_features = design.shape
    labels = as_labels(y, n_samples)
    weight = as_sample_weight(sample_weight, labels)
    classes = np.arange(labels.max() + 1)
    check_together("loss='multinomial'", classes, labels, weight, as_offset(offset, n_samples))
    return MultinomialTask(
        design,
        labels,
        len(classes),
        weight,
        as_penalty_factor(penalty_factor, n_features),
        fit_intercept,
        positive,
        n_threads,
        standardize,
    )


def as_labels(y: Any, n_samples: int) -> npt.NDArray[np.int64]:
    """Numbers of classes, of which there are at least two.

    Raises
    ------
    ValueError
        If y is not made of integers from 0 on, or of 0 alone.
    """
    numbers = as_target(y, n_samples)
    bad = np.flatnonzero((numbers < 0) | (numbers != np.floor(numbers)))
    if len(bad):
        raise ValueError(
            "y must hold the numbers of classes, 0, 1, ..., for loss='multinomial', got "
            f"{numbers[bad[0]]}."
        )
    if not numbers.any():
        raise ValueError(
            "y must hold at least two classes for loss='multinomial', got only class 0."
        )
    return numbers.astype(np.int64)


def as_intercept(intercept: Any, coef_shape: tuple[int, ...], name: str = "intercept_init") -> Any:
    """Return an intercept as given: finite, one number or one for each class."""
    given: Floats = np.asarray(intercept, np.float64)
    if given.shape not in ((), coef_shape[:-1]):
        raise ValueError(
            f"{name} must be one number or of shape {coef_shape[:-1]}, got shape {given.shape}."
        )
    if not np.isfinite(given).all():
        raise ValueError(f"{name} must be finite, got {given}.")
    return given[()]
