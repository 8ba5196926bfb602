"""Reading svmlight files, through scikit-learn."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from .files import opened


@dataclass(frozen=True)
class SvmlightData:
    """What an svmlight file holds.

    Attributes
    ----------
    X : csr_matrix of float64
        The features; column j is index j of the file, or j + 1 unless `zero_based`.
    y : ndarray of float64
        The labels.
    zero_based : bool
        Whether the file counts its indices from 0.
    """

    X: sp.csr_matrix
    y: npt.NDArray[np.float64]
    zero_based: bool


def read_svmlight(
    path: str, *, zero_based: bool | None = None, n_features: int | None = None
) -> SvmlightData:
    """Read an svmlight file.

    Parameters
    ----------
    path : str
        The file.
    zero_based : bool, optional
        Whether indices count from 0; by default whether one of them is 0.
    n_features : int, optional
        The width to give to the matrix; by default the largest index decides.

    Returns
    -------
    SvmlightData

    Raises
    ------
    ValueError
        If the file is not of this format, is damaged, or has an index beyond `n_features`.
    OSError
        If it cannot be read.
    """
    from sklearn.datasets import load_svmlight_file

    with opened(path) as file:
        try:
            # The raw bytes, since scikit-learn reads no other decompressing file object.
            X, y = load_svmlight_file(io.BytesIO(file.read()), zero_based=True)
        except (ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"{path!r} cannot be read as svmlight: {error}") from None
    lowest = int(X.indices.min()) if X.nnz else 1
    if zero_based is None:
        zero_based = lowest == 0
    if not zero_based:
        if lowest == 0:
            raise ValueError(f"{path!r} has an index 0, but the model's file counted from 1")
        X = X[:, 1:]
    if n_features is not None:
        if X.shape[1] > n_features:
            top = X.shape[1] - zero_based
            raise ValueError(
                f"{path!r} has an index {top}, but the model's {n_features} columns end at "
                f"{n_features - zero_based}"
            )
        X.resize((X.shape[0], n_features))
    return SvmlightData(X, y, zero_based)
