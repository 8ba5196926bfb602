"""Handwritten digits: a small convolutional net with no penalty, L2, L1, and L1 on whole filters.

pip install 'sparsecross[torch,plot]'
python examples/digits_cnn.py
python examples/digits_cnn.py --picture filters.png
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F  # noqa: N812

from sparsecross.memory import format_bytes
from sparsecross.torch import Proximal, prune_module

EPOCHS, ROWS, RATE, MOMENTUM = 20, 32, 0.3, 0.9
PENALTIES: dict[str, dict[str, float]] = {
    "none": {},
    "L2": {"weight_decay": 1e-3},
    "L1": {"l1": 5e-4},
    "L1 of filters": {"group_l1": 1e-3},
    "both": {"l1": 2e-4, "group_l1": 6e-4},
}


class Run(NamedTuple):
    """A net, and its error on held-out digits."""

    net: nn.Sequential
    error: float


def make_net() -> nn.Sequential:
    """For images of 8 x 8 pixels: 38 thousand weights."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def data(seed: int) -> list[torch.Tensor]:
    """Images and labels to train on and to hold out: 1,257 and 540."""
    X, y = load_digits(return_X_y=True)
    images = (X.reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    parts = train_test_split(images, y, test_size=0.3, random_state=seed, stratify=y)
    return [torch.from_numpy(part) for part in parts]


def train(seed: int, weight_decay: float = 0.0, **penalty: float) -> Run:
    """Minimise the cross entropy plus the penalty, and count errors on held-out images."""
    torch.manual_seed(seed)
    images, held_images, labels, held_labels = data(seed)
    net = make_net()
    # With dampening a step is lr times an average of gradients, so that strengths are those of the
    # objective (see the notes of Proximal).
    optimizer = Proximal(
        torch.optim.SGD(
            net.parameters(),
            lr=RATE,
            momentum=MOMENTUM,
            dampening=MOMENTUM,
            weight_decay=weight_decay,
        ),
        **penalty,
    )
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(labels)).split(ROWS):
            optimizer.zero_grad()
            F.cross_entropy(net(images[rows]), labels[rows]).backward()
            optimizer.step()
        scheduler.step()
    with torch.no_grad():
        wrong = net(held_images).argmax(dim=1) != held_labels
    return Run(net.eval(), wrong.float().mean().item())


def draw(nets: dict[str, nn.Sequential], path: str) -> None:
    """Draw the filters of the second layer: a row for each of their 16 inputs, of 3 x 3 weights."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(7, 5), layout="constrained")
    for part, (title, net) in zip(figure.subfigures(1, 2), nets.items(), strict=True):
        weight = net[2].weight.detach().flatten(2).numpy()
        left = int(weight.any(axis=(1, 2)).sum())
        part.suptitle(f"{title}: {left} of {len(weight)} filters")
        limit = np.quantile(np.abs(weight[weight != 0]), 0.98)
        for axes, kernel in zip(part.subplots(4, 8).flat, weight, strict=True):
            axes.set(xticks=[], yticks=[])
            if kernel.any():
                axes.imshow(kernel, cmap="gray", vmin=-limit, vmax=limit, aspect="auto")
            else:  # exactly 0: nothing is left to draw
                axes.spines[:].set(color="0.6", linestyle=":")
    figure.savefig(path, dpi=100)


def main() -> None:
    """Train, prune and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="splits and starts (3)")
    parser.add_argument("--picture", metavar="FILE", help="draw the second layer's filters")
    options: Any = parser.parse_args()
    torch.set_num_threads(1)  # handing out such small layers takes longer than computing them
    print("| penalty | held-out error | weights not 0 | dense | pruned | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    drawn = {}
    for name, penalty in PENALTIES.items():
        runs = [train(seed, **penalty) for seed in range(options.seeds)]
        example = data(0)[1]
        reports = [prune_module(run.net, example).report for run in runs]
        errors = 100 * np.array([run.error for run in runs])
        nonzero = np.mean([report.n_nonzero for report in reports])
        dense, pruned = (
            float(np.mean([getattr(report, f"{kind}_bytes") for report in reports]))
            for kind in ("dense", "pruned")
        )
        print(
            f"| {name} | {errors.mean():.2f} % ({errors.min():.2f} to {errors.max():.2f}) "
            f"| {nonzero:,.0f} | {format_bytes(round(dense))} | {format_bytes(round(pruned))} "
            f"| {dense / pruned:.1f} |",
            flush=True,
        )
        if name in ("none", "L1 of filters"):
            drawn["no penalty" if name == "none" else name] = runs[0].net
    if options.picture:
        draw(drawn, options.picture)


if __name__ == "__main__":
    main()
