"""FeatureCross against scikit-learn's OneHotEncoder and PolynomialFeatures, on the same fields.

Run: pytest benchmarks/bench_crossing.py --benchmark-group-by=param:problem,param:form
Real tables are read from the folder that the environment variable SPARSECROSS_DATA names.
"""

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures

from sparsecross.crossing import FeatureCross

FORMS = ["arrow", "categorical", "objects"]


def click_log():
    """12 fields of 10 to 300,000 values, frequencies after Zipf's law; 200,000 rows."""
    rng = np.random.default_rng(0)
    fields = {}
    for i, size in enumerate(np.geomspace(10, 300_000, 12).astype(int)):
        weights = 1 / np.arange(1, size + 1) ** 1.05
        codes = rng.choice(size, 200_000, p=weights / weights.sum())
        fields[f"f{i}"] = [f"v{code}" for code in codes.tolist()]
    return pd.DataFrame(fields, dtype=object)


def data(*parts):
    folder = os.environ.get("SPARSECROSS_DATA")
    if folder is None:
        pytest.skip("SPARSECROSS_DATA is not set")
    return Path(folder).joinpath(*parts)


def flights():
    """64,000 rows, 12 fields."""
    names = [
        *("Year", "Month", "DayofMonth", "DayOfWeek", "UniqueCarrier", "FlightNum", "TailNum"),
        *("Origin", "Dest", "Cancelled", "CancellationCode", "Distance"),
    ]
    path = next(data("hflights").glob("hflights.csv*"))
    table = pd.read_csv(path, usecols=names, dtype=str, nrows=64_000)[names]
    return table.fillna("").astype(object)


def adult():
    """48,842 rows, the 8 categorical fields."""
    path = next(data("adult").glob("adult*.gz"))
    with gzip.open(path, "rt") as lines:
        table = pd.DataFrame([line.split() for line in lines if line.strip()], dtype=object)
    return table[[1, 3, 5, 6, 7, 8, 9, 13]].rename(columns=lambda i: f"f{i}")


PROBLEMS = {"click_log": click_log, "flights": flights, "adult": adult}


@pytest.fixture(scope="module", params=list(PROBLEMS))
def problem(request):
    return PROBLEMS[request.param]()


@pytest.fixture(params=FORMS)
def form(request, problem):
    """Give the table as Arrow strings, categories or Python strings; and for scikit-learn."""
    categories = problem.astype("category")
    return {
        "arrow": (pa.Table.from_pandas(problem, preserve_index=False), problem),
        "categorical": (categories, categories),
        "objects": (problem, problem),
    }[request.param]


class Rival:
    """One-hot columns, then their products."""

    def fit_transform(self, table):
        """Fit both and encode."""
        self.levels = OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
        self.products = PolynomialFeatures(2, interaction_only=True, include_bias=False)
        return self.products.fit_transform(self.levels.fit_transform(table))

    def transform(self, table):
        """Encode."""
        return self.products.transform(self.levels.transform(table))


def entries(table):
    """All levels and pairs of a row are there: fields and pairs of fields, times rows."""
    rows, fields = table.shape
    return rows * fields * (fields + 1) // 2


@pytest.mark.parametrize("who", ["sparsecross", "scikit-learn"])
def test_fit_transform(benchmark, form, who):
    ours, theirs = form
    table, make = (ours, FeatureCross) if who == "sparsecross" else (theirs, Rival)
    out = benchmark.pedantic(lambda: make().fit_transform(table), rounds=3)
    assert out.nnz == entries(table)


@pytest.mark.parametrize("who", ["sparsecross", "scikit-learn"])
def test_transform(benchmark, form, who):
    ours, theirs = form
    table, encoder = (ours, FeatureCross()) if who == "sparsecross" else (theirs, Rival())
    columns = encoder.fit_transform(table)
    out = benchmark.pedantic(lambda: encoder.transform(table), rounds=3, warmup_rounds=1)
    assert out.nnz == entries(table) == columns.nnz
