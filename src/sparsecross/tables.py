"""Tables in files: CSV, TSV and Parquet, through pyarrow."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any

import numpy as np

from .files import COMPRESSIONS, opened, require_pyarrow

NULLS = ("", "NA", "N/A", "NaN", "nan", "NULL", "null")


@contextmanager
def arrow_errors(path: str, form: str) -> Iterator[None]:
    """Turn errors of pyarrow into a ValueError that names the file."""
    pa = require_pyarrow()
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        if isinstance(error, OSError | MemoryError):
            raise
        raise ValueError(f"{path!r} cannot be read as {form}: {error}") from None


def csv_options(form: str, delimiter: str | None) -> Any:
    """Return how CSV or TSV is cut into cells."""
    from pyarrow import csv

    if form == "tsv":  # no quoting, as the registered format has it
        return csv.ParseOptions(delimiter=delimiter or "\t", quote_char=False)
    return csv.ParseOptions(delimiter=delimiter or ",", newlines_in_values=True)


def column_names(path: str, form: str, delimiter: str | None = None) -> list[str]:
    """Return the names of a table's columns, reading no more than needed.

    Parameters
    ----------
    path : str
        The file.
    form : {"csv", "tsv", "parquet"}
        Its format.
    delimiter : str, optional
        The character between cells, where it is not the format's own.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If the file is not of this format, or two columns have the same name.
    OSError
        If it cannot be read.
    """
    require_pyarrow()
    with opened(path) as file, arrow_errors(path, form):
        if form == "parquet":
            from pyarrow import parquet

            # Compressed files are not seekable at a bearable price.
            names = parquet.ParquetFile(seekable(path, file)).schema_arrow.names
        else:
            from pyarrow import csv

            options = csv_options(form, delimiter)
            names = csv.open_csv(file, parse_options=options).schema.names
    twice = [name for name, n_times in Counter(names).items() if n_times > 1]
    if twice:
        raise ValueError(f"{path!r} has several columns named {min(twice)!r}")
    return list(names)


def seekable(path: str, file: IO[bytes]) -> IO[bytes]:
    """Return the file, read whole where it is compressed."""
    return io.BytesIO(file.read()) if Path(path).suffix.lower() in COMPRESSIONS else file


def read_table(
    path: str,
    form: str,
    columns: Sequence[str],
    *,
    texts: Collection[str] = (),
    delimiter: str | None = None,
) -> Any:
    """Read columns of a table.

    Parameters
    ----------
    path : str
        The file.
    form : {"csv", "tsv", "parquet"}
        Its format.
    columns : list of str
        Which columns, in the order wanted; at least one.
    texts : collection of str, default=()
        Columns to read as text although their cells may look like numbers.
    delimiter : str, optional
        The character between cells, where it is not the format's own.

    Returns
    -------
    pyarrow.Table
        Dates, times and bytes (in UTF-8) are turned into text and decimals into floats, within
        lists, too; other types than these, strings, numbers and booleans are left as they are.

    Raises
    ------
    ValueError
        If the file is not of this format, or is damaged.
    OSError
        If it cannot be read.
    """
    pa = require_pyarrow()
    with arrow_errors(path, form):
        if form == "parquet":
            from pyarrow import parquet

            with opened(path) as file:
                table = parquet.ParquetFile(seekable(path, file)).read(columns=list(columns))
            table = table.select(list(columns))
        else:
            kinds = dict.fromkeys(texts, pa.string())
            table = _read_csv(path, form, columns, kinds, delimiter)
            # Read as they stand: in Parquet and CSV alike a date is then a text.
            times = [f.name for f in table.schema if pa.types.is_temporal(f.type)]
            if times:
                kinds |= dict.fromkeys(times, pa.string())
                table = _read_csv(path, form, columns, kinds, delimiter)
        return with_plain_types(table)


def _read_csv(
    path: str, form: str, columns: Sequence[str], kinds: dict[str, Any], delimiter: str | None
) -> Any:
    from pyarrow import csv

    options = csv.ConvertOptions(
        include_columns=list(columns),
        column_types=kinds,
        null_values=list(NULLS),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    with opened(path) as file:
        return csv.read_csv(
            file, parse_options=csv_options(form, delimiter), convert_options=options
        )


def with_plain_types(table: Any) -> Any:
    """Turn a table's types into text, numbers, booleans, and lists of these."""
    pa = require_pyarrow()
    for place, field in enumerate(table.schema):
        wanted = _plain(field.type)
        if wanted != field.type:
            try:
                column = table.column(place).cast(wanted)
            except pa.ArrowInvalid as error:
                raise ValueError(f"column {field.name!r} is not valid UTF-8: {error}") from None
            table = table.set_column(place, field.name, column)
    return table


