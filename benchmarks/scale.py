"""Rows beyond memory and beyond one machine: what rounds cost, here and by a stated model.

    python benchmarks/scale.py store [--rows N] [--columns P] [--folder DIR]
    python benchmarks/scale.py cluster [--rows N] [--columns P] [--folder DIR]
    python benchmarks/scale.py crosses [--rows N] [--columns P] [--folder DIR]
    python benchmarks/scale.py svmlight [--rows N] [--columns P] [--folder DIR]
    python benchmarks/scale.py rivals --python PYTHON [--rows N] [--columns P]
    python benchmarks/scale.py model

`store` generates rows of 20 valueless columns, skewed within 20 fields, writes them to a store and
fits logistic regression out of core: seconds of each kind of round beside those of the same blocks
in memory, bytes a second beside `cat`, and anonymous memory at its peak. As root it also empties
the page cache, for what a cold disk gives. `cluster` fits the same on local clusters of 1, 2 and 4
workers: bits, rounds, bytes through the client, and the overhead over threads in memory. `crosses`
fits all products of two columns too, beside the solver for matrices in memory. `svmlight` parses
rows as text, beside scikit-learn, file by file in turns. `rivals`
fits rows of this kind by Spark MLlib and dask-ml, run by an interpreter that has them, and by a
local cluster of two workers to an objective that is no worse than theirs. `model` prints time and
traffic at 10^9 rows and 10^8 columns on 100 workers, from costs measured here and assumptions that
it lists.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

import sparsecross as sx
from sparsecross.scale.block import Block, LossOfRows
from sparsecross.scale.blocktask import BlockTask
from sparsecross.scale.reducer import LocalReducer, Reducer

HERE = Path(__file__).parent
PER_ROW = 20
KNOWN = 64  # categories of each field that may have an effect


def generated(n_rows: int, n_columns: int, size: int = 500_000) -> Iterator[tuple[Any, Any]]:
    """Rows of one category of each field, the first ones often, and labels that some explain."""
    rng, n_levels = np.random.default_rng(0), n_columns // PER_ROW
    known = min(KNOWN, n_levels)
    effects = np.random.default_rng(1).standard_normal((PER_ROW, known))
    effects *= np.random.default_rng(2).random(effects.shape) < 0.3
    for first in range(0, n_rows, size):
        m = min(size, n_rows - first)
        level = (n_levels * rng.random((m, PER_ROW)) ** 6).astype(np.int32)
        at = np.minimum(level, known - 1)
        margins = np.where(level < known, effects[np.arange(PER_ROW), at], 0.0).sum(axis=1) - 0.5
        y = np.where(rng.random(m) < 1 / (1 + np.exp(-margins)), 1, -1).astype(np.int8)
        indices = level + np.arange(PER_ROW, dtype=np.int32) * n_levels
        ends = np.arange(0, m * PER_ROW + 1, PER_ROW, dtype=np.int32)
        values = np.ones(m * PER_ROW, np.float32)
        yield sp.csr_array((values, indices.ravel(), ends), (m, n_columns)), y


def store_of(options: argparse.Namespace) -> sx.BlockStore:
    """The generated rows, written once."""
    path = Path(options.folder) / f"rows-{options.rows}-{options.columns}"
    if not path.exists():
        start = time.perf_counter()
        batches = generated(options.rows, options.columns)
        sx.BlockStore.from_batches(batches, path, block_bytes=options.block_bytes)
        print(f"written in {time.perf_counter() - start:.1f} s")
    return sx.BlockStore(path)


def task_of(reducer: Reducer) -> BlockTask:
    """Logistic regression over these rows."""
    return BlockTask(reducer, LossOfRows("logistic", label=1), None, True, False, None, False)


class Watch:
    """The peak of anonymous memory of this process, by looks at /proc."""

    def __init__(self) -> None:
        self.peak = 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.peak = max(self.peak, int(line.split()[1]) * 1024)
            time.sleep(0.05)


class Clock:
    """Seconds of every round in this process, by what was asked."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        original = LocalReducer.gather

        def gather(reducer: LocalReducer, question: Any) -> Any:
            start = time.perf_counter()
            found = original(reducer, question)
            name = type(question).__name__.removesuffix("Round").lower()
            self.seconds[name].append(time.perf_counter() - start)
            return found

        LocalReducer.gather = gather  # type: ignore[method-assign]

    def medians(self) -> dict[str, float]:
        """Of each kind of round."""
        return {name: float(np.median(each)) for name, each in self.seconds.items()}


