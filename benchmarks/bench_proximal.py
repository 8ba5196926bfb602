"""The proximal step on a module of 10 M weights, beside one pass that reads and writes them.

As a script it times both in turn, hot (nothing happens in between) and cold (as in training, where
gradients and states pass through the caches in between), and prints a table:

    python benchmarks/bench_proximal.py
"""

from __future__ import annotations

import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sparsecross.torch import Proximal  # noqa: E402

PENALTIES = {
    "l1": {"l1": 1e-4},
    "group": {"group_l1": 1e-4},
    "both": {"l1": 1e-4, "group_l1": 1e-4},
    "inputs": {"l1": 1e-4, "group_l1": 1e-4, "groups": "inputs"},
}


def module():
    """Convolutions and linear layers like those of a small VGG: 10 million weights, 38 MiB."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(a, b, 3) for a, b in ((64, 128), (128, 256), (256, 512), (512, 512))),
        nn.Linear(2048, 2048),
        nn.Linear(2048, 958),
    )


class Still(torch.optim.Optimizer):
    """Takes no step, so that what is left is the proximal operator and its bookkeeping."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, {"lr": lr})

    def step(self, closure=None):
        """Do nothing."""


def steps(penalty):
    """Return the two calls: a proximal step, and a pass."""
    net = module()
    weights = [w for w in net.parameters() if w.ndim >= 2]
    for w in weights:
        w.grad = torch.zeros(()).expand_as(w)  # takes no memory
    optimizer = Proximal(Still(net.parameters(), lr=1e-3), **PENALTIES[penalty])

    @torch.no_grad()
    def one_pass():
        for w in weights:
            w.mul_(1.0)

    return optimizer.step, one_pass, sum(w.numel() for w in weights)


@pytest.mark.parametrize("call", ["proximal step", "one pass"])
@pytest.mark.parametrize("penalty", PENALTIES)
def bench_proximal(benchmark, penalty, call):
    benchmark.group = f"proximal step, {penalty}"
    step, one_pass, n = steps(penalty)
    benchmark(step if call == "proximal step" else one_pass)
    benchmark.extra_info["weights"] = n


def main():
    """Print the best and the median of 60 runs of each, and their ratio."""
    torch.set_num_threads(max(1, torch.get_num_threads()))
    other = torch.zeros(40_000_000)  # 160 MB
    print(f"{torch.get_num_threads()} threads; milliseconds, best (median)")
    print(
        "| penalty | caches | one pass | proximal step | ratio |\n| --- | --- | --- | --- | --- |"
    )
    for penalty in PENALTIES:
        step, one_pass, _ = steps(penalty)
        for caches in ("hot", "cold"):
            seconds = {step: [], one_pass: []}
            for _ in range(60):
                for call, runs in seconds.items():
                    call()
                    if caches == "cold":
                        other.add_(1.0)
                    start = time.perf_counter()
                    call()
                    runs.append(time.perf_counter() - start)
            mine, plain = (1e3 * np.array(seconds[call]) for call in (step, one_pass))
            times = " | ".join(f"{t.min():.2f} ({np.median(t):.2f})" for t in (plain, mine))
            ratio = f"{mine.min() / plain.min():.2f} ({np.median(mine) / np.median(plain):.2f})"
            print(f"| {penalty} | {caches} | {times} | {ratio} |")


if __name__ == "__main__":
    main()
