"""Serving from the compact file: one row, batches, loading, processes that share it.

    python benchmarks/serving.py

A model of 20 thousand float32 weights among a million columns scores rows of 40 columns that are 1,
a fifth of which have a weight, beside scikit-learn's `decision_function` with the same weights,
dense and after `sparsify()`; and a model of ten million weights is loaded, by one process and by
eight. Medians.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

import sparsecross as sx

N_COLUMNS, N_WEIGHTS, WIDTH = 1_000_000, 20_000, 40
N_LARGE = 10_000_000
# Resident memory in a process that has loaded the library, before and after a model is used.
_PROCESS = """
import json, sys, time
import sparsecross as sx
def pss():
    lines = open("/proc/self/smaps_rollup").read().splitlines()[1:]
    return {line.split()[0]: int(line.split()[1]) * 1024 for line in lines}
sx.load(sys.argv[2]).predict_one([1])
before, start = pss(), time.perf_counter()
model = sx.load(sys.argv[1])
loading = time.perf_counter() - start
model.predict_one([1, 2, 3])
print("used", flush=True)
sys.stdin.readline()
after = pss()
grown = {k: after[k] - before[k] for k in ("Pss:", "Anonymous:")}
print(json.dumps({"loading": loading} | grown), flush=True)
"""


def model_of(n_columns: int, columns: np.ndarray, weights: np.ndarray) -> sx.Lasso:
    """A model with these weights, which nobody had to fit."""
    model = sx.Lasso()
    model.coef_ = np.zeros(n_columns)
    model.coef_[columns] = weights
    model.intercept_, model.n_features_in_ = 0.5, n_columns
    model.interactions_ = model.encoder_ = None
    return model


def rival(model: sx.Lasso, *, sparse: bool) -> Callable[..., Any]:
    """scikit-learn's margins with the same weights."""
    from sklearn.linear_model import LogisticRegression

    other = LogisticRegression()
    other.coef_, other.intercept_ = model.coef_[None, :].copy(), np.array([model.intercept_])
    other.classes_, other.n_features_in_ = np.array([0, 1]), model.n_features_in_
    return (other.sparsify() if sparse else other).decision_function


def seconds(call: Callable[..., Any], arguments: Sequence[Any]) -> float:
    """The median time of a call."""
    times = []
    for each in arguments:
        start = time.perf_counter()
        call(each)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def rows_and_batches(folder: Path) -> None:
    rng = np.random.default_rng(0)
    columns = np.sort(rng.choice(N_COLUMNS, N_WEIGHTS, replace=False))
    model = model_of(N_COLUMNS, columns, rng.standard_normal(N_WEIGHTS))
    sx.prune(model, dtype="float32").save(folder / "small.sxm")
    loaded = sx.load(folder / "small.sxm")
    n = 200_000
    indices = np.where(
        rng.random((n, WIDTH)) < 0.2,
        rng.choice(columns, (n, WIDTH)),
        rng.integers(0, N_COLUMNS, (n, WIDTH)),
    )
    X = sp.csr_matrix(
        (np.ones(n * WIDTH), np.sort(indices, axis=1).ravel(), np.arange(0, n * WIDTH + 1, WIDTH)),
        (n, N_COLUMNS),
    )
    X.sum_duplicates()
    X.data[:] = 1.0
    lists = [
        X.indices[a:b].tolist() for a, b in zip(X.indptr[:3000], X.indptr[1:3001], strict=True)
    ]
    single = [X[[i]] for i in range(300)]
    dense, sparsified = rival(model, sparse=False), rival(model, sparse=True)
    for name, call, rows in (
        ("predict_one", loaded.predict_one, lists),
        ("scikit-learn, dense", dense, single),
        ("scikit-learn, sparsify", sparsified, single),
    ):
        call(rows[0])
        print(f"one row, {name}: {1e6 * seconds(call, rows):.1f} us")
    weights = loaded._weights(0)
    design = loaded._design(X)
    for name, call in (
        ("one thread", lambda _: weights.score(design, 1)),
        ("two threads", lambda _: weights.score(design, 2)),
        ("predict, all threads, X checked", loaded.predict),
        ("scikit-learn, dense", dense),
        ("scikit-learn, sparsify", sparsified),
    ):
        print(f"batch, {name}: {n / seconds(call, [X] * 7) / 1e6:.1f} M rows/s")


def loading(folder: Path) -> None:
    rng = np.random.default_rng(0)
    columns = np.unique(rng.integers(0, 4 * N_LARGE, int(1.151 * N_LARGE)))[:N_LARGE]
    large = model_of(4 * N_LARGE, columns, rng.standard_normal(len(columns)))
    path = folder / "large.sxm"
    sx.prune(large, dtype="float32").save(path)
    size = path.stat().st_size
    for n_processes in (1, 8):
        command = [sys.executable, "-c", _PROCESS, str(path), str(folder / "small.sxm")]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        running = [subprocess.Popen(command, **pipes) for _ in range(n_processes)]
        for process in running:
            process.stdout.readline()
        found = []
        for process in running:
            process.stdin.write("\n")
            process.stdin.flush()
            found.append(json.loads(process.stdout.readline()))
        for process in running:
            process.communicate()
        resident = sum(each["Pss:"] for each in found)
        print(
            f"{len(columns):,} weights in {size / 1e6:.1f} MB, {n_processes} processes: loaded in "
            f"{1e3 * statistics.median(each['loading'] for each in found):.2f} ms, resident "
            f"{resident / 1e6:.1f} MB, of that anonymous "
            f"{sum(each['Anonymous:'] for each in found) / 1e6:.1f} MB"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        rows_and_batches(Path(scratch))
        loading(Path(scratch))


if __name__ == "__main__":
    main()
