"""Rows in batches of any size to blocks of about one size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from .. import artefact
from .._inputs import as_offset, as_unscaled_weight
from ..crossing import FeatureCross
from .layout import (
    ENCODER,
    MANIFEST,
    VERSION,
    encoder_bytes,
    read_manifest,
    write_block,
    write_manifest,
)

BLOCK_BYTES = 1 << 26


class Batch(NamedTuple):
    """Some rows: X, y, and weights and offsets where there are any."""

    X: Any
    y: Any
    sample_weight: Any = None
    offset: Any = None


class Writer:
    """Writes a store, block by block; what is not whole does not count.

    Parameters
    ----------
    store : Path
        The directory, new, or of a store that is to grow.
    n_columns : int or None
        Of X; None means those of the first batch.
    block_bytes : int
        What a block takes, about.
    append : bool
        Whether rows are added to a store that is there.
    origin : dict or None
        What the rows are made of: a conversion that was cut short goes on where the same one is
        asked for again. None is never the same.
    described : dict
        What else the manifest says.
    encoder : FeatureCross, optional
        Fitted; what makes the columns.
    """

    def __init__(
        self,
        store: Path,
        n_columns: int | None,
        block_bytes: int = BLOCK_BYTES,
        *,
        append: bool = False,
        origin: Mapping[str, Any] | None,
        described: Mapping[str, Any],
        encoder: FeatureCross | None = None,
    ) -> None:
        self._store = store
        self._block_bytes = block_bytes
        self._waiting: list[Batch] = []
        self._waiting_bytes = 0
        manifest = read_manifest(store) if (store / MANIFEST).exists() else None
        if manifest is None:
            if store.exists() and any(store.iterdir()):
                raise FileExistsError(
                    f"{os.fspath(store)!r} holds other files: a store is made in a new directory"
                )
            store.mkdir(parents=True, exist_ok=True)
            manifest = {
                "format": "sparsecross blocks",
                "version": VERSION,
                "n_columns": n_columns,
                "blocks": [],
                "complete": True,
                **described,
            }
        elif not manifest["complete"] and (origin is None or manifest["origin"] != origin):
            raise ValueError(
                f"{os.fspath(store)!r} was not finished from {manifest['origin']}, and this is "
                f"{origin}: convert the same again, which goes on, or remove it."
            )
        elif manifest["complete"] and not append:
            raise FileExistsError(
                f"{os.fspath(store)!r} is a store already: append=True adds rows to it"
            )
        if manifest["complete"]:
            manifest |= {"complete": False, "origin": origin, "begun_at": self._rows(manifest)}
        for name, value in described.items():
            if manifest.get(name) != value:
                raise ValueError(f"{name} must be those of the store.")
        self._keep_encoder(encoder, new=not manifest["blocks"])
        self.manifest = manifest
        if n_columns is not None:
            self._fix_columns(n_columns)

    def _keep_encoder(self, encoder: FeatureCross | None, *, new: bool) -> None:
        path = self._store / ENCODER
        content = None if encoder is None else encoder_bytes(encoder)
        if not new:
            kept = path.read_bytes() if path.exists() else None
            if kept != content:
                raise ValueError("the encoder must be that of the store's other rows.")
        elif content is not None:
            artefact.write(path, content)

    @staticmethod
    def _rows(manifest: Mapping[str, Any]) -> int:
        return sum(block["n_rows"] for block in manifest["blocks"])

    @property
    def n_done(self) -> int:
        """Rows of this conversion that are in the store already."""
        return self._rows(self.manifest) - int(self.manifest["begun_at"])

    def _fix_columns(self, n_columns: int) -> None:
        known = self.manifest["n_columns"]
        if known is not None and known != n_columns:
            raise ValueError(f"every batch must have {known} columns, got {n_columns}.")
        self.manifest["n_columns"] = n_columns

    def add(self, batch: Batch) -> None:
        """Take rows, and write as many blocks as they fill."""
        rows = checked(batch)
        self._fix_columns(rows.X.shape[1])
        self._waiting.append(rows)
        self._waiting_bytes += _bytes_of(rows)
        if self._waiting_bytes < self._block_bytes:
            return
        whole = _joined(self._waiting)
        per_block = max(1, int(len(whole.y) * self._block_bytes / self._waiting_bytes))
        first = 0
        while len(whole.y) - first >= per_block:
            self._write(_cut(whole, slice(first, first + per_block)))
            first += per_block
        self._waiting, self._waiting_bytes = [], 0
        if first < len(whole.y):
            rest = _cut(whole, slice(first, len(whole.y)))
            self._waiting, self._waiting_bytes = [rest], _bytes_of(rest)

    def finish(self) -> None:
        """Write what is left, and say that the store is complete."""
        if self._waiting:
            self._write(_joined(self._waiting))
            self._waiting = []
        if not self.manifest["blocks"]:
            raise ValueError("there must be at least one row.")
        self.manifest = {
            name: value
            for name, value in self.manifest.items()
            if name not in ("origin", "begun_at")
        } | {"complete": True}
        write_manifest(self._store, self.manifest)

    def _write(self, rows: Batch) -> None:
        blocks = self.manifest["blocks"]
        files = write_block(self._store, len(blocks), arrays_of(rows))
        n_stored = rows.X.nnz if sp.issparse(rows.X) else rows.X.size
        blocks.append({"n_rows": len(rows.y), "n_stored": int(n_stored), "files": files})
        write_manifest(self._store, self.manifest)


def skipped(batches: Iterable[Batch], n_rows: int) -> Iterator[Batch]:
    """The batches behind so many rows."""
    for batch in batches:
        n = batch.X.shape[0]
        if n_rows >= n:
            n_rows -= n
            continue
        yield _cut(checked(batch), slice(n_rows, n)) if n_rows else batch
        n_rows = 0


def checked(batch: Batch) -> Batch:
    """Rows with X canonical by rows, and one target, weight and offset for each."""
    X, y = batch.X, np.asarray(batch.y)
    if sp.issparse(X):
        X = sp.csr_array(X)
        X.sum_duplicates()
        if X.dtype not in (np.float32, np.float64):
            X = X.astype(np.float64)
        values = X.data
    else:
        X = values = np.asarray(X)
        if X.ndim != 2:
            raise ValueError(f"X must be two-dimensional, got {X.ndim} dimensions.")
        if X.dtype not in (np.float32, np.float64):
            X = values = X.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("Input X contains NaN or infinity; every value must be finite.")
    n_rows = X.shape[0]
    if y.shape != (n_rows,):
        raise ValueError(f"y must have shape ({n_rows},), a target for each row, got {y.shape}.")
    if y.dtype == object:
        y = _labels(y)
    if y.dtype.kind in "fc" and not np.isfinite(y).all():
        raise ValueError("Input y contains NaN or infinity; every target must be finite.")
    weight = as_unscaled_weight(batch.sample_weight, n_rows)
    return Batch(X, y, weight, as_offset(batch.offset, n_rows))


def _labels(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Objects as what they are: all text, or all numbers."""
    found = np.array(y.tolist())
    text = [isinstance(value, str) for value in y]
    if found.dtype.kind not in "Ubiuf" or (any(text) and not all(text)):
        raise ValueError("y must hold numbers or labels of one kind, got other objects.")
    return found


