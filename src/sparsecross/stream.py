"""Online learning: FTRLClassifier and FTRLRegressor, which learn from each row once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from ._inputs import Floats, as_target, check_length
from .classifier import LinearClassifier, probabilities
from .online import OnlineModel
from .streamparameters import LOSSES, StreamLoss, documented


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class FTRLRegressor(RegressorMixin, OnlineModel):
    """Linear regression on a stream of rows, with crosses visited as each row is read.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,), float64
        Weights of columns; of a table of the 2**n_bits hashed ones.
    intercept_ : float
        The intercept.
    {attributes}

    References
    ----------
    McMahan et al. 2013, "Ad Click Prediction: a View from the Trenches"; Langford, Li & Zhang 2009;
    Duchi, Hazan & Singer 2011.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> rng = np.random.default_rng(0)
    >>> X = (rng.random((5_000, 50)) < 0.1).astype(float)
    >>> model = sx.FTRLRegressor(learning_rate=0.5, interactions="pairwise")
    >>> model = model.partial_fit(X, 2 * X[:, 3] * X[:, 7] - X[:, 5])
    >>> model.interactions_.columns[np.argmax(model.interactions_.values)].tolist()
    [3, 7]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **OnlineModel._parameter_constraints,
        "loss": [StrOptions(set(LOSSES) - {"logistic"})],
    }

    def _targets(self, y: Any, n_rows: int, classes: Any) -> tuple[Floats, dict[str, Any]]:
        if classes is not None:
            raise ValueError(f"classes must be None for a regressor, got {classes!r}.")
        return as_target(y, n_rows), {}

    def _target(self, y: Any) -> float:
        target = float(y)
        if not np.isfinite(target):
            raise ValueError(f"y must be finite, got {y!r}.")
        return target

    def predict(self, X: Any) -> Floats:
        """Predict targets.

        Parameters
        ----------
        X : as of :meth:`partial_fit`, but no iterator

        Returns
        -------
        ndarray of shape (n_rows,), float64

        Raises
        ------
        ValueError
            If X is not like what was learnt from.
        """
        return self._margins(X)

    def predict_one(self, row: Any) -> float:
        """Predict the target of one row, at low latency.

        Parameters
        ----------
        row : as of :meth:`learn_one`

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the row is not like those that were learnt from.
        """
        return self._margins_one(row)[0]


