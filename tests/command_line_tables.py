"""Tables and arguments for the tests of the command line."""

import sys

import numpy as np
import pyarrow as pa

FIT = ["--cross", "a*b", "b*c", "--compare"]


def make_table(n=600, seed=0):
    """A target that hangs on the cross of a and b, on c, and on the numbers x and k."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, n), rng.integers(0, 3, n)
    c = rng.integers(0, 50, n)
    x, k = rng.standard_normal(n).round(3), rng.integers(0, 1000, n)
    effect = rng.standard_normal((4, 3))[a, b] * 2 + x + (c % 2) + k / 1000
    y = (effect + 0.1 * rng.standard_normal(n)).round(6)
    return pa.table(
        {
            "a": [f"a{v}" for v in a],
            "b": pa.array([None if v == 2 else f"b{v}" for v in b]),
            "c": [f"c{v}" for v in c],
            "flag": pa.array(c % 2 == 0),
            "x": pa.array(x, mask=rng.random(n) < 0.05),
            "k": k,
            "y": y,
            "label": pa.array(np.where(effect > 0, "yes", "no")),
            "three": pa.array(np.digitize(effect, [-1, 1])),
            "w": rng.integers(1, 4, n),
        }
    )


def drop(names):
    return ["--drop", *names]


REGRESSION = ["--target", "y", *drop(["label", "three", "w"])]
LABELS = ["--target", "label", *drop(["y", "three", "w"])]
THREE = ["--target", "three", *drop(["y", "label", "w"])]


def rows_of_table(out):
    lines = out.splitlines()
    start = max(i for i, line in enumerate(lines) if line.startswith("model "))
    return [[cell for cell in line.split("  ") if cell] for line in lines[start:]]


def command(*arguments):
    return [sys.executable, "-m", "sparsecross.cli", *map(str, arguments)]
