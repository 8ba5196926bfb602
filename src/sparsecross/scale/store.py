"""Rows on disk, in blocks, accepted wherever X and y are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from ..crossing import FeatureCross
from .block import Block
from .converting import (
    Width,
    origin_of,
    svmlight_rows,
    svmlight_width,
    table_rows,
)
from .layout import mapped, read_ahead, read_encoder, read_manifest
from .reducer import LocalReducer, Reducer
from .writing import BLOCK_BYTES, Batch, Writer, skipped

Names = npt.NDArray[np.object_]


def reducer_of(
    X: Any, y: Any, sample_weight: Any, offset: Any, n_threads: int | None
) -> Reducer | None:
    """What to ask for sums over the rows of a store; None where X is none.

    Raises
    ------
    ValueError
        If targets, weights or offsets stand beside a store, which holds its own.
    """
    if isinstance(X, Reducer):
        return X
    if not isinstance(X, BlockStore):
        return None
    beside = {"y": y, "sample_weight": sample_weight, "offset": offset}
    for name, given in beside.items():
        if given is not None:
            raise ValueError(f"{name} must be None where X is a BlockStore, which holds its own.")
    return X.reducer(n_threads)


class BlockStore(Sequence[Block]):
    """A data set on disk, in blocks of rows that are mapped when they are asked for.

    Estimators, :func:`solve`, :func:`path`, :func:`alpha_max` and :func:`certify` take a store in
    the place of X; y, weights and offsets are in it.

    Parameters
    ----------
    path : str or path-like
        The directory.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns.
    nbytes, n_stored : int
        Bytes of all files but the manifest; entries of X.
    feature_names : ndarray of str, or None
        Names of columns.
    encoder : FeatureCross or None
        What made the columns of tables; models of the store predict from tables then.

    Raises
    ------
    FileNotFoundError
        If there is no store.
    ValueError
        If its manifest is damaged, or its conversion was not finished.

    Notes
    -----
    A block's files are checked against their checksums when the block is first asked for; one that
    was altered is a ValueError that names it.

    Examples
    --------
    >>> import tempfile, numpy as np, sparsecross as sx
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((1000, 20))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = sx.BlockStore.from_batches([(X, X[:, 0] - X[:, 1])], folder + "/rows")
    ...     model = sx.Lasso(alpha=0.1).fit(store)
    >>> np.flatnonzero(model.coef_)
    array([0, 1])
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        manifest = read_manifest(self.path)
        if not manifest["complete"]:
            raise ValueError(
                f"{os.fspath(self.path)!r} was not finished from {manifest['origin']}: convert the "
                "same again, which goes on where it stopped, or remove it."
            )
        self._blocks = manifest["blocks"]
        names = manifest.get("feature_names")
        self.feature_names: Names | None = None if names is None else np.array(names, object)
        n_rows = sum(block["n_rows"] for block in self._blocks)
        self.shape = n_rows, int(manifest["n_columns"])
        self.encoder: FeatureCross | None = read_encoder(self.path)
        self._opened: dict[int, Block] = {}

    def __repr__(self) -> str:
        rows, columns = self.shape
        return (
            f"BlockStore({os.fspath(self.path)!r}: {rows:,} rows, {columns:,} columns, "
            f"{len(self)} blocks)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return BlockStore, (os.fspath(self.path),)

    @property
    def nbytes(self) -> int:
        """Bytes of all files but the manifest."""
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
        """Have the system read a block from disk while others are computed with."""
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
        """What solvers ask rounds of."""
        return LocalReducer(
            self, self.shape[1], n_threads, feature_names=self.feature_names, encoder=self.encoder
        )

    @classmethod
    def from_batches(
        cls,
        batches: Iterable[Any],
        path: str | os.PathLike[str],
        *,
        n_columns: int | None = None,
        feature_names: Sequence[str] | None = None,
        block_bytes: int = BLOCK_BYTES,
        append: bool = False,
        resume_as: str | None = None,
        on_rows: Callable[[int], None] = lambda n_rows: None,
    ) -> BlockStore:
        """Write batches of rows to a store.

        Parameters
        ----------
        batches : iterable of (X, y), (X, y, sample_weight) or (X, y, sample_weight, offset)
            X dense or sparse, of any number of rows.
        path : str or path-like
            The directory, new unless `append`.
        n_columns : int, optional
            Of X; by default those of the first batch.
        feature_names : sequence of str, optional
            Names of the columns.
        block_bytes : int, default=64 MiB
            What a block's indices take, about (or its values, where X is dense).
        append : bool, default=False
            Whether to add the rows to a store.
        resume_as : str, optional
            A name for these rows. Where writing was cut short, the same batches under the same
            name go on behind the last whole block; those before it are read and passed over.
        on_rows : callable, optional
            Called with the number of rows read so far after each batch.

        Returns
        -------
        BlockStore

        Raises
        ------
        FileExistsError
            If the directory holds a store, or other files.
        ValueError
            If a batch is malformed, or its columns are not those of the others.
        """
        origin = None if resume_as is None else {"from": resume_as}
        given = (Batch(*batch) for batch in batches)
        return cls._written(
            path, given, n_columns, feature_names, block_bytes, append, origin, None, on_rows
        )

    @classmethod
    def from_svmlight(
        cls,
        files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        path: str | os.PathLike[str],
        *,
        n_columns: int | None = None,
        zero_based: bool | None = None,
        block_bytes: int = BLOCK_BYTES,
        append: bool = False,
        n_threads: int | None = None,
        on_rows: Callable[[int], None] = lambda n_rows: None,
    ) -> BlockStore:
        """Convert svmlight files, one after the other.

        Parameters
        ----------
        files : path or sequence of paths
            Compressed ones are decompressed.
        path : str or path-like
            The directory.
        n_columns, zero_based : int and bool, optional
            Columns, and whether indices count from 0; where one is not given, all files are read
            once more to find out.
        block_bytes, append, on_rows
            As of :meth:`from_batches`.
        n_threads : int, optional
            Threads to parse with.

        Returns
        -------
        BlockStore

        Raises
        ------
        ValueError
            If a line is malformed; the message names the file and the line.
        OSError
            If a file cannot be read, or the disk is full: the same call goes on then.
        """
        names = _paths(files)
        if n_columns is None or zero_based is None:
            found = svmlight_width(names, n_threads)
            n_columns = found.n_columns if n_columns is None else n_columns
            zero_based = found.zero_based if zero_based is None else zero_based
        width = Width(n_columns, zero_based)
        rows = svmlight_rows(names, width, n_threads)
        origin = origin_of(names, format="svmlight", width=tuple(width))
        return cls._written(path, rows, n_columns, None, block_bytes, append, origin, None, on_rows)

    @classmethod
    def from_parquet(
        cls,
        files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        path: str | os.PathLike[str],
        *,
        target: str,
        weight: str | None = None,
        offset: str | None = None,
        encoder: FeatureCross | None = None,
        drop: Sequence[str] = (),
        block_bytes: int = BLOCK_BYTES,
        append: bool = False,
        on_rows: Callable[[int], None] = lambda n_rows: None,
    ) -> BlockStore:
        """Convert tables of Parquet, one after the other.

        Parameters
        ----------
        files : path or sequence of paths
            With the same columns.
        path : str or path-like
            The directory.
        target : str
            The column to predict: numbers, or labels.
        weight, offset : str, optional
            Columns of sample weights and offsets.
        encoder : FeatureCross, optional
            Fitted; turns its fields into the columns of X, and is kept in the store, so that models
            of it predict from tables. One with `n_bits` may be fitted to the first rows of the
            first file. Without an encoder all other columns must be numbers, and X is dense.
        drop : sequence of str, default=()
            Columns to leave out where there is no encoder.
        block_bytes, append, on_rows
            As of :meth:`from_batches`.

        Returns
        -------
        BlockStore

        Raises
        ------
        ValueError
            If a column is missing, has no numbers or has nulls; the message names it.
        OSError
            If a file cannot be read, or the disk is full: the same call goes on then.
        """
        return cls._from_tables(
            files,
            "parquet",
            path,
            (target, weight, offset),
            encoder,
            drop,
            None,
            block_bytes,
            append,
            on_rows,
        )

    @classmethod
    def from_csv(
        cls,
        files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        path: str | os.PathLike[str],
        *,
        target: str,
        weight: str | None = None,
        offset: str | None = None,
        encoder: FeatureCross | None = None,
        drop: Sequence[str] = (),
        delimiter: str = ",",
        block_bytes: int = BLOCK_BYTES,
        append: bool = False,
        on_rows: Callable[[int], None] = lambda n_rows: None,
    ) -> BlockStore:
        """Convert tables of text with a header line, one after the other.

        Parameters
        ----------
        delimiter : str, default=","
            The character between cells.
        files, path, target, weight, offset, encoder, drop, block_bytes, append, on_rows
            As of :meth:`from_parquet`; compressed files are decompressed.

        Returns
        -------
        BlockStore

        Raises
        ------
        ValueError
            If a column is missing, has no numbers or has nulls; the message names it.
        OSError
            If a file cannot be read, or the disk is full: the same call goes on then.
        """
        return cls._from_tables(
            files,
            "csv",
            path,
            (target, weight, offset),
            encoder,
            drop,
            delimiter,
            block_bytes,
            append,
            on_rows,
        )

    @classmethod
    def _from_tables(
        cls,
        files: Any,
        form: str,
        path: str | os.PathLike[str],
        roles: tuple[str, str | None, str | None],
        encoder: FeatureCross | None,
        drop: Sequence[str],
        delimiter: str | None,
        block_bytes: int,
        append: bool,
        on_rows: Callable[[int], None],
    ) -> BlockStore:
        names = _paths(files)
        if encoder is not None:
            check_is_fitted(encoder, "_learnt")
        target, weight, offset = roles
        rows = table_rows(
            names,
            form,
            target=target,
            weight=weight,
            offset=offset,
            encoder=encoder,
            drop=drop,
            delimiter=delimiter,
        )
        origin = origin_of(names, format=form, roles=roles, drop=list(drop), delimiter=delimiter)
        return cls._written(path, rows, None, None, block_bytes, append, origin, encoder, on_rows)

    @classmethod
    def _written(
        cls,
        path: str | os.PathLike[str],
        batches: Iterator[Batch],
        n_columns: int | None,
        feature_names: Sequence[str] | None,
        block_bytes: int,
        append: bool,
        origin: dict[str, Any] | None,
        encoder: FeatureCross | None,
        on_rows: Callable[[int], None],
    ) -> BlockStore:
        described = {} if feature_names is None else {"feature_names": list(feature_names)}
        writer = Writer(
            Path(path),
            n_columns,
            block_bytes,
            append=append,
            origin=origin,
            described=described,
            encoder=encoder,
        )
        n_rows = writer.n_done
        on_rows(n_rows)
        for batch in skipped(batches, n_rows):
            writer.add(batch)
            n_rows += batch.X.shape[0]
            on_rows(n_rows)
        writer.finish()
        return cls(path)


def _paths(files: Any) -> list[str]:
    single = isinstance(files, str | os.PathLike)
    names = [os.fspath(file) for file in ([files] if single else files)]
    if not names:
        raise ValueError("files must name at least one file, got none.")
    return names
