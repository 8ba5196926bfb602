"""A data set on disk as it is read: blocks of rows, mapped when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..crossing import FeatureCross
from .batch import Batch
from .block import Block
from .layout import mapped, read_ahead, read_encoder, read_manifest, whole_blocks
from .reducer import LocalReducer

Names = npt.NDArray[np.object_]


class StoredBlocks(Sequence[Block]):
    """The reading half of :class:`BlockStore`, which documents it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        manifest = read_manifest(self.path)
        self._blocks = whole_blocks(manifest)
        if not self._blocks:
            raise ValueError(
                f"{os.fspath(self.path)!r} was not finished from {manifest['origin']}: convert the "
                "same again, which goes on where it stopped, or remove it."
            )
        names = manifest.get("feature_names")
        self.feature_names: Names | None = None if names is None else np.array(names, object)
        n_rows = sum(block["n_rows"] for block in self._blocks)
        self.shape = n_rows, int(manifest["n_columns"])
        self.encoder: FeatureCross | None = read_encoder(self.path)
        self._opened: dict[int, Block] = {}

    def __repr__(self) -> str:
        rows, columns = self.shape
        return (
            f"{type(self).__name__}({os.fspath(self.path)!r}: {rows:,} rows, {columns:,} columns, "
            f"{len(self)} blocks)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (os.fspath(self.path),)

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks' files."""
        return sum(file["bytes"] for block in self._blocks for file in block["files"].values())

    @property
    def n_stored(self) -> int:
        """Entries of X, or values where rows are dense."""
        return sum(int(block["n_stored"]) for block in self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)

    @overload
    def __getitem__(self, number: int) -> Block: ...
    @overload
    def __getitem__(self, number: slice) -> list[Block]: ...
    def __getitem__(self, number: int | slice) -> Block | list[Block]:
        if isinstance(number, slice):
            return [self[k] for k in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(f"the store has {len(self)} blocks, got {number}")
        number %= len(self)
        if number not in self._opened:
            self._opened[number] = self._open(number)
        return self._opened[number]

    def read_ahead(self, number: int) -> None:
        """Have the system read a block from disk while others are computed with.

        Parameters
        ----------
        number : int
            Which one; nothing happens where there is none of this number.
        """
        if 0 <= number < len(self):
            read_ahead(self.path, number, self._blocks[number]["files"])

    def _open(self, number: int) -> Block:
        described = self._blocks[number]
        arrays = {
            name: mapped(self.path, number, name, file) for name, file in described["files"].items()
        }
        if arrays["y"].shape != (described["n_rows"],):
            raise ValueError(f"block {number} must have {described['n_rows']} targets")
        return Block(number, self.shape[1], **arrays)

    def batches(self) -> Iterator[Batch]:
        """The rows as (X, y, sample_weight, offset), a block at a time.

        Yields
        ------
        Batch
            X is a csr_array, or an ndarray where rows are dense.
        """
        for block in self:
            yield Batch(block.rows_of_X(), block.y, block.weight, block.offset)

    @property
    def y(self) -> npt.NDArray[Any]:
        """All targets."""
        return np.concatenate([block.y for block in self])

    def verify(self) -> None:
        """Check every file against its checksum, and the structure of every block.

        Raises
        ------
        ValueError or FileNotFoundError
            If one is damaged or gone; the message names it.
        """
        for number in range(len(self)):
            self._open(number).facts()

    def reducer(self, n_threads: int | None = None) -> LocalReducer:
        """What solvers ask rounds of.

        Parameters
        ----------
        n_threads : int, optional
            Threads that share the blocks; by default as many as OpenMP is allowed.

        Returns
        -------
        LocalReducer
        """
        return LocalReducer(
            self, self.shape[1], n_threads, feature_names=self.feature_names, encoder=self.encoder
        )
