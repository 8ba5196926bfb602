"""Columns of levels and crosses by hashes (n_bits): no dictionaries, and as many as there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sparsecross import _solvers
from sparsecross.dictionaries import Codes, Dictionary, learn, learn_buckets, one_row
from sparsecross.fields import Column

_FIRST = np.zeros(1, np.int32)  # the codes of one row whose only category is number 0

# Of each field, the hashes of the categories that occur in it, and the codes that number these.
Hashed = tuple[list[NDArray[np.uint64]], list[Codes]]


@dataclass(eq=False)
class HashedColumns:
    """What an encoder has learnt whose columns are hashes.

    Attributes
    ----------
    dictionaries : list of Dictionary
        Of each field; they hold no categories, but edges.
    terms : list of tuple of int
        Places in `dictionaries`: one field (levels) or several (a cross).
    n_bits : int
        There are 2**n_bits columns.
    kept : ndarray of uint8 or None
        A bit for each column: whether it is in use. None where all are.
    """

    dictionaries: list[Dictionary]
    terms: list[tuple[int, ...]]
    n_bits: int
    kept: NDArray[np.uint8] | None = None

    @property
    def n_columns(self) -> int:
        """The number of columns."""
        return int(2**self.n_bits)

    @property
    def nbytes(self) -> int:
        """Bytes of what says which columns are in use."""
        return 0 if self.kept is None else self.kept.nbytes

    def read(
        self, columns: Sequence[Column], known: Sequence[dict[bytes, int] | None] | None = None
    ) -> Hashed:
        """Return the hashes of the categories that occur in each column, and the codes.

        `known` are, of each field, hashes of categories that it had before; more are added.
        """
        known = known or [None] * len(columns)
        found = [
            hashed_field(d, c, k) for d, c, k in zip(self.dictionaries, columns, known, strict=True)
        ]
        return [hashes for hashes, _ in found], [codes for _, codes in found]

    def rows(
        self, fields: Hashed, n_rows: int, index_limit: int, n_threads: int
    ) -> tuple[NDArray[Any], ...]:
        """Return data, indices and indptr of the rows with these hashes."""
        return _solvers.hash_columns(
            [list(t) for t in self.terms],
            *fields,
            n_rows,
            self.n_bits,
            self.kept,
            index_limit,
            n_threads,
        )

    def row(self, values: Sequence[Any], index_limit: int, n_threads: int) -> list[int]:
        """Return the columns of one row."""
        hashes: list[NDArray[np.uint64]] = []
        fields: list[Codes] = []
        for d, value in zip(self.dictionaries, values, strict=True):
            known = d.hash_of(value)
            if known is not None:
                hashes.append(known)
                fields.append((_FIRST, None))
            else:
                one, codes = hashed_field(d, one_row(value, d.name))
                hashes.append(one)
                fields.append(codes)
        _, indices, _ = self.rows((hashes, fields), 1, index_limit, n_threads)
        found: list[int] = indices.tolist()
        return found


def kinds_of(
    columns: Sequence[Column],
    names: Sequence[str],
    n_buckets: Mapping[int, int],
    terms: list[tuple[int, ...]],
    *,
    n_bits: int,
    numeric_nulls: Literal["error", "indicator"],
) -> HashedColumns:
    """Learn the kinds and edges of fields, all that hashed columns depend on."""
    found = []
    for i, (column, name) in enumerate(zip(columns, names, strict=True)):
        if i in n_buckets:
            found.append(learn_buckets(column, name, i, n_buckets[i], numeric_nulls))
        else:
            found.append(learn(column, name, i, 1)[0])
    dictionaries = [
        d if d.kind == "bucket" else replace(d.only(np.zeros(0, np.int64)), has_null=False)
        for d in found
    ]
    return HashedColumns(dictionaries, terms, n_bits)


def learn_hashed(
    columns: Sequence[Column],
    names: Sequence[str],
    n_buckets: Mapping[int, int],
    terms: list[tuple[int, ...]],
    n_rows: int,
    *,
    n_bits: int,
    min_count: int,
    numeric_nulls: Literal["error", "indicator"],
    index_limit: int,
    n_threads: int,
) -> tuple[HashedColumns, Hashed, int]:
    """Learn the kinds and edges of fields, and which columns are in use.

    Returns
    -------
    HashedColumns
        What was learnt.
    Hashed
        The table's fields.
    int
        How many distinct levels and combinations share their column with another one.
    """
    learnt = kinds_of(columns, names, n_buckets, terms, n_bits=n_bits, numeric_nulls=numeric_nulls)
    fields = learnt.read(columns)
    collisions = _solvers.hash_collisions(
        [list(t) for t in terms], *fields, n_rows, n_bits, n_threads
    )
    if min_count > 1:
        _, slots, _ = learnt.rows(fields, n_rows, index_limit, n_threads)
        counts = np.bincount(slots, minlength=learnt.n_columns)
        learnt.kept = np.packbits(counts >= min_count, bitorder="little")
    return learnt, fields, collisions


def categories_of(known: Dictionary, column: Column) -> tuple[Dictionary, Codes]:
    """Return the categories that occur in one column of a known kind, and the codes."""
    if known.kind == "bucket":
        here = replace(known, has_null=known.numeric_nulls == "indicator")
        return here, here.codes(column, "ignore")
    # Whether the column's kind fits is what looking its entries up finds out.
    known.codes(column, "ignore")
    here, codes, offsets = learn(column, known.name, known.position, 1)
    if known.several and offsets is None:
        codes, offsets = known.codes(column, "ignore")
    return here, (codes, offsets)


def hashed_field(
    field: Dictionary, column: Column, known: dict[bytes, int] | None = None
) -> tuple[NDArray[np.uint64], Codes]:
    """Return the hashes of the categories that occur in one column of a field, and the codes.

    The tokens of a list-valued field are numbered by their hashes, so that the order in which a
    row's tokens are crossed is the same in every table.
    """
    here, (codes, offsets) = categories_of(field, column)
    values = here.hashes(known)
    if offsets is not None:
        order = np.argsort(values)
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        values = values[order]
        offsets, codes = _solvers.make_sets(offsets, place[codes])
    return values, (codes, offsets)
