"""The data and features of the TensorFlow Playground, drawn from their description.

Source: Smilkov, Carter, Sculley, Viégas & Wattenberg 2017, "Direct-Manipulation Visualization of
Deep Networks", and the program that it describes. Labels are -1 or +1; noise is the slider as a
share, 0 to 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

N_POINTS = 500
NOISE, SHARE = 50, 10  # where the exercise sets the sliders: noisy data, few training points
FEATURES = ("x1", "x2", "x1²", "x2²", "x1 x2", "sin x1", "sin x2")

Points = tuple[np.ndarray, np.ndarray]  # (n, 2), and labels (n,)


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
