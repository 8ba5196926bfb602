"""Bytes and held-back loss of models: dense, pruned, in 16 bits, within a budget, and of rivals.

    python benchmarks/sizes.py [--sets packages hflights] [--vw PYTHON]

A fifth of the rows is held back; of the strengths tried the one with the least held-back loss is
taken. scikit-learn's estimator gets the very same weights, as a dense vector and after sparsify(),
in memory and as a joblib file, without what would make columns of a table. Vowpal Wabbit learns the
same crosses with `--ftrl` and an l1 and a rate from a small grid: the file of its model, and what
serving takes more than with a model of 2^4 weights. Memory of ours holds names and dictionaries.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import crossed
from streams import NAMES, peak

N_BITS = 22
BUDGETS = (64 * 1024, 16 * 1024)
RATIOS = 0.5 ** np.arange(3, 11, 0.5)  # of alpha_max


class Problem(NamedTuple):
    """A table, its targets, the crosses of fields, and whether targets are labels."""

    table: pd.DataFrame
    y: np.ndarray
    crosses: Any
    classify: bool


def packages() -> Problem:
    """Installed size of Debian packages, with the README's crosses."""
    table = pd.read_parquet(Path(__file__).parent.parent / "examples" / "debian_packages.parquet")
    y = table.pop("log_size").to_numpy()
    crosses = [("section", "maintainer"), ("section", "depends")]
    crosses += [("architecture", "maintainer"), ("tags", "depends")]
    return Problem(table, y, crosses, False)


def hflights() -> Problem:
    """Flights late by more than 15 minutes, with all pairs of eight fields."""
    data = crossed.load("hflights", None)
    assert data.codes is not None
    table = pd.DataFrame(data.codes, columns=list("abcdefgh")).astype(str)
    return Problem(table, data.labels, "pairwise", True)


SETS = {"packages": packages, "hflights": hflights}


def loss_of(model: Any, table: pd.DataFrame, y: np.ndarray) -> float:
    """Log loss, or root mean squared error."""
    if hasattr(model, "decision_function"):
        try:
            return float(np.logaddexp(0.0, -y * model.decision_function(table)).mean())
        except AttributeError:
            pass
    return float(np.sqrt(np.mean((y - model.predict(table)) ** 2)))


def ours(problem: Problem, held: np.ndarray) -> None:
    import joblib
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline

    import sparsecross as sx

    train, test = problem.table[~held], problem.table[held]
    y, truth = problem.y[~held], problem.y[held]
    encoder = sx.FeatureCross(problem.crosses, min_count=2)
    X, Z = encoder.fit_transform(train).tocsc(), encoder.transform(test)
    kind = sx.SparseLogisticRegression if problem.classify else sx.Lasso
    largest = sx.alpha_max(X, y, loss="logistic" if problem.classify else "squared")
    path = []
    for ratio in RATIOS:
        model = kind(alpha=largest * ratio, tol=1e-3).fit(X, y)
        path.append((loss_of(model, Z, truth), model))
        if path[-1][0] > min(loss for loss, _ in path) * 1.01:
            break
    best = min(path, key=lambda each: each[0])[1]
    whole = sx.prune(make_pipeline(encoder, best))
    report = whole.report
    say("dense", None, report.dense_bytes, loss_of(best, Z, truth))
    for name, dtype in (("pruned", "float64"), ("float16", "float16"), ("q2.13", "q2.13")):
        small = sx.prune(make_pipeline(encoder, best), dtype=dtype)
        say(name, small.report.file_bytes, small.report.pruned_bytes, loss_of(small, test, truth))
    for budget in BUDGETS:
        for dtype in ("float64", "q2.13"):
            found = []
            for _, model in path:
                pipeline = make_pipeline(encoder, model)
                small = sx.prune(pipeline, dtype=dtype)
                size = max(small.report.file_bytes, small.report.pruned_bytes)
                if size > budget:
                    small = sx.prune(pipeline, max_bytes=budget, dtype=dtype, X=train, y=y)
                found.append((loss_of(small, test, truth), small.report))
            loss, told = min(found, key=lambda each: each[0])
            name = f"{budget // 1024} KiB, {dtype}"
            say(name, told.file_bytes, told.pruned_bytes, loss)
    rival = LogisticRegression() if problem.classify else LinearRegression()
    rival.coef_ = np.atleast_2d(best.coef_) if problem.classify else best.coef_
    rival.intercept_, rival.n_features_in_ = best.intercept_, Z.shape[1]
    if problem.classify:
        rival.classes_ = np.array([-1.0, 1.0])
    loss = loss_of(rival, Z, truth)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.joblib"
        joblib.dump(rival, file)
        say("scikit-learn, dense", file.stat().st_size, rival.coef_.nbytes, loss)
        if problem.classify:
            rival.sparsify()
            parts = (rival.coef_.data, rival.coef_.indices, rival.coef_.indptr)
            joblib.dump(rival, file)
            size = file.stat().st_size
            say("scikit-learn, sparsify", size, sum(part.nbytes for part in parts), loss)


