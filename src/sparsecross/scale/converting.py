"""Files to batches of rows: svmlight as its columns are, tables through an encoder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..batches import table_batches
from ..crossing import FeatureCross
from ..files import opened, require_pyarrow
from ..svmlight import svmlight_chunks
from ..tables import check_columns
from .batch import Batch


class Width(NamedTuple):
    """What a look at all files tells of their columns."""

    n_columns: int
    zero_based: bool


class Roles(NamedTuple):
    """Which columns of a table are not fields."""

    target: str
    weight: str | None
    offset: str | None
    drop: tuple[str, ...]

    def fields(self, names: Sequence[str], path: str) -> list[str]:
        """The other columns, once these are known to be there."""
        own = [name for name in self[:3] if name is not None]
        check_columns([*own, *self.drop], names, path)
        return [name for name in names if name not in {*own, *self.drop}]


def origin_of(files: Sequence[str], **options: Any) -> dict[str, Any]:
    """What a conversion is of, by which it is known again: files as they are now, and options."""
    stamps = [
        [os.fspath(Path(file).resolve()), (at := Path(file).stat()).st_size, at.st_mtime_ns]
        for file in files
    ]
    return {"files": stamps, **{name: repr(value) for name, value in options.items()}}


def svmlight_width(
    files: Sequence[str], n_threads: int | None, n_columns: int | None, zero_based: bool | None
) -> Width:
    """How many columns files have, and whether they count from 0; a look where it is not told."""
    if n_columns is not None and zero_based is not None:
        return Width(n_columns, zero_based)
    largest, seen_0 = 0, False
    for path in files:
        with opened(path) as file:
            for X, _ in svmlight_chunks(file, path, n_threads=n_threads):
                largest = max(largest, X.shape[1])
                seen_0 = seen_0 or (X.nnz > 0 and int(X.indices.min()) == 0)
    zero_based = seen_0 if zero_based is None else zero_based
    if n_columns is None:
        n_columns = largest if zero_based else largest - 1
    if n_columns < 1:
        raise ValueError(f"{list(files)} must have at least one column, got none.")
    return Width(n_columns, zero_based)


def svmlight_rows(files: Sequence[str], width: Width, n_threads: int | None) -> Iterator[Batch]:
    """The rows of svmlight files, as many columns each.

    Raises
    ------
    ValueError
        If a line is malformed, or has an index beyond the columns.
    """
    last = width.n_columns - width.zero_based
    for path in files:
        with opened(path) as file:
            for X, y in svmlight_chunks(file, path, n_threads=n_threads):
                if X.shape[1] - 1 > last:
                    raise ValueError(
                        f"{path!r} has an index {X.shape[1] - 1}, but the columns end at {last}"
                    )
                if not width.zero_based:
                    if X.nnz and int(X.indices.min()) == 0:
                        raise ValueError(f"{path!r} has an index 0, but indices count from 1")
                    X.indices -= 1
                X.resize((X.shape[0], width.n_columns))
                yield Batch(X, y)


def table_rows(
    files: Sequence[str],
    form: str,
    roles: Roles,
    fields: Sequence[str],
    encoder: FeatureCross | None,
    delimiter: str | None,
) -> Iterator[Batch]:
    """The rows of tables: fields through an encoder, or, without one, as columns of numbers.

    Raises
    ------
    ValueError
        If a column is missing, a target is null, or a column that is not encoded holds no numbers
        or is none of the fields.
    """
    for path in files:
        for table in tables_of(path, form, encoder, delimiter):
            present = roles.fields(table.column_names, path)
            check_columns(fields, table.column_names, path)
            if encoder is None and (more := sorted(set(present) - set(fields))):
                raise ValueError(
                    f"{path!r} has a column {more[0]!r}, which other rows of the store do not have:"
                    " drop it."
                )
            y = table.column(roles.target)
            if y.null_count:
                raise ValueError(
                    f"target {roles.target!r} of {path!r} must hold a value in every row, got "
                    "nulls."
                )
            X: Any = table.select(fields)
            X = _numbers(X, path) if encoder is None else encoder.transform(X)
            beside = [
                None if name is None else _numbers(table.select([name]), path)[:, 0]
                for name in (roles.weight, roles.offset)
            ]
            yield Batch(X, np.asarray(y.to_pylist() if _is_text(y) else y.to_numpy()), *beside)


def tables_of(
    path: str, form: str, encoder: FeatureCross | None, delimiter: str | None
) -> Iterator[Any]:
    """The batches of one file, whose categories are read as the encoder knows them."""
    kinds = {} if encoder is None else {d.name: d.kind for d in encoder._learnt.dictionaries}
    yield from table_batches(
        path,
        form,
        texts=[name for name, kind in kinds.items() if kind == "text"] if form != "parquet" else (),
        categorical=[name for name, kind in kinds.items() if kind == "integer"],
        delimiter=delimiter,
    )


def _is_text(column: Any) -> bool:
    types = require_pyarrow().types
    return bool(types.is_string(column.type) or types.is_large_string(column.type))


def _numbers(table: Any, path: str) -> Any:
    """A table of numbers as a matrix."""
    types = require_pyarrow().types
    columns = []
    for name in table.column_names:
        column = table.column(name)
        kind = column.type
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
            raise ValueError(
                f"column {name!r} of {path!r} holds {kind} values: an encoder turns categories "
                "into columns, or drop it"
            )
        if column.null_count:
            raise ValueError(f"column {name!r} of {path!r} must hold numbers, got nulls.")
        columns.append(column.to_numpy().astype(np.float64))
    if not columns:
        raise ValueError(f"{path!r} has no column to predict from")
    return np.stack(columns, axis=1)
