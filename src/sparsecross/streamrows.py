"""How a stream's rows are read: rows of a matrix, or of a table, in batches or one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

from ._inputs import Floats, as_design
from .crossing import FeatureCross
from .dictionaries import Dictionary, one_row
from .fields import Column, is_null, is_table, read_table, read_values, table_names
from .hashing import HashedColumns, hashed_field
from .interactions import combinations_of, fields_of, order_of
from .parameters import Crosses

TOKENS = "tokens"  # the field that lists of tokens are the values of
_REMEMBERED = 1 << 20  # hashes of values that rows one at a time have brought


class MatrixRows:
    """Rows of numbers in columns: dense, sparse, or given one by one by their columns.

    Parameters
    ----------
    n_columns : int
        How many columns there are.
    interactions : {"pairwise", "triples"}, list of tuples, or None
        Which of them cross.
    fields : array-like of shape (n_columns,), optional
        The field of each column, for a list.
    names : ndarray of str, optional
        Of the columns.
    n_threads : int, optional
        For checks and changes of layout.
    """

    encoder = None

    def __init__(
        self,
        n_columns: int,
        interactions: Any,
        fields: Any,
        names: npt.NDArray[Any] | None,
        n_threads: int | None,
    ) -> None:
        self.n_columns = n_columns
        self.n_threads = n_threads
        self.field: list[int] = []
        self.combinations: list[list[int]] = []
        if interactions is not None and not isinstance(interactions, str):
            labels, codes = fields_of(fields, n_columns, names)
            found = combinations_of(interactions, labels, whole_fields=fields is not None)
            # Fields are numbered anew, so that only those that cross count.
            mentioned = np.unique(found[found >= 0])
            number = np.full(int(codes.max()) + 1, -1)
            number[mentioned] = np.arange(len(mentioned))
            self.field = number[codes].tolist()
            self.combinations = np.where(found < 0, -1, number[found]).tolist()
        self.order = order_of(interactions)

    def spec(self) -> dict[str, Any]:
        """What the compiled stream must know of rows."""
        return {
            "n_columns": self.n_columns,
            "order": self.order,
            "field": self.field,
            "combinations": self.combinations,
        }

    def read(self, X: Any) -> tuple[Any, int]:
        """Read a batch; returns what `learn` and `margins` take, and the number of rows."""
        design = as_design(X, "rows", self.n_threads)
        n_rows, n_columns = design.shape
        if n_columns != self.n_columns:
            raise ValueError(f"X has {n_columns} features, but {self.n_columns} were expected.")
        if len(design.arrays) == 1:
            return ((np.ascontiguousarray(design.arrays[0]),), n_rows, n_columns), n_rows
        if design.structure.all_ones:
            design = design.valueless()
        *values, indices, indptr = design.arrays
        arrays = (values[0] if values else None, indices, indptr)
        return (arrays, n_rows, n_columns), n_rows

    def learn(self, model: Any, batch: Any, y: Floats, weight: Floats | None) -> None:
        """Learn from a batch that was read."""
        model.learn(*batch, y, weight)

    def margins(self, model: Any, batch: Any) -> Floats:
        """Margins of a batch that was read, of shape (n_rows, n_states)."""
        found: Floats = model.margins(*batch)
        return found

    def learn_one(self, model: Any, row: Any, y: float, weight: float) -> None:
        """Learn from one row."""
        model.learn_entries(*_entries(row, self.n_columns), self.n_columns, y, weight)

    def margins_one(self, model: Any, row: Any) -> list[float]:
        """Margins of one row."""
        entries = _entries(row, self.n_columns)
        found: list[float] = model.margins_of_entries(*entries, self.n_columns)
        return found


def _entries(row: Any, n_columns: int) -> tuple[list[int], list[float] | None]:
    """Columns and values (None: all 1) of a row: a mapping, the columns that are 1, or itself."""
    if isinstance(row, Mapping):
        return list(row), list(row.values())
    if isinstance(row, np.ndarray):
        if row.shape != (n_columns,):
            raise ValueError(f"row must have shape ({n_columns},), got {row.shape}.")
        support = np.flatnonzero(row)
        return support.tolist(), row[support].tolist()
    return list(row), None


class TableRows:
    """Rows of a table of categories, whose levels and crosses are hashed.

    Parameters
    ----------
    encoder : FeatureCross
        Fitted, with `n_bits`.
    """

    def __init__(self, encoder: FeatureCross) -> None:
        learnt = encoder._learnt
        if not isinstance(learnt, HashedColumns):
            raise ValueError("rows of a stream's tables must be encoded by hashes")
        self.encoder = encoder
        self.names = encoder._names
        self._learnt = learnt
        self.n_columns = learnt.n_columns
        # Of each field how it is read, and hashes of strings that single rows have brought.
        self._hashes: list[tuple[Dictionary, dict[Any, int]]]
        self._hashes = [(d, {}) for d in learnt.dictionaries]

    def spec(self) -> dict[str, Any]:
        """What the compiled stream must know of rows."""
        return {"terms": [list(term) for term in self._learnt.terms]}

    def read(self, X: Any) -> tuple[Any, int]:
        """Read a batch; returns what `learn` and `margins` take, and the number of rows."""
        columns, n_rows = read_rows(X, self.names)
        hashes, codes = self._learnt.read(columns)
        return (hashes, codes, n_rows), n_rows

    def learn(self, model: Any, batch: Any, y: Floats, weight: Floats | None) -> None:
        """Learn from a batch that was read."""
        model.learn_table(*batch, y, weight)

    def margins(self, model: Any, batch: Any) -> Floats:
        """Margins of a batch that was read, of shape (n_rows, n_states)."""
        found: Floats = model.margins_of_table(*batch)
        return found

    def learn_one(self, model: Any, row: Any, y: float, weight: float) -> None:
        """Learn from one row."""
        model.learn_hashes(self._hashes_of(row), y, weight)

    def margins_one(self, model: Any, row: Any) -> list[float]:
        """Margins of one row."""
        found: list[float] = model.margins_of_hashes(self._hashes_of(row))
        return found

    def _hashes_of(self, row: Any) -> list[Any]:
        """Of each field the hash of the row's category, or those of its tokens."""
        if type(row) is not dict:
            row = mapping_of_row(row, self.names)
        check_fields_of_row(row, self.names)
        found: list[Any] = []
        for d, known in self._hashes:
            value = row[d.name]
            # What was met before costs a look; everything else is looked at closely.
            if d.several and type(value) in (list, tuple):
                try:
                    found.append([known[token] for token in value])
                except (KeyError, TypeError):
                    pass
                else:
                    continue
            elif type(value) is str and value in known:
                found.append(known[value])
                continue
            if d.kind != "text":
                found.append(_hashes_of_value(d, value))
            elif d.several and isinstance(value, list | tuple):
                found.append([_remember(d, known, token) for token in value if not is_null(token)])
            elif isinstance(value, str) and not d.several:
                found.append(_remember(d, known, value))
            else:
                found.append(_hashes_of_value(d, value))
        return found


