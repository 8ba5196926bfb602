"""All pairwise crosses: found as they are needed, or built first and then solved with.

    python benchmarks/interactions.py --out FOLDER [--sets ...] [--methods ...] [--strengths ...]

Each method solves each cell (set, loss, strength) in a process of its own until the relative
duality gap over all crosses is at most --gap, and is timed from the base columns to the weights,
building included. `polynomial` is scikit-learn's PolynomialFeatures, its empty columns dropped,
and skglm at the loosest of its tolerances that a judge of the built problem accepts;
`feature_cross` is this package's FeatureCross and coordinate descent. Finished cells stand in
FOLDER/results.jsonl and are not run again. `--pricing` times one pricing of all pairs instead;
`--triples` solves over products of three as well; `--held-back` compares errors with crosses and
without on rows held back.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import scipy.sparse as sp

import crossed
import judge
import worker

METHODS = ("interactions", "feature_cross", "polynomial")
LOSSES = ("squared", "logistic")
TOLERANCES = [10 ** (-k / 2) for k in range(2, 13)]


def ours(data: crossed.Crossed, y: np.ndarray, loss: str, alpha: float, gap: float) -> dict:
    """The optimum over all pairs, none built but those that matter."""
    import sparsecross as sx

    start = time.perf_counter()
    found = sx.solve(data.X, y, loss=loss, alpha=alpha, interactions="pairwise", tol=gap)
    seconds = time.perf_counter() - start
    counts = found.history[-1].interactions
    return {
        "seconds": seconds,
        "primal": found.primal,
        "gap": found.relative_gap,
        "active": found.n_active,
        "rounds": len(found.history),
        "counts": counts._asdict(),
    }


def feature_cross(
    data: crossed.Crossed, y: np.ndarray, loss: str, alpha: float, gap: float
) -> dict:
    """All columns by FeatureCross, then this package's solver."""
    import sparsecross as sx

    table = table_of(data)
    start = time.perf_counter()
    encoder = sx.FeatureCross([("tokens", "tokens")] if data.codes is None else "pairwise")
    X = encoder.fit_transform(table)
    found = sx.solve(X, y, loss=loss, alpha=alpha, tol=gap)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "primal": found.primal,
        "gap": found.relative_gap,
        "active": found.n_active,
        "columns": X.shape[1],
    }


def table_of(data: crossed.Crossed):
    """What FeatureCross crosses: the fields' codes, or one field of lists."""
    if data.codes is not None:
        return data.codes
    import pyarrow as pa

    lists = pa.ListArray.from_arrays(pa.array(data.X.indptr), pa.array(data.X.indices))
    return pa.table({"tokens": lists})


def polynomial(data: crossed.Crossed, y: np.ndarray, loss: str, alpha: float, gap: float) -> dict:
    """All columns by scikit-learn, then skglm; of its tolerances the loosest that will do."""
    from sklearn.preprocessing import PolynomialFeatures

    from rivals import skglm

    solve = skglm.lasso if loss == "squared" else skglm.logistic
    rng = np.random.default_rng(0)
    small = sp.random_array((50, 20), density=0.3, rng=rng, format="csc")
    solve(sp.csc_matrix(small), np.sign(rng.standard_normal(50)), 0.05, True, 1e-2)  # compiles

    start = time.perf_counter()
    X = PolynomialFeatures(2, interaction_only=True, include_bias=False).fit_transform(data.X)
    X = X[:, np.flatnonzero(np.bincount(X.indices, minlength=X.shape[1]))].tocsc()
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    building = time.perf_counter() - start
    for tol in TOLERANCES:
        start = time.perf_counter()
        coef, intercept = solve(X, y, alpha, True, tol)
        seconds = time.perf_counter() - start
        verdict = judge.judge(X, y, coef, intercept, alpha, loss, True)
        worker.say(event="rung", tol=tol, seconds=building + seconds, gap=verdict.gap)
        if verdict.gap <= gap:
            break
    return {
        "seconds": building + seconds,
        "building": building,
        "primal": verdict.primal,
        "gap": verdict.gap,
        "active": int(np.count_nonzero(coef)),
        "columns": X.shape[1],
    }


