"""Sets whose columns are to be crossed: ones by row, a real target and labels.

`SETS` are named in docs/interactions.md. Where they are tables, `codes` are their fields as
integers, so that an encoder can cross them too.
"""

from __future__ import annotations

import csv
import gzip
import io
import lzma
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

import datasets
import debian


class Crossed(NamedTuple):
    """Columns of ones in CSR, targets, and the fields of a table where it is one."""

    X: Any
    y: np.ndarray
    labels: np.ndarray
    codes: np.ndarray | None


def _labels(y: np.ndarray) -> np.ndarray:
    return np.where(y > np.median(y), 1.0, -1.0)


def _table(rows: list[list[str]], y: np.ndarray, labels: np.ndarray) -> Crossed:
    codes = np.stack(
        [np.unique(column, return_inverse=True)[1] for column in zip(*rows, strict=True)], axis=1
    )
    offsets = np.concatenate([[0], np.cumsum(codes.max(axis=0) + 1)])
    n, width = codes.shape
    indices = (codes + offsets[:-1]).ravel().astype(np.int32)
    indptr = np.arange(0, n * width + 1, width, dtype=np.int32)
    X = sp.csr_matrix((np.ones(n * width), indices, indptr), (n, int(offsets[-1])))
    return Crossed(X, y, labels, codes)


def tokens() -> Crossed:
    """63 thousand packages by their dependencies, tags, section, priority and maintainer."""
    packages = datasets._packages()
    single = ("section", "priority", "maintainer")
    rows = [
        [
            *(f"{name}={p[name]}" for name in single),
            *(f"tag={tag}" for tag in sorted({t.strip() for t in p["tags"].split(",")} - {""})),
            *(f"depends={name}" for name in debian._names(p["depends"])),
        ]
        for p in packages
    ]
    X = debian.one_hot(rows)
    X.sort_indices()
    y = debian.targets(packages)[0]
    return Crossed(X, y, _labels(y), None)


def words() -> Crossed:
    """63 thousand descriptions by their words and pairs of words, those seen twice."""
    from sklearn.feature_extraction.text import CountVectorizer

    packages = datasets._packages()
    texts = [f"{p['short_description']} {p['long_description']}" for p in packages]
    X = CountVectorizer(ngram_range=(1, 2), binary=True, min_df=2, dtype=np.float64)
    return Crossed(X.fit_transform(texts), *debian.targets(packages), None)


def hflights() -> Crossed:
    """223,874 flights by eight fields known at departure; minutes late, more than 15."""
    names = ("Month", "DayOfWeek", "UniqueCarrier", "FlightNum", "TailNum", "Origin", "Dest")
    path = datasets._folder() / "hflights" / "hflights.csv.xz"
    with lzma.open(path, "rt") as lines:
        flights = [flight for flight in csv.DictReader(lines) if flight["ArrDelay"] != "NA"]
    rows = [[*(f[name] for name in names), str(int(f["DepTime"]) // 100)] for f in flights]
    y = np.array([float(flight["ArrDelay"]) for flight in flights])
    return _table(rows, y, np.where(y > 15, 1.0, -1.0))


def adult() -> Crossed:
    """48,842 people by eight fields and six numbers in tenths; income above 50 K."""
    with gzip.open(datasets._folder() / "adult" / "adult.gz", "rt") as lines:
        people = [line.split() for line in lines if line.strip()]
    numeric = (0, 2, 4, 10, 11, 12)
    columns = []
    for j in range(14):
        column = [person[j] for person in people]
        if j in numeric:
            values = np.array(column, dtype=np.float64)
            edges = np.unique(np.quantile(values, np.linspace(0, 1, 11)[1:-1]))
            column = np.searchsorted(edges, values, side="right").astype(str).tolist()
        columns.append(column)
    labels = np.where(np.array([">50K" in person[14] for person in people]), 1.0, -1.0)
    rows = [list(row) for row in zip(*columns, strict=True)]
    return _table(rows, labels.copy(), labels)


def kddcup() -> Crossed:
    """494,021 connections by 38 fields, numbers in tenths; attack or not."""
    path = next((datasets._folder() / "kddcup99-10pct").glob("kddcup*.gz"))
    with gzip.open(path, "rt") as lines:
        table = np.array([line.strip().split(",") for line in lines], dtype=object)
    columns = []
    for j in range(41):
        column = table[:, j]
        if j not in (1, 2, 3):
            values = column.astype(np.float64)
            edges = np.unique(np.quantile(values, np.linspace(0, 1, 11)[1:-1]))
            column = np.searchsorted(edges, values, side="right").astype(str)
        if len(set(column)) > 1:
            columns.append(column.astype(str))
    labels = np.where(table[:, -1] == "normal.", -1.0, 1.0)
    return _table([list(row) for row in zip(*columns, strict=True)], labels.copy(), labels)


def insteval() -> Crossed:
    """73,421 ratings of lecturers by students: six crossed factors."""
    path = next((datasets._folder() / "insteval").glob("InstEval.csv*"))
    with lzma.open(path, "rt") as lines:
        reader = csv.reader(io.StringIO(lines.read()))
        names = next(reader)
        table = list(reader)
    at = names.index("y")
    y = np.array([float(row[at]) for row in table])
    return _table([[*row[1:at], *row[at + 1 :]] for row in table], y, np.where(y > 3, 1.0, -1.0))


def dorothea() -> Crossed:
    """800 compounds by 88,119 properties of their structure."""
    problem = datasets.dorothea()
    return Crossed(sp.csr_matrix(problem.X), problem.y, problem.labels, None)


SETS = {f.__name__: f for f in (tokens, hflights, adult, insteval, kddcup, dorothea, words)}


def load(name: str, folder: Path | None = None) -> Crossed:
    """Give a set, from the cache or made and put there."""
    path = (folder or datasets.default_cache()) / f"crossed_{name}.npz"
    if not path.exists():
        made = SETS[name]()
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = {} if made.codes is None else {"codes": made.codes}
        X = made.X
        parts |= {"indices": X.indices.astype(np.int32), "indptr": X.indptr.astype(np.int32)}
        np.savez(path, shape=X.shape, y=made.y, labels=made.labels, **parts)
    with np.load(path) as parts:
        ones = np.ones(len(parts["indices"]))
        X = sp.csr_matrix((ones, parts["indices"], parts["indptr"]), tuple(parts["shape"]))
        X.sort_indices()
        codes = parts.get("codes")
        return Crossed(X, parts["y"], parts["labels"], codes)