def mapping_of_row(row: Any, names: list[str]) -> Mapping[str, Any]:
    """Return one row as a mapping from field to value; of tokens, of their one field."""
    if isinstance(row, Mapping):
        return row
    if names != [TOKENS] or isinstance(row, str):
        raise ValueError(f"row must be a mapping of the fields {names}, got {row!r}.")
    return {TOKENS: row}


def check_fields_of_row(row: Mapping[str, Any], names: list[str]) -> None:
    """Raise a ValueError unless a row has these fields and no others."""
    if len(row) != len(names):
        raise ValueError(f"row must have the fields {names}, got {list(row)}.")
    for name in names:
        if name not in row:
            raise ValueError(f"row lacks the field {name!r}.")


def _remember(d: Dictionary, known: dict[Any, int], text: Any) -> int:
    """Hash a string, and remember it where there is room."""
    if not isinstance(text, str):
        raise ValueError(f"field {d.name!r} was fitted with strings, but holds {text!r}.")
    if len(known) >= _REMEMBERED:
        known.clear()
    known[str(text)] = found = d.hash_of_text(text)
    return found


def _hashes_of_value(d: Dictionary, value: Any) -> int | list[int] | None:
    hashes, (codes, offsets) = hashed_field(d, one_row(value, d.name))
    if offsets is not None:
        ordered: list[int] = hashes[codes].tolist()
        return ordered
    return int(hashes[codes[0]]) if codes[0] >= 0 else None


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
