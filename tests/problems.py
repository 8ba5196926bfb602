"""Random problems of every kind, and the layouts that one matrix may come in."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class Problem:
    """A problem as users state it; X is dense here, and every number in it fits float32."""

    X: np.ndarray
    y: np.ndarray
    loss: str = "squared"
    alpha: float = 0.1
    l1_ratio: float = 1.0
    fit_intercept: bool = True
    positive: bool = False
    penalty_factor: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    standardize: bool = False
    delta: float = 0.4

    def options(self) -> dict[str, Any]:
        """The arguments of the functional interface, without X, y and alpha."""
        names = ("loss", "l1_ratio", "fit_intercept", "positive", "penalty_factor", "sample_weight")
        names += ("offset", "standardize", "delta")
        return {name: getattr(self, name) for name in names}

    def at(self, **changes: Any) -> "Problem":
        return replace(self, **changes)


CONTENTS = ("dense", "sparse", "valueless")


def matrix(rng, n, p, content="sparse", *, awkward=True):
    """Random X (n, p); awkward ones hold empty, constant and duplicate columns and an empty row."""
    if content == "dense":
        X = rng.standard_normal((n, p)) * rng.choice([0.1, 1.0, 10.0], size=p)
    else:
        X = (rng.random((n, p)) < rng.choice([0.05, 0.2, 0.5], size=p)).astype(np.float64)
        if content == "sparse":
            X *= rng.standard_normal((n, p))
    if awkward and p >= 4:
        at = rng.permutation(p)[:4]
        X[:, at[0]] = 0.0
        X[:, at[1]] = 1.0
        X[:, at[2]] = X[:, at[3]]
    if awkward and n >= 3:
        X[rng.integers(n)] = 0.0
    return X.astype(np.float32).astype(np.float64)


def targets(rng, X, loss, noise=0.5):
    """y that a sparse model explains in part; both labels occur wherever there are two rows."""
    n, p = X.shape
    w = np.where(rng.random(p) < 0.3, rng.standard_normal(p), 0.0)
    y = X @ w + 0.5 + noise * rng.standard_normal(n)
    if loss in ("squared", "absolute"):
        return y
    if loss == "huber":  # some far off
        return y + np.where(rng.random(n) < 0.1, 20 * rng.standard_normal(n), 0.0)
    if loss == "poisson":
        y = rng.poisson(np.exp(np.clip(y, -5, 5))).astype(np.float64)
        y[rng.integers(n)] = 2.0
        return y
    y = np.where(y > np.median(y), 1.0, -1.0)
    if n > 1:
        y[rng.permutation(n)[:2]] = [-1.0, 1.0]
    return y


def factors(rng, p, *, unpenalised=True):
    """Penalty factors, among them infinite ones and (where asked for) zeros."""
    factor = rng.choice([0.5, 1.0, 3.0], size=p)
    factor[rng.random(p) < 0.15] = np.inf
    if unpenalised:
        factor[rng.permutation(p)[: min(2, max(p // 4, 1))]] = 0.0
    return factor


def weights(rng, n):
    """Sample weights, some of them 0."""
    s = rng.choice([0.5, 1.0, 2.0, 4.0], size=n)
    s[rng.random(n) < 0.1] = 0.0
    s[rng.integers(n)] = 3.0
    return s


def _csr_halves(X):
    """CSR whose entries of a row stand in reverse order, each split into two that add up to it."""
    rows = sp.csr_array(X)
    indices, data = [], []
    for i in range(rows.shape[0]):
        part = slice(rows.indptr[i], rows.indptr[i + 1])
        indices.append(np.repeat(rows.indices[part][::-1], 2))
        data.append(np.repeat(rows.data[part][::-1] / 2, 2))
    return sp.csr_array(
        (np.concatenate(data), np.concatenate(indices), 2 * rows.indptr), shape=X.shape
    )


def _wide_indices(S):
    S.indices, S.indptr = S.indices.astype(np.int64), S.indptr.astype(np.int64)
    return S


def _read_only(X):
    X = X.copy()
    for part in (X.data, X.indices, X.indptr) if sp.issparse(X) else (X,):
        part.flags.writeable = False
    return X


def _strided(X):
    room = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan)
    room[::2, ::3] = X
    return room[::2, ::3]


def _unaligned(array):
    """The same numbers from an odd address on, as in a map of a file behind a header."""
    if sp.issparse(array):
        array.data, array.indices, array.indptr = map(
            _unaligned, (array.data, array.indices, array.indptr)
        )
        return array
    order = "F" if array.flags.f_contiguous else "C"
    raw = np.empty(array.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape, order=order)
    view[...] = array
    return view


# Name -> function from a dense matrix to the same matrix in that layout.
LAYOUTS = {
    "dense C": np.ascontiguousarray,
    "dense F": np.asfortranarray,
    "dense C float32": lambda X: np.ascontiguousarray(X, dtype=np.float32),
    "dense F float32": lambda X: np.asfortranarray(X, dtype=np.float32),
    "dense rows apart": lambda X: np.repeat(X, 2, axis=0)[::2],
    "dense columns apart": lambda X: np.asfortranarray(np.repeat(X, 2, axis=1))[:, ::2],
    "dense rows backwards": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "dense strided both ways": _strided,
    "dense C unaligned": lambda X: _unaligned(np.ascontiguousarray(X)),
    "dense columns apart unaligned": lambda X: _unaligned(
        np.asfortranarray(np.repeat(X, 2, axis=1))
    )[:, ::2],
    "csr unaligned": lambda X: _unaligned(sp.csr_array(X)),
    "csc unaligned": lambda X: _unaligned(sp.csc_array(X)),
    "dense big-endian": lambda X: X.astype(">f8"),
    "dense read-only": _read_only,
    "csr_matrix": sp.csr_matrix,
    "csc_matrix": sp.csc_matrix,
    "csr_array": sp.csr_array,
    "csc_array": sp.csc_array,
    "csr float32": lambda X: sp.csr_array(X.astype(np.float32)),
    "csc float32": lambda X: sp.csc_array(X.astype(np.float32)),
    "csr int64 indices": lambda X: _wide_indices(sp.csr_array(X)),
    "csc int64 indices": lambda X: _wide_indices(sp.csc_array(X)),
    "csr read-only": lambda X: _read_only(sp.csr_array(X)),
    "csc read-only": lambda X: _read_only(sp.csc_array(X)),
    "csr unsorted duplicates": _csr_halves,
    "csc unsorted duplicates": lambda X: _csr_halves(X.T).T,
    "csc explicit zeros": lambda X: sp.csc_array(
        (
            X.ravel("F"),
            np.tile(np.arange(X.shape[0]), X.shape[1]),
            np.arange(X.shape[1] + 1) * X.shape[0],
        ),
        shape=X.shape,
    ),
    "coo": sp.coo_array,
    "lil": sp.lil_array,
}

# Layouts for 0/1 matrices, which need not store their values.
ONES_LAYOUTS = {
    "csr ones": sp.csr_array,
    "csc ones": sp.csc_array,
    "csc ones float32": lambda X: sp.csc_array(X.astype(np.float32)),
    "csr bool": lambda X: sp.csr_array(X.astype(bool)),
    "csc bool": lambda X: sp.csc_array(X.astype(bool)),
    "csc int8": lambda X: sp.csc_array(X.astype(np.int8)),
    "csc int64 indices bool": lambda X: _wide_indices(sp.csc_array(X.astype(bool))),
    "dense bool": lambda X: X.astype(bool),
    "dense int64": lambda X: X.astype(np.int64),
}


def memory_mapped(X, folder: Path):
    """The same matrix over read-only memory maps of files in `folder`."""

    def mapped(name, array):
        np.save(folder / f"{name}.npy", array)
        return np.load(folder / f"{name}.npy", mmap_mode="r")

    if not sp.issparse(X):
        return mapped("X", X)
    parts = [mapped(name, getattr(X, name)) for name in ("data", "indices", "indptr")]
    seen = type(X)(X.shape, dtype=X.dtype)
    seen.data, seen.indices, seen.indptr = parts
    return seen
