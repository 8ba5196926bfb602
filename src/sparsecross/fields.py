"""A table's columns, each as distinct values and integer codes, whatever library holds the table.

Three forms come out, and nothing after this module knows of any other:

`Texts`     a local dictionary of strings (one UTF-8 blob) and a code for each entry
`Integers`  64-bit integers (also booleans) and which of them are null
`Floats`    64-bit floats, NaN where null; at least one of them is not a whole number

A list-valued column has `offsets`: row i's entries are offsets[i] .. offsets[i + 1]; else there
is one entry for each row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from sparsecross._solvers import distinct_integers, encode_strings, encode_texts, mapped

Offsets = NDArray[np.int64] | None

_LISTS = (list, tuple, set, frozenset, np.ndarray)
_NULL_TYPES = ("NAType", "NaTType")
LARGEST = 2.0**63


@dataclass
class Texts:
    """Entry i is the string number codes[i] of the blob, or null where codes[i] is -1."""

    codes: NDArray[np.int32]
    blob: NDArray[np.uint8]
    starts: NDArray[np.int64]
    offsets: Offsets = None


@dataclass
class Integers:
    """Entry i is values[i], or null where nulls[i]."""

    values: NDArray[np.int64]
    nulls: NDArray[np.bool_]
    boolean: bool = False
    offsets: Offsets = None


@dataclass
class Floats:
    """Entry i is values[i], or null where that is NaN."""

    values: NDArray[np.float64]
    offsets: Offsets = None


Column = Texts | Integers | Floats


def is_table(X: Any) -> bool:
    """Whether X is a DataFrame of a library that narwhals knows."""
    return bool(nw.dependencies.is_into_dataframe(X))


def has_categories(X: Any) -> bool:
    """Whether X is a table of which a column holds anything but numbers and booleans."""
    if not is_table(X):
        return False
    kinds = nw.from_native(X, eager_only=True).schema.dtypes()
    return not all(kind.is_numeric() or kind == nw.Boolean for kind in kinds)


def table_names(X: Any) -> list[Any]:
    """Return the names of a table's columns."""
    return list(nw.from_native(X, eager_only=True).columns)


def read_table(X: Any, names: Iterable[Any]) -> Iterator[Column]:
    """Read columns of a DataFrame by name."""
    table = nw.from_native(X, eager_only=True)
    for name in names:
        yield _read_series(table[name], name)


def read_array(X: NDArray[Any], positions: Iterable[int], names: Iterable[Any]) -> Iterator[Column]:
    """Read columns of a two-dimensional array by position."""
    for position, name in zip(positions, names, strict=True):
        yield _read_array(X[:, position], name)


def read_values(values: Sequence[Any], name: Any) -> Column:
    """Read one column given as Python objects: strings, numbers, nulls, or lists of them."""
    types = set(map(type, values))
    if any(issubclass(t, _LISTS) for t in types):
        return _read_lists(values, name)
    some = {t for t in types if not _may_be_null(t)}
    if some and all(issubclass(t, str) for t in some):
        return _texts_of_objects(values, name)
    missing = np.zeros(len(values), np.bool_)
    if types - some:
        missing = np.fromiter(map(is_null, values), np.bool_, len(values))
    present = [0 if m else v for v, m in zip(values, missing, strict=True)]
    if some and all(issubclass(t, (bool, np.bool_)) for t in some):
        _only(bool | np.bool_, values, missing, name)
        return Integers(np.array(present, np.int64), missing, boolean=True)
    if any(issubclass(t, (bool, np.bool_)) for t in some) or not all(
        issubclass(t, (int, np.integer)) for t in some
    ):
        raise ValueError(_one_kind(name, some))
    return _numbers_of_objects(present, missing, name)


def _may_be_null(t: type) -> bool:
    return t is type(None) or t.__name__ in _NULL_TYPES or issubclass(t, (float, np.floating))


