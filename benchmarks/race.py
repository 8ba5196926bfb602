"""Ours and all rivals over the sets: time and memory to a duality gap that one judge computes.

    python benchmarks/race.py --out FOLDER [--sets ...] [--tasks ...] [--strengths ...] [--docs]

Each library solves each cell (set, task, strength, intercept) in a process of its own, from cold,
climbing its tolerances from loose to tight until the judge finds every gap of --gaps reached; what
first reached them is repeated. Finished cells stand in FOLDER/results.jsonl and are not run again
(--again LIBRARY does so). Then a table and pictures are written to FOLDER.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from itertools import product
from pathlib import Path

import datasets
import extras
import report
import rivals
import worker

HERE = Path(__file__).parent
UNTIMED = 600  # seconds for loading, compiling and judging
BUDGET = 3  # times the limit: no library climbs longer on one cell


def cells(options: argparse.Namespace) -> list[tuple]:
    """All (set, task, strength, intercept); paths end at lambda_max / 100."""
    found = []
    for name, task in product(options.sets, options.tasks):
        path = task.endswith("_path")
        strengths = [100.0] if path else options.strengths
        found += [(name, task, *rest) for rest in product(strengths, options.intercepts)]
    # The middle strength first, paths last: what matters is known early.
    return sorted(found, key=lambda c: (c[1].endswith("_path"), c[2] != 100.0))


def run(cell: worker.Cell, limit: float, threads: int) -> dict:
    """Run one cell in a fresh process, each fit of it within the limit."""
    with tempfile.TemporaryDirectory() as scratch:  # of a process that may be killed
        return _run(cell, limit, worker.environment(threads) | {"TMPDIR": scratch})


def _run(cell: worker.Cell, limit: float, environment: dict[str, str]) -> dict:
    command = [sys.executable, str(HERE / "worker.py"), worker.as_json(cell)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
    found: dict = {"status": "died", "message": "", "rungs": [], "repeats": []}
    patience = UNTIMED
    try:
        while (line := lines.get(timeout=patience)) is not None:
            if not line.startswith('{"event"'):
                continue  # a library's own words
            values = json.loads(line)
            event = values.pop("event")
            patience = limit if event == "start" else UNTIMED
            if event in ("rung", "repeat"):
                found[f"{event}s"].append(values)
            elif event in ("done", "unable", "error"):
                found |= {"status": event} | values
        if found["status"] == "died":
            found["message"] = (process.stderr.read() or "").strip()[-300:]
    except queue.Empty:
        found |= {"status": "limit", "message": f"a fit took more than {patience:g} s"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return found


def _pump(stream, lines: queue.Queue) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def best_known(results: list[dict], cell: tuple, gaps: list[float]) -> tuple[float, ...]:
    """The least seconds of any library so far, for each gap."""
    rungs = [rung for found in results if report.cell_of(found) == cell for rung in found["rungs"]]
    times = [[r["seconds"] for r in rungs if r["gap"] <= gap] for gap in gaps]
    return tuple(min(t, default=float("inf")) for t in times)


def race(options: argparse.Namespace) -> None:
    """Run what is not finished, and note each result at once."""
    log = options.out / "results.jsonl"
    results = report.read(log)
    finished = {
        (*report.cell_of(found), found["library"])
        for found in results
        if found["library"] not in options.again and found["status"] not in ("error", "died")
    }
    versions = {name: rivals.installed(name) for name in options.rivals}
    for name in [name for name, found in versions.items() if found is None]:
        print(f"skipped: {name} is not installed")
    todo = [
        (cell, name)
        for cell in cells(options)
        for name in options.rivals
        if versions[name] is not None
        and hasattr(rivals.rival(name), cell[1])
        and (*cell, name) not in finished
    ]
    for done, (cell, name) in enumerate(todo):
        limit = options.path_limit if cell[1].endswith("_path") else options.limit
        best = best_known(results, cell, options.gaps)
        task = worker.Cell(
            *cell,
            rival=name,
            gaps=tuple(options.gaps),
            runs=options.runs,
            budget=BUDGET * limit,
            best=best,
            cache=str(options.cache) if options.cache else None,
        )
        try:
            found = run(task, limit, options.threads)
        except unittest.SkipTest as reason:
            print(f"skipped: {cell[0]}: {reason}")
            continue
        found |= dict(zip(report.KEY, cell, strict=True))
        found |= {"library": name, "version": versions[name], "limit": limit}
        found |= {"threads": options.threads, "runs": options.runs}
        results = [r for r in results if report.identity(r) != report.identity(found)] + [found]
        with log.open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(f"{done + 1}/{len(todo)} {report.summary(found, options.gaps)}", flush=True)


def machine(threads: int) -> str:
    """The processor and what was allowed of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, {threads} threads for each library"


def command() -> str:
    """What was typed, without the folders of this machine."""
    words = sys.argv[1:]
    for name in ("--out", "--cache"):
        if name in words:
            at = words.index(name)
            del words[at : at + 2]
    return " ".join(["python benchmarks/race.py", *words])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [*datasets.RACE, *datasets.GROWTH]
    parser.add_argument("--sets", nargs="+", choices=every, default=[*datasets.RACE], metavar="SET")
    parser.add_argument("--tasks", nargs="+", choices=worker.TASKS, default=[*worker.TASKS])
    parser.add_argument("--strengths", nargs="+", type=float, default=[10.0, 100.0, 1000.0])
    parser.add_argument("--intercepts", nargs="+", choices=["no", "yes"], default=["no", "yes"])
    parser.add_argument("--gaps", nargs="+", type=float, default=[1e-4, 1e-6])
    parser.add_argument("--rivals", nargs="+", choices=rivals.NAMES, default=rivals.NAMES)
    parser.add_argument("--runs", type=int, default=5, help="fits a median is taken of")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for a fit")
    parser.add_argument("--path-limit", type=float, default=300.0, help="seconds for a path")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--again", nargs="*", default=[], help="libraries to run once more")
    parser.add_argument("--also", nargs="*", choices=["first_fit", "threads"], default=[])
    parser.add_argument("--cache", type=Path, help="folder of made sets")
    parser.add_argument("--out", type=Path, default=Path("race"))
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    options.intercepts = [answer == "yes" for answer in options.intercepts]
    options.gaps = sorted(options.gaps, reverse=True)
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.report_only:
        race(options)
    for name in options.also:
        extras.run(name, options)
    report.write(options.out, options.gaps, machine(options.threads), command(), options.docs)


if __name__ == "__main__":
    main()
