"""Reading svmlight files, whole or in chunks of lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from . import _solvers
from .files import opened

_CHUNK = 1 << 22  # bytes that are parsed at once: what they become stays near the processor


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
    with opened(path) as file:
        chunks = list(svmlight_chunks(file, path))
    if not chunks:
        raise ValueError(f"{path!r} cannot be read as svmlight: it has no rows")
    width = max(X.shape[1] for X, _ in chunks)
    for part, _ in chunks:
        part.resize((part.shape[0], width))
    X = sp.csr_matrix(sp.vstack([part for part, _ in chunks], format="csr"))
    y = np.concatenate([labels for _, labels in chunks])
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


def svmlight_chunks(
    file: IO[bytes], path: str, size: int = _CHUNK, n_threads: int | None = None
) -> Iterator[tuple[sp.csr_matrix, npt.NDArray[np.float64]]]:
    """Parse a file of svmlight, some megabytes of whole lines at a time.

    Parameters
    ----------
    file : binary file
        Read to its end.
    path : str
        What errors call it.
    size : int, default=4 MiB
        Bytes to parse at once.
    n_threads : int, optional
        Threads to parse with.

    Yields
    ------
    csr_matrix of float64, ndarray of float64
        Features, as many columns as the largest index of the chunk asks for, counted from 0; and
        labels.

    Raises
    ------
    ValueError
        If a line is malformed, or its indices do not increase; the message names it.
    """
    rest, n_lines = b"", 0
    while True:
        block = file.read(size)
        text, rest = rest + block, b""
        if block:  # whole lines of it
            end = text.rfind(b"\n", len(text) - len(block)) + 1
            text, rest = text[:end], text[end:]
        if text:
            try:
                y, *rows, n = _solvers.parse_svmlight(text, n_threads or 0)
            except ValueError as error:
                line, what = str(error).removeprefix("line ").split(":", 1)
                raise ValueError(
                    f"{path!r} cannot be read as svmlight: line {n_lines + int(line)}:{what}"
                ) from None
            n_lines += n
            if len(y):
                yield _matrix(*rows), y
        if not block:
            return


def _matrix(
    indptr: npt.NDArray[Any], indices: npt.NDArray[Any], values: npt.NDArray[np.float64]
) -> sp.csr_matrix:
    width = int(indices.max()) + 1 if len(indices) else 0
    return sp.csr_matrix((values, indices, indptr), (len(indptr) - 1, width))
