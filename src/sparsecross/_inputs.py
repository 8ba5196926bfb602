"""Every array that users hand in: its check, its conversion, and what the conversion costs.

Kernels expect exact dtypes and canonical structure; this module is the only place that brings
inputs there. What fits is passed on as it is, without a copy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils import check_array, column_or_1d

from . import _solvers

Axis = Literal["rows", "columns"]
Floats = npt.NDArray[np.float64]

# A child of fork() has no OpenMP threads and would wait for them forever.
os.register_at_fork(after_in_child=_solvers.set_in_forked_child)


def as_design(
    X: Any, sliced_by: Axis | None = None, n_threads: int | None = None
) -> _solvers.Design:
    """See a data matrix as a `Design`, copying only where no view will do.

    Parameters
    ----------
    X : array-like or scipy sparse matrix or array of shape (n_samples, n_features)
        Dense or sparse; float32 and float64 are used as they are.
    sliced_by : {"rows", "columns"}, optional
        The axis that kernels will walk along; by default the one X is stored by.
    n_threads : int, optional
        Threads for the checks and for a change of axis.

    Returns
    -------
    Design
        Canonical and finite.

    Raises
    ------
    ValueError
        If X is empty, not two-dimensional, complex, holds NaN or infinity, or if the index arrays
        of a sparse X are malformed.

    Notes
    -----
    These inputs cost a copy: values that are neither float32 nor float64 nor all 1; sparse formats
    other than CSR and CSC; unsorted or duplicate indices (sorted and added up, as scipy means
    them); a sparse X that is stored by the other axis (transposed with all threads); a dense X
    that is stored by the other axis, when `sliced_by` asks for columns; arrays that are not
    aligned in memory, as maps of a file from an odd offset on.
    """
    threads = n_threads or 0
    if sp.issparse(X):
        design = _sparse_design(X, sliced_by, threads)
    else:
        design = _dense_design(X, sliced_by, threads)
    _check_finite(design)
    if sliced_by is not None and design.sliced_by != sliced_by:
        design = design.transposed(threads)
    return design


def _dense_design(X: Any, sliced_by: Axis | None, threads: int) -> _solvers.Design:
    given = X
    try:
        X = check_array(X, dtype=[np.float64, np.float32], ensure_all_finite=False, input_name="X")
    except ValueError as error:
        if not _is_of_text(error):
            raise
        raise ValueError(_text_in(given)) from None
    X = np.require(X, requirements=["A"])
    by_columns = X.strides[0] == X.itemsize and (X.shape[1] == 1 or X.strides[1] != X.itemsize)
    axis: Axis = sliced_by or ("columns" if by_columns else "rows")
    along = 0 if axis == "columns" else 1
    if X.strides[along] != X.itemsize and X.shape[along] > 1:
        X = np.asfortranarray(X) if axis == "columns" else np.ascontiguousarray(X)
    return _solvers.Design.from_dense(X, axis, threads)


def _sparse_design(X: Any, sliced_by: Axis | None, threads: int) -> _solvers.Design:
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D sparse array for X instead.")
    n_samples, n_features = X.shape
    for extent, unit in ((n_samples, "sample(s)"), (n_features, "feature(s)")):
        if extent == 0:
            raise ValueError(
                f"Found array with 0 {unit} (shape={X.shape}) while a minimum of 1 is required."
            )
    if np.iscomplexobj(X):
        raise ValueError(f"Complex data not supported\nX has dtype {X.dtype}.")
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X must hold numbers, got dtype {X.dtype}.")
    if X.format not in ("csr", "csc"):
        X = X.tocsc() if sliced_by == "columns" else X.tocsr()
    axis: Axis = "rows" if X.format == "csr" else "columns"

    def design(values: npt.NDArray[Any] | None) -> _solvers.Design:
        try:
            return _solvers.Design.from_sparse(
                None if values is None else aligned(values),
                aligned(X.indices),
                aligned(X.indptr),
                n_samples,
                n_features,
                axis,
                threads,
            )
        except ValueError as error:
            raise ValueError(f"X is not a valid {X.format} matrix: {error}") from None

    stored = X.data[: X.indptr[-1]] if len(X.indptr) else X.data
    values = X.data
    if X.dtype not in (np.float32, np.float64):
        complete = len(X.indptr) > 0 and len(stored) == X.indptr[-1]
        ones = complete and bool((stored == 1).all())
        values = None if ones else values.astype(np.float64)
    seen = design(values)
    if not seen.structure.canonical:
        # The indices are known to be in range now, so scipy's own routine is safe.
        values = X.data.astype(np.float64) if values is None else values
        X = type(X)((values, X.indices, X.indptr), shape=X.shape, copy=True)
        X.has_canonical_format = False
        X.sum_duplicates()
        seen = design(X.data)
    return seen.valueless() if seen.structure.all_ones else seen


def aligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array itself, or a copy where its bytes lie or are ordered as kernels cannot read."""
    return np.require(array, array.dtype.newbyteorder("="), ["A"])


