"""Bytes of a model, part by part, dense and pruned."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .htmltables import html_table

_MOST_GROUPS = 10  # that a report names
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


class Sizes(NamedTuple):
    """Bytes of a pruned model without names: in memory, and of its file."""

    memory: int
    file: int


class FitMemory(NamedTuple):
    """What a fit held at the moment at which it held most, in bytes, counted and not measured.

    Attributes
    ----------
    data : int
        Columns, targets and weights as the solver reads them: arrays of the caller where these can
        be used as they are, copies of them otherwise.
    vectors : int
        What has an element for each row or column: weights, margins, residuals, dual points, and
        what screening knows; of a stream, the states of its weights.
    working_set : int
        What was worked out of the columns in the working set: products of columns, factors, and
        crosses that were built.
    """

    data: int = 0
    vectors: int = 0
    working_set: int = 0

    @property
    def total(self) -> int:
        """Bytes of all parts."""
        return sum(self)

    @classmethod
    def largest(cls, each: Iterable[FitMemory]) -> FitMemory:
        """Of fits one after the other."""
        return max(each, key=lambda memory: memory.total, default=cls())

    @classmethod
    def together(cls, each: Iterable[FitMemory]) -> FitMemory:
        """Of fits to the same data whose vectors stand side by side."""
        data, vectors, working_sets = zip(*each, strict=True)
        return cls(max(data), sum(vectors), sum(working_sets))


class Tradeoff(NamedTuple):
    """A model of the largest effects: how many weights, bytes of a file, and mean loss."""

    n_nonzero: int
    n_bytes: int
    loss: float


class Losses(NamedTuple):
    """What pruning cost, as measured on rows that it was given.

    Attributes
    ----------
    before, after : float
        Mean loss as in the objective of the model, its penalty left out; of classifiers the mean of
        -log of the probability of the label.
    tradeoff : tuple of Tradeoff
        Models of fewer and fewer weights, before any rounding.
    """

    before: float
    after: float
    tradeoff: tuple[Tradeoff, ...]


@dataclass(frozen=True)
class MemoryReport:
    """What a model holds in RAM, before and after pruning, and in its file.

    Attributes
    ----------
    dense, pruned : dict of str to int
        Bytes by part: "weights" (values), "index" (which columns they belong to), "names"
        (dictionaries of categories, names of fields and columns), "crosses" (keys of the crossed
        columns and their look-up), "intercept".
    n_weights, n_nonzero : int
        Weights in all, and those that are not 0.
    weight_type : {"float64", "float32", "float16", "q2.13"}
        How weights are stored.
    file : dict of str to int
        Bytes of the file: "names", and "rest", all but names.
    least_bytes : float
        What these weights, and which they are of all, take at least: [log2 C(p, k) + k bits] / 8,
        summed over outputs.
    scratch_bytes : int
        What predicting a large sparse batch takes besides, for as long as it lasts: one and a half
        bits for each column.
    losses : Losses or None
        What pruning cost, where it was given rows; files do not keep it.
    fit : FitMemory or None
        What the last fit held at most, where the estimator tells; files do not keep it.
    groups : dict of label to (int, int), or None
        Bytes of the weights of each group of columns, dense and pruned, of models that were fitted
        with groups; files do not keep it.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 1000))
    >>> report = sx.memory_report(sx.Lasso(alpha=0.5).fit(X, X[:, 0]))
    >>> report.dense["weights"], report.pruned["weights"], report.n_nonzero
    (8000, 8, 1)
    """

    dense: dict[str, int]
    pruned: dict[str, int]
    n_weights: int
    n_nonzero: int
    weight_type: str = "float64"
    file: dict[str, int] = field(default_factory=lambda: {"names": 0, "rest": 0})
    least_bytes: float = 0.0
    scratch_bytes: int = 0
    losses: Losses | None = None
    fit: FitMemory | None = field(default=None, compare=False)  # not of the model itself
    groups: dict[Any, tuple[int, int]] | None = field(default=None, compare=False)

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

    @property
    def file_bytes(self) -> int:
        """Bytes of the file."""
        return sum(self.file.values())

    @property
    def size(self) -> int:
        """What `max_bytes` limits: bytes of the file or in memory, whichever are more."""
        return max(self.file_bytes, self.pruned_bytes)

    @property
    def file_ratio(self) -> float:
        """How many times `least_bytes` the file is, without names."""
        return self.file["rest"] / max(1.0, self.least_bytes)

    def plot(self, ax: Any = None) -> Any:
        """Draw mean loss against bytes, as pruning has measured it.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        SparsityDisplay

        Raises
        ------
        ValueError
            If the model was pruned without rows.
        ImportError
            If matplotlib is not installed.
        """
        from .sparsitydisplay import SparsityDisplay  # stands above this module

        return SparsityDisplay.from_report(self, ax=ax)

    def _rows(self) -> list[tuple[str, str, str]]:
        rows = [
            (part, format_bytes(self.dense[part]), format_bytes(self.pruned[part]))
            for part in PARTS
        ]
        return [*rows, ("total", format_bytes(self.dense_bytes), format_bytes(self.pruned_bytes))]

    def _sentences(self) -> list[str]:
        told = [
            f"{self.n_nonzero:,} of {self.n_weights:,} weights are not 0; "
            f"the pruned model is {self.ratio:.1f} times smaller",
            f"file: {format_bytes(self.file_bytes)}, of which {format_bytes(self.file['names'])} "
            f"names; the rest is {self.file_ratio:.2f} times the least that {self.weight_type} "
            f"weights and their places take",
        ]
        if self.fit is not None:
            held = ", ".join(
                f"{format_bytes(n)} {part.replace('_', ' ')}"
                for part, n in self.fit._asdict().items()
            )
            told.append(f"the last fit held {format_bytes(self.fit.total)} at most: {held}")
        if self.groups is not None:
            left = {label: sizes[1] for label, sizes in self.groups.items() if sizes[1] > 0}
            largest = sorted(left, key=lambda label: -left[label])[:_MOST_GROUPS]
            named = ", ".join(f"{label} {format_bytes(left[label])}" for label in largest)
            told.append(
                f"{len(left):,} of {len(self.groups):,} groups have weights"
                + ("; the largest: " if len(left) > _MOST_GROUPS else "; bytes: " if left else "")
                + named
            )
        if self.losses is not None:
            told.append(
                f"mean loss: {self.losses.before:.6g} before, {self.losses.after:.6g} after"
            )
        return told

    def __str__(self) -> str:
        lines = [f"{'part':<10}{'dense':>14}{'pruned':>14}"]
        lines += [f"{part:<10}{dense:>14}{pruned:>14}" for part, dense, pruned in self._rows()]
        return "\n".join([*lines, *self._sentences()])

    def _repr_html_(self) -> str:
        return html_table(("part", "dense", "pruned"), self._rows(), self._sentences())
