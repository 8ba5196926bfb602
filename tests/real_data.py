"""Real data sets, read from the folder that SPARSECROSS_DATA names; see its README for formats."""

import gzip
import lzma
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_svmlight_file


def folder() -> Path:
    """The folder, or the present test is skipped."""
    named = os.environ.get("SPARSECROSS_DATA")
    if not named:
        pytest.skip("SPARSECROSS_DATA does not name the folder of real data sets")
    return Path(named)


def _svmlight(path, n_features):
    with lzma.open(folder() / path) as file:
        X, y = load_svmlight_file(file, n_features=n_features, zero_based=False)
    return X.tocsc(), y


def rcv1():
    return _svmlight("rcv1-subset/small_train.dat.xz", 9_947)


def a9a():
    return _svmlight("a9a/a9a.xz", 123)


def dorothea():
    return _svmlight("dorothea/dorothea.svm.xz", 88_119)


def diabetes():
    with lzma.open(folder() / "diabetes/diabetes.csv.xz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1)
    return np.asfortranarray(table[:, 1:]), table[:, 0]


def adult():
    """One-hot columns of the eight categorical fields, without values."""
    categorical = [1, 3, 5, 6, 7, 8, 9, 13]
    with gzip.open(folder() / "adult/adult.gz", "rt") as file:
        rows = [line.split() for line in file if line.strip()]
    parts = []
    for column in categorical:
        _, codes = np.unique([row[column] for row in rows], return_inverse=True)
        ones = np.ones(len(rows), dtype=bool)
        where = np.arange(len(rows), dtype=np.int32), codes.astype(np.int32)
        parts.append(sp.csc_array((ones, where)))
    y = np.where([row[-1].startswith(">50K") for row in rows], 1.0, -1.0)
    return sp.hstack(parts, format="csc"), y
