"""What a fit says that it held, against what a fresh process grows by."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import sparsecross as sx

# The growth of the peak of resident memory over what was resident before the fit; the data are
# there already and are taken as they are, so that all growth is the solver's.
MEASURE = """
import pickle, sys
import numpy as np
import sparsecross as sx

def status(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) * 1024

with open(sys.argv[1], "rb") as file:
    model, X, y = pickle.load(file)
sx.Lasso(alpha=0.1).fit(np.eye(4), [1.0, 2.0, 3.0, 4.0])
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins here
before = status("VmRSS")
model.fit(X, y)
arrays = (X.data, X.indices, X.indptr) if hasattr(X, "indptr") else (X,)
memory = model.fit_memory_
print(status("VmHWM") - before, memory.total - sum(a.nbytes for a in arrays))
"""


def sparse_problem(n, p, per_row, share, seed=0):
    rng = np.random.default_rng(seed)
    indptr = np.arange(0, n * per_row + 1, per_row)
    X = sp.csr_array((np.ones(n * per_row), rng.integers(0, p, n * per_row), indptr), (n, p))
    X = X.tocsc()
    X.sum_duplicates()
    y = X @ (rng.standard_normal(p) * (rng.random(p) < share)) + rng.standard_normal(n)
    return X, y


WIDE = (100_000, 800_000, 10, 0.01)
CASES = {
    "wide": (sx.Lasso(), WIDE),
    "wide, by proximal gradient": (sx.Lasso(solver="fista", tol=1e-2), WIDE),
    "large working set": (sx.Lasso(), (200_000, 10_000, 50, 0.3)),
    "robust": (sx.HuberRegressor(tol=1e-2), WIDE),
}


def clears_its_peak():
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


@pytest.mark.skipif(
    not clears_its_peak(), reason="needs a peak of resident memory that begins anew"
)
@pytest.mark.parametrize("case", CASES)
def test_a_fresh_process_grows_by_what_the_fit_tells(tmp_path, case):
    model, shape = CASES[case]
    file = tmp_path / "problem.pkl"
    file.write_bytes(pickle.dumps((model, *sparse_problem(*shape))))
    run = [sys.executable, "-c", MEASURE, str(file)]
    # Large arrays go back to the system at once, or what is free would count by chance.
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    told = subprocess.run(run, capture_output=True, text=True, check=True, env=env).stdout
    grown, counted = map(int, told.split())
    print(f"{case}: {grown / 1e6:.1f} MB grown, {counted / 1e6:.1f} MB counted")
    assert grown > 10e6
    assert abs(counted - grown) < 0.15 * grown


@pytest.fixture(scope="module")
def problem():
    return sparse_problem(2_000, 300, 8, 0.1)


def test_data_are_what_the_solver_reads(problem):
    X, y = problem
    X.data[:] = 2.0  # values that must be read
    fitted = sx.Lasso(alpha=0.01).fit(X, y)
    read = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    # y, and y less its mean
    assert fitted.fit_memory_.data == read + 2 * y.nbytes
    weighed = sx.Lasso(alpha=0.01).fit(X, y, sample_weight=np.arange(1, len(y) + 1))
    assert weighed.fit_memory_.data == read + 3 * y.nbytes


def test_the_least_that_vectors_can_be(problem):
    X, y = problem
    n, p = X.shape
    for model in (
        sx.Lasso(alpha=0.01),
        sx.Lasso(alpha=0.01, solver="ista"),
        sx.HuberRegressor(alpha=0.01),
    ):
        memory = model.fit(X, y).fit_memory_
        assert memory.vectors >= 8 * (3 * n + p)  # margins, residual, dual point; weights
        assert memory.working_set > 0


def test_classes_at_once_hold_vectors_for_each(problem):
    X, y = problem
    labels = np.digitize(y, np.quantile(y, [0.25, 0.5, 0.75]))
    memory = (
        sx.SparseLogisticRegression(multi_class="multinomial", alpha=0.01)
        .fit(X, labels)
        .fit_memory_
    )
    assert memory.vectors >= 8 * 4 * (3 * X.shape[0] + X.shape[1])


def test_crosses_that_are_built_count_as_working_set(problem):
    X, y = problem
    alone = sx.Lasso(alpha=0.02).fit(X, y).fit_memory_
    crossed = sx.Lasso(alpha=0.02, interactions="pairwise").fit(X, y)
    counts = crossed.interaction_counts_
    assert counts.built > 0
    # Each has an entry at least, in a row of 4 bytes, and a key.
    assert crossed.fit_memory_.working_set >= alone.working_set + 12 * counts.built
    assert crossed.fit_memory_.data > alone.data  # X by rows


def test_cross_validation_tells_its_largest_solve(problem):
    X, y = problem
    chosen = sx.LassoCV(n_alphas=5, eps=0.1, cv=2).fit(X, y)
    memory = chosen.fit_memory_
    assert memory.data >= sx.Lasso().fit(X, y).fit_memory_.data
    assert memory.vectors >= 8 * (3 * X.shape[0] + X.shape[1])


def test_the_report_of_a_model_tells_of_its_fit(problem):
    X, y = problem
    fitted = sx.Lasso(alpha=0.01).fit(X, y)
    report = sx.memory_report(fitted)
    assert report.fit == fitted.fit_memory_
    assert "the last fit held" in str(report)
    assert "the last fit held" in report._repr_html_()
    again = pickle.loads(pickle.dumps(sx.prune(fitted)))
    assert again.report.fit == fitted.fit_memory_


def test_streams_hold_their_states(problem):
    X, y = problem
    fitted = sx.FTRLRegressor().fit(X.tocsr(), y)
    assert fitted.fit_memory_ == (0, fitted.n_bytes_, 0)
    assert sx.memory_report(fitted).fit == fitted.fit_memory_


def test_models_from_elsewhere_tell_of_no_fit(problem, tmp_path):
    X, y = problem
    fitted = sx.Lasso(alpha=0.01).fit(X, y)
    sx.save(fitted, tmp_path / "model.sxm")
    report = sx.load(tmp_path / "model.sxm").report
    assert report.fit is None
    assert "the last fit" not in str(report)
