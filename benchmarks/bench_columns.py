"""One pass over a matrix: our kernels beside scipy's and NumPy's, in every storage."""

from __future__ import annotations

import numpy as np
import pytest

import datasets
from sparsecross._inputs import as_design


def _storage(name):
    X = datasets.synthetic().X
    if name == "dense float64":
        return np.asfortranarray(X[:2000, :2000].toarray())
    if name == "dense float32":
        return np.asfortranarray(X[:2000, :2000].toarray(), dtype=np.float32)
    if name == "valueless":
        X = X.copy()
        X.data[:] = 1.0
    return X.astype(np.float32) if name == "float32" else X


STORAGE = ["float64", "float32", "valueless", "dense float64", "dense float32"]


@pytest.mark.parametrize("library", ["sparsecross", "scipy"])
@pytest.mark.parametrize("storage", STORAGE)
def bench_transposed_product(benchmark, storage, library):
    X = _storage(storage)
    v = np.random.default_rng(0).standard_normal(X.shape[0])
    benchmark.group = f"transposed product, {storage}"
    if library == "sparsecross":
        design = as_design(X, "columns")
        got = benchmark(design.transposed_product, v, 1)
        benchmark.extra_info["bytes"] = sum(a.nbytes for a in design.arrays)
    else:
        v = v.astype(X.dtype)
        got = benchmark(lambda: X.T @ v)
    assert np.allclose(got, X.T @ v, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("library", ["sparsecross", "scipy"])
@pytest.mark.parametrize("storage", STORAGE[:3])
def bench_csr_to_csc(benchmark, storage, library):
    X = _storage(storage).tocsr()
    benchmark.group = f"CSR to CSC, {storage}"
    if library == "sparsecross":
        design = as_design(X)
        got = benchmark(design.transposed, 1)
        assert got.n_stored == X.nnz
    else:
        assert benchmark(X.tocsc).nnz == X.nnz
