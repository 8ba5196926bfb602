"""Tables as lists of rows: of mappings from field to value, or of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOKENS = "tokens"  # the field that lists of tokens are the values of


class Fields(dict[str, list[Any]]):
    """A table as the values of its rows by field."""


def rows_of(X: Any, names: list[str] | None = None) -> Any:
    """Return a batch as it is, or, of a list of mappings or of lists of tokens, its fields.

    Parameters
    ----------
    X : object
        Rows.
    names : list of str, optional
        Of the fields, where they are known to be of a table.

    Returns
    -------
    object
        A DataFrame or matrix, or `Fields`.
    """
    if not isinstance(X, list | tuple) or not X:
        return X
    if isinstance(X[0], Mapping) and all(isinstance(name, str) for name in X[0]):
        if not X[0]:
            raise ValueError("every row must have at least one field, got none.")
        for row in X:
            if not isinstance(row, Mapping) or row.keys() != X[0].keys():
                raise ValueError(f"every row must have the fields {list(X[0])}, got {row!r}.")
        return Fields({name: [row[name] for row in X] for name in X[0]})
    if all(isinstance(row, list | tuple) for row in X) and (
        names == [TOKENS] or any(isinstance(token, str) for row in X for token in row)
    ):
        return Fields({TOKENS: list(X)})
    return X


def mapping_of_row(row: Any, names: list[str]) -> Mapping[str, Any]:
    """Return one row as a mapping from field to value; of tokens, of their one field."""
    if isinstance(row, Mapping):
        return row
    if names != [TOKENS] or isinstance(row, str):
        raise ValueError(f"row must be a mapping of the fields {names}, got {row!r}.")
    return {TOKENS: row}
