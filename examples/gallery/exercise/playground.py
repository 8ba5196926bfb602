"""The playground's exercise, run: linear models learnt online, at each of its penalties.

    python examples/gallery/exercise/playground.py --seeds 20

prints the tables of the exercise, as means and standard deviations over seeds: for each data set
and penalty the losses, the weights that are 0, and the bytes; what changes from L2 to L1, seed by
seed; which features L1 keeps; how L2 does that is as strong as L1; and from which rate on nothing
is learnt.

Loss and penalties are the playground's, for a network without hidden layers and without the tanh at
its end: ½ (output - label)², averaged over rows, plus rate |w| or rate w² / 2 for each weight; the
intercept is free.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from playground_data import DATASETS, FEATURES, sample
from scipy.optimize import brentq

import sparsecross as sx

PENALTIES = (("L2", 0.1), ("L2", 0.3), ("L1", 0.1), ("L1", 0.3), ("L1", 3.0))

# Training: how fast, over how many rows in all, and how long a quiet stretch ends the stream.
LEARNING_RATE, N_ROWS, QUIET = 0.01, 300_000, 100.0


def learn(X: np.ndarray, y: np.ndarray, penalty: str, rate: float) -> sx.FTRLRegressor:
    """Learn row by row, over and over, by the proximal step.

    Each row pays its loss and the penalty, so the mean over rows is the playground's objective
    itself: l1 is the rate, and l2, which has no ½, half of it. Step sizes fall, each weight's own
    as 1 / √(sum of its squared gradients), and that moves no minimum.

    The gradient of one row is far from the mean over rows: it lifts weights off 0 that the mean
    would leave there. So the stream ends with a quiet stretch, of rows whose weight is next to
    nothing, in which only the penalty acts and such weights land. Two passes and `QUIET` / rate
    rows of it take off an L1 weight what gradients that add up to `QUIET` + 2 n rate had put on:
    little, since steps are small by then.
    """
    strength = {"l1": rate, "l2": 0.0} if penalty == "L1" else {"l1": 0.0, "l2": rate / 2}
    # 2^6 slots are enough for seven weights.
    model = sx.FTRLRegressor(LEARNING_RATE, **strength, update="proximal", n_bits=6, n_threads=1)
    passes = N_ROWS // len(y)
    model.fit(np.tile(X, (passes, 1)), np.tile(y, passes))
    quiet = np.resize(np.arange(len(y)), 2 * len(y) + round(QUIET / rate))
    return model.partial_fit(X[quiet], y[quiet], sample_weight=np.full(len(quiet), 1e-12))


def optimum(X: np.ndarray, y: np.ndarray, penalty: str, rate: float) -> sx.Solution:
    """Solve the same problem with all rows at hand, to a relative duality gap of 1e-10."""
    return sx.solve(X, y, alpha=rate, l1_ratio=float(penalty == "L1"), tol=1e-10)


def loss(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The playground's: the mean of ½ (output - label)²."""
    return 0.5 * float(np.mean((outputs - labels) ** 2))


class Outcome(NamedTuple):
    """What the exercise looks at."""

    weights: np.ndarray
    train_loss: float
    test_loss: float
    n_zeros: int
    dense_bytes: int
    pruned_bytes: int
    model: sx.FTRLRegressor

    @property
    def gap(self) -> float:
        """Test loss minus training loss."""
        return self.test_loss - self.train_loss


def run(dataset: str, penalty: str, rate: float, seed: int) -> Outcome:
    """Run the exercise once: draw the data, learn online, and measure."""
    drawn = sample(dataset, seed)
    (X, y), (X_test, y_test) = drawn.train, drawn.test
    model = learn(X, y, penalty, rate)
    report = sx.memory_report(model)
    return Outcome(
        weights=model.coef_,
        train_loss=loss(model.predict(X), y),
        test_loss=loss(model.predict(X_test), y_test),
        n_zeros=report.n_weights - report.n_nonzero,
        dense_bytes=report.dense_bytes,
        pruned_bytes=report.pruned_bytes,
        model=model,
    )


Runs = dict[tuple[str, str, float], list[Outcome]]


def run_all(n_seeds: int) -> Runs:
    """Run every data set and penalty, over seeds 0, 1, ..."""
    return {
        (dataset, penalty, rate): [run(dataset, penalty, rate, seed) for seed in range(n_seeds)]
        for dataset in DATASETS
        for penalty, rate in PENALTIES
    }


def as_strong(dataset: str, seed: int, rate: float) -> tuple[float, float] | None:
    """The L2 rate that leaves the training loss of L1 at `rate`; its test loss less that of L1.

    Both are solved in batch, since the differences are small. None where L1 learns nothing.
    """
    drawn = sample(dataset, seed)

    def losses(penalty: str, rate: float) -> list[float]:
        found = optimum(*drawn.train, penalty, rate)
        return [loss(X @ found.coef + found.intercept, y) for X, y in (drawn.train, drawn.test)]

    if rate >= sx.alpha_max(*drawn.train):
        return None
    train_loss, test_loss = losses("L1", rate)
    log_rate = brentq(lambda at: losses("L2", np.exp(at))[0] - train_loss, -7, 14, xtol=1e-4)
    l2_rate = float(np.exp(log_rate))
    return l2_rate, losses("L2", l2_rate)[1] - test_loss


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def _table(head: str, rows: Iterable[Sequence[str]], n_keys: int = 2) -> pd.DataFrame:
    columns = head.split(", ")
    return pd.DataFrame(rows, columns=columns).set_index(columns[:n_keys])