def write_vw(problem: Problem, rows: np.ndarray, path: Path) -> list[str]:
    """Write rows in Vowpal Wabbit's format; returns which namespaces cross."""
    fields = {name: NAMES[k] for k, name in enumerate(problem.table.columns)}
    table = problem.table[rows]
    with path.open("w") as file:
        for label, row in zip(problem.y[rows], table.itertuples(index=False), strict=True):
            cells = []
            for name, value in zip(fields, row, strict=True):
                values = value if isinstance(value, list | np.ndarray) else [value]
                words = " ".join(
                    str(v).replace(" ", "_").replace(":", "_").replace("|", "_")
                    for v in values
                    if v is not None
                )
                cells.append(f"|{fields[name]} {words}")
            file.write(f"{label:g} {' '.join(cells)}\n")
    pairs = combinations(fields, 2) if problem.crosses == "pairwise" else problem.crosses
    return [option for a, b in pairs for option in ("-q", fields[a] + fields[b])]


def vw(problem: Problem, held: np.ndarray, python: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train, test, model = folder / "train.vw", folder / "test.vw", str(folder / "model")
        crosses = write_vw(problem, ~held, train)
        write_vw(problem, held, test)
        loss = "logistic" if problem.classify else "squared"
        found = []
        for rate in (0.03, 0.1, 0.3):
            for l1 in (0.0, 1.0, 3.0):
                command = [python, "-m", "vowpalwabbit", "-d", str(train), "--loss_function", loss]
                command += ["--ftrl", "--ftrl_alpha", str(rate), "--ftrl_beta", "1", *crosses]
                command += ["--l1", str(l1), "--quiet", "-f", model]
                sizes = []
                for n_bits in (4, N_BITS):
                    subprocess.run([*command, "-b", str(n_bits)], check=True, capture_output=True)
                    serving = [python, "-m", "vowpalwabbit", "-t", "-i", model, "-d", str(test)]
                    serving += ["-p", str(folder / "out"), "--quiet"]
                    sizes.append(peak(serving))
                margins = np.loadtxt(folder / "out")
                truth = problem.y[held]
                if problem.classify:
                    error = float(np.logaddexp(0.0, -truth * margins).mean())
                else:
                    error = float(np.sqrt(np.mean((truth - margins) ** 2)))
                size = Path(model).stat().st_size
                found.append((error, size, (sizes[1] - sizes[0]) * 1e6, f"l1 {l1:g}"))
        for name, some in (
            ("least loss", found),
            ("smallest within 1 % of it", [f for f in found if f[0] <= min(found)[0] * 1.01]),
        ):
            by = 0 if name == "least loss" else 1
            error, size, memory, what = min(some, key=lambda each: each[by])
            say(f"Vowpal Wabbit, {name} ({what})", size, memory, error)


def say(name: str, file: int | None, memory: float, loss: float) -> None:
    on_disk = "" if file is None else f"{file / 1024:,.1f}"
    print(f"| {name} | {on_disk} | {memory / 1024:,.1f} | {loss:.4f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS])
    parser.add_argument("--vw", metavar="PYTHON", help="a Python that has vowpalwabbit")
    options = parser.parse_args()
    for name in options.sets:
        problem = SETS[name]()
        held = np.random.default_rng(0).random(len(problem.y)) < 0.2
        print(f"\n{name}\n\n| model | file, KiB | memory, KiB | held-back loss |")
        print("| --- | --- | --- | --- |")
        ours(problem, held)
        if options.vw:
            vw(problem, held, options.vw)


if __name__ == "__main__":
    sys.exit(main())
