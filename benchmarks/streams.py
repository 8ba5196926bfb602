"""Online learning with all pairwise crosses: rows a second, progressive loss, weights, memory.

    python benchmarks/streams.py --out FOLDER [--sets ...] [--methods ...]
    python benchmarks/streams.py --slots          updates against a bare read-modify-write loop
    python benchmarks/streams.py --ways           exact keys, several learners, and the default
    python benchmarks/streams.py --stages         memory of training and of serving
    python benchmarks/streams.py --endless 100    so many million generated rows, and the memory

One pass over each set, 2^22 weights, one learning thread, each method in processes of its own,
medians of --runs. `memory` learns from rows in memory, `file` from a CSV file by the command line;
`vw_cache` and `vw_text` are Vowpal Wabbit on its binary cache and on its text format, `--ftrl`
with the same l1; `sgd_numpy` and `sgd_hasher` are scikit-learn's SGDClassifier on crosses hashed
by NumPy or by FeatureHasher, on the first --few rows. Each rate of a small grid is run, and the
best loss counts.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

import crossed
import worker

METHODS = ("memory", "file", "vw_cache", "vw_text", "sgd_numpy", "sgd_hasher")
RATES = (0.03, 0.1, 0.3, 1.0)
SETS = ("hflights", "kddcup", "adult", "tokens")
N_BITS = 22
NAMES = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
HERE = Path(__file__).parent


def load(name: str, cache: Path | None) -> crossed.Crossed:
    """A set, in an order that a stream may have."""
    data = crossed.load(name, cache)
    if name != "tokens":
        return data
    order = np.random.default_rng(0).permutation(len(data.labels))  # they are sorted by name
    return crossed.Crossed(data.X[order], data.y[order], data.labels[order], None)


def write_csv(data: crossed.Crossed, path: Path) -> list[str]:
    """Write the rows as CSV; returns what the command line must be told of fields."""
    import pandas as pd

    if data.codes is not None:
        names = list(NAMES[: data.codes.shape[1]])
        table = pd.DataFrame(data.codes, columns=names)
        options = ["--categorical", *names]
    else:
        rows = np.split(data.X.indices, data.X.indptr[1:-1])
        table = pd.DataFrame({"tokens": [" ".join(f"t{j}" for j in row) for row in rows]})
        options = ["--split", "tokens"]
    table.assign(label=data.labels.astype(int)).to_csv(path, index=False)
    return ["--target", "label", "--cross", "pairwise", *options]


def write_vw(data: crossed.Crossed, path: Path) -> list[str]:
    """Write the rows in Vowpal Wabbit's format; returns which namespaces cross."""
    with path.open("w") as file:
        if data.codes is not None:
            width = data.codes.shape[1]
            for label, row in zip(data.labels.astype(int), data.codes.tolist(), strict=True):
                cells = (f"|{NAMES[f]} v{code}" for f, code in enumerate(row))
                file.write(f"{label} {' '.join(cells)}\n")
            return [o for a, b in combinations(NAMES[:width], 2) for o in ("-q", a + b)]
        rows = np.split(data.X.indices, data.X.indptr[1:-1])
        for label, row in zip(data.labels.astype(int), rows, strict=True):
            file.write(f"{label} |t {' '.join(f't{j}' for j in row)}\n")
    return ["-q", "tt"]


def memory(data: crossed.Crossed, rate: float, l1: float) -> dict[str, Any]:
    """From rows in memory."""
    import sparsecross as sx

    model = sx.FTRLClassifier(rate, l1=l1, l2=0.0, interactions="pairwise", n_bits=N_BITS)
    model.partial_fit(data.X[:1], data.labels[:1], classes=[-1.0, 1.0])
    start = time.perf_counter()
    model.partial_fit(data.X[1:], data.labels[1:])
    seconds = time.perf_counter() - start
    _, weights = model._model.weights()
    return {
        "seconds": seconds,
        "loss": model.progressive_loss_,
        "active": int(np.count_nonzero(weights)),
    }