def _only(kind: Any, values: Sequence[Any], missing: NDArray[np.bool_], name: Any) -> None:
    for value, null in zip(values, missing, strict=True):
        if not (null or isinstance(value, kind)):
            raise ValueError(_one_kind(name, set(map(type, values))))


def _one_kind(name: Any, types: set[type]) -> str:
    kinds = ", ".join(sorted(t.__name__ for t in types))
    return (
        f"field {name!r} holds values of type {kinds}; a field must hold strings, booleans or "
        "numbers, and one kind only: convert it to strings or integers"
    )


def is_null(value: Any) -> bool:
    """Whether a Python object stands for a missing value: None, NaN, NaT or pandas.NA."""
    if value is None or type(value).__name__ in _NULL_TYPES:
        return True
    return isinstance(value, (float, np.floating)) and bool(value != value)


def texts_of(strings: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Lay strings out as one UTF-8 blob and where each begins."""
    parts = [s.encode() for s in strings]
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=starts[1:])
    return np.frombuffer(b"".join(parts), np.uint8), starts


def _texts_of_objects(values: Sequence[Any], name: Any) -> Texts:
    objects = np.empty(len(values), dtype=object)
    objects[:] = [None if is_null(v) else str(v) if isinstance(v, str) else v for v in values]
    found = _encoded(objects, name)
    if found is None:
        raise ValueError(_one_kind(name, {type(v) for v in values if not is_null(v)}))
    return found


def _numbers_of_objects(
    present: list[Any], missing: NDArray[np.bool_], name: Any
) -> Integers | Floats:
    if any(isinstance(v, (float, np.floating)) for v in present):
        numbers = np.array(present, np.float64)
        numbers[missing] = np.nan
        return _from_floats(numbers, name)
    try:
        return Integers(np.array(present, np.int64), missing)
    except OverflowError:
        raise ValueError(_too_large(name, max(present, key=abs))) from None


def _too_large(name: Any, value: Any) -> str:
    return (
        f"field {name!r} holds {value}; integers must lie between -2^63 and 2^63 - 1: convert "
        "the field to strings"
    )


def _from_floats(values: NDArray[np.float64], name: Any) -> Integers | Floats:
    """Floats that are all whole are integers."""
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        raise ValueError(f"field {name!r} holds {values[row]} in row {row}; values must be finite")
    nulls = np.isnan(values)
    filled = np.where(nulls, 0.0, values)
    if (filled == np.floor(filled)).all() and (np.abs(filled) < LARGEST).all():
        return Integers(filled.astype(np.int64), nulls)
    return Floats(values)


def _read_lists(values: Sequence[Any], name: Any) -> Column:
    rows = [v if isinstance(v, _LISTS) else () for v in values]
    for row, v in enumerate(values):
        if not (isinstance(v, _LISTS) or is_null(v)):
            raise ValueError(f"field {name!r} holds lists, but {v!r} in row {row}")
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)), out=offsets[1:])
    entries = list(
        chain.from_iterable(v.tolist() if isinstance(v, np.ndarray) else v for v in rows)
    )
    if any(isinstance(v, _LISTS) for v in entries):
        raise ValueError(f"field {name!r} holds lists of lists; lists must hold single values")
    return _with_offsets(read_values(entries, name), offsets)


def _with_offsets(column: Column, offsets: NDArray[np.int64]) -> Column:
    if column.offsets is not None:
        raise ValueError("lists of lists are not supported")
    column.offsets = offsets
    return column


def _encoded(values: NDArray[np.object_], name: Any) -> Texts | None:
    """Read an array of Python strings and None; None where it holds anything else."""
    try:
        found = encode_strings(values)
    except UnicodeEncodeError as error:
        raise ValueError(_not_unicode(name, error)) from None
    if found is None or (len(values) and not (found[0] >= 0).any()):
        return None
    return Texts(*found)


def _not_unicode(name: Any, error: UnicodeEncodeError) -> str:
    return f"field {name!r} holds {error.object!r}, which is not valid Unicode"


def _read_array(values: NDArray[Any], name: Any) -> Column:
    kind = values.dtype.kind
    if kind in "bi":
        return Integers(values.astype(np.int64), np.zeros(len(values), bool), kind == "b")
    if kind == "u":
        if len(values) and values.max() > np.iinfo(np.int64).max:
            raise ValueError(_too_large(name, values.max()))
        return Integers(values.astype(np.int64), np.zeros(len(values), bool))
    if kind == "f":
        return _from_floats(values.astype(np.float64), name)
    if kind == "O":
        strings = _encoded(values, name)
        return read_values(values.tolist(), name) if strings is None else strings
    if kind == "U":
        return read_values(values.tolist(), name)
    raise ValueError(
        f"field {name!r} has dtype {values.dtype}; fields must hold strings, booleans, integers or "
        "floats: convert it to one of these"
    )


def _read_series(series: nw.Series[Any], name: Any) -> Column:
    if series.implementation.is_pyarrow():
        return _read_arrow(series.to_native(), name)
    if series.implementation.is_polars():
        return _read_polars(series.to_native(), name)
    return _read_pandas(series.to_native(), name)


# pandas


def _read_pandas(series: Any, name: Any) -> Column:
    dtype = series.dtype
    if hasattr(dtype, "categories"):
        distinct = _read_array(np.asarray(dtype.categories), name)
        return _select(distinct, np.ascontiguousarray(series.array.codes))
    if hasattr(dtype, "pyarrow_dtype") or getattr(dtype, "storage", None) == "pyarrow":
        import pyarrow  # the column is held by it already

        array = pyarrow.array(series, from_pandas=True)
        chunked = isinstance(array, pyarrow.ChunkedArray)
        return _read_arrow(array if chunked else pyarrow.chunked_array([array]), name)
    if isinstance(dtype, np.dtype):
        return _read_array(series.to_numpy(), name)
    nulls = series.isna().to_numpy()
    if dtype.kind in "biuf" and nulls.any():  # the nullable extension types
        return _with_nulls(series.to_numpy(dtype.numpy_dtype, na_value=0), nulls, name)
    return _read_array(series.to_numpy(), name)


def _with_nulls(values: NDArray[Any], nulls: NDArray[np.bool_], name: Any) -> Column:
    """Numbers whose nulls are marked beside them and stand as 0."""
    if values.dtype.kind == "f":
        return _from_floats(np.where(nulls, np.nan, values), name)
    column = _read_array(values, name)
    assert isinstance(column, Integers)
    column.nulls = nulls
    return column


def _select(distinct: Column, codes: NDArray[np.signedinteger]) -> Column:
    """Make the column whose entry i is distinct value codes[i], null where that is negative."""
    if isinstance(distinct, Texts):
        # A code of -1 picks the null appended at the end; a category may be null itself.
        places = np.append(distinct.codes, np.int32(-1))
        return Texts(mapped(codes, places), distinct.blob, distinct.starts)
    if isinstance(distinct, Integers):
        values = np.append(distinct.values, 0)[codes]
        return Integers(values, np.append(distinct.nulls, True)[codes], distinct.boolean)
    return Floats(np.append(distinct.values, np.nan)[codes])


# polars


def _read_polars(series: Any, name: Any) -> Column:
    import polars  # the user's table is one of its own

    dtype = series.dtype
    if dtype in (polars.List, polars.Array):
        lists = series.cast(polars.List(dtype.inner)) if dtype == polars.Array else series
        lengths = lists.list.len().fill_null(0).to_numpy()
        offsets = np.zeros(len(series) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        filled = lists.filter(lists.list.len() > 0)
        return _with_offsets(_read_polars(filled.explode(), name), offsets)
    if dtype == polars.String:
        distinct = series.unique().drop_nulls().sort()
        physical = series.cast(polars.Enum(distinct)).to_physical()
        codes = physical.cast(polars.Int32).fill_null(-1).to_numpy()
        return Texts(codes, *texts_of(distinct.to_list()))
    if dtype in (polars.Categorical, polars.Enum):
        distinct = series.unique().drop_nulls()
        strings = texts_of(distinct.cast(polars.String).to_list())
        physical = series.to_physical().cast(polars.Int64)
        known, codes = distinct_integers(
            physical.fill_null(0).to_numpy(), physical.is_null().to_numpy()
        )
        # distinct_integers numbers the physical values in order; the strings stand in another.
        place = np.full(len(known) + 1, -1, np.int32)
        place[np.searchsorted(known, distinct.to_physical().cast(polars.Int64).to_numpy())] = (
            np.arange(len(distinct))
        )
        place[-1] = -1
        return Texts(place[codes], *strings)
    if dtype == polars.Null:
        return Integers(np.zeros(len(series), np.int64), np.ones(len(series), bool))
    if dtype == polars.Object:
        return read_values(series.to_list(), name)
    if (dtype.is_numeric() and not dtype.is_decimal()) or dtype == polars.Boolean:
        nulls = series.is_null().to_numpy()
        filled = series.fill_null(False if dtype == polars.Boolean else 0)
        return _with_nulls(filled.to_numpy(), nulls, name)
    raise ValueError(_unsupported(name, dtype))


def _unsupported(name: Any, dtype: Any) -> str:
    return (
        f"field {name!r} has the type {dtype}; fields must hold strings, categories, booleans, "
        "numbers or lists of these: convert it to strings or integers"
    )


# Arrow


def _read_arrow(column: Any, name: Any) -> Column:
    import pyarrow as pa  # the user's column is one of its own
    import pyarrow.compute as pc

    t = column.type
    if pa.types.is_dictionary(t) and not _is_text(t.value_type):
        return _read_arrow(column.cast(t.value_type), name)
    if _is_text(t):
        return _arrow_texts(_in_one(column))
    if pa.types.is_dictionary(t):
        array = _in_one(column.unify_dictionaries())
        indices = array.indices
        if indices.null_count or not pa.types.is_signed_integer(indices.type):
            indices = indices.cast(pa.int32()).fill_null(-1)
        codes = indices.to_numpy()
        return _select(_arrow_texts(array.dictionary), codes.astype(np.int32, copy=False))
    if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
        lengths = pc.list_value_length(column).fill_null(0).to_numpy()
        offsets = np.zeros(len(column) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return _with_offsets(_read_arrow(pc.list_flatten(column), name), offsets)
    if pa.types.is_null(t):
        return Integers(np.zeros(len(column), np.int64), np.ones(len(column), bool))
    if pa.types.is_boolean(t) or pa.types.is_integer(t) or pa.types.is_floating(t):
        nulls = column.is_null().to_numpy()
        filled = column.fill_null(pa.scalar(0).cast(t)) if column.null_count else column
        return _with_nulls(filled.to_numpy(), nulls, name)
    raise ValueError(_unsupported(name, t))


def _is_text(t: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t))


def _in_one(column: Any) -> Any:
    """Make one array of a chunked one."""
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    array = column.combine_chunks()  # a chunked array still where there is no chunk at all
    return pa.array([], column.type) if isinstance(array, pa.ChunkedArray) else array


def _arrow_texts(strings: Any) -> Texts:
    """Read an Arrow array of strings."""
    import pyarrow as pa

    strings = strings.cast(pa.large_string())
    n, first = len(strings), strings.offset
    _, starts, blob = strings.buffers()
    bounds, nulls = np.zeros(1, np.int64), np.zeros(n, np.bool_)
    if n:
        bounds = np.frombuffer(starts, np.int64)[first : first + n + 1]
    if strings.null_count:
        nulls = strings.is_null().to_numpy(zero_copy_only=False)
    data = np.frombuffer(blob, np.uint8) if blob is not None else np.zeros(0, np.uint8)
    return Texts(*encode_texts(data, bounds, nulls))
