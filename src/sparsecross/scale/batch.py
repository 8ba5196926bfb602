"""Rows as they come, in batches: checked, joined, cut, and as the arrays of a block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from .._inputs import as_offset, as_unscaled_weight

_EXACT = 2**53  # integers up to here are floats too


class Batch(NamedTuple):
    """Some rows: X, y, and weights and offsets where there are any."""

    X: Any
    y: Any
    sample_weight: Any = None
    offset: Any = None


def skipped(batches: Iterable[Batch], n_rows: int) -> Iterator[Batch]:
    """The batches behind so many rows.

    Raises
    ------
    ValueError
        If there are not so many.
    """
    for batch in batches:
        n = batch.X.shape[0]
        if n_rows >= n:
            n_rows -= n
            continue
        yield cut(checked(batch), slice(n_rows, n)) if n_rows else batch
        n_rows = 0
    if n_rows:
        raise ValueError(
            f"the rows must be those of before, which had {n_rows} more when they were cut short."
        )


def checked(batch: Batch) -> Batch:
    """Rows with X canonical by rows, and one target, weight and offset for each."""
    X, y = batch.X, np.asarray(batch.y)
    if sp.issparse(X):
        X = sp.csr_array(X)  # which may be the caller's arrays
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        if X.dtype not in (np.float32, np.float64):
            X = X.astype(np.float64)
        values = X.data
    else:
        X = values = np.asarray(X)
        if X.ndim != 2:
            raise ValueError(f"X must be two-dimensional, got {X.ndim} dimensions.")
        if X.dtype not in (np.float32, np.float64):
            X = values = X.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("Input X contains NaN or infinity; every value must be finite.")
    n_rows = X.shape[0]
    if y.shape != (n_rows,):
        raise ValueError(f"y must have shape ({n_rows},), a target for each row, got {y.shape}.")
    if y.dtype == object:
        y = _labels(y)
    if y.dtype.kind not in "biufU":
        raise ValueError(f"y must hold numbers or text, got {y.dtype}.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError("Input y contains NaN or infinity; every target must be finite.")
    weight = as_unscaled_weight(batch.sample_weight, n_rows)
    return Batch(X, y, weight, as_offset(batch.offset, n_rows))


def _labels(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Objects as what they are: all text, or all numbers."""
    found = np.array(y.tolist())
    text = [isinstance(value, str) for value in y]
    if found.dtype.kind not in "Ubiuf" or (any(text) and not all(text)):
        raise ValueError("y must hold numbers or labels of one kind, got other objects.")
    return found


def bytes_of(batch: Batch) -> int:
    """What blocks are measured by: bytes of indices, or of the values of dense rows."""
    X = batch.X
    return int(X.indices.nbytes if sp.issparse(X) else X.nbytes)


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches that are alike as one.

    Raises
    ------
    ValueError
        If targets have no type in common.
    """
    if len(batches) == 1:
        return batches[0]
    X, y, weights, offsets = zip(*batches, strict=True)
    stacked = sp.vstack(X, format="csr") if sp.issparse(X[0]) else np.concatenate(X)
    beside = [None if parts[0] is None else np.concatenate(parts) for parts in (weights, offsets)]
    return Batch(stacked, _one_type(y), *beside)


def _one_type(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    whole = np.concatenate(parts)
    if whole.dtype.kind == "f":
        for y in parts:
            if y.dtype.kind in "iu" and len(y) and max(abs(int(y.min())), int(y.max())) > _EXACT:
                raise ValueError(
                    "y must not hold integers beyond 2^53 beside fractions: they have no type in "
                    "common that holds both exactly."
                )
    return whole


def cut(batch: Batch, rows: slice) -> Batch:
    """Some of the rows."""
    return Batch(
        batch.X[rows],
        batch.y[rows],
        *(None if part is None else part[rows] for part in (batch.sample_weight, batch.offset)),
    )


def arrays_of(rows: Batch) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a block, without those that are implied."""
    X = rows.X
    found: dict[str, npt.NDArray[Any]] = {}
    if sp.issparse(X):
        indices = np.int32 if X.shape[1] <= np.iinfo(np.int32).max else np.int64
        found["indices"] = X.indices.astype(indices, copy=False)
        lengths = np.diff(X.indptr)
        if not (lengths == lengths[0]).all():
            ends = np.int32 if X.nnz <= np.iinfo(np.int32).max else np.int64
            found["indptr"] = X.indptr.astype(ends, copy=False)
        if not (X.data == 1).all():
            found["values"] = X.data
    else:
        found["values"] = np.ascontiguousarray(X)
    found["y"] = _narrowed(rows.y)
    for name, part in (("weight", rows.sample_weight), ("offset", rows.offset)):
        if part is not None:
            found[name] = np.ascontiguousarray(part, np.float64)
    return found


def _narrowed(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Targets in as few bytes as hold them all exactly: integers as integers, floats as floats."""
    narrower: dict[str, tuple[Any, ...]] = {
        "i": (np.int8, np.int16, np.int32),
        "u": (np.uint8, np.uint16, np.uint32),
        "f": (np.float16, np.float32),
    }
    for dtype in narrower.get(y.dtype.kind, ()):
        with np.errstate(over="ignore"):
            narrow = y.astype(dtype)
        if (narrow == y).all():
            return narrow
    return y