def from_file(data: crossed.Crossed, rate: float, l1: float, folder: Path) -> dict[str, Any]:
    """From a CSV file, by the command line: reading and parsing counted, starting Python not."""
    import sparsecross.cli
    from sparsecross.cli import main

    table = folder / "rows.csv"
    options = write_csv(data, table)
    options += ["--learning-rate", str(rate), "--l1", str(l1), "--l2", "0", "--quiet"]
    start = time.perf_counter()
    main(["stream", str(table), *options, "-o", str(folder / "model.sxm")])
    seconds = time.perf_counter() - start
    import sparsecross as sx

    return {"seconds": seconds, "active": sx.load(folder / "model.sxm").report.n_nonzero}


def vw_training(
    python: str, text: Path, rate: float, l1: float, n_bits: int, options: list[str]
) -> list[str]:
    """Return the command of a pass over a text file."""
    command = [python, "-m", "vowpalwabbit", "-d", str(text), "-b", str(n_bits)]
    command += ["--loss_function", "logistic", "--ftrl", "--ftrl_alpha", str(rate)]
    return [*command, "--ftrl_beta", "1", "--l1", str(l1), *options]


# A process inherits the peak of the one that starts it: one that is small measures.
_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], capture_output=True, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(command: list[str]) -> float:
    """Run a command; return the most memory that was resident, in MB."""
    measured = [sys.executable, "-c", _PEAK, *command]
    done = subprocess.run(measured, capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024 / 1e6


def vw(
    data: crossed.Crossed, rate: float, l1: float, folder: Path, python: str, *, cached: bool
) -> dict[str, Any]:
    """Vowpal Wabbit: a pass over its text, or over the cache that such a pass has made."""
    text, model = folder / "rows.vw", folder / "readable.txt"
    options = write_vw(data, text)
    command = vw_training(python, text, rate, l1, N_BITS, options)
    if cached:
        command += ["--cache_file", str(folder / "rows.cache")]
        subprocess.run(command, capture_output=True, check=True)
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    subprocess.run([python, "-m", "vowpalwabbit", "--version"], capture_output=True, check=True)
    seconds -= time.perf_counter() - start  # starting Python
    said = dict(line.split(" = ") for line in done.stderr.splitlines() if line.count(" = ") == 1)
    subprocess.run([*command, "--readable_model", str(model)], capture_output=True, check=True)
    lines = model.read_text().splitlines()
    active = sum(":" in line and line.split(":")[0].isdigit() for line in lines)
    return {
        "seconds": seconds,
        "loss": float(said["average loss"]),
        "active": active,
        "process_mb": peak(command),
    }


def _hashed_crosses(codes: np.ndarray) -> Any:
    """All levels and pairs as columns of ones, hashed by NumPy."""
    n, width = codes.shape
    pairs = list(combinations(range(width), 2))
    hashes = np.empty((n, width), np.uint64)
    columns = np.empty((n, width + len(pairs)), np.int32)
    mask = np.uint64((1 << N_BITS) - 1)
    for j in range(width):
        mixed = (codes[:, j].astype(np.uint64) + np.uint64(j << 32)) * np.uint64(0x9E3779B97F4A7C15)
        hashes[:, j] = mixed ^ (mixed >> np.uint64(29))
        columns[:, j] = hashes[:, j] & mask
    for k, (a, b) in enumerate(pairs):
        mixed = (hashes[:, a] * np.uint64(0xBF58476D1CE4E5B9)) ^ hashes[:, b]
        columns[:, width + k] = (mixed ^ (mixed >> np.uint64(31))) & mask
    columns.sort(axis=1)
    k = columns.shape[1]
    indptr = np.arange(0, n * k + 1, k, dtype=np.int32)
    return sp.csr_matrix((np.ones(n * k), columns.ravel(), indptr), (n, 1 << N_BITS))


def sgd(data: crossed.Crossed, hasher: bool, few: int) -> dict[str, Any]:
    """scikit-learn's SGD, on batches of 10,000 rows."""
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import SGDClassifier

    codes, labels = data.codes[:few], data.labels[:few]
    pairs = list(combinations(range(codes.shape[1]), 2))
    encoder = FeatureHasher(1 << N_BITS, input_type="string", alternate_sign=False)
    rate = {"learning_rate": "invscaling", "eta0": 0.1, "power_t": 0.25}
    model = SGDClassifier(loss="log_loss", penalty="l1", alpha=1e-7, **rate)
    seconds = total = 0.0
    for first in range(0, len(codes), 10_000):
        batch, truth = codes[first : first + 10_000], labels[first : first + 10_000]
        start = time.perf_counter()
        if hasher:
            X = encoder.transform(
                [f"{j}={v}" for j, v in enumerate(row)]
                + [f"{a}={row[a]} {b}={row[b]}" for a, b in pairs]
                for row in batch.tolist()
            )
        else:
            X = _hashed_crosses(batch)
        seconds += time.perf_counter() - start
        margins = model.decision_function(X) if first else np.zeros(len(truth))
        total += float(np.logaddexp(0.0, -truth * margins).sum())
        start = time.perf_counter()
        model.partial_fit(X, truth, classes=[-1.0, 1.0])
        seconds += time.perf_counter() - start
    return {
        "seconds": seconds,
        "loss": total / len(labels),
        "active": int(np.count_nonzero(model.coef_)),
        "rows": len(labels),
    }


def run_here(cell: dict[str, Any]) -> None:
    """One method on one set, in this process; prints what it found as JSON."""
    data = load(cell["set"], cell["cache"] and Path(cell["cache"]))
    method, rate, l1 = cell["method"], cell["rate"], cell["l1"]
    worker.reset_peak()
    with tempfile.TemporaryDirectory() as scratch:
        if method == "memory":
            found = memory(data, rate, l1)
        elif method == "file":
            found = from_file(data, rate, l1, Path(scratch))
        elif method.startswith("vw"):
            cached = method == "vw_cache"
            found = vw(data, rate, l1, Path(scratch), cell["vw"], cached=cached)
        else:
            found = sgd(data, method == "sgd_hasher", cell["few"])
    found.setdefault("process_mb", worker.resident("VmHWM"))
    worker.say(event="done", **({"rows": len(data.labels)} | found))


def run(cell: dict[str, Any]) -> dict[str, Any]:
    """One method on one set in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--cell", json.dumps(cell)],
        capture_output=True,
        text=True,
        env=worker.environment(1),
    )
    for line in done.stdout.splitlines()[::-1]:
        if line.startswith('{"event": "done"'):
            return json.loads(line)
    raise RuntimeError(done.stderr.strip()[-500:])


def race(options: argparse.Namespace) -> None:
    """Run what is not finished, and note each result at once."""
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "results.jsonl"
    known = [json.loads(line) for line in log.open()] if log.exists() else []
    finished = {(f["set"], f["method"], f["rate"]) for f in known}
    for name in options.sets:
        for rate in options.rates:
            for method in options.methods:
                tokens = name == "tokens" and method.startswith("sgd")
                one_rate = method.startswith("sgd") and rate != options.rates[0]
                if (name, method, rate) in finished or tokens or one_rate:
                    continue
                cell = {"set": name, "method": method, "rate": rate, "l1": options.l1}
                cell |= {"cache": str(options.cache) if options.cache else None}
                cell |= {"vw": options.vw, "few": options.few}
                runs = sorted(
                    (run(cell) for _ in range(options.runs)), key=lambda found: found["seconds"]
                )
                found = runs[len(runs) // 2] | {k: cell[k] for k in ("set", "method", "rate", "l1")}
                with log.open("a") as file:
                    file.write(json.dumps(found) + "\n")
                speed = found["rows"] / found["seconds"]
                loss = found.get("loss", float("nan"))
                print(f"{name} {method} {rate}: {speed:,.0f} rows/s, loss {loss:.5f}", flush=True)
    print(table(log))


def table(log: Path) -> str:
    """The results as a table in Markdown: of each method the rate with the least loss."""
    found = [json.loads(line) for line in log.open()]
    lines = [
        "| set | method | rate | rows/s | progressive loss | non-zero | MB of the process |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(f["set"] for f in found):
        for method in METHODS:
            cells = [f for f in found if f["set"] == name and f["method"] == method]
            if not cells:
                continue
            if method == "file":  # the same model as from memory
                of_memory = [f for f in found if f["set"] == name and f["method"] == "memory"]
                rate = min(of_memory, key=lambda f: f["loss"])["rate"] if of_memory else None
                cells = [f for f in cells if f["rate"] == rate] or cells
            best = min(cells, key=lambda f: f.get("loss", 0.0))
            loss = f"{best['loss']:.5f}" if "loss" in best else ""
            lines.append(
                f"| {name} | {method} | {best['rate']:g} | {best['rows'] / best['seconds']:,.0f} | "
                f"{loss} | {best['active']:,} | {best['process_mb']:.0f} |"
            )
    return "\n".join(lines)


_BARE = r"""
#include <cstdint>
#include <cstddef>
struct Slot { double a, b; };
extern "C" void bare(Slot* slots, const std::uint32_t* at, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 64) {
    for (std::size_t k = i; k < i + 64; ++k) __builtin_prefetch(slots + at[k], 1);
    for (std::size_t k = i; k < i + 64; ++k) { slots[at[k]].a += 1.0; slots[at[k]].b += 1.0; }
  }
}
"""


def slots() -> None:
    """Updates a second, beside a bare loop over a table of the same size, in turn."""
    import sparsecross as sx

    rng = np.random.default_rng(0)
    n, width = 100_000, 36
    p = 1 << N_BITS
    columns = np.sort(rng.integers(0, p, (n, width)), axis=1).astype(np.int32)
    X = sp.csr_matrix(
        (np.ones(n * width), columns.ravel(), np.arange(0, n * width + 1, width)), (n, p)
    )
    X.sum_duplicates()
    X.data[:] = 1.0
    y = np.where(rng.random(n) < 0.5, 1.0, -1.0)
    with tempfile.TemporaryDirectory() as scratch:
        source, library = Path(scratch) / "bare.cpp", Path(scratch) / "bare.so"
        source.write_text(_BARE)
        command = ["g++", "-O3", "-shared", "-fPIC", str(source), "-o", str(library)]
        subprocess.run(command, check=True)
        bare = ctypes.CDLL(str(library)).bare
        table = np.zeros((p, 2))
        at = rng.integers(0, p, n * width // 64 * 64).astype(np.uint32)
        model = sx.FTRLClassifier(l1=0.1, n_bits=N_BITS)
        model.partial_fit(X, y, classes=[-1.0, 1.0])
        ours, floor = [], []
        for _ in range(7):
            start = time.perf_counter()
            bare(
                ctypes.c_void_p(table.ctypes.data),
                ctypes.c_void_p(at.ctypes.data),
                ctypes.c_size_t(len(at)),
            )
            floor.append((time.perf_counter() - start) / len(at))
            start = time.perf_counter()
            model.partial_fit(X, y)
            ours.append((time.perf_counter() - start) / X.nnz)
    a, b = float(np.median(ours)), float(np.median(floor))
    print(f"updates: {1e-6 / a:.1f} M/s, bare loop {1e-6 / b:.1f} M/s, share {b / a:.2f}")


def ways(options: argparse.Namespace) -> None:
    """Rows a second and progressive loss of other ways to keep weights and to learn."""
    import sparsecross as sx

    for name in options.sets:
        data = load(name, options.cache)
        for what, parameters in (
            ("2^22 slots", {"n_bits": N_BITS}),
            ("exact keys", {"n_bits": None}),
            ("exact keys, met 3 times", {"n_bits": None, "admission": 3}),
            ("2^22 slots, two learners", {"n_bits": N_BITS, "n_learners": 2}),
        ):
            seconds, losses = [], []
            for _ in range(options.runs):
                model = sx.FTRLClassifier(0.1, l2=0.0, interactions="pairwise", **parameters)
                start = time.perf_counter()
                model.partial_fit(data.X, data.labels, classes=[-1.0, 1.0])
                seconds.append(time.perf_counter() - start)
                losses.append(model.progressive_loss_)
            print(
                f"{name}, {what}: {len(data.labels) / np.median(seconds):,.0f} rows/s, loss "
                f"{np.median(losses):.5f}, {model.n_bytes_ / 2**20:.0f} MiB of states",
                flush=True,
            )


def stages(options: argparse.Namespace) -> None:
    """Peak memory of training from a file and of serving 1,000 rows, as 2^22 weights and 2^4."""
    print("| set | stage | sparsecross, MB | more than with 2^4 | VW, MB | more than with 2^4 |")
    print("| --- | --- | --- | --- | --- | --- |")
    rate, l1 = options.rates[0], options.l1
    for name in options.sets:
        data = load(name, options.cache)
        few = np.arange(1_000)
        codes = None if data.codes is None else data.codes[few]
        head = crossed.Crossed(data.X[few], data.y[few], data.labels[few], codes)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            files = [folder / each for each in ("all.csv", "some.csv", "all.vw", "some.vw")]
            ours_options, _ = write_csv(data, files[0]), write_csv(head, files[1])
            vw_options, _ = write_vw(data, files[2]), write_vw(head, files[3])
            found: dict[str, list[float]] = {"training": [], "serving": []}
            for n_bits in (N_BITS, 4):
                ours = [sys.executable, "-m", "sparsecross.cli"]
                model, table = str(folder / "model.sxm"), str(files[1])
                training = [*ours, "stream", str(files[0]), *ours_options, "--n-bits", str(n_bits)]
                training += ["--learning-rate", str(rate), "--l1", str(l1), "--l2", "0"]
                found["training"].append(peak([*training, "-o", model]))
                serving = [*ours, "predict", model, table, "-o", str(folder / "predicted.csv")]
                found["serving"].append(peak(serving))
            for n_bits in (N_BITS, 4):
                model = str(folder / "model.vw")
                training = vw_training(options.vw, files[2], rate, l1, n_bits, vw_options)
                found["training"].append(peak([*training, "-f", model]))
                serving = [options.vw, "-m", "vowpalwabbit", "-t", "-i", model]
                serving += ["-d", str(files[3]), "-p", str(folder / "predicted.txt")]
                found["serving"].append(peak(serving))
        for stage, (a, a_small, b, b_small) in found.items():
            print(
                f"| {name} | {stage} | {a:.0f} | {a - a_small:.1f} | {b:.0f} | {b - b_small:.1f} |",
                flush=True,
            )


def endless(millions: int) -> None:
    """Rows of ten Zipf-distributed fields, a million at a time: memory must not grow."""
    import sparsecross as sx

    rng = np.random.default_rng(0)
    n, width, p = 1_000_000, 10, 1_000_000
    model = sx.FTRLClassifier(0.1, interactions=[(0, 1), (2, 3)], fields=np.arange(p) % width)
    indptr = np.arange(0, n * width + 1, width, dtype=np.int32)
    start = time.perf_counter()
    for k in range(millions):
        levels = np.minimum(rng.zipf(1.3, (n, width)), p // width) - 1
        columns = (levels * width + np.arange(width)).astype(np.int32)
        columns.sort(axis=1)
        X = sp.csr_matrix((np.ones(n * width, np.float32), columns.ravel(), indptr), (n, p))
        y = np.where((levels[:, 0] + levels[:, 1]) % 3 == 0, 1.0, -1.0)
        model.partial_fit(X, y, classes=[-1.0, 1.0])
        if (k + 1) % max(millions // 10, 1) == 0:
            print(
                f"{model.n_rows_:,} rows, {time.perf_counter() - start:.0f} s, peak "
                f"{worker.resident('VmHWM'):.0f} MB, loss {model.progressive_loss_:.5f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--rates", nargs="+", type=float, default=[*RATES])
    parser.add_argument("--l1", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--few", type=int, default=50_000, help="rows for scikit-learn")
    parser.add_argument("--vw", default=sys.executable, help="a Python that has vowpalwabbit")
    parser.add_argument("--cache", type=Path, help="folder of made sets")
    parser.add_argument("--out", type=Path, default=Path("streams"))
    parser.add_argument("--slots", action="store_true")
    parser.add_argument("--ways", action="store_true")
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--endless", type=int, metavar="MILLIONS")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        run_here(json.loads(options.cell))
    elif options.slots:
        slots()
    elif options.ways:
        ways(options)
    elif options.stages:
        stages(options)
    elif options.endless:
        endless(options.endless)
    else:
        race(options)


if __name__ == "__main__":
    main()
