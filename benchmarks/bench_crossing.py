r"""FeatureCross against scikit-learn's OneHotEncoder and PolynomialFeatures, on the same fields.

Run: OMP_WAIT_POLICY=passive pytest benchmarks/bench_crossing.py \
         --benchmark-group-by=func,param:problem,param:form
Each result names the threads it had (extra_info, and the header of the run: OMP_NUM_THREADS sets
them). scikit-learn is given what a user would hand it: the same pandas table; of an Arrow table,
to_pandas() is part of its time.
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
from threadpoolctl import threadpool_info

from sparsecross.crossing import FeatureCross

FORMS = ["arrow strings", "arrow dictionaries", "categorical", "objects"]


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
def table(request, problem):
    """Give the table as Arrow strings or dictionaries, categories or Python strings."""
    categories = problem.astype("category")
    return {
        "arrow strings": lambda: pa.Table.from_pandas(problem, preserve_index=False),
        "arrow dictionaries": lambda: pa.Table.from_pandas(categories, preserve_index=False),
        "categorical": lambda: categories,
        "objects": lambda: problem,
    }[request.param]()


class Rival:
    """One-hot columns, then their products."""

    @staticmethod
    def pandas(table):
        """Give a user's table as scikit-learn takes it."""
        return table.to_pandas() if isinstance(table, pa.Table) else table

    def fit_transform(self, table):
        """Fit both and encode."""
        table = self.pandas(table)
        self.levels = OneHotEncoder()
        self.products = PolynomialFeatures(2, interaction_only=True, include_bias=False)
        return self.products.fit_transform(self.levels.fit_transform(table))

    def transform(self, table):
        """Encode."""
        table = self.pandas(table)
        return self.products.transform(self.levels.transform(table))


def entries(table):
    """All levels and pairs of a row are there: fields and pairs of fields, times rows."""
    rows, fields = table.shape
    return rows * fields * (fields + 1) // 2


def threads():
    """As many as FeatureCross uses by default."""
    return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")


@pytest.mark.parametrize("who", ["sparsecross", "scikit-learn"])
def test_fit_transform(benchmark, table, who):
    make = FeatureCross if who == "sparsecross" else Rival
    benchmark.extra_info["threads"] = threads()
    out = benchmark.pedantic(lambda: make().fit_transform(table), rounds=5, warmup_rounds=1)
    assert out.nnz == entries(table)


@pytest.mark.parametrize("who", ["sparsecross", "scikit-learn"])
def test_transform(benchmark, table, who):
    encoder = FeatureCross() if who == "sparsecross" else Rival()
    columns = encoder.fit_transform(table)
    benchmark.extra_info["threads"] = threads()
    out = benchmark.pedantic(lambda: encoder.transform(table), rounds=5, warmup_rounds=1)
    assert out.nnz == entries(table) == columns.nnz
