"""Bytes of a model, part by part, dense and pruned."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _solvers

PARTS = ("weights", "index", "names", "crosses", "intercept")


def format_bytes(n_bytes: int) -> str:
    """A number of bytes for people: 1234567 -> '1.18 MiB'."""
    value = float(n_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.2f} {unit}"
        value /= 1024
    return f"{value:.2f} GiB"


def object_bytes(strings: Any) -> int:
    """Bytes of an array of Python strings: the pointers and what they point to."""
    return int(strings.nbytes) + sum(sys.getsizeof(s) for s in strings)


def weights_bytes(ids: npt.NDArray[np.uint64], universe: int) -> int:
    """Bytes of the weights of one output once pruned: values, index of their ids, intercept."""
    index = _solvers.build_index(ids, universe)
    return 8 * len(ids) + sum(part.nbytes for part in index) + 8


@dataclass(frozen=True)
class MemoryReport:
    """What a model holds in RAM, before and after pruning.

    Attributes
    ----------
    dense, pruned : dict of str to int
        Bytes by part: "weights" (values), "index" (which columns they belong to), "names"
        (dictionaries of categories, names of fields and columns), "crosses" (keys of the crossed
        columns and their look-up), "intercept".
    n_weights, n_nonzero : int
        Weights in all, and those that are not 0.
    """

    dense: dict[str, int]
    pruned: dict[str, int]
    n_weights: int
    n_nonzero: int

    @property
    def dense_bytes(self) -> int:
        """Bytes of all parts before pruning."""
        return sum(self.dense.values())

    @property
    def pruned_bytes(self) -> int:
        """Bytes of all parts after pruning."""
        return sum(self.pruned.values())

    @property
    def ratio(self) -> float:
        """How many times smaller the pruned model is."""
        return self.dense_bytes / max(1, self.pruned_bytes)

    def _rows(self) -> list[tuple[str, str, str]]:
        rows = [
            (part, format_bytes(self.dense[part]), format_bytes(self.pruned[part]))
            for part in PARTS
        ]
        return [*rows, ("total", format_bytes(self.dense_bytes), format_bytes(self.pruned_bytes))]

    def _headline(self) -> str:
        return (
            f"{self.n_nonzero:,} of {self.n_weights:,} weights are not 0; "
            f"the pruned model is {self.ratio:.1f} times smaller"
        )

    def __str__(self) -> str:
        lines = [f"{'part':<10}{'dense':>14}{'pruned':>14}"]
        lines += [f"{part:<10}{dense:>14}{pruned:>14}" for part, dense, pruned in self._rows()]
        return "\n".join([*lines, self._headline()])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(part)}</td><td>{dense}</td><td>{pruned}</td></tr>"
            for part, dense, pruned in self._rows()
        )
        return (
            "<table><thead><tr><th>part</th><th>dense</th><th>pruned</th></tr></thead>"
            f"<tbody>{rows}</tbody><caption>{escape(self._headline())}</caption></table>"
        )