def _check_finite(design: _solvers.Design) -> None:
    at = design.structure
    if at.not_finite_slice >= 0:
        row, column = at.not_finite_slice, at.not_finite_position
        if design.sliced_by == "columns":
            row, column = column, row
        raise ValueError(
            f"Input X contains NaN or infinity at row {row}, column {column}; "
            "every value must be finite."
        )


def as_target(y: Any, n_samples: int) -> Floats:
    """Real targets as a contiguous float64 vector.

    Raises
    ------
    ValueError
        If y is not one-dimensional, not numeric, not finite or not of length `n_samples`.
    """
    y = _numeric_targets(column_or_1d(y, warn=True))
    check_length(y, n_samples, "y")
    return np.require(y, requirements=["C", "A"])


def as_targets(y: Any, n_samples: int) -> Floats:
    """Real targets of several outputs as a contiguous float64 matrix, an output after the other.

    Raises
    ------
    ValueError
        If y is not two-dimensional, not numeric, not finite or not of length `n_samples`.
    """
    y = np.asarray(y)
    if y.ndim != 2:
        raise ValueError(
            f"y must have shape ({n_samples}, n_tasks), one column for each task; got {y.shape}. "
            "Of one task, GroupLasso and Lasso take y as a vector."
        )
    y = _numeric_targets(y)
    check_length(y, n_samples, "y")
    return np.ascontiguousarray(y.T)


def _numeric_targets(y: npt.NDArray[Any]) -> Floats:
    try:
        checked: Floats = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    except ValueError as error:
        if not _is_of_text(error):
            raise
        raise ValueError(
            f"y must hold numbers, got {_first_text(y.ravel())!r}: labels are for classifiers, "
            "such as SparseLogisticRegression."
        ) from None
    return checked


def _is_of_text(error: ValueError) -> bool:
    """Whether an error is numpy's about text that is no number."""
    return str(error).startswith("could not convert string to float")


def _first_text(values: Iterable[Any]) -> Any:
    """Return the first text that is no number; None where there is none."""
    for value in values:
        if isinstance(value, str | bytes):
            try:
                float(value)
            except ValueError:
                return value.item() if isinstance(value, np.generic) else value
    return None


def _text_in(X: Any) -> str:
    """Say which column of X holds text, and what is to be done about it.

    Raises
    ------
    ValueError
        If X is not two-dimensional.
    """
    cells = check_array(X, dtype=object, ensure_all_finite=False, input_name="X")
    names = list(getattr(X, "columns", range(cells.shape[1])))
    found = ((name, _first_text(cells[:, j])) for j, name in enumerate(names))
    name, text = next((pair for pair in found if pair[1] is not None), (None, None))
    place = "text" if name is None else f"{text!r} in column {name!r}"
    return (
        f"X must hold numbers, got {place}: a FeatureCross before the estimator, in a Pipeline, "
        "makes columns of categories."
    )


