"""Classifiers: margins as labels and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin

from ._inputs import Floats
from .model import LinearModel, Link


class LinearClassifier(ClassifierMixin, LinearModel):
    """What classifiers do with margins; `classes_` are the labels, sorted."""

    classes_: npt.NDArray[Any]

    def decision_function(self, X: Any) -> Floats:
        """Margins Xw + b.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes), float64

        Raises
        ------
        ValueError
            If X has another number of columns than at fit, or is malformed.
        """
        return self._margins(X)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Predict labels: of positive margin for two classes, else of the largest margin.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If X has another number of columns than at fit, or is malformed.
        """
        return labels(self._margins(X), self.classes_)

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes; of each against the rest, they are scaled to sum to 1.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`.

        Raises
        ------
        ValueError
            If X has another number of columns than at fit, or is malformed.
        """
        return probabilities(self._margins(X), self._link)

    def predict_log_proba(self, X: Any) -> Floats:
        """Logarithms of the probabilities, also of those too small for a float.

        Parameters
        ----------
        X : array-like or sparse of shape (n_samples, n_features)
            Data in any layout.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`.

        Raises
        ------
        ValueError
            If X has another number of columns than at fit, or is malformed.
        """
        margins = self._margins(X)
        if margins.ndim == 1:  # probabilities too small for a float still have a logarithm
            return np.stack([log_expit(-margins), log_expit(margins)], axis=1)
        if self._link == "softmax":
            each: Floats = log_softmax(margins, axis=1)
            return each
        return np.log(probabilities(margins))


def labels(margins: Floats, classes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels of margins (n,) for two classes or (n, n_classes) for more."""
    at = (margins > 0).astype(np.intp) if margins.ndim == 1 else margins.argmax(axis=1)
    chosen: npt.NDArray[Any] = classes[at]
    return chosen


def probabilities(margins: Floats, link: Link | None = None) -> Floats:
    """Probabilities (n, n_classes) of margins (n,) for two classes or (n, n_classes) for more."""
    if link == "softmax":
        joint: Floats = softmax(margins, axis=1)
        return joint
    if margins.ndim == 1:
        return np.stack([expit(-margins), expit(margins)], axis=1)
    each: Floats = expit(margins)
    total = each.sum(axis=1, keepdims=True)
    # Where every class is hopeless, all are equally so.
    return np.where(total > 0, each / np.where(total > 0, total, 1.0), 1.0 / margins.shape[1])
