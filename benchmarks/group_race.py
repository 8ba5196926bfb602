"""Group penalties beside other libraries: time to a relative gap that one judge computes.

    python benchmarks/group_race.py --out FOLDER [--problems ...] [--only ...] [--reuse FILE]

The rules are those of `race.py`: each library climbs its own tolerances (powers of 10) from loose
to tight until the judge finds every gap of --gaps reached, and what first reached them is repeated
for a median. Here each library keeps one process for a problem, so that it is loaded and compiled
once, and the repeats go round the libraries: one fit at a time, whatever else the machine does
falls on all. A process is ended at the limit of a fit. FOLDER gets results.json and table.md;
--reuse FILE takes the results of libraries that are not run (--only) from an earlier results.json.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
import warnings
from pathlib import Path
from statistics import geometric_mean, median

import numpy as np
import scipy.sparse as sp

import group_judge
import group_problems
import race
import rivals
import worker

OURS = "sparsecross"
LIBRARIES = [OURS, "adelie", "celer", "skglm", "scikit_learn"]
KEY = ("problem", "strength", "library")


def small(problem: group_problems.Problem) -> tuple:
    """A problem of the same kind and storage, to compile and import by."""
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((60, 12)))
    scores = X[:, :3] + rng.standard_normal((60, 3))
    if sp.issparse(problem.X):
        X = sp.csc_matrix(np.where(X > 0, X, 0.0))
    targets = {
        "group": scores[:, 0],
        "multitask": np.asfortranarray(scores),
        "multinomial": scores.argmax(axis=1),
    }
    groups = None if problem.groups is None else np.repeat([0, 1, 2], 4)
    return X, targets[problem.kind], groups, 0.05, problem.intercept, 1e-3


def serve(pipe, name: str, library: str, cache: Path | None) -> None:
    """Load a problem, warm the library up, then fit whatever (alpha, tol) comes."""
    warnings.filterwarnings("ignore")
    problem = group_problems.load(name, cache)
    fit = getattr(rivals.rival(library), problem.kind)
    try:
        fit(*small(problem))
        pipe.send(("ready", None, 0.0))
        while True:
            alpha, tol = pipe.recv()
            start = time.perf_counter()
            found = fit(problem.X, problem.Y, problem.groups, alpha, problem.intercept, tol)
            pipe.send(("fit", found, time.perf_counter() - start))
    except rivals.Unable as reason:
        pipe.send(("unable", str(reason), 0.0))
    except EOFError:
        pass
    except Exception as error:
        pipe.send(("error", f"{type(error).__name__}: {error}"[:300], 0.0))


class Stop(Exception):  # noqa: N818 - a plain answer, not a mistake
    """A library goes no further: its status and why."""


class Library:
    """A library's process for one problem, started when it is first needed."""

    def __init__(self, problem: str, name: str, options: argparse.Namespace):
        self.problem, self.name, self.options = problem, name, options
        self.process = None

    def start(self) -> None:
        """Load, import and compile: not timed."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, self.problem, self.name, self.options.cache), daemon=True
        )
        self.process.start()
        theirs.close()
        self.answer(race.UNTIMED)

    def answer(self, patience: float) -> tuple:
        """Wait for what the process has found, and end it when it takes too long."""
        try:
            if not self.pipe.poll(patience):
                raise Stop("limit", f"a fit took more than {patience:g} s")
            status, found, seconds = self.pipe.recv()
        except (EOFError, OSError):
            self.end()
            raise Stop("died", "its process ended") from None
        except Stop:
            self.end()
            raise
        if status in ("unable", "error"):
            self.end()
            raise Stop(status, found)
        return found, seconds

    def fit(self, alpha: float, tol: float) -> tuple:
        """Fit once: weights with intercepts, and the seconds."""
        if self.process is None:
            self.start()
        self.pipe.send((alpha, tol))
        return self.answer(self.options.limit)

    def end(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.process = None


def climb(library: Library, judged, alpha: float, best: dict[float, float]) -> dict:
    """Tighten the tolerance until all gaps are reached; stop early by the rules of `worker.py`."""
    options = library.options
    found: dict = {"status": "done", "message": "", "rungs": [], "repeats": []}
    missing = list(options.gaps)
    smallest, stalled = np.inf, 0
    file = rivals.rival(library.name)
    for tol in getattr(file, "GROUP_TOLERANCES", rivals.GROUP_TOLERANCES):
        try:
            weights, seconds = library.fit(alpha, tol)
        except Stop as stop:
            found["status"], found["message"] = stop.args
            break
        gap = judged(weights)
        found["rungs"].append({"tol": tol, "gap": gap, "seconds": seconds})
        missing = [target for target in missing if gap > target]
        closer = gap < 0.9 * smallest or gap < tol
        stalled = 0 if closer else stalled + 1
        smallest = min(smallest, gap)
        spent = sum(rung["seconds"] for rung in found["rungs"])
        if not missing:
            break
        if stalled >= worker.STALLED:
            found["message"] = "its gap falls no further"
            break
        if spent > race.BUDGET * options.limit or seconds > worker.LOSER * best[missing[-1]]:
            found["message"] = "too slow to go on"
            break
    return found


def reached(found: dict, gap: float) -> dict | None:
    """The first rung at this gap."""
    return next((rung for rung in found["rungs"] if rung["gap"] <= gap), None)


def seconds(found: dict, gap: float) -> float | None:
    """The median of the first rung at this gap and its repeats."""
    rung = reached(found, gap)
    if rung is None:
        return None
    times = [r["seconds"] for r in found["repeats"] if r["tol"] == rung["tol"]]
    return median([rung["seconds"], *times])


def run_problem(name: str, options: argparse.Namespace, versions: dict, earlier: list) -> list:
    """All strengths of one problem; gives the results of the libraries that were run."""
    problem = group_problems.load(name, options.cache)
    X, Y, groups, kind, fit = problem
    libraries = {
        library: Library(name, library, options)
        for library in versions
        if hasattr(rivals.rival(library), kind)
    }
    results = []
    top = group_judge.alpha_max(X, Y, groups, kind, fit)
    for strength in options.strengths:
        alpha = top / strength

        def judged(weights, alpha=alpha) -> float:
            return group_judge.judge(X, Y, groups, *weights, alpha, kind, fit).gap

        cell = []
        known = [f for f in earlier if (f["problem"], f["strength"]) == (name, strength)]
        for library in libraries:
            best = {
                gap: min((s for f in known + cell if (s := seconds(f, gap))), default=np.inf)
                for gap in options.gaps
            }
            found = climb(libraries[library], judged, alpha, best)
            found |= dict(zip(KEY, (name, strength, library), strict=True))
            found |= {"kind": kind, "intercept": fit, "alpha": alpha}
            found |= {"version": versions[library], "threads": options.threads}
            cell.append(found)
        for _ in range(options.runs - 1):
            for found in cell:
                repeat(libraries[found["library"]], found, alpha, options.gaps)
        for found in cell:
            print(summary(found, options.gaps), flush=True)
        results += cell
    for library in libraries.values():
        library.end()
    return results


def repeat(library: Library, found: dict, alpha: float, gaps: list[float]) -> None:
    """Fit once more at each tolerance that first reached a gap."""
    rungs = [rung for gap in gaps if (rung := reached(found, gap))]
    for tol in {rung["tol"] for rung in rungs}:
        try:
            _, took = library.fit(alpha, tol)
        except Stop as stop:
            found["message"] += f" A repeat: {stop.args[1]}"
            return
        found["repeats"].append({"tol": tol, "seconds": took})


def summary(found: dict, gaps: list[float]) -> str:
    times = " ".join("-" if (s := seconds(found, gap)) is None else f"{s:.3g}" for gap in gaps)
    where = f"{found['problem']} /{found['strength']:g} {found['library']}"
    return f"{where}: {times} ({found['status']}) {found['message'][:150]}"


def table(results: list[dict], gaps: list[float]) -> str:
    """Seconds of every library in every cell, and the ratio of the fastest other one to ours."""
    names = [name for name in LIBRARIES if any(f["library"] == name for f in results)]
    parts = []
    ratios = []
    for gap in gaps:
        head = ["problem", "kind", "intercept", "strength", *names, "fastest other", "ratio"]
        parts += [f"## Seconds to a relative gap of {gap:g}", ""]
        parts += [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
        for name in [
            name for name in group_problems.ALL if name in {f["problem"] for f in results}
        ]:
            for strength in sorted({f["strength"] for f in results if f["problem"] == name}):
                cell = {
                    f["library"]: f
                    for f in results
                    if (f["problem"], f["strength"]) == (name, strength)
                }
                times = {library: seconds(f, gap) for library, f in cell.items()}
                others = {n: s for n, s in times.items() if n != OURS and s is not None}
                fastest = min(others, key=others.get, default="-")
                ratio = "-"
                if others and times.get(OURS):
                    ratios.append(others[fastest] / times[OURS])
                    ratio = f"{ratios[-1]:.2f}"
                any_of = next(iter(cell.values()))
                shown = [
                    "" if n not in cell else "-" if times[n] is None else f"{times[n]:.3g}"
                    for n in names
                ]
                intercept = "yes" if any_of["intercept"] else "no"
                row = [name, any_of["kind"], intercept, f"/{strength:g}", *shown, fastest, ratio]
                parts.append(f"| {' | '.join(row)} |")
        parts.append("")
    if ratios:
        mean, least = geometric_mean(ratios), min(ratios)
        parts += [f"Ratio over {len(ratios)} cells: geometric mean {mean:.2f}, least {least:.2f}."]
    return "\n".join(parts)


def write(results: list[dict], options: argparse.Namespace) -> None:
    """Write results.json and table.md, with what stopped whom."""
    (options.out / "results.json").write_text(json.dumps(results, indent=1))
    versions = sorted({f"{f['library']} {f['version']}" for f in results})
    reasons = {
        f"- {f['problem']} /{f['strength']:g}, {f['library']}: {f['status']}, {f['message']}"
        for f in results
        if f["message"]
    }
    text = [
        f"Measured on {race.machine(options.threads)}. Medians of {options.runs}; at most "
        f"{options.limit:g} s for a fit. Empty: no such solver; -: not reached.",
        f"Versions: {', '.join(versions)}.",
        "",
        table(results, options.gaps),
        "",
        *sorted(reasons),
        "",
    ]
    (options.out / "table.md").write_text("\n".join(text))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [*group_problems.ALL]
    parser.add_argument("--problems", nargs="+", choices=every, default=every, metavar="PROBLEM")
    parser.add_argument("--only", nargs="+", choices=LIBRARIES, default=LIBRARIES)
    parser.add_argument("--strengths", nargs="+", type=float, default=[10.0, 100.0])
    parser.add_argument("--gaps", nargs="+", type=float, default=[1e-4, 1e-6])
    parser.add_argument("--runs", type=int, default=3, help="fits a median is taken of")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for a fit")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reuse", type=Path, help="results.json of libraries that are not run")
    parser.add_argument("--cache", type=Path, help="folder of made problems")
    parser.add_argument("--out", type=Path, default=Path("group_race"))
    options = parser.parse_args()
    options.gaps = sorted(options.gaps, reverse=True)
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ |= worker.environment(options.threads)
    versions = {name: rivals.installed(name) for name in options.only}
    for name in [name for name, found in versions.items() if found is None]:
        print(f"skipped: {name} is not installed")
        del versions[name]
    results = json.loads(options.reuse.read_text()) if options.reuse else []
    for name in options.problems:
        found = run_problem(name, options, versions, results)
        new = {tuple(f[k] for k in KEY) for f in found}
        results = [f for f in results if tuple(f[k] for k in KEY) not in new] + found
        write(results, options)  # at once: a race may be cut short
    print((options.out / "table.md").read_text())


if __name__ == "__main__":
    main()
