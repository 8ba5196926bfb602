"""Rows in batches of any size to blocks of about one size."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import scipy.sparse as sp

from .. import artefact
from ..crossing import FeatureCross
from .batch import Batch, arrays_of, bytes_of, checked, cut, joined
from .layout import (
    ENCODER,
    MANIFEST,
    VERSION,
    directory_of,
    encoder_bytes,
    read_manifest,
    rows_of,
    whole_blocks,
    write_block,
    write_manifest,
)

BLOCK_BYTES = 1 << 26


class Writer:
    """Writes a store, block by block; what is not whole does not count.

    Parameters
    ----------
    store : Path
        The directory, empty, or of a store that is to grow.
    n_columns : int, optional
        Of X; by default those of the first batch.
    block_bytes : int
        What a block takes, about.
    append : bool
        Whether rows are added to a store that is there.
    origin : dict or None
        What the rows are made of: a conversion that was cut short goes on where the same one is
        asked for again. None is never the same. Rows that were appended and are not gone on with
        are dropped.
    described : dict
        What else the manifest says: `feature_names`, `zero_based`.
    encoder : FeatureCross, optional
        Fitted; what makes the columns.
    """

    def __init__(
        self,
        store: Path,
        *,
        n_columns: int | None = None,
        block_bytes: int,
        append: bool,
        origin: Mapping[str, Any] | None,
        described: Mapping[str, Any],
        encoder: FeatureCross | None = None,
    ) -> None:
        self._store = store
        self._block_bytes = block_bytes
        self._waiting: list[Batch] = []
        self._waiting_bytes = 0
        self.manifest = self._begun(append, origin)
        self._describe(described)
        if n_columns is not None:
            self._fix_columns(n_columns)
        self._check_encoder(encoder)
        write_manifest(store, self.manifest)  # which tells from now on whose the directory is
        if not self.manifest["blocks"]:
            (store / ENCODER).unlink(missing_ok=True)
            if encoder is not None:
                artefact.write(store / ENCODER, encoder_bytes(encoder))

    def _begun(self, append: bool, origin: Mapping[str, Any] | None) -> dict[str, Any]:
        """The manifest to go on with: of a new store, one to grow, or one that was not finished."""
        store = self._store
        if not (store / MANIFEST).exists():
            if any(store.iterdir()):
                raise FileExistsError(
                    f"{os.fspath(store)!r} holds other files: a store is made in a new directory"
                )
            manifest = _new_manifest()
        else:
            manifest = read_manifest(store)
            if not manifest["complete"]:
                if manifest["begun_at"] and not append:
                    raise self._taken()
                if origin is not None and manifest["origin"] == origin:
                    return manifest
                if not manifest["begun_at"] and manifest["origin"] is not None:
                    raise ValueError(
                        f"{os.fspath(store)!r} was not finished from {manifest['origin']}, and "
                        f"this is {origin}: convert the same again, which goes on, or remove it."
                    )
                manifest = self._rolled_back(manifest)
            if manifest["blocks"] and not append:
                raise self._taken()
        begun = {"complete": False, "origin": origin, "begun_at": rows_of(manifest)}
        return manifest | begun | {"known_before": sorted(manifest)}

    def _taken(self) -> FileExistsError:
        return FileExistsError(
            f"{os.fspath(self._store)!r} is a store already: append=True adds rows to it"
        )

    def _rolled_back(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """The manifest without what rows have left that nobody can go on with."""
        kept = whole_blocks(manifest)
        if kept:
            rolled = {name: manifest[name] for name in manifest["known_before"]} | {"blocks": kept}
        else:
            rolled = _new_manifest()
        ended = {"complete": bool(kept), "origin": None, "begun_at": 0}
        write_manifest(self._store, rolled | ended)
        for number in range(len(kept), len(manifest["blocks"])):
            shutil.rmtree(self._store / directory_of(number), ignore_errors=True)
        return rolled

    def _describe(self, described: Mapping[str, Any]) -> None:
        """Keep what else is said of the rows, which must be what was said of earlier ones."""
        for name, value in described.items():
            known = self.manifest.get(name)
            if known is None and (not self.manifest["blocks"] or name == "zero_based"):
                self.manifest[name] = value
            elif known != value:
                raise ValueError(f"{name} must be those of the store, {known}, got {value}.")

    def _check_encoder(self, encoder: FeatureCross | None) -> None:
        if self.manifest["blocks"]:
            path = self._store / ENCODER
            kept = path.read_bytes() if path.exists() else None
            if kept != (None if encoder is None else encoder_bytes(encoder)):
                raise ValueError("the encoder must be that of the store's other rows.")

    @property
    def n_done(self) -> int:
        """Rows of this conversion that are in the store already."""
        return rows_of(self.manifest) - int(self.manifest["begun_at"])

    def _fix_columns(self, n_columns: int) -> None:
        known = self.manifest["n_columns"]
        if known is not None and known != n_columns:
            raise ValueError(f"every batch must have {known} columns, got {n_columns}.")
        names = self.manifest.get("feature_names")
        if names is not None and len(names) != n_columns:
            raise ValueError(
                f"feature_names must have {n_columns} names, one for each column, got {len(names)}."
            )
        self.manifest["n_columns"] = n_columns

    def _fix_kinds(self, rows: Batch) -> None:
        """Rows of a store are all alike."""
        for name, argument, kind in (
            ("targets", "y", "text" if rows.y.dtype.kind == "U" else "numbers"),
            ("rows", "X", "sparse rows" if sp.issparse(rows.X) else "dense rows"),
            ("weights", "sample_weight", _given(rows.sample_weight)),
            ("offsets", "offset", _given(rows.offset)),
        ):
            known = self.manifest.setdefault(name, kind)
            if known != kind:
                raise ValueError(
                    f"{argument} must hold {known}, as in the rows before, got {kind}."
                )

    def add(self, batch: Batch) -> None:
        """Take rows, and write as many blocks as they fill."""
        rows = checked(batch)
        self._fix_columns(rows.X.shape[1])
        self._fix_kinds(rows)
        self._waiting.append(rows)
        self._waiting_bytes += bytes_of(rows)
        if self._waiting_bytes < self._block_bytes:
            return
        whole = joined(self._waiting)
        per_block = max(1, int(len(whole.y) * self._block_bytes / self._waiting_bytes))
        first = 0
        while len(whole.y) - first >= per_block:
            self._write(cut(whole, slice(first, first + per_block)))
            first += per_block
        self._waiting, self._waiting_bytes = [], 0
        if first < len(whole.y):
            rest = cut(whole, slice(first, len(whole.y)))
            self._waiting, self._waiting_bytes = [rest], bytes_of(rest)

    def finish(self) -> None:
        """Write what is left, and say that the store is complete."""
        if self._waiting:
            self._write(joined(self._waiting))
            self._waiting = []
        if not self.manifest["blocks"]:
            raise ValueError("there must be at least one row.")
        self.manifest = {
            name: value
            for name, value in self.manifest.items()
            if name not in ("origin", "begun_at", "known_before")
        } | {"complete": True}
        write_manifest(self._store, self.manifest)

    def _write(self, rows: Batch) -> None:
        blocks = self.manifest["blocks"]
        files = write_block(self._store, len(blocks), arrays_of(rows))
        n_stored = rows.X.nnz if sp.issparse(rows.X) else rows.X.size
        blocks.append({"n_rows": len(rows.y), "n_stored": int(n_stored), "files": files})
        write_manifest(self._store, self.manifest)


def _new_manifest() -> dict[str, Any]:
    return {"format": "sparsecross blocks", "version": VERSION, "n_columns": None, "blocks": []}


def _given(part: Any) -> str:
    return "nothing" if part is None else "numbers"