def empty_cache() -> bool:
    """Empty the page cache, if this process may."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def read_all(store: sx.BlockStore) -> float:
    """Bytes a second of reading the files as `cat` does."""
    start, n_bytes = time.perf_counter(), 0
    for path in sorted(store.path.glob("*/*.npy")):
        with path.open("rb", buffering=0) as file:
            while some := file.read(1 << 17):
                n_bytes += len(some)
    return n_bytes / (time.perf_counter() - start)


def run_store(options: argparse.Namespace) -> None:
    """Out of core, beside the same blocks in memory."""
    store = store_of(options)
    print(f"{store}, {store.nbytes / 1e9:.2f} GB")
    cold = empty_cache()
    if cold:
        print(f"cat, cold: {read_all(store) / 1e9:.2f} GB/s")
        empty_cache()
    watch = Watch()
    start = time.perf_counter()
    reducer = store.reducer()
    _ = reducer.facts
    took = time.perf_counter() - start
    state = "cold" if cold else "warm"
    print(f"first look, {state}: {took:.1f} s, {store.nbytes / took / 1e9:.2f} GB/s")
    clock = Clock()
    start = time.perf_counter()
    task = task_of(reducer)
    alpha = task.alpha_max() / options.strength
    found = task.solve(alpha, tol=options.tol)
    print(
        f"fit at alpha_max / {options.strength}: {time.perf_counter() - start:.1f} s, "
        f"{reducer.n_rounds} rounds, relative gap {found.relative_gap:.1e}, {found.n_active} "
        f"weights, anonymous memory at most {watch.peak / 1e9:.2f} GB"
    )
    for name, seconds in clock.medians().items():
        print(f"  {name}: {seconds:.2f} s, {store.nbytes / seconds / 1e9:.2f} GB/s")
    if store.nbytes > options.memory:
        return
    copies = [
        Block(block.number, block.n_columns, **{k: np.array(a) for k, a in block.arrays.items()})
        for block in store
    ]
    local = LocalReducer(copies, store.shape[1])
    _ = local.facts
    for k in range(3):  # in turns, as the machine is shared
        for name, each in (("memory", local), ("store", store.reducer())):
            _ = each.facts
            start = time.perf_counter()
            again = task_of(each).solve(alpha, tol=options.tol)
            print(f"  run {k}, {name}: {time.perf_counter() - start:.2f} s")
            assert (again.coef == found.coef).all()


def run_crosses(options: argparse.Namespace) -> None:
    """Fit over all products of two columns, from a store and in memory."""
    store = store_of(options)
    X = sp.vstack([batch.X for batch in store.batches()], format="csc")
    y = store.y.astype(np.float64)
    asked = {"loss": "logistic", "interactions": "pairwise"}
    largest = sx.alpha_max(X, y, **asked)
    for strength in (10.0, 100.0):
        for name, data in (("memory", (X, y)), ("store", (store,))):
            seconds = []
            for _ in range(3):
                start = time.perf_counter()
                found = sx.solve(*data, alpha=largest / strength, tol=options.tol, **asked)
                seconds.append(time.perf_counter() - start)
            counts = found.history[-1].interactions
            print(
                f"alpha_max / {strength:g}, {name}: {np.median(seconds):.2f} s, relative gap "
                f"{found.relative_gap:.1e}, {len(found.interactions)} products with a weight, "
                f"{counts.visited:,} looked at of {counts.possible:,}"
            )


def run_svmlight(options: argparse.Namespace) -> None:
    """Parse rows as text with one thread and two, and by scikit-learn."""
    from sklearn.datasets import dump_svmlight_file, load_svmlight_file

    from sparsecross.svmlight import svmlight_chunks

    path = Path(options.folder) / f"rows-{options.rows}-{options.columns}.svmlight"
    if not path.exists():
        X, y = next(generated(options.rows, options.columns, options.rows))
        dump_svmlight_file(X, y, str(path), zero_based=False)

    def ours(n_threads: int) -> None:
        with path.open("rb") as file:
            for _ in svmlight_chunks(file, str(path), n_threads=n_threads):
                pass

    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(3):
        for name, parse in (
            ("one thread", lambda: ours(1)),
            ("two threads", lambda: ours(2)),
            ("scikit-learn", lambda: load_svmlight_file(str(path))),
        ):
            start = time.perf_counter()
            parse()
            seconds[name].append(time.perf_counter() - start)
    theirs = float(np.median(seconds["scikit-learn"]))
    for name, each in seconds.items():
        took = float(np.median(each))
        print(f"{name}: {path.stat().st_size / took / 1e6:.0f} MB/s, {theirs / took:.1f}x")


class Traffic:
    """Bytes that pass through a client: what is asked, and what is told."""

    def __init__(self, client: Any) -> None:
        self.n_bytes = 0
        submit, gather = client.submit, client.gather

        def submitted(function: Any, *arguments: Any, **options: Any) -> Any:
            plain = [a for a in arguments if not _holds_futures(a)]
            self.n_bytes += len(pickle.dumps(plain))
            return submit(function, *arguments, **options)

        def gathered(futures: Any, **options: Any) -> Any:
            found = gather(futures, **options)
            self.n_bytes += len(pickle.dumps(found))
            return found

        client.submit, client.gather = submitted, gathered


def _holds_futures(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_futures, value))
    return type(value).__name__ == "Future"


def run_cluster(options: argparse.Namespace) -> None:
    """Local clusters, beside threads in memory."""
    from distributed import Client, LocalCluster

    from sparsecross.scale.clusterblocks import cluster_reducer

    store = store_of(options)
    print(f"{store}, {store.nbytes / 1e9:.2f} GB")
    copies = [
        Block(block.number, block.n_columns, **{k: np.array(a) for k, a in block.arrays.items()})
        for block in store
    ]
    alpha = None
    reference: dict[int, Any] = {}
    for n_workers in (1, 2, 4):
        local = LocalReducer(copies, store.shape[1], min(n_workers, os.cpu_count() or 1))
        _ = local.facts
        task = task_of(local)
        alpha = alpha or task.alpha_max() / options.strength
        _ = task.null_loss
        start = time.perf_counter()
        found = task.solve(alpha, tol=options.tol)
        in_memory = time.perf_counter() - start
        reference[n_workers] = found
        with (
            LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
                memory_limit=0,
            ) as cluster,
            Client(cluster) as client,
        ):
            traffic = Traffic(client)
            reducer = cluster_reducer(store, client=client)
            task = task_of(reducer)
            _ = task.null_loss
            before, rounds = traffic.n_bytes, reducer.n_rounds
            start = time.perf_counter()
            far = task.solve(alpha, tol=options.tol)
            took = time.perf_counter() - start
            n_rounds = reducer.n_rounds - rounds
            each = (traffic.n_bytes - before) / n_rounds
            same = bool((far.coef == found.coef).all()) and far.intercept == found.intercept
            print(
                f"{n_workers} workers: {took:.2f} s ({in_memory:.2f} s by threads), "
                f"{n_rounds} rounds of {took / n_rounds:.2f} s, relative gap "
                f"{far.relative_gap:.1e}, {far.n_active} weights; "
                f"{each / 1e3:.0f} kB a round through the client, "
                f"{each / (8 * store.shape[1]):.4f} of a p-vector; same bits: {same}"
            )


def run_rivals(options: argparse.Namespace) -> None:
    """Two threads or workers each, to the same true objective."""
    from distributed import Client, LocalCluster
    from sklearn.datasets import dump_svmlight_file

    from sparsecross.scale.clusterblocks import cluster_reducer

    store = store_of(options)
    path = Path(options.folder) / f"rows-{options.rows}-{options.columns}.svmlight"
    if not path.exists():
        X = sp.csr_matrix(sp.vstack([batch.X for batch in store.batches()], format="csr"))
        X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
        dump_svmlight_file(X, store.y, f"{path}.part", zero_based=False)
        Path(f"{path}.part").replace(path)
    task = task_of(store.reducer())
    alpha = task.alpha_max() / options.strength
    best = task.solve(alpha, tol=1e-8)
    for name in options.methods:
        out = Path(options.folder) / f"{name}.npz"
        run = [options.python, str(HERE / "distributed_rows.py"), name, str(path)]
        run += [str(store.shape[1]), repr(alpha), str(out)]
        try:
            told = subprocess.run(
                run, capture_output=True, text=True, check=True, timeout=options.limit
            ).stdout
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            print(f"{name}: none in {options.limit} s ({type(error).__name__})")
            continue
        theirs = json.loads(told.splitlines()[-1])
        found = np.load(out)
        primal = task.certify(found["coef"], float(found["intercept"]), alpha, 1.0).primal
        excess = (primal - best.primal) / task.null_loss
        print(
            f"{name}: {theirs['seconds']:.1f} s, {excess:.1e} above the optimum (of the null "
            f"objective), {np.count_nonzero(found['coef'])} weights, {theirs['peak'] / 1e6:.0f} MB"
        )
        with (
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                host="127.0.0.1",
            ) as cluster,
            Client(cluster) as client,
        ):
            peak = TreePeak()
            reducer = cluster_reducer(store, client=client)
            far = task_of(reducer)
            _ = reducer.facts
            start = time.perf_counter()
            mine = far.solve(alpha, tol=max(excess, 1e-9))
            took = time.perf_counter() - start
            print(
                f"  ours: {took:.1f} s ({theirs['seconds'] / took:.1f}x), "
                f"{(mine.primal - best.primal) / task.null_loss:.1e} above, {mine.n_active} "
                f"weights, {reducer.n_rounds} rounds, {peak.n_bytes / 1e6:.0f} MB"
            )


class TreePeak(Watch):
    """The peak of the resident memory of this process and its descendants."""

    n_bytes = 0

    def _look(self) -> None:
        import psutil

        own = psutil.Process()
        while True:
            total = 0
            for process in (own, *own.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    total += process.memory_info().rss
            self.n_bytes = max(self.n_bytes, total)
            time.sleep(0.1)


def run_model(_: argparse.Namespace) -> None:
    """Costs at 10^9 rows and 10^8 columns on 100 workers, from those of a round here."""
    n, p, workers, per_row = 1e9, 1e8, 100, PER_ROW
    threads, network = 8, 1.25e9  # of a worker; bytes a second each way (10 Gbit/s)
    entry = {"gradient": 8e-9, "others": 3e-9}  # seconds a thread and entry, as `store` measured
    looks, steps, active = 8, 10, 2_000
    entries = n * per_row / (workers * threads)
    gradient = entry["gradient"] * entries
    other = entry["others"] * entries
    # A worker sends all but its own part of its sums of p, and takes in as much.
    exchange = 8 * p * (workers - 1) / workers / network
    model = 8 * active**2 / 2 * np.ceil(np.log2(workers)) / network
    ours = looks * (gradient + other + exchange) + steps * (2 * other + model)
    ours_bytes = looks * 8 * p + steps * 4 * active**2
    evaluations = 100  # of OWL-QN: loss and gradient, a dense vector out and one back
    owlqn = evaluations * (gradient + other + 2 * exchange)
    owlqn_bytes = evaluations * 16 * p
    outer, local = 30, 20  # of ADMM: each a local solve of some passes, then a consensus
    admm = outer * (local * (gradient + other) + 2 * exchange)
    admm_bytes = outer * 16 * p
    print(
        f"assumed: {n:.0e} rows x {per_row} entries, {p:.0e} columns, {workers} workers of "
        f"{threads} threads, {network / 1e9:.2f} GB/s of network; {looks} looks, {steps} steps, "
        f"{active:,} active columns; OWL-QN {evaluations} evaluations; ADMM {outer} rounds of "
        f"{local} passes"
    )
    for name, seconds, n_bytes in (
        ("rounds over the active set", ours, ours_bytes),
        ("OWL-QN", owlqn, owlqn_bytes),
        ("ADMM", admm, admm_bytes),
    ):
        print(f"{name}: {seconds:,.0f} s, {n_bytes / 1e9:,.1f} GB a worker")


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "part", choices=("store", "cluster", "crosses", "svmlight", "rivals", "model")
    )
    parser.add_argument("--python", default=sys.executable, help="an interpreter with the rivals")
    parser.add_argument("--methods", nargs="+", default=["spark", "dask_ml"])
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for a rival")
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=2_000_000)
    parser.add_argument("--columns", type=lambda text: int(float(text)), default=10_000_000)
    parser.add_argument("--block-bytes", type=int, default=1 << 26)
    parser.add_argument("--strength", type=float, default=20.0, help="alpha_max over alpha")
    parser.add_argument("--tol", type=float, default=1e-4)
    parser.add_argument("--memory", type=float, default=4e9, help="bytes that fit in memory twice")
    parser.add_argument("--folder", help="where stores are kept (default: removed at the end)")
    options = parser.parse_args()
    kept = options.folder is not None
    options.folder = options.folder or tempfile.mkdtemp()
    try:
        parts = {
            "store": run_store,
            "cluster": run_cluster,
            "crosses": run_crosses,
            "svmlight": run_svmlight,
            "rivals": run_rivals,
            "model": run_model,
        }
        parts[options.part](options)
    finally:
        if not kept:
            shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