def _has_probabilities(model: Any) -> bool:
    if model.loss != "logistic":
        raise AttributeError(f"probabilities need loss='logistic', got {model.loss!r}")
    return True


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class FTRLClassifier(LinearClassifier, OnlineModel):
    """Linear classification on a stream of rows, with crosses visited as each row is read.

    More than two classes are learnt one against the rest.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float64
        Weights of columns; of a table of the 2**n_bits hashed ones.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    {attributes}

    References
    ----------
    McMahan et al. 2013, "Ad Click Prediction: a View from the Trenches"; Langford, Li & Zhang 2009;
    Duchi, Hazan & Singer 2011.

    Examples
    --------
    >>> import sparsecross as sx
    >>> model = sx.FTRLClassifier(learning_rate=1.0, l1=0.1, interactions="pairwise")
    >>> for _ in range(20):
    ...     for colour, size, sold in [("red", "S", 1), ("red", "L", 0), ("blue", "S", 0)]:
    ...         _ = model.learn_one({"colour": colour, "size": size}, sold)
    >>> model.predict_one({"colour": "red", "size": "S"})
    1
    """

    loss: StreamLoss = "logistic"

    def _labels_in(self, y: Any) -> Any:
        if y is None:
            return None
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        return np.unique(column_or_1d(y))

    def _targets(self, y: Any, n_rows: int, classes: Any) -> tuple[Floats, dict[str, Any]]:
        known = getattr(self, "classes_", None) if self._model is not None else None
        if known is None:
            assert_all_finite(y, input_name="y")
            check_classification_targets(y)
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            known = np.unique(column_or_1d(classes))
            if len(known) < 2:
                raise ValueError(f"classes must be at least two, got one class: {known.tolist()}.")
        elif classes is not None and not np.array_equal(known, np.unique(classes)):
            raise ValueError(
                f"classes must be those of the first call, {known.tolist()}, got {classes!r}."
            )
        y = column_or_1d(y, warn=True)
        check_length(y, n_rows, "y")
        try:
            codes = np.clip(np.searchsorted(known, y), 0, len(known) - 1)
        except TypeError:
            raise ValueError(f"y must hold labels among {known.tolist()}, got {y[0]!r}.") from None
        unknown = np.flatnonzero(known[codes] != y)
        if len(unknown):
            raise ValueError(
                f"y must hold labels among {known.tolist()}, got {y[unknown[0]]!r} in row "
                f"{unknown[0]}."
            )
        targets = codes.astype(np.float64)
        return (2.0 * targets - 1.0 if len(known) == 2 else targets), {"classes_": known}

    def _n_states(self, learnt: dict[str, Any]) -> int:
        n_classes = len(learnt["classes_"])
        return 1 if n_classes == 2 else n_classes

    def _labels_to_expect(self, y: Any) -> dict[str, Any]:
        if isinstance(y, bool | np.bool_):
            return {"classes_": np.array([False, True])}
        if y in (0, 1):
            return {"classes_": np.array([0, 1])}
        if y == -1:
            return {"classes_": np.array([-1, 1])}
        raise ValueError(
            f"y must be 0, 1, -1, False or True where no labels are known yet, got {y!r}: "
            "partial_fit takes classes."
        )

    def _target(self, y: Any) -> float:
        at = self.__dict__.get("_codes")
        if at is None:
            at = {label: float(k) for k, label in enumerate(self.classes_.tolist())}
            self._codes = at
        try:
            code: float = at[y]
        except (KeyError, TypeError):
            raise ValueError(
                f"y must be a label among {self.classes_.tolist()}, got {y!r}."
            ) from None
        return code if len(at) > 2 else 2.0 * code - 1.0

    def predict_one(self, row: Any) -> Any:
        """Predict the label of one row, at low latency.

        Parameters
        ----------
        row : as of :meth:`learn_one`

        Returns
        -------
        label
            One of `classes_`, as a Python object: of positive margin for two classes, else of the
            largest margin.

        Raises
        ------
        ValueError
            If the row is not like those that were learnt from.
        """
        margins = self._margins_one(row)
        if len(margins) == 1:
            return self.classes_[int(margins[0] > 0.0)].item()
        return self.classes_[int(np.argmax(margins))].item()

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes; of each against the rest, they are scaled to sum to 1.

        Parameters
        ----------
        X : as of :meth:`partial_fit`, but no iterator

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            In the order of `classes_`.

        Raises
        ------
        AttributeError
            If the loss is not "logistic".
        ValueError
            If X is not like what was learnt from.
        """
        return super().predict_proba(X)

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Floats:
        """Logarithms of what :meth:`predict_proba` gives.

        Parameters
        ----------
        X : as of :meth:`partial_fit`, but no iterator

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            In the order of `classes_`.

        Raises
        ------
        AttributeError
            If the loss is not "logistic".
        ValueError
            If X is not like what was learnt from.
        """
        return super().predict_log_proba(X)

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba_one(self, row: Any) -> Floats:
        """Probabilities of the classes of one row, at low latency.

        Parameters
        ----------
        row : as of :meth:`learn_one`

        Returns
        -------
        ndarray of shape (n_classes,), float64
            In the order of `classes_`; of each against the rest, they are scaled to sum to 1.

        Raises
        ------
        AttributeError
            If the loss is not "logistic".
        ValueError
            If the row is not like those that were learnt from.
        """
        margins = np.array(self._margins_one(row))
        found: Floats = probabilities(margins if len(margins) == 1 else margins[None])[0]
        return found
