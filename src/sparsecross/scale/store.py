"""Rows on disk, in blocks, accepted wherever X and y are."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..crossing import FeatureCross
from ..tables import column_names
from .batch import Batch, skipped
from .converting import Roles, origin_of, svmlight_rows, svmlight_width, table_rows
from .layout import MANIFEST, alone, encoder_bytes, read_encoder, read_manifest
from .reducer import Reducer
from .stored import StoredBlocks
from .writing import BLOCK_BYTES, Writer


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


class BlockStore(StoredBlocks):
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
        Bytes of the blocks' files; entries of X.
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
            Names of the columns, one for each.
        block_bytes : int, default=64 MiB
            What a block's indices take, about (or its values, where X is dense).
        append : bool, default=False
            Whether to add the rows to a store. Readers see none of them before all are there.
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
            If a batch is malformed, or its columns or the kind of its targets are not those of the
            others.
        BlockingIOError
            If another process is writing to the directory.
        """
        given = (Batch(*batch) for batch in batches)
        return cls._written(
            path,
            given,
            on_rows,
            n_columns=n_columns,
            block_bytes=block_bytes,
            append=append,
            origin=None if resume_as is None else {"from": resume_as},
            described={} if feature_names is None else {"feature_names": list(feature_names)},
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
            Columns, and whether indices count from 0. Where one is not given, it is that of the
            store that rows are added to, or all files are read once more to find out.
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
        known = _known(path) if append else {}
        width = svmlight_width(
            names,
            n_threads,
            known.get("n_columns") if n_columns is None else n_columns,
            known.get("zero_based") if zero_based is None else zero_based,
        )
        return cls._written(
            path,
            svmlight_rows(names, width, n_threads),
            on_rows,
            n_columns=width.n_columns,
            block_bytes=block_bytes,
            append=append,
            origin=origin_of(names, format="svmlight", width=tuple(width)),
            described={"zero_based": width.zero_based},
        )

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
            With the same columns, in any order.
        path : str or path-like
            The directory.
        target : str
            The column to predict: numbers, or labels.
        weight, offset : str, optional
            Columns of sample weights and offsets.
        encoder : FeatureCross, optional
            Fitted; turns its fields into the columns of X, and is kept in the store, so that models
            of it predict from tables. One with `n_bits` may be fitted to the first rows of the
            first file. By default the one of the store that rows are added to. Without an encoder
            all other columns must be numbers, and X is dense; their names are kept.
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
        roles = Roles(target, weight, offset, tuple(drop))
        return cls._from_tables(
            files, "parquet", path, roles, encoder, None, block_bytes, append, on_rows
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
        roles = Roles(target, weight, offset, tuple(drop))
        return cls._from_tables(
            files, "csv", path, roles, encoder, delimiter, block_bytes, append, on_rows
        )

    @classmethod
    def _from_tables(
        cls,
        files: Any,
        form: str,
        path: str | os.PathLike[str],
        roles: Roles,
        encoder: FeatureCross | None,
        delimiter: str | None,
        block_bytes: int,
        append: bool,
        on_rows: Callable[[int], None],
    ) -> BlockStore:
        names = _paths(files)
        known = _known(path) if append else {}
        if encoder is not None:
            check_is_fitted(encoder, "_learnt")
        elif known:
            encoder = read_encoder(Path(path))
        described = {}
        if encoder is None:
            present = column_names(names[0], form, delimiter)
            fields = known.get("feature_names") or roles.fields(present, names[0])
            described["feature_names"] = fields
        else:
            fields = list(encoder._names)
        return cls._written(
            path,
            table_rows(names, form, roles, fields, encoder, delimiter),
            on_rows,
            block_bytes=block_bytes,
            append=append,
            origin=origin_of(
                names,
                format=form,
                roles=tuple(roles),
                delimiter=delimiter,
                encoder=None if encoder is None else zlib.crc32(encoder_bytes(encoder)),
            ),
            described=described,
            encoder=encoder,
        )

    @classmethod
    def _written(
        cls,
        path: str | os.PathLike[str],
        batches: Iterator[Batch],
        on_rows: Callable[[int], None],
        **how: Any,
    ) -> BlockStore:
        with alone(Path(path)):
            writer = Writer(Path(path), **how)
            n_rows = writer.n_done
            on_rows(n_rows)
            for batch in skipped(batches, n_rows):
                writer.add(batch)
                n_rows += batch.X.shape[0]
                on_rows(n_rows)
            writer.finish()
        return cls(path)


def _known(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a store that is to grow says of itself."""
    return read_manifest(Path(path)) if (Path(path) / MANIFEST).exists() else {}


def _paths(files: Any) -> list[str]:
    single = isinstance(files, str | os.PathLike)
    names = [os.fspath(file) for file in ([files] if single else files)]
    if not names:
        raise ValueError("files must name at least one file, got none.")
    return names
