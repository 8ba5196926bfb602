"""Problems to measure on: made here, taken from the examples, or read from SPARSECROSS_DATA.

`ALL` are small, for every run of the benchmarks. `RACE` are those of `race.py`; they take up to
minutes to make, so `load` keeps them in a folder. To make them in advance:

    python benchmarks/datasets.py [--cache FOLDER] [NAME ...]
"""

from __future__ import annotations

import argparse
import csv
import io
import lzma
import os
import unittest
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

import debian

EXAMPLES = Path(__file__).parent.parent / "examples"


class Problem(NamedTuple):
    """Data in CSC (or Fortran order), with int32 indices, and real and binary targets."""

    X: Any
    y: np.ndarray
    labels: np.ndarray


def _folder() -> Path:
    folder = os.environ.get("SPARSECROSS_DATA")
    if folder is None:
        raise unittest.SkipTest("SPARSECROSS_DATA names no folder of data sets")
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

    import sparsecross as sx

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


def _packages() -> list[dict[str, str]]:
    return debian.read(_folder() / "debian-packages" / "debian-packages.tsv.xz")


def debian_text() -> Problem:
    """63 thousand descriptions by tf-idf of words and pairs of words, and by dependencies."""
    packages = _packages()
    return Problem(_int32(debian.text(packages).tocsc()), *debian.targets(packages))


def debian_pairs() -> Problem:
    """63 thousand packages by the levels of their fields and all pairs of them, seen twice."""
    packages = _packages()
    return Problem(_int32(debian.pairs(packages)), *debian.targets(packages))


def flights() -> tuple[list[list[str]], np.ndarray]:
    """Ten fields known at departure, as tokens name=level, and the minutes late."""
    names = ("Month", "DayofMonth", "DayOfWeek", "UniqueCarrier", "FlightNum", "TailNum")
    names = (*names, "Origin", "Dest", "Distance")
    with lzma.open(_folder() / "hflights" / "hflights.csv.xz", "rt") as lines:
        flown = [flight for flight in csv.DictReader(lines) if flight["ArrDelay"] != "NA"]
    rows = [
        [*(f"{name}={f[name]}" for name in names), f"hour={int(f['DepTime']) // 100}"]
        for f in flown
    ]
    return rows, np.array([float(flight["ArrDelay"]) for flight in flown])


def hflights() -> Problem:
    """223,874 flights by ten one-hot fields known at departure; minutes late, more than 15."""
    rows, y = flights()
    return Problem(_int32(debian.one_hot(rows).tocsc()), y, np.where(y > 15, 1.0, -1.0))


def riboflavin() -> Problem:
    """71 x 4,088, dense: gene expressions; the production rate, and above its median or not."""
    with lzma.open(_folder() / "riboflavin" / "riboflavin.csv.xz", "rt") as lines:
        next(lines)
        table = np.loadtxt(io.StringIO(lines.read()), delimiter=",")
    y = table[:, 0].copy()
    return Problem(np.asfortranarray(table[:, 1:]), y, np.where(y > np.median(y), 1.0, -1.0))


def correlated(n: int = 2_000, p: int = 20_000) -> Problem:
    """Dense Gaussian columns, neighbours correlated by 0.6; 200 planted weights."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((p, n)).T
    for j in range(1, p):
        X[:, j] = 0.6 * X[:, j - 1] + 0.8 * X[:, j]
    w = np.zeros(p)
    w[rng.choice(p, 200, replace=False)] = rng.standard_normal(200)
    return Problem(X, *_noisy(X @ w, rng))


def power_law(n: int, per_row: int, p: int = 1_000_000) -> Problem:
    """Normal values in columns of power-law popularity; 2,000 weights planted on popular ones."""
    rng = np.random.default_rng(4)
    popularity = np.cumsum(1.0 / (np.arange(p) + 100.0) ** 0.9)
    names = rng.permutation(p).astype(np.int32)
    columns = np.empty(n * per_row, np.int32)
    for part in np.array_split(columns, max(1, columns.size // 2**22)):  # views, filled in place
        ranks = np.searchsorted(popularity / popularity[-1], rng.random(part.size))
        part[:] = names[np.minimum(ranks, p - 1)]
    values = rng.standard_normal(columns.size)
    indptr = np.arange(0, columns.size + 1, per_row, dtype=np.int32)
    X = sp.csr_matrix((values, columns, indptr), (n, p))
    X.sum_duplicates()
    w = np.zeros(p)
    w[names[rng.choice(min(p, 20_000), 2000, replace=False)]] = rng.standard_normal(2000)
    return Problem(_int32(X.tocsc()), *_noisy(X @ w, rng))


def _noisy(margins: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A target with three quarters of its variance explained, and labels drawn by chance."""
    scale = margins.std()
    y = margins + scale * rng.standard_normal(len(margins)) / np.sqrt(3) + 1.0
    chance = 1 / (1 + np.exp(-3 * margins / scale + 0.5))
    return y, np.where(rng.random(len(margins)) < chance, 1.0, -1.0)


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

RACE = {
    "rcv1": rcv1,
    "dorothea": dorothea,
    "riboflavin": riboflavin,
    "hflights": hflights,
    "debian_pairs": debian_pairs,
    "debian_text": debian_text,
    "correlated": correlated,
    "synthetic_100k": partial(power_law, 100_000, 50),
    "synthetic_1m": partial(power_law, 1_000_000, 30),
}

# A million columns, 32 values a row: 1, 4, 16 and 64 million non-zeros.
GROWTH = {f"growth_{m}m": partial(power_law, m * 31_250, 32) for m in (1, 4, 16, 64)}


def default_cache() -> Path:
    """The folder of made sets: in the user's cache, never in the repository."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "sparsecross-benchmarks"


def load(name: str, cache: Path | None = None) -> Problem:
    """Give a set of the race, from the cache or made and put there."""
    path = (cache or default_cache()) / f"{name}.npz"
    if not path.exists():
        _save((RACE | GROWTH)[name](), path)
    with np.load(path) as parts:
        if "dense" in parts:
            X = parts["dense"]
        else:
            X = sp.csc_matrix(
                (parts["data"], parts["indices"], parts["indptr"]), tuple(parts["shape"])
            )
        return Problem(X, parts["y"], parts["labels"])


def _save(problem: Problem, path: Path) -> None:
    X = problem.X
    if sp.issparse(X):
        parts = {"data": X.data, "indices": X.indices, "indptr": X.indptr, "shape": X.shape}
    else:
        parts = {"dense": X}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, **parts, y=problem.y, labels=problem.labels)
    unfinished.rename(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[*RACE, *GROWTH])
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    for name in arguments.names:
        X, _, labels = load(name, arguments.cache)
        stored = X.nnz if sp.issparse(X) else X.size
        share = (labels > 0).mean()
        print(f"{name}: {X.shape[0]} x {X.shape[1]}, {stored} stored, {share:.3f} positive")
