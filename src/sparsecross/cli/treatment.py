"""What becomes of a table's columns: the target's task, and how each field is read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..files import require_pyarrow

Task = Literal["regression", "classification"]

MAX_WHOLE_CLASSES = 20  # so many distinct whole numbers are still taken for labels
MAX_CLASSES = 1000


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Attributes
    ----------
    task : {"regression", "classification"}
        Which errors count.
    values : ndarray of shape (n_rows,)
        Real targets or labels.
    known : ndarray of bool, of shape (n_rows_read,)
        Which of the rows read have a target: those that `values` are of.
    why : str
        What about the column decided on the task.
    """

    task: Task
    values: npt.NDArray[Any]
    known: npt.NDArray[np.bool_]
    why: str


@dataclass(frozen=True)
class Fields:
    """How the fields of a table are encoded, by name, in the table's order.

    Attributes
    ----------
    categories : list of str
        Each value is a category.
    sets : list of str
        Each row holds a list of categories.
    numbers : list of str
        Cut into buckets, each of which is a category.
    empty : list of str
        Nothing but nulls, of no use.
    """

    categories: list[str]
    sets: list[str]
    numbers: list[str]
    empty: list[str]


def as_target(column: Any, name: str, task: Task | None = None) -> Target:
    """Read the target out of a table's column.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Rows where it is null have no target.
    name : str
        Its name, for messages.
    task : {"regression", "classification"}, optional
        By default the column decides: text, booleans and at most 20 distinct whole numbers are
        labels.

    Returns
    -------
    Target

    Raises
    ------
    ValueError
        If it cannot be a target of this task.
    """
    pa = require_pyarrow()
    column, mask = without_nulls(column)
    kind = column.type
    if len(column) == 0:
        raise ValueError(f"target {name!r} is null in every row")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return numeric_target(column.to_numpy(), name, task, mask)
    if task == "regression":
        raise ValueError(f"target {name!r} holds {kind} values; regression needs numbers")
    if pa.types.is_boolean(kind):
        return _labels(column.to_numpy(), name, mask, "booleans")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _labels(text_of(column), name, mask, "text")
    raise ValueError(f"target {name!r} holds {kind} values; it must hold numbers, text or booleans")


def without_nulls(column: Any) -> tuple[Any, npt.NDArray[np.bool_]]:
    """Return a column of plain values without those that are null, and which are not."""
    pa = require_pyarrow()
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    known = pc.invert(pc.is_null(column, nan_is_null=True))
    return column.filter(known), known.to_numpy()


def text_of(column: Any) -> npt.NDArray[np.str_]:
    """Return a column of text as NumPy has it, by way of its distinct values."""
    encoded = column.dictionary_encode().combine_chunks()
    distinct = np.array(encoded.dictionary.to_pylist(), dtype=str)
    found: npt.NDArray[np.str_] = distinct[encoded.indices.to_numpy()]
    return found


def numeric_target(
    values: npt.NDArray[Any],
    name: str,
    task: Task | None = None,
    known: npt.NDArray[np.bool_] | None = None,
) -> Target:
    """Read the target out of numbers that are not null; see `as_target`."""
    mask = np.ones(len(values), bool) if known is None else known
    _refuse(~np.isfinite(values), values, name, mask, "targets must be finite")
    whole = values.dtype.kind in "iu" or bool((values == np.floor(values)).all())
    n_distinct = len(np.unique(values))
    if task is None:
        task = "classification" if whole and n_distinct <= MAX_WHOLE_CLASSES else "regression"
    why = f"{n_distinct:,} distinct {'whole ' if whole else ''}numbers"
    if task == "classification":
        if not whole:
            fraction = float(values[values != np.floor(values)][0])
            raise ValueError(
                f"target {name!r} holds {fraction!r}; labels must be text, booleans or whole "
                "numbers (--task regression predicts numbers)"
            )
        if values.dtype.kind != "i":  # others may reach beyond 64-bit integers, and would wrap
            _refuse(
                (values < -(2**63)) | (values >= 2**63),
                values,
                name,
                mask,
                "labels must lie between -2^63 and 2^63 - 1 (--task regression predicts numbers)",
            )
        return _labels(values.astype(np.int64), name, mask, why)
    return Target("regression", np.ascontiguousarray(values, dtype=np.float64), mask, why)