def _plain(kind: Any) -> Any:
    """Return the plain type for a type, also within lists; itself where there is none."""
    pa = require_pyarrow()
    is_a = pa.types
    if is_a.is_decimal(kind):
        return pa.float64()
    if is_a.is_float16(kind):
        return pa.float32()
    # Bytes are taken for text in UTF-8; what is none is refused when it is cast.
    if is_a.is_temporal(kind) or is_a.is_binary(kind) or is_a.is_fixed_size_binary(kind):
        return pa.string()
    # Views cannot be taken by row; they have no limit of 2 GiB, nor has large_string.
    if is_a.is_large_binary(kind) or is_a.is_binary_view(kind) or is_a.is_string_view(kind):
        return pa.large_string()
    if is_a.is_dictionary(kind):
        value = _plain(kind.value_type)
        return kind if value == kind.value_type else value
    if is_a.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if is_a.is_large_list(kind):
        return pa.large_list(_plain(kind.value_type))
    if is_a.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type), kind.list_size)
    return kind


def split_tokens(column: Any, separator: str | None) -> Any:
    """Cut each cell of a text column into a list of tokens.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of strings
        The cells; null ones have no tokens.
    separator : str or None
        What stands between tokens; None for any blanks. Blanks around tokens are dropped, and so
        are empty tokens.

    Returns
    -------
    pyarrow.ListArray of strings
    """
    pa = require_pyarrow()
    import pyarrow.compute as pc

    cells = pc.fill_null(pc.cast(column, pa.large_string()), "").combine_chunks()
    if separator is None:
        lists = pc.utf8_split_whitespace(cells)
    else:
        lists = pc.split_pattern(cells, separator)
    ends = np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))
    tokens = pc.utf8_trim_whitespace(pc.list_flatten(lists))
    kept = pc.not_equal(tokens, "")
    seen = np.concatenate([[0], np.cumsum(kept.to_numpy(zero_copy_only=False))])
    offsets = seen[np.concatenate([[0], ends]).astype(np.int64)]
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), tokens.filter(kept))


def check_columns(
    wanted: Sequence[str], present: Sequence[str], path: str | os.PathLike[str]
) -> None:
    """Raise a ValueError that names what is missing, and names like it, unless all are there."""
    known = set(present)
    missing = [name for name in wanted if name not in known]
    if not missing:
        return
    near = get_close_matches(missing[0], present, n=3)
    if near:
        hint = f"did you mean {' or '.join(map(repr, near))}?"
    else:
        shown = ", ".join(map(repr, present[:20]))
        hint = f"it has {shown}" + (f" and {len(present) - 20} more" if len(present) > 20 else "")
    between = [mark for mark in ",;\t|" if len(present) == 1 and mark in present[0]]
    if between:
        hint += f": if its cells are separated by {between[0]!r}, --delimiter says so"
    names = ", ".join(map(repr, missing[:5])) + (", …" if len(missing) > 5 else "")
    columns = "column" if len(missing) == 1 else "columns"
    raise ValueError(f"{os.fspath(path)!r} has no {columns} {names}; {hint}")