def run_here(cell: dict) -> None:
    """One method on one cell, in this process; prints what it found as JSON."""
    warnings.filterwarnings("ignore")
    data = crossed.load(cell["set"], cell["cache"] and Path(cell["cache"]))
    y = data.labels if cell["loss"] == "logistic" else data.y
    import sparsecross as sx

    if cell["method"] == "alpha_max":
        largest = sx.alpha_max(data.X, y, loss=cell["loss"], interactions="pairwise")
        worker.say(event="done", alpha_max=largest)
        return
    method = {"interactions": ours, "feature_cross": feature_cross, "polynomial": polynomial}
    before = worker.resident("VmRSS")
    worker.reset_peak()
    found = method[cell["method"]](data, y, cell["loss"], cell["alpha"], cell["gap"])
    peak = worker.resident("VmHWM")
    worker.say(event="done", rss_mb=peak - before, **found)


def run(cell: dict, limit: float, threads: int) -> dict:
    """One method on one cell in a fresh process."""
    command = [sys.executable, __file__, "--cell", json.dumps(cell)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=worker.environment(threads)
        )
    except subprocess.TimeoutExpired:
        return {"status": "limit"}
    for line in done.stdout.splitlines()[::-1]:
        if line.startswith('{"event": "done"'):
            return json.loads(line) | {"status": "done"}
    return {"status": "died", "message": done.stderr.strip()[-300:]}


