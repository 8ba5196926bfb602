"""Bytes of a module, layer by layer, before and after it was pruned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..htmltables import html_table
from ..memory import format_bytes


class LayerBytes(NamedTuple):
    """Bytes of the parameters and buffers that a layer itself holds.

    Attributes
    ----------
    name : str
        As in `named_modules`.
    kind : str
        Name of its class.
    dense, pruned : int
        Bytes before and after.

    Examples
    --------
    >>> import torch
    >>> from sparsecross.torch import prune_module
    >>> prune_module(torch.nn.Sequential(torch.nn.Linear(4, 2))).report.layers[0]
    LayerBytes(name='0', kind='Linear', dense=40, pruned=40)
    """

    name: str
    kind: str
    dense: int
    pruned: int


@dataclass(frozen=True)
class ModuleReport:
    """What a module holds, before and after pruning.

    Attributes
    ----------
    layers : tuple of LayerBytes
        Those that hold parameters or buffers.
    n_weights, n_pruned, n_nonzero : int
        Parameters before, after, and those that are not 0.
    kept : tuple of str
        What could not be pruned, and why.

    Examples
    --------
    >>> import torch
    >>> from sparsecross.torch import prune_module
    >>> report = prune_module(torch.nn.Linear(4, 2)).report
    >>> report.dense_bytes, report.n_weights, report.ratio
    (40, 10, 1.0)
    """

    layers: tuple[LayerBytes, ...]
    n_weights: int
    n_pruned: int
    n_nonzero: int
    kept: tuple[str, ...] = ()

    @property
    def dense_bytes(self) -> int:
        """Bytes of all layers before pruning."""
        return sum(layer.dense for layer in self.layers)

    @property
    def pruned_bytes(self) -> int:
        """Bytes of all layers after pruning."""
        return sum(layer.pruned for layer in self.layers)

    @property
    def ratio(self) -> float:
        """How many times smaller the pruned module is."""
        return self.dense_bytes / max(1, self.pruned_bytes)

    def _rows(self) -> list[tuple[str, str, str, str]]:
        rows = [
            (
                layer.name or "(itself)",
                layer.kind,
                format_bytes(layer.dense),
                format_bytes(layer.pruned),
            )
            for layer in self.layers
        ]
        return [
            *rows,
            ("total", "", format_bytes(self.dense_bytes), format_bytes(self.pruned_bytes)),
        ]

    def _sentences(self) -> list[str]:
        told = (
            f"{self.n_nonzero:,} of {self.n_weights:,} weights are not 0; "
            f"{self.n_pruned:,} are left; the pruned module is {self.ratio:.1f} times smaller"
        )
        return [told, *(f"kept: {reason}" for reason in self.kept)]

    def __str__(self) -> str:
        table = [("layer", "kind", "dense", "pruned"), *self._rows()]
        first, second = (max(len(row[k]) for row in table) + 2 for k in (0, 1))
        lines = [
            f"{name:<{first}}{kind:<{second}}{dense:>12}{pruned:>14}"
            for name, kind, dense, pruned in table
        ]
        return "\n".join([*lines, *self._sentences()])

    def _repr_html_(self) -> str:
        return html_table(("layer", "kind", "dense", "pruned"), self._rows(), self._sentences())
