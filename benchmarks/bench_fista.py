"""One iteration of FISTA on text, beside skglm's and beside a STREAM triad of the same run.

As a script it runs ours and skglm's in turn, without pytest, in which skglm's may crash:

    python benchmarks/bench_fista.py
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import datasets
import sparsecross as sx

ITERATIONS = 60
RATIO = 1000

# Three arrays of 128 MiB, beyond any cache; the best of 15 as in STREAM, threads as asked.
TRIAD = r"""
#include <algorithm>
#include <chrono>
#include <vector>
extern "C" double triad_gigabytes_per_second(int threads) {
  const long n = 1L << 24;
  std::vector<double> a(n, 1.0), b(n, 2.0), c(n, 0.0);
  std::vector<double> seconds;
  for (int run = 0; run < 15; ++run) {
    const auto start = std::chrono::steady_clock::now();
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < n; ++i) c[i] = a[i] + 3.0 * b[i];
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return 24e-9 * n / *std::min_element(seconds.begin(), seconds.end());
}
"""


def build_triad(folder):
    """Return bytes per second of a STREAM triad (McCalpin 1995) by the number of threads."""
    (folder / "triad.cpp").write_text(TRIAD)
    command = ["g++", "-O3", "-fopenmp", "-shared", "-fPIC", "-o", "triad.so", "triad.cpp"]
    subprocess.run(command, cwd=folder, check=True)
    measure = ctypes.CDLL(str(folder / "triad.so")).triad_gigabytes_per_second
    measure.restype = ctypes.c_double
    return lambda threads: 1e9 * measure(threads)


@pytest.fixture(scope="module")
def triad(tmp_path_factory):
    try:
        return build_triad(tmp_path_factory.mktemp("triad"))
    except FileNotFoundError:
        pytest.skip("needs g++ to measure a triad")


class Ours:
    """FISTA of this package, so many iterations of which are run."""

    def __init__(self, loss, threads):
        self.X, y, labels = datasets.debian_text()
        self.target = y if loss == "squared" else labels
        self.options = {"loss": loss, "fit_intercept": False, "n_threads": threads}
        self.alpha = sx.alpha_max(self.X, self.target, **self.options) / RATIO
        self.each = []  # seconds an iteration, of each run

    def run(self):
        """Run it once, and note the seconds an iteration."""
        found = sx.solve(
            self.X,
            self.target,
            alpha=self.alpha,
            solver="fista",
            tol=0.0,
            max_iter=ITERATIONS,
            **self.options,
        )
        first, last = found.history[0], found.history[-1]
        # The looks between the first and the last, one in twenty iterations, are part of the time.
        self.each.append((last.seconds - first.seconds) / ITERATIONS)
        assert last.n_iter == ITERATIONS
        assert last.primal < first.primal
        assert last.working_set > 0.9 * self.X.shape[1], "screened columns are not read"

    def figures(self, stream):
        """Milliseconds and bandwidth; `stream` are the bytes per second of a triad."""
        X, best = self.X, min(self.each)  # the best of both, as STREAM has it
        read = (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / best
        return {
            "median_milliseconds_per_iteration": 1e3 * np.median(self.each),
            "best_milliseconds_per_iteration": 1e3 * best,
            "best_gigabytes_per_second_of_X": 1e-9 * read,
            "triad_gigabytes_per_second": 1e-9 * stream,
            "share_of_triad": read / stream,
        }


class Skglm:
    """FISTA of skglm, squared loss, so many iterations of which are run."""

    def __init__(self):
        from skglm.datafits import Quadratic
        from skglm.penalties import L1
        from skglm.solvers import FISTA

        X, y, _ = datasets.debian_text()
        alpha = sx.alpha_max(X, y, fit_intercept=False) / RATIO

        def solve(iterations):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it is stopped on purpose
                w = FISTA(max_iter=iterations, tol=0.0).solve(X, y, Quadratic(), L1(alpha))[0]
            assert np.count_nonzero(w)

        self.solve = solve
        solve(1)  # compiles
        # Most of an iteration alone goes into a norm of X.
        self.start = min(self._seconds(1) for _ in range(5))

    def _seconds(self, iterations):
        start = time.perf_counter()
        self.solve(iterations)
        return time.perf_counter() - start

    def run(self):
        """Return the seconds an iteration of a run."""
        return (self._seconds(ITERATIONS) - self.start) / (ITERATIONS - 1)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def bench_fista_iteration(benchmark, triad, loss, threads):
    ours = Ours(loss, threads)
    benchmark.group = f"fista on text, {loss}, {ITERATIONS} iterations"
    benchmark.pedantic(ours.run, rounds=7, warmup_rounds=1)
    benchmark.extra_info |= ours.figures(triad(threads))


def bench_fista_iteration_of_skglm(benchmark):
    pytest.importorskip("skglm")
    benchmark.group = f"fista on text, squared, {ITERATIONS} iterations"
    skglm, each = Skglm(), []
    benchmark.pedantic(lambda: each.append(skglm.run()), rounds=5)
    benchmark.extra_info["best_milliseconds_per_iteration"] = 1e3 * min(each)


def main():
    """Print the best of 7 runs of ours, and of 5 of skglm's in their midst."""
    with tempfile.TemporaryDirectory() as folder:
        triad = build_triad(Path(folder))
    skglm = Skglm()
    for loss, threads in (("squared", 1), ("squared", 2), ("logistic", 1), ("logistic", 2)):
        ours, theirs = Ours(loss, threads), []
        for run in range(7):
            ours.run()
            if loss == "squared" and run < 5:
                theirs.append(skglm.run())
        figures = {name: round(float(v), 3) for name, v in ours.figures(triad(threads)).items()}
        print(f"{loss}, {threads} threads: {figures}")
        if theirs:
            print(f"  skglm: best_milliseconds_per_iteration {1e3 * min(theirs):.1f}")


if __name__ == "__main__":
    main()
