"""Files of any length as batches of rows: CSV, TSV, Parquet and svmlight, and standard input."""

from __future__ import annotations

import io
import queue
import sys
import threading
from collections.abc import Collection, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any, TypeVar

from .files import opened, require_pyarrow
from .svmlight import svmlight_chunks
from .tables import NULLS, arrow_errors, csv_options, seekable, with_plain_types

STDIN = "-"
_BLOCK = 1 << 20  # bytes of text that are parsed at once, while others are learnt from
_ROWS = 1 << 16  # of a batch of Parquet, at most
_HEAD = 1 << 20  # of those at the beginning, which types are told from
_T = TypeVar("_T")


class _Replayed(io.RawIOBase):
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = io.BytesIO(head), rest

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes."""
        some = self._head.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(some)] = some
        return len(some)


def source(path: str) -> AbstractContextManager[IO[bytes]]:
    """Open a file, decompressed, or standard input."""
    return nullcontext(sys.stdin.buffer) if path == STDIN else opened(path)


def table_batches(
    path: str,
    form: str,
    *,
    texts: Collection[str] = (),
    categorical: Collection[str] = (),
    delimiter: str | None = None,
    kinds: dict[str, Any] | None = None,
) -> Iterator[Any]:
    """Read a table in batches, holding no more than one.

    Parameters
    ----------
    path : str
        The file, or "-" for standard input.
    form : {"csv", "tsv", "parquet"}
        Its format.
    texts : collection of str, default=()
        Columns to read as text although their cells may look like numbers.
    categorical : collection of str, default=()
        Columns of whole numbers that stay such. Others are read as floats, since those that are
        whole at the beginning of a file may have fractions further on.
    delimiter : str, optional
        The character between cells, where it is not the format's own.
    kinds : dict of str to pyarrow.DataType, optional
        The types of columns of an earlier file of text, which this one's will have too; those of
        other columns are added.

    Yields
    ------
    pyarrow.Table

    Raises
    ------
    ValueError
        If the file is not of this format, is damaged, or a cell is not of its column's type, which
        the beginning of the file tells.
    OSError
        If it cannot be read.
    """
    pa = require_pyarrow()
    with source(path) as file, arrow_errors(path, form):
        if form == "parquet":
            from pyarrow import parquet

            if path == STDIN:
                raise ValueError("Parquet cannot be read from standard input, only from a file")
            table = parquet.ParquetFile(seekable(path, file))
            found: Any = table.iter_batches(batch_size=_ROWS)
        else:
            found = _csv_batches(
                file, form, texts, categorical, delimiter, {} if kinds is None else kinds
            )
        for batch in found:
            whole = pa.Table.from_batches([batch])
            if len(whole):
                yield with_plain_types(whole)


def _csv_batches(
    file: IO[bytes],
    form: str,
    texts: Collection[str],
    categorical: Collection[str],
    delimiter: str | None,
    kinds: dict[str, Any],
) -> Any:
    pa = require_pyarrow()
    from pyarrow import csv

    head = file.read(_HEAD)
    whole_lines = head[: head.rfind(b"\n") + 1] or head
    parsing = csv_options(form, delimiter)
    known = csv.open_csv(
        io.BytesIO(whole_lines),
        parse_options=parsing,
        read_options=csv.ReadOptions(block_size=max(len(whole_lines), 1)),
        convert_options=_conversion(dict.fromkeys(texts, pa.string())),
    ).schema
    kinds |= dict.fromkeys(texts, pa.string())
    for field in known:
        kind = field.type
        if field.name in kinds:
            continue
        if pa.types.is_temporal(kind) or pa.types.is_null(kind):
            kinds[field.name] = pa.string()
        elif pa.types.is_integer(kind) and field.name not in categorical:
            kinds[field.name] = pa.float64()
        else:
            kinds[field.name] = kind
    return csv.open_csv(
        io.BufferedReader(_Replayed(head, file)),
        parse_options=parsing,
        read_options=csv.ReadOptions(block_size=_BLOCK),
        convert_options=_conversion(kinds),
    )


def _conversion(kinds: dict[str, Any]) -> Any:
    from pyarrow import csv

    return csv.ConvertOptions(
        column_types=kinds,
        null_values=list(NULLS),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )


def svmlight_batches(path: str, n_features: int) -> Iterator[tuple[Any, Any]]:
    """Read an svmlight file in batches of some megabytes.

    Parameters
    ----------
    path : str
        The file, or "-" for standard input.
    n_features : int
        Columns; index j of the file is column j.

    Yields
    ------
    csr_matrix of float64, ndarray of float64
        Features and labels.

    Raises
    ------
    ValueError
        If the file is not of this format, is damaged, or has an index that is too large.
    OSError
        If it cannot be read.
    """
    with source(path) as file:
        for X, y in svmlight_chunks(file, path, _BLOCK, 1):
            if X.shape[1] > n_features:
                raise ValueError(
                    f"{path!r} has an index {X.shape[1] - 1}, but there are {n_features} columns"
                )
            X.resize((X.shape[0], n_features))
            yield X, y


def ahead(batches: Iterator[_T], depth: int = 2) -> Generator[_T]:
    """Read in a thread of its own, at most `depth` batches ahead of whoever takes them."""
    waiting: queue.Queue[tuple[bool, Any]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(found: tuple[bool, Any]) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(found, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for batch in batches:
                if not put((True, batch)):
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while True:
            more, found = waiting.get()
            if more:
                yield found
            elif found is None:
                return
            else:
                raise found
    finally:
        stopped.set()  # it may wait for its source, and is not waited for
