"""Beside the race: the first fit of a fresh process, and what a second thread gains us.

python benchmarks/extras.py LIBRARY TOL FOLDER      the first, as `race.py` calls it
"""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from argparse import Namespace
from functools import partial
from pathlib import Path
from statistics import median

import scipy.sparse as sp

import datasets
import judge
import report
import rivals
import worker

FIRST = ("rcv1", "lasso", 100.0, True)  # the cell of the first fit
GAP = 1e-4


def first_fit(options: Namespace) -> list[str]:
    """Seconds from before the library's import to the end of its first fit, data at hand."""
    results = {report.identity(r): r for r in report.read(options.out / "results.jsonl")}
    lines = [
        "## First fit of a fresh process, import and compilation included",
        "",
        f"{FIRST[0]}, {FIRST[1]} /{FIRST[2]:g}, intercept, at the tolerance that reached {GAP:g}; "
        "the data, NumPy and scipy.sparse are loaded before.",
        "",
        "| library | seconds |",
        "| --- | --- |",
    ]
    times = {}
    for name in options.rivals:
        found = results.get((*FIRST, name))
        rung = next((r for r in found["rungs"] if r["gap"] <= GAP), None) if found else None
        if rung is None:
            continue
        command = [sys.executable, __file__, name, repr(rung["tol"]), str(options.cache or "")]
        environment = worker.environment(options.threads)
        runs = [
            subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            for _ in range(options.runs)
        ]
        times[name] = median(float(run.stdout.splitlines()[-1]) for run in runs)
    lines += [f"| {name} | {times[name]:.2f} |" for name in sorted(times, key=times.__getitem__)]
    return lines


def _first_fit(name: str, tol: float, cache: str) -> float:
    problem = datasets.load(FIRST[0], Path(cache) if cache else None)
    alpha = judge.alpha_max(problem.X, problem.y, "squared", FIRST[3]) / FIRST[2]
    start = time.perf_counter()
    rivals.rival(name).lasso(problem.X, problem.y, alpha, FIRST[3], tol)
    return time.perf_counter() - start


def threads(options: Namespace) -> list[str]:
    """One pass over the columns (the gradient) and one fit, by us, with one thread and with two."""
    import sparsecross as sx
    from sparsecross._inputs import as_design

    lines = [
        "## One thread and two, ours",
        "",
        f"Lasso /100 with intercept to {GAP:g}; medians of {options.runs}, seconds.",
        "",
        "| set | pass, 1 thread | 2 threads | ratio | fit, 1 thread | 2 threads | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in options.sets:
        X, y, _ = datasets.load(name, options.cache)
        alpha = judge.alpha_max(X, y, "squared", True) / 100
        design = as_design(X, "columns")
        gradient = partial(design.transposed_product, y)
        fit = partial(sx.solve, X, y, alpha=alpha, tol=GAP)
        passes = [_seconds(partial(gradient, k), 4 * options.runs) for k in (1, 2)]
        fits = [_seconds(partial(fit, n_threads=k), options.runs) for k in (1, 2)]
        cells = [f"{a:.3g} | {b:.3g} | {a / b:.2f}" for a, b in (passes, fits)]
        stored = f"{X.nnz if sp.issparse(X) else X.size:,}"
        lines.append(f"| {name} ({stored}) | {' | '.join(cells)} |")
    return lines


def _seconds(call, runs: int) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times)


def run(name: str, options: Namespace) -> None:
    """Measure one of these and leave its table beside the race's."""
    lines = {"first_fit": first_fit, "threads": threads}[name](options)
    (options.out / f"extra_{name}.md").write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    print(_first_fit(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