def check_length(values: npt.NDArray[Any], expected: int, name: str) -> None:
    """Raise a ValueError unless there is one value for each of the `expected` rows of X."""
    if len(values) != expected:
        raise ValueError(
            f"{name} must have one value for each row of X: Found input variables with "
            f"inconsistent numbers of samples: [{expected}, {len(values)}]"
        )


def as_unscaled_weight(sample_weight: Any, n_samples: int) -> Floats | None:
    """Sample weights as they are, float64 of shape (n_samples,); a number stands for all rows.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or there is not one for each row of X.
    """
    if sample_weight is None:
        return None
    weights: Floats = check_array(
        sample_weight,
        dtype=np.float64,
        order="C",
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite=False,
        ensure_min_samples=0,
        input_name="sample_weight",
    )
    if weights.ndim == 0:
        weights = np.full(n_samples, weights)
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight.shape == {weights.shape}, expected {(n_samples,)}, one weight for each "
            "row of X."
        )
    # The messages begin as scikit-learn's own do.
    for message, wrong in (
        ("Input sample_weight contains NaN", np.isnan(weights)),
        ("Input sample_weight contains infinity", np.isinf(weights)),
        ("Negative values in data passed to `sample_weight`", weights < 0),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"{message}: weights must be finite and not negative, got {weights[row]} in row "
                f"{row}."
            )
    return np.require(weights, requirements=["A"])


def as_sample_weight(sample_weight: Any, y: npt.NDArray[Any]) -> Floats | None:
    """Sample weights scaled to mean 1, or None where all are equal.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are zero, or their number is not that of y.
    """
    weights = as_unscaled_weight(sample_weight, len(y))
    if weights is None:
        return None
    largest = weights.max()
    if not largest > 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if (weights == largest).all():
        return None
    weights = weights / largest  # their sum stays within double precision
    return np.ascontiguousarray(weights * (len(weights) / weights.sum()))


def as_offset(offset: Any, n_samples: int) -> Floats | None:
    """Offsets of the margins as a finite float64 vector, or None where all are 0.

    Raises
    ------
    ValueError
        If there is not one for each row of X, or one is not finite.
    """
    if offset is None:
        return None
    shifts: Floats = np.require(offset, np.float64, ["C", "A"])
    if shifts.shape != (n_samples,):
        raise ValueError(
            f"offset must have shape ({n_samples},), one for each row of X; got {shifts.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(shifts))
    if len(bad):
        raise ValueError(f"offset must be finite, got {shifts[bad[0]]} for row {bad[0]}.")
    return shifts if shifts.any() else None


def as_penalty_factor(penalty_factor: Any, n_features: int, of: str = "column") -> Floats | None:
    """Penalty factors as float64: 0 leaves a column (or group) unpenalised, infinity excludes it.

    Raises
    ------
    ValueError
        If there is not one for each column, or one is negative or NaN.
    """
    if penalty_factor is None:
        return None
    factor: Floats = np.require(penalty_factor, np.float64, ["C", "A"])
    if factor.shape != (n_features,):
        raise ValueError(
            f"penalty_factor must have shape ({n_features},), one factor for each {of} of X; "
            f"got {factor.shape}."
        )
    bad = np.flatnonzero(~(factor >= 0))
    if len(bad):
        raise ValueError(
            f"penalty_factor must not be negative or NaN, got {factor[bad[0]]} for {of} {bad[0]}."
        )
    return factor


def as_start(coef: Any, shape: tuple[int, ...]) -> Floats:
    """Coefficients to start from or to judge, finite float64 of shape (..., n_features)."""
    weights: Floats = np.require(coef, np.float64, ["C", "A"])
    if weights.shape != shape:
        raise ValueError(
            f"coef must have shape {shape}, one for each column of X; got {weights.shape}."
        )
    bad = np.argwhere(~np.isfinite(weights))
    if len(bad):
        found = weights[tuple(bad[0])]
        raise ValueError(f"coef must be finite, got {found} for column {bad[0][-1]}.")
    return weights
