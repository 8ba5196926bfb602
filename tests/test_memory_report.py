"""The report against what fresh processes really hold."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.pipeline import make_pipeline

import sparsecross as sx

# Anonymous memory of this process, before and after it holds the model. Everything that a model
# needs is imported and used once before, so that only the model's own bytes are left; and free
# memory is given back first, or the model would move into it unseen.
MEASURE = """
import ctypes, gc, pickle, sys
import numpy as np, pandas as pd
import sparsecross as sx

libc = ctypes.CDLL(None)

def anonymous():
    gc.collect()
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    for line in open("/proc/self/smaps_rollup"):
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024

def hold(path):
    if path.endswith(".sxm"):
        model = sx.load(path, mmap=False)
    else:
        with open(path, "rb") as file:
            model = pickle.load(file)
    model.predict(rows[path])
    return model

with open(sys.argv[1], "rb") as file:
    rows = pickle.load(file)
small, large = rows
warm = hold(small)
before = anonymous()
model = hold(large)
print(anonymous() - before)
"""


def bytes_held(tmp_path, models, rows):
    """Bytes of the second model in a process that has held and used the first."""
    by_path = {}
    for name, model, row in zip(("small", "large"), models, rows, strict=True):
        path = tmp_path / f"{name}{'.sxm' if isinstance(model, sx.PrunedModel) else '.pkl'}"
        if isinstance(model, sx.PrunedModel):
            model.save(path)
        else:
            path.write_bytes(pickle.dumps(model))
        by_path[str(path)] = row
    job = tmp_path / "job.pkl"
    job.write_bytes(pickle.dumps(by_path))
    command = [sys.executable, "-c", MEASURE, str(job)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def matrix_models():
    """Estimators over 4 M columns and over 4, the large one with 400 k weights."""
    models = []
    for p, k in ((4, 2), (4_000_000, 400_000)):
        X = sp.csc_matrix(([1.0, 1.0], ([0, 1], [0, 1])), shape=(3, p))
        model = sx.Lasso(alpha=0.01).fit(X, [1.0, 2.0, 3.0])
        rng = np.random.default_rng(0)
        model.coef_ = np.zeros(p)
        model.coef_[rng.choice(p, k, replace=False)] = rng.standard_normal(k)
        models.append(model)
    return models


def table_models():
    """Pipelines over 3 high-cardinality fields and their crosses, a third of the weights not 0."""
    models = []
    for n in (10, 120_000):
        rng = np.random.default_rng(1)
        frame = pd.DataFrame(
            {name: rng.integers(0, n // 2, n).astype(str) for name in ("user", "page", "host")}
        )
        model = make_pipeline(sx.FeatureCross(), sx.Lasso(alpha=1e3)).fit(frame, np.arange(n) * 1.0)
        p = len(model[-1].coef_)
        model[-1].coef_[rng.choice(p, p // 3, replace=False)] = 1.0
        models.append(model)
    return models


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/smaps_rollup")
@pytest.mark.parametrize("models", [matrix_models, table_models])
def test_the_report_is_what_processes_hold(models, tmp_path):
    pair = models()
    if models is matrix_models:  # a sparse row of zeros costs nothing, whatever its width
        rows = [sp.csr_matrix((1, model.n_features_in_)) for model in pair]
    else:
        rows = [pd.DataFrame({name: ["1"] for name in ("user", "page", "host")})] * 2
    report = sx.memory_report(pair[1])
    dense = bytes_held(tmp_path, pair, rows)
    pruned = bytes_held(tmp_path, [sx.prune(model) for model in pair], rows)
    # Allocators round up, and a page is the least that is seen.
    assert dense == pytest.approx(report.dense_bytes, rel=0.01, abs=100_000)
    assert pruned == pytest.approx(report.pruned_bytes, rel=0.01, abs=100_000)
    assert report.pruned_bytes < report.dense_bytes
