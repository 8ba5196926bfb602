"""One library on one cell of the race, in a process of its own: `race.py` starts it.

    python benchmarks/worker.py CELL            CELL is the JSON of a `Cell`

Prints a JSON line when a fit starts and one when it has been judged. Loading the data, compiling at
first use and judging lie outside the times.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

import datasets
import judge
import rivals

TASKS = ("lasso", "logistic", "lasso_path", "logistic_path")
POINTS = 100


@dataclass(frozen=True)
class Cell:
    """A problem of the race, a library, and how long it may try."""

    set: str
    task: str
    strength: float
    intercept: bool
    rival: str
    gaps: tuple[float, ...] = (1e-4, 1e-6)
    runs: int = 5
    budget: float = float("inf")  # seconds of fits after which it climbs no further
    best: tuple[float, ...] = ()  # the best seconds known for each gap, where there are any
    cache: str | None = None

    @property
    def key(self) -> tuple:
        """What makes it another cell."""
        return self.set, self.task, self.strength, self.intercept, self.rival


LOSER = 20  # times the best known: not climbed further, not repeated
STALLED = 8  # rungs without a smaller gap: the library gets no closer


def environment(threads: int) -> dict[str, str]:
    """Where every library may use this many threads."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR")
    return os.environ | {f"{name}_NUM_THREADS": str(threads) for name in names}


def say(**values) -> None:
    print(json.dumps(values), flush=True)


def resident(key: str) -> float | None:
    """VmRSS or VmHWM in MB, where the system tells (Linux)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


class Problem:
    """A cell's arrays, strengths and verdicts."""

    def __init__(self, cell: Cell):
        data = datasets.load(cell.set, Path(cell.cache) if cell.cache else None)
        self.cell = cell
        self.loss = "logistic" if cell.task.startswith("logistic") else "squared"
        self.path = cell.task.endswith("_path")
        self.y = data.labels if self.loss == "logistic" else data.y
        if self.path and self.loss == "squared" and not cell.intercept:
            self.y = self.y - self.y.mean()
        self.judged = data.X
        self.rival = rivals.rival(cell.rival)
        layout = getattr(self.rival, "LAYOUT", "csc")
        self.X = data.X.asformat(layout) if sp.issparse(data.X) else data.X
        largest = judge.alpha_max(data.X, self.y, self.loss, cell.intercept)
        if self.path:
            self.alpha = np.geomspace(largest, largest / cell.strength, POINTS + 1)[1:]
        else:
            self.alpha = largest / cell.strength
        self.fit = getattr(self.rival, cell.task, None)
        self.before: float | None = None

    def warm_up(self) -> None:
        """Compile and import by a small problem of the same kind."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((60, 30))
        y = np.sign(X[:, 0] + 0.5 * rng.standard_normal(60))
        if sp.issparse(self.X):
            X[rng.random(X.shape) < 0.5] = 0.0
            X = sp.csc_matrix(X).asformat(self.X.format)
        else:
            X = np.asfortranarray(X)
        alpha = [0.05, 0.02] if self.path else 0.02
        self.fit(X, y, alpha, self.cell.intercept, 1e-3)

    def run(self, tol: float) -> dict:
        """Fit once, then judge."""
        self.before = self.before or resident("VmRSS")
        reset_peak()
        say(event="start", tol=tol)
        start = time.perf_counter()
        coef, intercept, *measured = self.fit(self.X, self.y, self.alpha, self.cell.intercept, tol)
        seconds = time.perf_counter() - start
        peak = resident("VmHWM")
        cost = {"seconds": seconds, "rss_mb": None if peak is None else peak - self.before}
        cost |= measured[0] if measured else {}
        say(event="end", **cost)
        verdict = judge.judge_path if self.path else judge.judge
        found = verdict(
            self.judged, self.y, coef, intercept, self.alpha, self.loss, self.cell.intercept
        )
        found = found if self.path else [found]
        return cost | {
            "tol": tol,
            "gap": max(v.gap for v in found),
            "primal": [v.primal for v in found],
            "null": found[0].null,
        }


def climb(problem: Problem) -> None:
    """Tighten the tolerance until all gaps are reached, then repeat what reached them first."""
    cell = problem.cell
    best = dict(zip(cell.gaps, cell.best or [np.inf] * len(cell.gaps), strict=True))
    reached: dict[float, dict] = {}
    smallest, stalled, spent = np.inf, 0, 0.0
    for tol in getattr(problem.rival, "TOLERANCES", rivals.TOLERANCES):
        rung = problem.run(tol)
        say(event="rung", **rung)
        for gap in cell.gaps:
            if rung["gap"] <= gap:
                reached.setdefault(gap, rung)
        missing = [gap for gap in cell.gaps if gap not in reached]
        # What lies below the tolerance was not asked for more yet.
        closer = rung["gap"] < 0.9 * smallest or rung["gap"] < tol
        stalled = 0 if closer else stalled + 1
        smallest = min(smallest, rung["gap"])
        spent += rung["seconds"]
        if not missing or stalled >= STALLED or spent > cell.budget:
            break
        if rung["seconds"] > LOSER * best[missing[-1]]:
            break
    for tol in {rung["tol"] for rung in reached.values()}:
        gaps = [gap for gap, rung in reached.items() if rung["tol"] == tol]
        if reached[gaps[0]]["seconds"] > LOSER * min(best[gap] for gap in gaps):
            continue
        for _ in range(cell.runs - 1):
            say(event="repeat", **problem.run(tol))


def main(cell: Cell) -> None:
    warnings.filterwarnings("ignore")
    problem = Problem(cell)
    if problem.fit is None:
        say(event="unable", message=f"no {cell.task}")
        return
    try:
        problem.warm_up()
        climb(problem)
    except rivals.Unable as reason:
        say(event="unable", message=str(reason))
    except Exception as error:
        say(event="error", message=f"{type(error).__name__}: {error}"[:300])
    else:
        say(event="done")


def as_json(cell: Cell) -> str:
    return json.dumps(asdict(cell))


if __name__ == "__main__":
    values = json.loads(sys.argv[1])
    main(Cell(**values | {"gaps": tuple(values["gaps"]), "best": tuple(values["best"])}))
