"""Problems to measure on: made here, taken from the examples, or read from SPARSECROSS_DATA."""

from __future__ import annotations

import lzma
import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse as sp

import sparsecross as sx

EXAMPLES = Path(__file__).parent.parent / "examples"


class Problem(NamedTuple):
    """Data in CSC (or Fortran order), with int32 indices, and real and binary targets."""

    X: Any
    y: np.ndarray
    labels: np.ndarray


def _folder() -> Path:
    folder = os.environ.get("SPARSECROSS_DATA")
    if folder is None:
        pytest.skip("SPARSECROSS_DATA names no folder of data sets")
    return Path(folder)


@cache
def rcv1() -> Problem:
    """2,000 x 9,947 tf-idf values, 95 thousand non-zeros."""
    from sklearn.datasets import load_svmlight_file

    with lzma.open(_folder() / "rcv1-subset" / "small_train.dat.xz") as file:
        X, y = load_svmlight_file(file, n_features=9947)
    return Problem(_int32(X.tocsc()), y, y)


@cache
def dorothea() -> Problem:
    """800 x 88,119 ones, 728 thousand of them."""
    from sklearn.datasets import load_svmlight_file

    with lzma.open(_folder() / "dorothea" / "dorothea.svm.xz") as file:
        X, y = load_svmlight_file(file)
    return Problem(_int32(X.tocsc()), y, y)


@cache
def debian_crosses() -> Problem:
    """63 thousand packages by 5 fields and their crosses seen twice, about 4 M ones."""
    import pyarrow.parquet as pq

    table = pq.read_table(EXAMPLES / "debian_packages.parquet")
    y = table["log_size"].to_numpy()
    fields = table.select(["section", "priority", "maintainer", "tags", "depends"])
    X = sx.FeatureCross(min_count=2).fit_transform(fields)
    return Problem(_int32(X.astype(np.float64).tocsc()), y, np.where(y > np.median(y), 1.0, -1.0))


@cache
def synthetic() -> Problem:
    """20,000 x 200,000, 50 values a row, columns of power-law popularity."""
    rng = np.random.default_rng(1)
    n, p, per_row = 20_000, 200_000, 50
    popularity = np.cumsum(1.0 / (np.arange(p) + 100.0) ** 0.9)
    columns = np.searchsorted(popularity / popularity[-1], rng.random(n * per_row))
    columns = rng.permutation(p)[np.minimum(columns, p - 1)]
    rows = np.repeat(np.arange(n), per_row)
    X = sp.csc_matrix((rng.standard_normal(n * per_row), (rows, columns)), shape=(n, p))
    w = np.zeros(p)
    w[rng.choice(p, 2000, replace=False)] = rng.standard_normal(2000)
    margins = X @ w
    y = margins + margins.std() * rng.standard_normal(n) / 2
    return Problem(_int32(X), y, np.where(y > 0, 1.0, -1.0))


@cache
def dense() -> Problem:
    """1,000 x 5,000 Gaussian columns, neighbours correlated by 0.6."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((5_000, 1_000)).T
    for j in range(1, X.shape[1]):
        X[:, j] = 0.6 * X[:, j - 1] + 0.8 * X[:, j]
    y = X[:, :50] @ rng.standard_normal(50) + rng.standard_normal(X.shape[0])
    return Problem(X, y, np.where(y > 0, 1.0, -1.0))


def _int32(X: Any) -> Any:
    X.sort_indices()
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X


ALL = {
    "rcv1": rcv1,
    "dorothea": dorothea,
    "debian_crosses": debian_crosses,
    "synthetic": synthetic,
    "dense": dense,
}
