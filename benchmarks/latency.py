"""One row of 20 tokens and their 190 crosses: microseconds of learning from it and of predicting.

    python benchmarks/latency.py [--river PYTHON]

By tokens and by column numbers, and beside them River's logistic regression with FTRL, whose
crosses are made in Python, as PYTHON runs it. Medians over rows, the first third left out.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import chain, combinations
from typing import Any

import numpy as np

N_ROWS, N_TOKENS, LENGTH = 3_000, 5_000, 20


def microseconds(call: Callable[..., Any], *rows: Sequence[Any]) -> float:
    """Return the median time of a call, over rows of arguments."""
    times = []
    for arguments in zip(*rows, strict=True):
        start = time.perf_counter_ns()
        call(*arguments)
        times.append(time.perf_counter_ns() - start)
    return float(np.median(times[len(times) // 3 :])) / 1e3


def say(what: str, learn: Callable[..., Any], predict: Callable[..., Any], rows: Any) -> None:
    """Measure and print, learning first."""
    labels = np.random.default_rng(1).integers(0, 2, len(rows)).tolist()
    learning = microseconds(learn, rows, labels)
    print(f"{what}: learn_one {learning:.1f} us, predict_one {microseconds(predict, rows):.1f} us")


def ours(numbers: list[list[int]], rows: list[list[str]]) -> None:
    import sparsecross as sx

    model = sx.FTRLClassifier(interactions="pairwise")
    say("sparsecross", model.learn_one, model.predict_one, rows)
    model = sx.FTRLClassifier(interactions="pairwise", n_features=N_TOKENS)
    say("sparsecross, by column numbers", model.learn_one, model.predict_one, numbers)


def river(rows: list[list[str]]) -> None:
    from river import linear_model, optim

    model = linear_model.LogisticRegression(optimizer=optim.FTRLProximal())

    def features(row: list[str]) -> dict[Any, float]:
        row = sorted(row)
        return dict.fromkeys(chain(row, combinations(row, 2)), 1.0)

    def learn(row: list[str], label: int) -> None:
        model.learn_one(features(row), label)

    say("river", learn, lambda row: model.predict_one(features(row)), rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--river", metavar="PYTHON", help="a Python that has river")
    parser.add_argument("--only-river", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    numbers = [rng.choice(N_TOKENS, LENGTH, replace=False).tolist() for _ in range(N_ROWS)]
    rows = [[f"token{j}" for j in row] for row in numbers]
    if options.only_river:
        river(rows)
        return
    ours(numbers, rows)
    if options.river:
        subprocess.run([options.river, __file__, "--only-river"], check=True)


if __name__ == "__main__":
    main()
