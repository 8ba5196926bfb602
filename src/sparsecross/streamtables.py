"""Tables as streams bring them, and single rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

from .crossing import FeatureCross
from .fields import Column, is_table, read_table, read_values, table_names
from .parameters import Crosses
from .rowlists import Fields


def read_first(X: Any) -> tuple[list[str], list[Column], int]:
    """Names, fields and number of rows of a table that nothing is known of."""
    if isinstance(X, Fields):
        columns = [read_values(values, name) for name, values in X.items()]
        return list(X), columns, len(next(iter(X.values())))
    names = table_names(X)
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"the fields of X must be named by strings, got {names}.")
    return names, list(read_table(X, names)), int(X.shape[0])


def read_rows(X: Any, names: list[str]) -> tuple[list[Column], int]:
    """Fields and number of rows of a table that has these fields."""
    if isinstance(X, Fields):
        if set(names) != set(X):
            raise ValueError(f"rows must have the fields {names}, got {list(X)}.")
        return [read_values(X[name], name) for name in names], len(next(iter(X.values())))
    if not is_table(X):
        raise ValueError(f"X must be a table of the fields {names}, got {type(X).__name__}.")
    return list(read_table(X, names)), int(X.shape[0])


def check_fields_of_row(row: Mapping[str, Any], names: list[str]) -> None:
    """Raise a ValueError unless a row has these fields and no others."""
    if len(row) != len(names):
        raise ValueError(f"row must have the fields {names}, got {list(row)}.")
    for name in names:
        if name not in row:
            raise ValueError(f"row lacks the field {name!r}.")


def table_encoder(
    names: list[str], columns: list[Column], interactions: Any, **parameters: Any
) -> FeatureCross:
    """Return what encodes tables like a first batch, whose fields say of what kind each is.

    Parameters
    ----------
    names, columns
        As `read_first` gives them.
    interactions : {"pairwise", "triples"}, list of tuples, or None
        Which fields cross.
    **parameters
        Others of :class:`FeatureCross`.
    """
    several = [column.offsets is not None for column in columns]
    crosses = _crosses(interactions, several)
    return FeatureCross._of_columns(names, columns, crosses=crosses, **parameters)


def _crosses(interactions: Any, several: Sequence[bool]) -> Crosses:
    """What FeatureCross calls these interactions."""
    if interactions is None:
        return []
    if interactions != "triples":
        return interactions  # type: ignore[no-any-return]
    positions = range(len(several))
    return [
        fields
        for size in (2, 3)
        for fields in combinations_with_replacement(positions, size)
        if all(several[f] or fields.count(f) == 1 for f in fields)
    ]
