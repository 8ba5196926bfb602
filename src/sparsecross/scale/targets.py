"""What targets of blocks have to be for a loss, and the problems that they make."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.class_weight import compute_class_weight

from .._inputs import Floats
from .block import MOST_LABELS, Facts, LossOfRows


def numeric_loss(name: str, facts: Facts, fit_intercept: bool, delta: float) -> LossOfRows:
    """A loss of numbers.

    Raises
    ------
    ValueError
        If targets are none, or not such as the loss is defined for.
    """
    if name == "absolute":
        raise ValueError(
            "loss must not be 'absolute' for blocks of rows, whose solver needs a gradient."
        )
    if np.isnan(facts.size):
        raise ValueError("y must hold numbers, got labels.")
    if not facts.weight > 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if name == "poisson" and facts.lowest < 0:
        raise ValueError(
            f"y must not be negative for the Poisson loss, got {facts.lowest}: it counts."
        )
    if name == "poisson" and fit_intercept and not facts.size > 0:
        raise ValueError(
            "y must hold a positive target of positive weight for the Poisson loss with an "
            "intercept, got only 0: no intercept is best."
        )
    if name == "logistic":
        seen = [of.value for of in facts.labels]
        if not seen or not set(seen) <= {-1, 1}:
            raise ValueError(f"y must hold -1 and +1 for loss='logistic', got {seen[:3]}.")
        if sum(of.weight > 0 for of in facts.labels) < 2:
            raise ValueError(
                "y must hold both -1 and +1 with positive weight for loss='logistic', "
                f"got only {seen[0]}."
            )
    return LossOfRows(name, delta)


def label_losses(
    facts: Facts, class_weight: Any
) -> tuple[npt.NDArray[Any], tuple[LossOfRows, ...]]:
    """The classes, and a logistic loss for the second of two or each of more.

    Raises
    ------
    ValueError
        If there are fewer than two, or more than can be told apart.
    """
    labels = facts.labels
    if not labels:
        raise ValueError(f"y must hold at most {MOST_LABELS} classes for blocks of rows.")
    classes = np.array([of.value for of in labels])
    if classes.dtype.kind == "f" and (classes != np.floor(classes)).any():
        raise ValueError(
            "Unknown label type: continuous. Maybe you are trying to fit a classifier, which "
            "expects discrete classes on a regression target with continuous values."
        )
    factors = _class_factors(facts, classes, class_weight)
    heavy = [of.value for of, factor in zip(labels, factors, strict=True) if of.weight * factor > 0]
    if len(heavy) < 2:
        raise ValueError(
            "y must hold at least two classes with positive weight, got one class: "
            f"{(heavy or [labels[0].value])[0]!r}."
        )
    weights: tuple[tuple[Any, float], ...] = ()
    if class_weight is not None:
        weights = tuple(
            (of.value, float(factor)) for of, factor in zip(labels, factors, strict=True)
        )
    positives = labels[1:] if len(labels) == 2 else labels
    return classes, tuple(
        LossOfRows("logistic", label=of.value, class_weight=weights) for of in positives
    )


def _class_factors(facts: Facts, classes: npt.NDArray[Any], class_weight: Any) -> Floats:
    """What the weights of each class are multiplied by."""
    if class_weight == "balanced":  # as scikit-learn counts, without an array of all labels
        return facts.n_rows / (len(classes) * np.array([of.n_rows for of in facts.labels], float))
    found: Floats = compute_class_weight(class_weight, classes=classes, y=classes)
    if not (np.isfinite(found) & (found >= 0)).all():
        raise ValueError(
            f"class_weight must hold finite weights that are not negative, got {class_weight}."
        )
    return found