def markdown(table: pd.DataFrame) -> str:
    """Write a table of text in Markdown."""
    columns = [*table.index.names, *table.columns]
    lines = [columns, ["---"] * len(columns), *table.reset_index().to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def outcomes_table(runs: Runs) -> pd.DataFrame:
    """What the exercise looks at."""
    return _table(
        "data, penalty, training loss, test loss, test - training, zeros of 7, bytes, pruned",
        (
            [
                dataset,
                f"{penalty} {rate:g}",
                _spread([o.train_loss for o in outcomes], 3),
                _spread([o.test_loss for o in outcomes], 3),
                _spread([o.gap for o in outcomes], 3),
                _spread([o.n_zeros for o in outcomes], 1),
                f"{np.mean([o.dense_bytes for o in outcomes]):.0f}",
                _spread([o.pruned_bytes for o in outcomes], 0),
            ]
            for (dataset, penalty, rate), outcomes in runs.items()
        ),
    )


def agreement(runs: Runs) -> str:
    """How far the ends of the streams are from the optima, in words."""
    furthest, n_l1, n_same = 0.0, 0, 0
    for (dataset, penalty, rate), outcomes in runs.items():
        for seed, outcome in enumerate(outcomes):
            X, y = sample(dataset, seed).train
            exact = optimum(X, y, penalty, rate)
            off = outcome.model.predict(X) - (X @ exact.coef + exact.intercept)
            furthest = max(furthest, float(np.sqrt(np.mean(off**2))))
            if penalty == "L1":
                n_l1 += 1
                n_same += np.array_equal(outcome.weights == 0, exact.coef == 0)
    return (
        f"Online and at the optimum, outputs for the training rows differ by {furthest:.3f} at "
        f"most (root mean square), and the same weights are 0 in {n_same} of {n_l1} L1 models."
    )


def changes_table(runs: Runs) -> pd.DataFrame:
    """What L1 changes of L2 at rate 0.3 on the same rows."""
    rows = []
    for (dataset, penalty, rate), outcomes in runs.items():
        if penalty == "L1":
            pairs = list(zip(outcomes, runs[dataset, "L2", 0.3], strict=True))
            rows.append(
                [
                    dataset,
                    f"L1 {rate:g}",
                    _spread([o.train_loss - of_l2.train_loss for o, of_l2 in pairs], 3),
                    _spread([o.test_loss - of_l2.test_loss for o, of_l2 in pairs], 3),
                    _spread([o.gap - of_l2.gap for o, of_l2 in pairs], 3),
                    f"{sum(o.gap < of_l2.gap for o, of_l2 in pairs)} of {len(pairs)}",
                    f"{sum(o.test_loss < of_l2.test_loss for o, of_l2 in pairs)} of {len(pairs)}",
                ]
            )
    return _table(
        "data, from L2 0.3 to, training loss, test loss, test - training, "
        "gap falls, test loss falls",
        rows,
    )


def kept_table(runs: Runs) -> pd.DataFrame:
    """In how many runs L1 keeps each feature."""
    rows = []
    for (dataset, penalty, rate), outcomes in runs.items():
        if penalty == "L1":
            kept = np.sum([o.weights != 0 for o in outcomes], axis=0)
            rows.append([dataset, f"L1 {rate:g}", *map(str, kept)])
    return _table(", ".join(["data, penalty", *FEATURES]), rows)


def strength_table(n_seeds: int) -> pd.DataFrame:
    """L1 against the L2 that leaves the same training loss."""
    rows = []
    for dataset in DATASETS:
        for rate in (0.1, 0.3):
            found = [as_strong(dataset, seed, rate) for seed in range(n_seeds)]
            l2_rates, less = np.reshape([pair for pair in found if pair], (-1, 2)).T
            if not len(less):
                continue
            better = f"{np.sum(less > 0)} of {len(less)}"
            median = f"{np.median(l2_rates):.1f}"
            rows.append([dataset, f"L1 {rate:g}", median, _spread(less, 4), better])
    return _table(
        "data, penalty, L2 rate of the same training loss (median), test loss of L2 - of L1, "
        "L1 has less",
        rows,
    )


def alpha_max_table(n_seeds: int) -> pd.DataFrame:
    """From which L1 rate on all weights are 0."""
    rows = []
    for dataset in DATASETS:
        found = [sx.alpha_max(*sample(dataset, seed).train) for seed in range(n_seeds)]
        below = [f"{sum(a < rate for a in found)} of {n_seeds}" for rate in (3, 10)]
        rows.append([dataset, _spread(found, 2), f"{min(found):.2f} to {max(found):.2f}", *below])
    return _table("data, alpha_max, range, below 3, below 10", rows, n_keys=1)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Print the tables of the playground's exercise.")
    parser.add_argument("--seeds", type=int, default=20, help="how many (default: 20)")
    n_seeds = parser.parse_args().seeds
    runs = run_all(n_seeds)
    of_runs = [of(runs) for of in (outcomes_table, changes_table, kept_table)]
    for table in (*of_runs, strength_table(n_seeds), alpha_max_table(n_seeds)):
        print(markdown(table), end="\n\n")
    print(agreement(runs))


if __name__ == "__main__":
    main()
