"""Problems with groups: read from SPARSECROSS_DATA or made here, and kept in a folder.

python benchmarks/group_problems.py [--cache FOLDER] [NAME ...]
"""

from __future__ import annotations

import argparse
import io
import lzma
import os
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

import datasets


class Problem(NamedTuple):
    """Columns (CSC with int32 indices, or Fortran order) and what is to be explained by them.

    `groups` is the label of each column, from 0 and never falling; None where the group is a
    column's weights over all outputs. Labels of classes are whole numbers from 0.
    """

    X: Any
    Y: np.ndarray
    groups: np.ndarray | None
    kind: str  # group, multitask or multinomial
    intercept: bool = True


def hflights(intercept: bool) -> Problem:
    """223,874 flights by ten one-hot fields, a group each; the minutes late."""
    rows, y = datasets.flights()
    levels, fields = [], []
    first = 0
    for field, tokens in enumerate(np.array(rows).T):
        names, level = np.unique(tokens, return_inverse=True)
        levels.append((first + level).astype(np.int32))
        fields.append(np.full(len(names), field))
        first += len(names)
    indptr = np.arange(0, y.size * len(levels) + 1, len(levels), dtype=np.int32)
    indices = np.stack(levels, axis=1).ravel()
    X = sp.csr_matrix((np.ones(indices.size), indices, indptr), (y.size, first)).tocsc()
    groups = np.concatenate(fields)
    return Problem(X, y if intercept else y - y.mean(), groups, "group", intercept)


def riboflavin() -> Problem:
    """71 x 4,088 gene expressions; groups of ten neighbours in the order of the file."""
    X, y, _ = datasets.riboflavin()
    return Problem(X, y, np.arange(X.shape[1]) // 10, "group")


def dna() -> Problem:
    """2,000 x 180 ones and zeros, a quarter ones; three kinds of splice sites."""
    from sklearn.datasets import load_svmlight_file

    with lzma.open(_folder() / "dna" / "dna.scale.xz") as file:
        X, labels = load_svmlight_file(file, n_features=180)
    return Problem(datasets._int32(X.tocsc()), _codes(labels), None, "multinomial")


def covtype() -> Problem:
    """20,000 x 54 of the forest covers, ten standardised and the rest 0 or 1; seven classes."""
    with lzma.open(_folder() / "covtype-20k" / "covtype.20k.data.xz", "rt") as lines:
        table = np.loadtxt(io.StringIO(lines.read()), delimiter=",")
    X, labels = table[:, :-1], table[:, -1]
    X = X[:, X.std(axis=0) > 0]  # a soil may not occur
    X[:, :10] = (X[:, :10] - X[:, :10].mean(axis=0)) / X[:, :10].std(axis=0)
    return Problem(np.asfortranarray(X), _codes(labels), None, "multinomial")


def multitask(n: int = 2_000, p: int = 20_000, tasks: int = 20) -> Problem:
    """Gaussian columns, neighbours correlated by 0.6; 50 planted rows; a quarter is noise."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((p, n)).T
    for j in range(1, p):
        X[:, j] = 0.6 * X[:, j - 1] + 0.8 * X[:, j]
    W = rng.standard_normal((50, tasks))
    margins = X[:, rng.choice(p, 50, replace=False)] @ W
    noise = margins.std(axis=0) / np.sqrt(3) * rng.standard_normal(margins.shape)
    return Problem(X, np.asfortranarray(margins + noise + 1.0), None, "multitask")


def _folder() -> Path:
    return datasets._folder()


def _codes(labels: np.ndarray) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1].ravel()


ALL = {
    "hflights": partial(hflights, True),
    "hflights_centred": partial(hflights, False),
    "riboflavin": riboflavin,
    "dna": dna,
    "covtype": covtype,
    "multitask": multitask,
}


def load(name: str, cache: Path | None = None) -> Problem:
    """Give a problem, from the cache or made and put there."""
    path = (cache or datasets.default_cache()) / f"group_{name}.npz"
    if not path.exists():
        _save(ALL[name](), path)
    with np.load(path) as parts:
        if "dense" in parts:
            X = parts["dense"]
        else:
            X = sp.csc_matrix(
                (parts["data"], parts["indices"], parts["indptr"]), tuple(parts["shape"])
            )
        groups = parts.get("groups")
        return Problem(X, parts["Y"], groups, str(parts["kind"]), bool(parts["intercept"]))


def _save(problem: Problem, path: Path) -> None:
    X = problem.X
    if sp.issparse(X):
        parts = {"data": X.data, "indices": X.indices, "indptr": X.indptr, "shape": X.shape}
    else:
        parts = {"dense": X}
    if problem.groups is not None:
        parts["groups"] = problem.groups
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(unfinished, **parts, Y=problem.Y, kind=problem.kind, intercept=problem.intercept)
    unfinished.rename(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[*ALL])
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    for name in arguments.names:
        X, Y, groups, kind, intercept = load(name, arguments.cache)
        count = X.shape[1] if groups is None else groups.max() + 1
        print(f"{name}: {kind}, {X.shape[0]} x {X.shape[1]}, {count} groups, targets {Y.shape}")
