"""What a pruned model holds: weights, crosses, names, an encoder, bound as they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from . import _solvers, _stream, artefact, encoderstate, modelfile
from ._inputs import Floats
from .crossing import FeatureCross
from .interactions import Interactions, of_keys, side_by_side
from .memory import FitMemory, Losses, MemoryReport
from .modelfile import CROSS_INDEX, INDEX, NAMES, unpack_classes
from .storage import finite, least_bytes, restored, type_of


class TopWeight(NamedTuple):
    """One weight of a model, by name."""

    name: str
    weight: float
    label: Any  # the class, or of several targets the number of the one; None of one output


class StoredModel:
    """The parts of a model in a file, or in arrays laid out like those of one.

    Parameters
    ----------
    meta : dict
        What `modelfile` says of a model.
    arrays : mapping of str to ndarray
        Its blocks, verified when they are first asked for.
    encoder : FeatureCross or None
        The encoder, where it need not be rebuilt from the arrays.
    """

    def __init__(
        self, meta: dict[str, Any], arrays: artefact.Arrays, encoder: FeatureCross | None
    ) -> None:
        self._meta = meta
        self._arrays = arrays
        self._encoder = encoder
        self._losses: Losses | None = None
        self._fit_memory: FitMemory | None = None
        self._groups: dict[Any, tuple[int, int]] | None = None
        self._cache: dict[str, Any] = {}
        packed = meta["classes"]
        self.classes_ = None if packed is None else unpack_classes(packed)

    def __getstate__(self) -> dict[str, Any]:
        arrays = {name: np.array(self._arrays[name]) for name in self._arrays}
        parts = {"meta": dict(self._meta), "arrays": arrays, "encoder": self.encoder}
        told = {"losses": self._losses, "fit_memory": self._fit_memory, "groups": self._groups}
        return parts | told

    def __setstate__(self, state: dict[str, Any]) -> None:
        told = [state.pop(name) for name in ("losses", "fit_memory", "groups")]
        self.__init__(**state)  # type: ignore[misc]
        self._losses, self._fit_memory, self._groups = told

    @property
    def encoder(self) -> FeatureCross | None:
        """The encoder, rebuilt from the file at its first use."""
        description = self._meta["encoder"]
        if self._encoder is None and description is not None:
            encoder = encoderstate.unpacked(description, self._arrays)
            n_columns = encoder._learnt.n_columns
            if n_columns != self._universe:
                raise ValueError(
                    f"the encoder makes {n_columns} columns, but the model has {self._universe}."
                )
            self._encoder = encoder
        return self._encoder

    @property
    def intercept_(self) -> Floats:
        """Intercepts, of shape (n_outputs,)."""
        intercepts = self._arrays["icpt"]
        if intercepts.dtype != np.float64 or len(intercepts) != self._n_outputs:
            raise ValueError(f"a model of {self._n_outputs} outputs has as many intercepts")
        if not np.isfinite(intercepts).all():
            raise ValueError(f"intercepts must be finite, got {intercepts}")
        return intercepts

    @property
    def _universe(self) -> int:
        return int(self._meta["universe"])

    def _output(self, k: int) -> _stream.Output:
        """Weights of output k, and the index of their columns."""
        low, high, samples = (self._arrays[f"{part}{k}"] for part in INDEX)
        return finite(self._arrays[f"w{k}"], f"w{k}"), low, high, samples

    def _weights(self, k: int) -> _solvers.SparseWeights:
        """Weights of output k, bound at their first use, which verifies the index."""
        key = f"weights{k}"
        if key not in self._cache:
            try:
                values, low, high, samples = self._output(k)
                self._cache[key] = _solvers.SparseWeights(
                    values, self._exponent, self._universe, low, high, samples
                )
            except (TypeError, ValueError) as error:
                raise ValueError(f"the weights of output {k} are damaged: {error}") from None
        weights: _solvers.SparseWeights = self._cache[key]
        return weights

    @property
    def _exponent(self) -> int:
        """Of weights of type q2.13; else 0."""
        return int(self._meta["exponent"])

    @property
    def _n_outputs(self) -> int:
        return int(self._meta["n_outputs"])

    @property
    def _order(self) -> int:
        """How many columns a cross has at most; 1 where there are no crosses."""
        return int(self._meta["order"])

    def _crosses(self, k: int) -> Interactions:
        """The crosses of output k, found at their first use, which verifies their index."""
        key = f"crosses{k}"
        if key not in self._cache:
            stored = finite(self._arrays[f"x{k}"], f"x{k}")
            low, high, samples = (self._arrays[f"{part}{k}"] for part in CROSS_INDEX)
            try:
                universe = _solvers.ProductKeys(self._universe, self._order).universe
                keys = _solvers.SparseWeights(
                    stored, self._exponent, universe, low, high, samples
                ).ids()
                if len(keys) and keys[0] < self._universe:
                    raise ValueError(f"key {keys[0]} is that of a column")
                values = restored(stored, self._exponent)
                self._cache[key] = of_keys(keys, values, self._universe, self._order, None)
            except (TypeError, ValueError) as error:
                raise ValueError(f"the crosses of output {k} are damaged: {error}") from None
        crosses: Interactions = self._cache[key]
        return crosses

    @property
    def interactions_(self) -> Interactions | None:
        """The weights of crosses, or None where the model has none to have."""
        if self._order == 1:
            return None
        each = [self._crosses(k) for k in range(self._n_outputs)]
        return each[0] if len(each) == 1 else side_by_side(each)

    def _terms(self, k: int) -> _solvers.ProductTerms:
        """The crosses of output k, laid out to be visited."""
        key = f"terms{k}"
        if key not in self._cache:
            self._cache[key] = self._crosses(k).terms()
        terms: _solvers.ProductTerms = self._cache[key]
        return terms

    @property
    def report(self) -> MemoryReport:
        """Bytes before and after pruning, part by part."""
        each = range(self._n_outputs)
        kept = self.encoder._memory() if self.encoder is not None else {"names": 0, "crosses": 0}
        names = [name for name in NAMES if name in self._arrays]
        crossed = self._order > 1
        weights = [f"{block}{k}" for block in ("w", "x")[: 1 + crossed] for k in each]
        index = [f"{part}{k}" for part in INDEX + CROSS_INDEX * crossed for k in each]
        looked_up = sum(self._terms(k).nbytes for k in each) if crossed else 0
        pruned = {
            "weights": sum(self._arrays[name].nbytes for name in weights),
            "index": sum(self._arrays[name].nbytes for name in index),
            "names": kept["names"] + sum(self._arrays[name].nbytes for name in names),
            "crosses": kept["crosses"] + looked_up,
            "intercept": self.intercept_.nbytes,
        }
        sizes = {name: len(self._arrays[name]) for name in weights}
        kind, total = type_of(self._arrays["w0"]), modelfile.n_bytes(self._meta, self._arrays)
        n_bits = 8 * self._arrays["w0"].itemsize
        least = sum(
            least_bytes(self._universe if name[0] == "w" else self._n_products, n, n_bits)
            for name, n in sizes.items()
        )
        of_names = modelfile.bytes_of_names(self._meta, self._arrays)
        return MemoryReport(
            dict(self._meta["dense"]),
            pruned,
            self._meta["n_weights"],
            sum(sizes.values()),
            kind,
            {"names": of_names, "rest": total - of_names},
            least,
            12 * (self._universe // 64 + 1),
            self._losses,
            self._fit_memory,
            self._groups,
        )

    @property
    def _n_products(self) -> int:
        """How many products of columns there are to have weights."""
        return _solvers.ProductKeys(self._universe, self._order).universe - self._universe

    @property
    def notes(self) -> dict[str, Any]:
        """What a program noted about the model: values that JSON can hold, saved along."""
        return dict(self._meta.get("notes", {}))

    @notes.setter
    def notes(self, notes: Mapping[str, Any]) -> None:
        artefact.as_json(dict(notes))  # a TypeError or ValueError where JSON has no such value
        self._meta["notes"] = dict(notes)

    @property
    def sparse_coef_(self) -> sp.csr_matrix:
        """The weights as a CSR matrix of shape (n_outputs, n_columns)."""
        rows = [self._weights(k).ids() for k in range(self._n_outputs)]
        values = [restored(self._arrays[f"w{k}"], self._exponent) for k in range(self._n_outputs)]
        indptr = np.cumsum([0, *map(len, rows)])
        indices = np.concatenate(rows).astype(np.int64)
        shape = (self._n_outputs, self._universe)
        return sp.csr_matrix((np.concatenate(values), indices, indptr), shape=shape)

    @property
    def _labels(self) -> list[Any] | None:
        """The class, or the number, of each output where there are several."""
        if self._n_outputs == 1:
            return None
        return list(range(self._n_outputs)) if self.classes_ is None else list(self.classes_)

    def top_weights(self, n_top: int | None = 20, *, target: Any = None) -> list[TopWeight]:
        """The largest weights by absolute value, with the names of their columns.

        Parameters
        ----------
        n_top : int or None, default=20
            How many at most; None for all.
        target : label or int, optional
            Of more than two classes the one whose weights to return, of several targets the number
            of one; all of them by default.

        Returns
        -------
        list of TopWeight
            (name, weight, label), largest first.

        Raises
        ------
        ValueError
            If there is no such class or target.
        """
        labels = self._labels
        if target is not None and target not in (labels or []):
            rule = "None for a model of one output" if labels is None else f"one of {labels}"
            raise ValueError(f"target must be {rule}, got {target!r}.")
        coef = self.sparse_coef_.tocoo()
        crosses = [self._crosses(k) for k in range(self._n_outputs)] if self._order > 1 else []
        rows = [coef.row, *(np.full(len(part), k) for k, part in enumerate(crosses))]
        # Columns of weights: three for each, as of crosses.
        columns = [np.stack([coef.col, *np.full((2, coef.nnz), -1)], axis=1)]
        columns += [part.padded for part in crosses]
        output, factors = np.concatenate(rows), np.concatenate(columns)
        values = np.concatenate([coef.data, *(part.values for part in crosses)])
        order = np.argsort(-np.abs(values), kind="stable")
        if target is not None and labels is not None:
            order = order[output[order] == labels.index(target)]
        order = order[:n_top]
        used = np.unique(factors[order])
        used = used[used >= 0]
        known = np.array(self._column_names(used), dtype=object)
        named = Interactions(np.searchsorted(used, factors[order]), values[order], len(used), known)
        names = replace(named, columns=np.where(factors[order] < 0, -1, named.columns)).names()
        return [
            TopWeight(name, float(values[at]), None if labels is None else labels[output[at]])
            for name, at in zip(names, order, strict=True)
        ]

    @property
    def has_names(self) -> bool:
        """Whether the columns that a model without an encoder needs have names."""
        return NAMES[0] in self._arrays

    def _column_names(self, columns: npt.NDArray[Any]) -> list[str]:
        if self.encoder is not None:
            return self.encoder._names_of(columns)
        if not self.has_names:
            return [f"x{j}" for j in columns]
        known, names = self._names()
        return [names[at] for at in np.searchsorted(known, columns)]

    def _names(self) -> tuple[npt.NDArray[Any], list[str]]:
        """The columns whose names were kept, and the names."""
        if "names" not in self._cache:
            crosses = [self._crosses(k) for k in range(self._n_outputs)] if self._order > 1 else []
            parts = [part.columns[part.columns >= 0] for part in crosses]
            columns = np.unique(np.concatenate([self.sparse_coef_.indices, *parts]))
            texts, ends = (self._arrays[name] for name in NAMES)
            blob = texts.tobytes()
            if len(ends) != len(columns) + 1 or ends[0] != 0 or ends[-1] != len(blob):
                raise ValueError("the names of the model's columns are damaged")
            self._cache["names"] = columns, [blob[a:b].decode() for a, b in pairwise(ends)]
        known: tuple[npt.NDArray[Any], list[str]] = self._cache["names"]
        return known

    @cached_property
    def _scorer(self) -> _stream.RowScorer:
        """What scores single rows, made at its first use, which verifies all weights by column."""
        outputs = [self._output(k) for k in range(self._n_outputs)]
        try:
            return _stream.RowScorer(self._universe, self._exponent, self.intercept_, outputs)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the weights of the model are damaged: {error}") from None
