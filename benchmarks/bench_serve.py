"""Predicting and loading: estimator, pruned model, and scikit-learn's two ways."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import datasets
import sparsecross as sx


@pytest.fixture(scope="module")
def served():
    problem = datasets.debian_crosses()
    X = problem.X.tocsr()
    model = sx.Lasso(alpha=None).fit(problem.X, problem.y)
    return X, model, sx.prune(model), model.predict(X)


def _rival(model, sparse=False):
    """scikit-learn's margins of the same weights, dense or after sparsify()."""
    rival = LogisticRegression()
    rival.coef_, rival.intercept_ = model.coef_[None, :], np.atleast_1d(model.intercept_)
    rival.classes_, rival.n_features_in_ = np.array([0, 1]), model.n_features_in_
    return (rival.sparsify() if sparse else rival).decision_function


@pytest.mark.parametrize("library", ["estimator", "pruned", "scikit-learn"])
def bench_predict_batch(benchmark, served, library):
    X, model, pruned, expected = served
    benchmark.group = "predict, all packages"
    ways = {"estimator": model.predict, "pruned": pruned.predict, "scikit-learn": _rival(model)}
    got = benchmark(ways[library], X)
    assert np.allclose(got, expected)
    benchmark.extra_info["rows"] = X.shape[0]


@pytest.mark.parametrize("library", ["pruned", "scikit-learn", "scikit-learn sparsify"])
def bench_predict_one_row(benchmark, served, library):
    X, model, pruned, expected = served
    benchmark.group = "predict, one row"
    row = X[[7]]
    if library == "pruned":
        columns = row.indices.tolist()
        got = benchmark(pruned.predict_one, columns)
    else:
        got = benchmark(_rival(model, "sparsify" in library), row)
    assert np.allclose(got, expected[7])


@pytest.mark.parametrize("way", ["mapped", "read", "pickle of the estimator"])
def bench_load(benchmark, served, tmp_path, way):
    _, model, pruned, _ = served
    benchmark.group = "load"
    path = tmp_path / "model"
    if way == "pickle of the estimator":
        path.write_bytes(pickle.dumps(model))
        got = benchmark(lambda: pickle.loads(path.read_bytes()))
        assert np.array_equal(got.coef_, model.coef_)
    else:
        pruned.save(path)
        got = benchmark(sx.load, path, way == "mapped")
        assert got.report.n_nonzero == pruned.report.n_nonzero
    benchmark.extra_info["file_bytes"] = path.stat().st_size