def _bytes_of(batch: Batch) -> int:
    X = batch.X
    return int(X.indices.size * (X.indices.itemsize) + 8) if sp.issparse(X) else int(X.nbytes)


def _joined(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    X: Any = [batch.X for batch in batches]
    sparse = [sp.issparse(part) for part in X]
    if any(sparse) and not all(sparse):
        raise ValueError("batches must be all dense or all sparse.")
    columns = []
    for name in ("sample_weight", "offset"):
        parts = [getattr(batch, name) for batch in batches]
        given = [part is not None for part in parts]
        if any(given) and not all(given):
            raise ValueError(f"{name} must be given with all batches or with none.")
        columns.append(np.concatenate(parts) if all(given) else None)
    stacked = sp.vstack(X, format="csr") if all(sparse) else np.concatenate(X)
    return Batch(stacked, np.concatenate([batch.y for batch in batches]), *columns)


def _cut(batch: Batch, rows: slice) -> Batch:
    return Batch(
        batch.X[rows],
        batch.y[rows],
        *(None if part is None else part[rows] for part in (batch.sample_weight, batch.offset)),
    )


def arrays_of(rows: Batch) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a block, without those that are implied."""
    X = rows.X
    found: dict[str, npt.NDArray[Any]] = {}
    if sp.issparse(X):
        indices = np.int32 if X.shape[1] <= np.iinfo(np.int32).max else np.int64
        found["indices"] = X.indices.astype(indices, copy=False)
        lengths = np.diff(X.indptr)
        if not (lengths == lengths[0]).all():
            ends = np.int32 if X.nnz <= np.iinfo(np.int32).max else np.int64
            found["indptr"] = X.indptr.astype(ends, copy=False)
        if not (X.data == 1).all():
            found["values"] = X.data
    else:
        found["values"] = np.ascontiguousarray(X)
    found["y"] = _narrowed(rows.y)
    for name, part in (("weight", rows.sample_weight), ("offset", rows.offset)):
        if part is not None:
            found[name] = np.ascontiguousarray(part, np.float64)
    return found


def _narrowed(y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Targets in as few bytes as hold them all exactly."""
    if y.dtype.kind not in "iuf":
        return y
    for dtype in (np.int8, np.int16, np.float32):
        with np.errstate(invalid="ignore", over="ignore"):
            narrow = y.astype(dtype)
        if (narrow == y).all():
            return narrow
    return y
