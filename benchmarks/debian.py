"""The Debian packages as columns: words of the descriptions, or levels and their pairs."""

from __future__ import annotations

import csv
import lzma
import re
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp


def read(path: Path) -> list[dict[str, str]]:
    """The packages of known size, a dictionary each."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        table = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [package for package in table if package["installed_size_kb"]]


def targets(packages: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """Log installed size; whether the package is a library."""
    size = np.array([float(package["installed_size_kb"]) for package in packages])
    sections = [package["section"].split("/")[-1] for package in packages]
    return np.log1p(size), np.where(np.isin(sections, ("libs", "libdevel")), 1.0, -1.0)


def _names(listed: str) -> list[str]:
    """The distinct names of a list, without versions, alternatives and qualifiers."""
    names = (re.split(r"[ (:|]", entry.strip(), maxsplit=1)[0] for entry in listed.split(","))
    return sorted({name for name in names if name})


def one_hot(rows: list[list[str]]) -> sp.csr_matrix:
    """A column of ones for each token."""
    columns: dict[str, int] = {}
    indices = [columns.setdefault(token, len(columns)) for row in rows for token in row]
    indptr = np.cumsum([0, *map(len, rows)])
    return sp.csr_matrix((np.ones(len(indices)), indices, indptr), (len(rows), len(columns)))


def _seen_twice(X: Any) -> Any:
    return X[:, np.flatnonzero(np.bincount(X.indices, minlength=X.shape[1]) >= 2)]


def text(packages: list[dict[str, str]]) -> Any:
    """63 thousand packages as one tf-idf of words, pairs of words and dependencies."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\b\w[\w+.-]*\w\b").build_analyzer()

    def tokens(package: dict[str, str]) -> list[str]:
        text = f"{package['short_description']} {package['long_description']}"
        return [*words(text), *(f"depends={name}" for name in _names(package["depends"]))]

    return TfidfVectorizer(analyzer=tokens, min_df=2, sublinear_tf=True).fit_transform(packages)


def pairs(packages: list[dict[str, str]]) -> Any:
    """63 thousand packages by their fields and all pairs of a package's levels, seen twice.

    A package counts with its first 40 levels. The section is left out, being a target.
    """
    single = ("maintainer", "source", "architecture", "priority")
    rows = [
        [
            *(f"{name}={p[name]}" for name in single),
            *(f"tag={tag.strip()}" for tag in p["tags"].split(",") if tag.strip()),
            *(f"depends={name}" for name in _names(p["depends"])),
        ]
        for p in packages
    ]
    X = one_hot(rows)
    n, p = X.shape
    first, second, counts = [], [], []
    for i in range(n):
        levels = np.sort(X.indices[X.indptr[i] : X.indptr[i + 1]][:40])
        a, b = np.triu_indices(len(levels), 1)
        first.append(levels[a])
        second.append(levels[b])
        counts.append(len(a))
    keys = np.concatenate(first).astype(np.int64) * p + np.concatenate(second)
    pairs, indices = np.unique(keys, return_inverse=True)
    indptr = np.cumsum([0, *counts])
    crosses = sp.csr_matrix((np.ones(len(keys)), indices, indptr), (n, len(pairs)))
    return sp.hstack([_seen_twice(X), _seen_twice(crosses)], format="csc")
