"""What every fitted linear model is: weights of columns and crosses, and the margins they give."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _solvers
from ._inputs import Floats, as_design
from .crossing import FeatureCross
from .interactions import Interactions
from .scale.store import BlockStore

# What turns margins into predictions, where that is not the margin itself or a label's sign.
Link = Literal["log", "softmax"]


class LinearModel(BaseEstimator):
    """Margins of a fitted model, in the order of additions that every route to them keeps.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        Weights of columns.
    intercept_ : float or ndarray of shape (n_classes,)
        Intercepts.
    interactions_ : Interactions or None
        Weights of crosses.
    encoder_ : FeatureCross or None
        What turns the tables that the model is for into columns.
    """

    coef_: Floats
    intercept_: Any
    interactions_: Interactions | None
    encoder_: FeatureCross | None
    n_threads: int | None
    _link: Link | None = None

    @property
    def sparse_coef_(self) -> sp.csr_matrix:
        """The weights as a CSR matrix of shape (1, n_features) or (n_classes, n_features)."""
        check_is_fitted(self)
        return sp.csr_matrix(np.atleast_2d(self.coef_))

    def _margins(self, X: Any) -> Floats:
        """Xw + b, of shape (n_samples,) or (n_samples, n_problems)."""
        check_is_fitted(self)
        if isinstance(X, BlockStore):  # whose tables are encoded already
            return np.concatenate([self._margins_of(as_design(part.X)) for part in X.batches()])
        table = X
        if self.encoder_ is not None:
            validate_data(self, table, reset=False, skip_check_array=True)
            X = self.encoder_.transform(table)
        design = as_design(X, n_threads=self.n_threads)
        if self.encoder_ is None:
            validate_data(self, table, reset=False, skip_check_array=True)
        return self._margins_of(design)

    def _margins_of(self, design: _solvers.Design) -> Floats:
        n_columns = np.shape(self.coef_)[-1]
        if design.shape[1] != n_columns:
            raise ValueError(
                f"X has {design.shape[1]} columns, but {type(self).__name__} has weights of "
                f"{n_columns}."
            )
        threads = self.n_threads or 0
        coefs, intercepts = np.atleast_2d(self.coef_), np.atleast_1d(self.intercept_)
        margins = [
            design.product(np.ascontiguousarray(w, dtype=np.float64), threads) + b
            for w, b in zip(coefs, intercepts, strict=True)
        ]
        crosses = self.interactions_
        if crosses is not None and len(crosses):
            single = crosses.values.ndim == 1
            for k in range(len(margins)):
                part = crosses if single else crosses.of_class(k)
                margins[k] = margins[k] + part.margins(design, self.n_threads)
        return margins[0] if len(margins) == 1 else np.stack(margins, axis=1)

    def _weights_of_outputs(self) -> tuple[int, list[tuple[npt.NDArray[np.intp], Floats]]]:
        """The number of columns; of each output those whose weights are not 0, and these."""
        coefs = np.atleast_2d(self.coef_)
        supports = [np.flatnonzero(w) for w in coefs]
        return coefs.shape[1], [
            (support, w[support]) for w, support in zip(coefs, supports, strict=True)
        ]

    def _unpruned_bytes(self) -> dict[str, int]:
        """Bytes of weights, zeros included, and of what says which crosses they belong to."""
        crosses = self.interactions_
        if crosses is None:
            return {"weights": int(self.coef_.nbytes), "crosses": 0}
        return {
            "weights": int(self.coef_.nbytes + crosses.values.nbytes),
            "crosses": int(crosses.columns.nbytes),
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