def _refuse(
    bad: npt.NDArray[np.bool_],
    values: npt.NDArray[Any],
    name: str,
    known: npt.NDArray[np.bool_],
    rule: str,
) -> None:
    """Raise a ValueError that names the first bad value and its row in the file, if any is bad."""
    if bad.any():
        first = int(bad.argmax())
        row = int(np.flatnonzero(known)[first]) + 1
        raise ValueError(
            f"target {name!r} holds {values[first].item()!r} in row {row:,} of the data; {rule}"
        )


def _labels(values: npt.NDArray[Any], name: str, known: npt.NDArray[np.bool_], why: str) -> Target:
    classes = np.unique(values)
    if len(classes) < 2:
        raise ValueError(
            f"target {name!r} holds one value only, {classes.tolist()[0]!r}: there is nothing to "
            "tell apart"
        )
    if len(classes) > MAX_CLASSES:
        raise ValueError(
            f"target {name!r} holds {len(classes):,} distinct labels; {MAX_CLASSES:,} is the most"
        )
    return Target("classification", values, known, why)


def as_weight(column: Any, name: str) -> npt.NDArray[np.float64]:
    """Read sample weights out of a table's column, or raise a ValueError."""
    pa = require_pyarrow()
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise ValueError(f"weight {name!r} holds {kind} values; it must hold numbers")
    values: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    if not (np.isfinite(values) & (values >= 0)).all():  # nulls come out as NaN
        raise ValueError(f"weight {name!r} must be finite and not negative in every row")
    return values


def treat(table: Any, categorical: Collection[str] = ()) -> Fields:
    """Decide how each field is encoded.

    Parameters
    ----------
    table : pyarrow.Table
        The fields, in the rows to learn from.
    categorical : collection of str, default=()
        Numeric fields whose every value is to be a category.

    Returns
    -------
    Fields

    Raises
    ------
    ValueError
        If a field's type is none that can be encoded, or if one to be categorical holds fractions.
    """
    pa = require_pyarrow()
    import pyarrow.compute as pc

    fields = Fields([], [], [], [])
    for name in table.column_names:
        column, kind = table.column(name), table.schema.field(name).type
        floating = pa.types.is_floating(kind)
        is_list = _is_list(kind)
        no_values = is_list and pa.types.is_null(kind.value_type)
        if no_values or pc.all(pc.is_null(column, nan_is_null=floating)).as_py():
            fields.empty.append(name)
        elif not _is_scalar(kind.value_type if is_list else kind):
            raise ValueError(
                f"field {name!r} has the type {kind}; fields must hold text, numbers, booleans or "
                f"lists of these (--drop {name} leaves it out)"
            )
        elif is_list:
            fields.sets.append(name)
        elif (pa.types.is_integer(kind) or floating) and name not in categorical:
            fields.numbers.append(name)
        else:
            if floating:
                fraction = pc.equal(pc.floor(column), column)
                bad = column.filter(pc.and_(pc.invert(fraction), pc.is_finite(column)))
                if len(bad):
                    raise ValueError(
                        f"field {name!r} holds {bad[0].as_py()!r}, which is not a whole number; "
                        "leave it out of --categorical to have it cut into buckets"
                    )
            fields.categories.append(name)
    return fields


def _is_list(kind: Any) -> bool:
    is_a = require_pyarrow().types
    return bool(is_a.is_list(kind) or is_a.is_large_list(kind) or is_a.is_fixed_size_list(kind))


def _is_scalar(kind: Any) -> bool:
    """Whether values of a type, as `read_table` leaves it, can be categories or numbers."""
    is_a = require_pyarrow().types
    if is_a.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        is_a.is_string(kind)
        or is_a.is_large_string(kind)
        or is_a.is_integer(kind)
        or is_a.is_floating(kind)
        or is_a.is_boolean(kind)
    )
