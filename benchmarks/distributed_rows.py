"""Spark MLlib and dask-ml on rows in an svmlight file: run by an environment that has them.

    python distributed_rows.py {spark|dask_ml} FILE N_COLUMNS ALPHA OUT.npz

Prints JSON: seconds to fit, without the time to start and to load, and the peak of the resident
memory of this process and all that it starts. Weights, intercept and nothing else go to the file.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import numpy as np
import psutil


class Peak:
    """The peak of the resident memory of this process and its descendants."""

    def __init__(self) -> None:
        self.n_bytes = 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        own = psutil.Process()
        while True:
            total = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.n_bytes = max(self.n_bytes, total)
            time.sleep(0.1)


def spark(path: str, n_columns: int, alpha: float) -> tuple[Any, float, float]:
    """OWL-QN, on two threads of one JVM."""
    from pyspark.ml.classification import LogisticRegression
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import col, when

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "6g")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    rows = session.read.format("libsvm").option("numFeatures", n_columns).load(path)
    rows = rows.withColumn("label", when(col("label") > 0, 1.0).otherwise(0.0)).cache()
    rows.count()
    start = time.perf_counter()
    model = LogisticRegression(
        regParam=alpha, elasticNetParam=1.0, standardization=False, tol=1e-9, maxIter=500
    ).fit(rows)
    took = time.perf_counter() - start
    coef, intercept = model.coefficients.toArray(), float(model.intercept)
    session.stop()
    return coef, intercept, took


def dask_ml(path: str, n_columns: int, alpha: float) -> tuple[Any, float, float]:
    """ADMM over blocks of dense rows, which is what it takes."""
    import dask.array as da
    from dask.distributed import Client, LocalCluster
    from dask_ml.linear_model import LogisticRegression
    from sklearn.datasets import load_svmlight_file

    X, y = load_svmlight_file(path, n_features=n_columns)
    dense = X.toarray()
    n = len(y)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        rows = da.from_array(dense, chunks=(n // 4 + 1, n_columns)).persist()
        target = da.from_array((y > 0).astype(float), chunks=n // 4 + 1).persist()
        start = time.perf_counter()
        model = LogisticRegression(
            penalty="l1", C=1.0 / (alpha * n), solver="admm", max_iter=500, tol=1e-9
        ).fit(rows, target)
        took = time.perf_counter() - start
    return np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]), took


def main() -> None:
    """Fit and tell."""
    name, path, n_columns, alpha, out = sys.argv[1:]
    peak = Peak()
    coef, intercept, took = {"spark": spark, "dask_ml": dask_ml}[name](
        path, int(n_columns), float(alpha)
    )
    np.savez(out, coef=coef, intercept=intercept)
    print(json.dumps({"seconds": took, "peak": peak.n_bytes}))


if __name__ == "__main__":
    main()
