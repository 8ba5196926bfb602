"""Columns of levels and crosses by exact keys: learnt, looked up, and fewer of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsecross import _solvers
from sparsecross.dictionaries import Codes, Dictionary, Unknown, learn, learn_buckets
from sparsecross.fields import Column

Term = tuple[int, ...]

_KEY_LIMIT = 2**63


@dataclass(eq=False)
class KeyedColumns:
    """What an encoder has learnt that gives each combination seen at fit a column of its own.

    Attributes
    ----------
    dictionaries : list of Dictionary
        Of each field in use.
    terms : list of tuple of int
        Places in `dictionaries`: one field (levels) or several (a cross).
    keys : list of ndarray of uint64 or None
        Of each term its sorted keys, None where all possible ones have a column.
    """

    dictionaries: list[Dictionary]
    terms: list[Term]
    keys: list[NDArray[np.uint64] | None]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the look-up tables behind, which are built anew when first needed."""
        return {name: value for name, value in vars(self).items() if name != "table"}

    @property
    def sizes(self) -> list[int]:
        """The number of columns of each term."""
        return [
            self.dictionaries[t[0]].cardinality if k is None else len(k)
            for t, k in zip(self.terms, self.keys, strict=True)
        ]

    @property
    def n_columns(self) -> int:
        """The number of columns."""
        return sum(self.sizes)

    @cached_property
    def table(self) -> _solvers.Columns:
        """Tables over the keys, which building them checks."""
        return _solvers.Columns(
            [list(t) for t in self.terms], [d.cardinality for d in self.dictionaries], self.keys
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and of the tables over them."""
        return sum(k.nbytes for k in self.keys if k is not None) + self.table.table_bytes

    def read(self, columns: Sequence[Column], unknown: Unknown) -> list[Codes]:
        """Return the codes of the fields in use."""
        return [d.codes(c, unknown) for d, c in zip(self.dictionaries, columns, strict=True)]

    def rows(
        self, fields: list[Codes], n_rows: int, index_limit: int, n_threads: int
    ) -> tuple[NDArray[Any], ...]:
        """Return data, indices and indptr of the rows with these codes."""
        return self.table.of_rows(fields, n_rows, index_limit, n_threads)

    def row(self, values: Sequence[Any], unknown: Unknown) -> list[int]:
        """Return the columns of one row."""
        codes = [d.code(v, unknown) for d, v in zip(self.dictionaries, values, strict=True)]
        return self.table.of_row(codes)

    def codes_of_keys(self) -> list[list[NDArray[np.int64]]]:
        """Take the keys of each term apart: for each of its fields, the code in every key."""
        out = []
        for term, keys in zip(self.terms, self.keys, strict=True):
            size = self.dictionaries[term[0]].cardinality
            rest = np.arange(size, dtype=np.uint64) if keys is None else keys
            codes = []
            for field in reversed(term[1:]):
                rest, code = np.divmod(rest, np.uint64(self.dictionaries[field].cardinality))
                codes.append(code.astype(np.int64))
            out.append([rest.astype(np.int64), *reversed(codes)])
        return out

    def restricted(self, columns: ArrayLike, *, keep_values: bool) -> "KeyedColumns":
        """Keep some columns, and of terms, fields and values what these need.

        Parameters
        ----------
        columns : array-like of int, of shape (n_kept,)
            Strictly increasing. They become 0, 1, ...
        keep_values : bool
            Whether fields in use keep all their values.

        Raises
        ------
        ValueError
            If columns are not strictly increasing column numbers.
        """
        wanted = np.asarray(columns)
        if wanted.size == 0:
            wanted = np.zeros(0, np.int64)
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
            raise ValueError("columns must be a one-dimensional array of integers")
        starts = np.concatenate([[0], np.cumsum(self.sizes, dtype=np.int64)])
        if len(wanted) and (
            wanted[0] < 0 or wanted[-1] >= starts[-1] or (wanted[1:] <= wanted[:-1]).any()
        ):
            last = starts[-1] - 1
            raise ValueError(f"columns must increase strictly and lie between 0 and {last}")
        bounds = np.searchsorted(wanted, starts)
        surviving: list[tuple[Term, list[NDArray[np.int64]]]] = []
        for t, (term, codes) in enumerate(zip(self.terms, self.codes_of_keys(), strict=True)):
            chosen = wanted[bounds[t] : bounds[t + 1]] - starts[t]
            if len(chosen):
                surviving.append((term, [c[chosen] for c in codes]))

        places: dict[int, NDArray[np.int64]] = {}  # of each field in use, old codes to new
        dictionaries = []
        for f, d in enumerate(self.dictionaries):
            used = [
                c for term, codes in surviving for i, c in zip(term, codes, strict=True) if i == f
            ]
            if not used:
                continue
            kept = np.unique(np.concatenate(used))
            if keep_values or d.kind == "bucket":
                kept = np.arange(d.cardinality)
            places[f] = np.full(d.cardinality, -1, np.int64)
            places[f][kept] = np.arange(len(kept))
            dictionaries.append(d.only(kept))
        number = {f: i for i, f in enumerate(places)}
        all_keys: list[NDArray[np.uint64] | None] = []
        for term, codes in surviving:
            keys = np.zeros(len(codes[0]), np.uint64)
            for f, c in zip(term, codes, strict=True):
                keys *= np.uint64(dictionaries[number[f]].cardinality)
                keys += places[f][c].astype(np.uint64)
            everything = len(term) == 1 and len(keys) == dictionaries[number[term[0]]].cardinality
            all_keys.append(None if everything else keys)
        terms = [tuple(number[f] for f in term) for term, _ in surviving]
        return KeyedColumns(dictionaries, terms, all_keys)


def learn_keyed(
    columns: Sequence[Column],
    names: Sequence[str],
    n_buckets: Mapping[int, int],
    terms: list[Term],
    n_rows: int,
    *,
    min_count: int,
    unknown: Unknown,
    numeric_nulls: Literal["error", "indicator"],
    n_threads: int,
) -> tuple[KeyedColumns, list[Codes]]:
    """Learn the categories and combinations of a table.

    Returns
    -------
    KeyedColumns
        What was learnt.
    list of Codes
        The table's fields in codes.

    Raises
    ------
    ValueError
        If a field cannot be read, or the possible combinations of a cross are beyond 2**63.
    """
    # With handle_unknown="error" rare values must stay known, so they stay in dictionaries.
    rare = min_count if unknown == "ignore" else 1
    dictionaries: list[Dictionary] = []
    fields: list[Codes] = []
    for i, (column, name) in enumerate(zip(columns, names, strict=True)):
        if i in n_buckets:
            found = learn_buckets(column, name, i, n_buckets[i], numeric_nulls)
            codes, offsets = found.codes(column, "ignore")
        else:
            found, codes, offsets = learn(column, name, i, rare)
        dictionaries.append(found)
        fields.append((codes, offsets))
    cardinalities = [d.cardinality for d in dictionaries]
    for term in terms:
        if len(term) > 1:
            _check_range(term, names, cardinalities)
    keys = _solvers.learn_keys(
        [list(t) for t in terms], cardinalities, fields, n_rows, min_count, n_threads
    )
    kept = [
        None if len(t) == 1 and len(k) == cardinalities[t[0]] else k
        for t, k in zip(terms, keys, strict=True)
    ]
    return KeyedColumns(dictionaries, terms, kept), fields


def _check_range(cross: Term, names: Sequence[str], cardinalities: list[int]) -> None:
    product = 1
    for i in cross:
        product *= cardinalities[i]
    if product > _KEY_LIMIT:
        sizes = ", ".join(f"{names[i]!r}: {cardinalities[i]}" for i in cross)
        raise ValueError(
            f"crosses: the product of the cardinalities of {sizes} is {product}, beyond 2^63, "
            "where exact keys end; use n_bits to hash the columns"
        )
