"""The playground's exercise, run: its data, its features, and a linear model learnt online.

    python examples/gallery/exercise/playground.py --seeds 20

prints the table of the exercise: for each data set and penalty the mean and the standard deviation,
over seeds, of the losses, the weights that are 0, and the bytes.

Data, features, loss and penalties are those of the TensorFlow Playground (Smilkov et al. 2017,
"Direct-Manipulation Visualization of Deep Networks"), for a network without hidden layers and
without the tanh at its end: loss ½ (output - label)², averaged over rows, plus rate |w| or
rate w² / 2 for each weight; the intercept is free.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import sparsecross as sx

N_POINTS = 500
NOISE, SHARE = 50, 10  # where the exercise sets the sliders: noisy data, few training points
FEATURES = ("x1", "x2", "x1²", "x2²", "x1 x2", "sin x1", "sin x2")
PENALTIES = (("L2", 0.1), ("L2", 0.3), ("L1", 0.1), ("L1", 0.3), ("L1", 3.0))

# Training: how fast, over how many rows in all, and how long a quiet stretch ends the stream.
LEARNING_RATE, N_ROWS, QUIET = 0.01, 300_000, 100.0

Points = tuple[np.ndarray, np.ndarray]  # (n, 2) and labels (n,), -1 or +1


def _sign(condition: np.ndarray) -> np.ndarray:
    return np.where(condition, 1.0, -1.0)


def xor(n: int, noise: float, rng: np.random.Generator) -> Points:
    """A square whose quadrants alternate; noise moves points across the border for their label."""
    points = rng.uniform(-5, 5, (n, 2))
    points += 0.3 * _sign(points > 0)
    seen = points + noise * rng.uniform(-5, 5, (n, 2))
    return points, _sign(seen[:, 0] * seen[:, 1] >= 0)


def circle(n: int, noise: float, rng: np.random.Generator) -> Points:
    """A disc of radius 2.5 in a ring from 3.5 to 5; noise moves points for their label."""
    half = n // 2
    radius = np.concatenate([rng.uniform(0, 2.5, half), rng.uniform(3.5, 5, half)])
    angle = rng.uniform(0, 2 * np.pi, 2 * half)
    points = radius[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])
    seen = points + noise * rng.uniform(-5, 5, (2 * half, 2))
    return points, _sign(np.hypot(*seen.T) < 2.5)


def gaussians(n: int, noise: float, rng: np.random.Generator) -> Points:
    """Two clouds around (2, 2) and (-2, -2); noise widens them."""
    labels = np.repeat([1.0, -1.0], n // 2)
    spread = np.sqrt(0.5 + 7 * noise)
    return 2 * labels[:, None] + spread * rng.standard_normal((len(labels), 2)), labels


def spiral(n: int, noise: float, rng: np.random.Generator) -> Points:
    """Two arms of one and three quarter turns; noise moves the points."""
    half = n // 2
    along = np.tile(np.arange(half) / half, 2)
    labels = np.repeat([1.0, -1.0], half)
    angle = 1.75 * 2 * np.pi * along + np.where(labels > 0, 0, np.pi)
    points = 5 * along[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])
    return points + noise * rng.uniform(-1, 1, (2 * half, 2)), labels


DATASETS: dict[str, Callable[[int, float, np.random.Generator], Points]] = {
    "XOR": xor,
    "circle": circle,
    "Gaussians": gaussians,
    "spiral": spiral,
}


def features(points: np.ndarray) -> np.ndarray:
    """The playground's seven, unscaled, shape (n, 7)."""
    x1, x2 = points.T
    return np.column_stack([x1, x2, x1**2, x2**2, x1 * x2, np.sin(x1), np.sin(x2)])


class Sample(NamedTuple):
    """Points in random order: the first are trained on, the rest are for the test."""

    points: np.ndarray
    labels: np.ndarray
    n_train: int

    @property
    def train(self) -> Points:
        """Features and labels of the training rows."""
        return features(self.points[: self.n_train]), self.labels[: self.n_train]

    @property
    def test(self) -> Points:
        """Features and labels of the test rows."""
        return features(self.points[self.n_train :]), self.labels[self.n_train :]


def sample(dataset: str, seed: int, noise: int = NOISE, share: int = SHARE) -> Sample:
    """Draw a data set.

    Parameters
    ----------
    dataset : {"XOR", "circle", "Gaussians", "spiral"}
        Which.
    seed : int
        Of the random numbers.
    noise : int, default=50
        The slider, 0 to 50 per cent.
    share : int, default=10
        The other slider: per cent of the points that are trained on, 10 to 90.

    Returns
    -------
    Sample
    """
    rng = np.random.default_rng(seed)
    points, labels = DATASETS[dataset](N_POINTS, noise / 100, rng)
    order = rng.permutation(len(labels))
    return Sample(points[order], labels[order], len(labels) * share // 100)


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


def loss(model: sx.FTRLRegressor, X: np.ndarray, y: np.ndarray) -> float:
    """The playground's: the mean of ½ (output - label)²."""
    return 0.5 * float(np.mean((model.predict(X) - y) ** 2))


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
    model = learn(*drawn.train, penalty, rate)
    report = sx.memory_report(model)
    return Outcome(
        weights=model.coef_,
        train_loss=loss(model, *drawn.train),
        test_loss=loss(model, *drawn.test),
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


def table(runs: Runs) -> str:
    """Means and standard deviations over seeds, in Markdown."""
    lines = [
        "| data | penalty | train loss | test loss | test - train | zeros of 7 | bytes | pruned |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (dataset, penalty, rate), outcomes in runs.items():
        measured = [
            (o.train_loss, o.test_loss, o.gap, o.n_zeros, o.dense_bytes, o.pruned_bytes)
            for o in outcomes
        ]
        digits = (3, 3, 3, 1, 0, 0)
        cells = [
            f"{mean:.{d}f} ± {std:.{d}f}"
            for mean, std, d in zip(
                np.mean(measured, axis=0), np.std(measured, axis=0), digits, strict=True
            )
        ]
        lines.append(f"| {dataset} | {penalty} {rate:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print the table of the playground's exercise.")
    parser.add_argument("--seeds", type=int, default=20, help="how many (default: 20)")
    print(table(run_all(parser.parse_args().seeds)))