def race(options: argparse.Namespace) -> None:
    """Run what is not finished, and note each result at once."""
    log = options.out / "results.jsonl"
    known = [json.loads(line) for line in log.open()] if log.exists() else []
    key = ("set", "loss", "strength", "method")
    finished = {tuple(found[k] for k in key) for found in known}
    largest = {(f["set"], f["loss"]): f["alpha_max"] for f in known if f["method"] == "alpha_max"}
    cache = str(options.cache) if options.cache else None

    def note(found: dict) -> None:
        known.append(found)
        with log.open("a") as file:
            file.write(json.dumps(found) + "\n")

    for name, loss in product(options.sets, options.losses):
        cell = {"set": name, "loss": loss, "cache": cache, "gap": options.gap}
        if (name, loss) not in largest:
            found = run(cell | {"method": "alpha_max"}, options.limit, options.threads)
            if found["status"] != "done":
                print(f"skipped: {name} {loss}: {found}")
                continue
            largest[name, loss] = found["alpha_max"]
            note({**found, "set": name, "loss": loss, "strength": 0, "method": "alpha_max"})
        for strength, method in product(options.strengths, options.methods):
            if (name, loss, strength, method) in finished:
                continue
            task = cell | {"method": method, "alpha": largest[name, loss] / strength}
            runs = [run(task, options.limit, options.threads)]
            while runs[-1]["status"] == "done" and len(runs) < options.runs:
                runs.append(run(task, options.limit, options.threads))
            runs = [r for r in runs if r["status"] == "done"] or runs
            seconds = [r.get("seconds", float("inf")) for r in runs]
            middle = runs[int(np.argsort(seconds)[len(seconds) // 2])]
            found = {**middle, "set": name, "loss": loss, "strength": strength, "method": method}
            note(found | {"runs": len(runs), "limit": options.limit})
            print(name, loss, strength, method, summary(found), flush=True)


def summary(found: dict) -> str:
    if found["status"] != "done":
        return found["status"] + " " + found.get("message", "")
    return (
        f"{found['seconds']:.3f} s, gap {found['gap']:.1e}, {found['active']} weights, "
        f"{found['rss_mb']:.0f} MB {found.get('counts', found.get('columns', ''))}"
    )


def pricing(options: argparse.Namespace) -> None:
    """Time one pricing of all pairs, from nothing, and print what it visits in a second."""
    from sparsecross import _solvers
    from sparsecross._inputs import as_design

    for name in options.sets:
        data = crossed.load(name, options.cache)
        design = as_design(data.X, "columns")
        space = _solvers.ProductSpace(design, 2, False)
        length = np.diff(data.X.indptr).astype(np.int64)
        visits = int((length * (length - 1) // 2).sum())
        theta = data.y - data.y.mean()
        for threads in (1, 2):
            times = []
            for _ in range(7):
                start = time.perf_counter()
                _, _, _, looked_at = space.price(theta, None, 1.0, False, 0.0, np.inf, 1, threads)
                times.append(time.perf_counter() - start)
            seconds = float(np.median(times))
            print(
                f"{name}: {visits:,} co-occurrences, {looked_at:,} pairs, {threads} threads: "
                f"{1e3 * seconds:.1f} ms, {visits / seconds / 1e6:.0f} M/s"
            )


def triples(options: argparse.Namespace) -> None:
    """Solve over all products of two and of three, in this process, and print what it took."""
    import sparsecross as sx

    for name, loss, strength in product(options.sets, options.losses, options.strengths):
        data = crossed.load(name, options.cache)
        y = data.labels if loss == "logistic" else data.y
        largest = sx.alpha_max(data.X, y, loss=loss, interactions="triples")
        start = time.perf_counter()
        found = sx.solve(
            data.X, y, loss=loss, alpha=largest / strength, interactions="triples", tol=options.gap
        )
        seconds = time.perf_counter() - start
        counts = found.history[-1].interactions
        print(
            f"{name} {loss} /{strength:g}: {seconds:.2f} s, gap {found.relative_gap:.1e}, "
            f"{found.n_active} weights, {counts}"
        )


def held_back(options: argparse.Namespace) -> None:
    """Compare models with and without crosses on a fifth of the rows, along a path of each."""
    import sparsecross as sx
    from sparsecross._inputs import as_design

    print("| set | loss | error without | weights | bytes | error with crosses | weights | bytes |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, loss in product(options.sets, options.losses):
        data = crossed.load(name, options.cache)
        y = data.labels if loss == "logistic" else data.y
        held = np.random.default_rng(0).random(len(y)) < 0.2
        seen, judged = data.X[~held], data.X[held]
        cells = [name, loss]
        for interactions in (None, "pairwise"):
            path = sx.path(
                seen, y[~held], loss=loss, interactions=interactions, n_alphas=12, eps=5e-3
            )
            errors = []
            for point in path:
                margins = judged @ point.coef + point.intercept
                if point.interactions is not None:
                    margins += point.interactions.margins(as_design(judged))
                if loss == "squared":
                    errors.append(float(np.sqrt(np.mean((y[held] - margins) ** 2))))
                else:
                    errors.append(float(np.mean(np.logaddexp(0, -y[held] * margins))))
            best = path[int(np.argmin(errors))]
            cells += [f"{min(errors):.4f}", f"{best.n_nonzero:,}", f"{best.n_bytes:,}"]
        print("| " + " | ".join(cells) + " |", flush=True)


def table(folder: Path) -> str:
    """The results as a table in Markdown."""
    found = [json.loads(line) for line in (folder / "results.jsonl").open()]
    cells = sorted({(f["set"], f["loss"], f["strength"]) for f in found if f["strength"]})
    lines = [
        "| set | loss | strength | interactions, s | FeatureCross + cd, s | polynomial + skglm, s "
        "| MB | built of co-occurring |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for cell in cells:
        of = {f["method"]: f for f in found if (f["set"], f["loss"], f["strength"]) == cell}
        times = [of[m].get("seconds") if m in of else None for m in METHODS]
        memory = [of[m].get("rss_mb") if m in of else None for m in METHODS]
        counts = of.get("interactions", {}).get("counts", {})
        lines.append(
            f"| {cell[0]} | {cell[1]} | /{cell[2]:g} | "
            + " | ".join("-" if t is None else f"{t:.3g}" for t in times)
            + " | "
            + " / ".join("-" if m is None else f"{m:.0f}" for m in memory)
            + f" | {counts.get('built', 0):,} of {counts.get('co_occurring', 0):,} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=[*crossed.SETS], default=[*crossed.SETS])
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=[*LOSSES])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--strengths", nargs="+", type=float, default=[10.0, 100.0, 1000.0])
    parser.add_argument("--gap", type=float, default=1e-4)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for a process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, help="folder of made sets")
    parser.add_argument("--out", type=Path, default=Path("interactions"))
    parser.add_argument("--pricing", action="store_true")
    parser.add_argument("--triples", action="store_true")
    parser.add_argument("--held-back", action="store_true")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        run_here(json.loads(options.cell))
        return
    if options.pricing:
        pricing(options)
        return
    if options.triples:
        triples(options)
        return
    if options.held_back:
        held_back(options)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    race(options)
    print(table(options.out))


if __name__ == "__main__":
    main()
