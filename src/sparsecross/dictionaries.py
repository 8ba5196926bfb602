"""The categories of one field: learnt from a column, held as arrays, looked up again.

Codes number a field's categories: 0, 1, ... in the order of the values, then null, where null is
a category. -1 stands for a value that is none of them.
"""

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sparsecross._solvers import Integers as IntegerIndex
from sparsecross._solvers import Strings, distinct_integers, make_sets, mapped, occurring
from sparsecross.fields import (
    LARGEST,
    Column,
    Floats,
    Integers,
    Offsets,
    Texts,
    read_values,
    texts_of,
)

Kind = Literal["text", "integer", "float", "boolean", "bucket", "null"]
Codes = tuple[NDArray[np.int32], Offsets]
Unknown = Literal["ignore", "error"]

_PLURAL = {
    "text": "strings",
    "integer": "integers",
    "float": "numbers",
    "boolean": "booleans",
    "bucket": "numbers",
    "null": "nulls only",
}


def ordered_keys(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Integers in the order of the floats, equal where these are; finite values only."""
    bits = (values + 0.0).view(np.int64)  # of the two zeros the positive one
    return np.where(bits < 0, bits ^ np.iinfo(np.int64).max, bits)


def floats_of_keys(keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the floats whose `ordered_keys` these are."""
    return np.where(keys < 0, keys ^ np.iinfo(np.int64).max, keys).view(np.float64)


def quantile_edges(values: NDArray[np.float64], n_buckets: int) -> NDArray[np.float64]:
    """Edges that cut values into at most n_buckets intervals of about equal numbers of rows.

    Of the n values in order, counted from 0, edge i of b is number ceil(i n / b) (the last where
    there are too few values): without ties
    the buckets hold equally many values, to within one. Ties make edges equal: equal ones count
    once, and an edge at the smallest value, below which nothing lies, is none.
    """
    ranked = np.sort(values)
    places = -(-np.arange(1, n_buckets) * len(ranked) // n_buckets)
    edges: NDArray[np.float64] = np.unique(ranked[np.minimum(places, len(ranked) - 1)])
    above: NDArray[np.float64] = edges[edges > ranked[0]]
    return above


@dataclass
class Dictionary:
    """The categories of one field.

    `values` holds them: for "text" where each string begins in `blob` (strings sorted by code
    point), for "integer" and "boolean" the sorted integers, for "float" the sorted `ordered_keys`
    of the floats, for "bucket" the edges (category i
    holds the values with i edges at or below them), for "null" nothing.
    """

    name: str
    position: int
    kind: Kind
    several: bool
    has_null: bool
    values: NDArray[Any]
    blob: NDArray[np.uint8] | None = None
    numeric_nulls: str = "error"
    _index: Strings | IntegerIndex | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_index": None}

    @property
    def n_values(self) -> int:
        """The number of categories other than null."""
        if self.kind == "text":
            return len(self.values) - 1
        return len(self.values) + (self.kind == "bucket")

    @property
    def cardinality(self) -> int:
        """The number of categories."""
        return self.n_values + self.has_null

    @property
    def index(self) -> Strings | IntegerIndex:
        """What finds values; built when first asked for."""
        if self._index is None:
            if self.kind == "text":
                assert self.blob is not None
                self._index = Strings(self.blob, self.values)
            else:
                self._index = IntegerIndex(self.values)
        return self._index

    @property
    def nbytes(self) -> int:
        """Bytes of the categories and of what finds them."""
        total = self.values.nbytes + (0 if self.blob is None else self.blob.nbytes)
        if self.kind in ("integer", "float", "boolean"):
            assert isinstance(self.index, IntegerIndex)
            total += self.index.table_bytes
        return total

    # Columns to codes

    def codes(self, column: Column, unknown: Unknown) -> Codes:
        """Return the codes of a column's entries; of a list-valued one, a set for each row."""
        if (column.offsets is not None) != self.several and not _all_null(column):
            here, there = ("lists", "single values")[:: 1 if self.several else -1]
            raise ValueError(f"field {self.name!r} was fitted with {here}, but holds {there}")
        codes, nulls = self._find(column)
        if self.several:
            offsets = column.offsets
            if offsets is None:  # nothing but nulls: no row has a token
                return np.zeros(0, np.int32), np.zeros(len(codes) + 1, np.int64)
            if unknown == "error":
                self._check_known(column, (codes < 0) & ~nulls)
            offsets, codes = make_sets(offsets, codes)
            return codes, offsets
        if nulls.any():
            codes[nulls] = self.n_values if self.has_null else -1
        if unknown == "error":
            self._check_known(column, codes < 0)
        return codes, None

    def _check_known(self, column: Column, unseen: NDArray[np.bool_]) -> None:
        if unseen.any():
            entry = int(unseen.argmax())
            raise ValueError(
                f"field {self.name!r} holds {entry_of(column, entry)!r}, which was not seen at "
                "fit; handle_unknown='ignore' lets such values contribute nothing"
            )

    def _find(self, column: Column) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Each entry's code, -1 where unknown or null, and whether it is null."""
        if self.kind == "bucket":
            return self._cut(column)
        nulls = null_entries(column)
        if self.kind == "null" or nulls.all():
            return np.full(len(nulls), -1, np.int32), nulls
        kind = kind_of(column)
        if kind != self.kind and {kind, self.kind} != {"integer", "float"}:
            raise ValueError(
                f"field {self.name!r} was fitted with {_PLURAL[self.kind]}, but holds "
                f"{_PLURAL[kind]}"
            )
        if isinstance(column, Texts):
            assert isinstance(self.index, Strings)
            found = self.index.find_all(Strings(column.blob, column.starts))
            return mapped(column.codes, np.append(found, np.int32(-1))), nulls
        assert isinstance(self.index, IntegerIndex)
        keys, exact = self._keys_of(column)
        codes = self.index.find_all(keys)
        codes[nulls | ~exact] = -1
        return codes, nulls

    def _keys_of(self, column: Integers | Floats) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Each entry as `values` would hold it, and whether they can hold it at all."""
        values = column.values
        if self.kind != "float":
            if isinstance(column, Integers):
                return column.values, np.ones(len(values), np.bool_)
            exact = (values == np.floor(values)) & (np.abs(values) < LARGEST)
            return np.where(exact, values, 0.0).astype(np.int64), exact
        numbers = values.astype(np.float64)
        exact = np.ones(len(values), np.bool_)
        if isinstance(column, Integers):
            exact = numbers < LARGEST
            exact &= np.where(exact, numbers, 0.0).astype(np.int64) == values
        return ordered_keys(numbers), exact

    def _cut(self, column: Column) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        numbers, nulls = numbers_of(column, self.name, self.numeric_nulls)
        codes = np.searchsorted(self.values, numbers, side="right").astype(np.int32)
        codes[nulls] = -1
        return codes, nulls

    # One value to its code

    def code(self, value: Any, unknown: Unknown) -> int | list[int]:
        """Return the code of one row's value, or the sorted codes of its list of values."""
        if self.kind == "text" and not self.several and type(value) is str:
            code = self.index.find(value.encode())  # type: ignore[arg-type]
            if code >= 0 or unknown == "ignore":
                return code
        codes, offsets = self.codes(one_row(value, self.name), unknown)
        return int(codes[0]) if offsets is None else codes.tolist()

    # Names, hashes

    def label(self, code: int) -> str:
        """Return the name of a category."""
        if code == self.n_values:
            return "<null>"
        if self.kind == "text":
            assert self.blob is not None
            return bytes(self.blob[self.values[code] : self.values[code + 1]]).decode()
        if self.kind == "bucket":
            edges = [-np.inf, *self.values.tolist(), np.inf]
            return f"[{edges[code]!r}, {edges[code + 1]!r})"
        if self.kind == "float":
            return repr(floats_of_keys(self.values[code : code + 1]).item())
        value = int(self.values[code])
        return str(bool(value)) if self.kind == "boolean" else str(value)

    def plain_values(self) -> list[Any]:
        """Return the categories: strings, numbers, numbers of buckets; None for null."""
        found: list[Any]
        if self.kind == "text":
            assert self.blob is not None
            text, at = self.blob.tobytes(), self.values.tolist()
            found = [text[a:b].decode() for a, b in pairwise(at)]
        elif self.kind == "bucket":
            found = list(range(self.n_values))
        elif self.kind == "float":
            found = floats_of_keys(self.values).tolist()
        else:
            found = self.values.tolist()
        return found + [None] * self.has_null

    def of_values(self, values: list[Any], has_null: bool) -> "Dictionary":
        """Return a dictionary of this kind with these categories, in their order and distinct."""
        if self.kind == "bucket":
            return replace(self, has_null=has_null)
        blob = None
        kind: Kind = self.kind
        if kind in ("integer", "float"):
            kind = "float" if any(isinstance(v, float) for v in values) else "integer"
        if kind == "text":
            blob, starts = texts_of(values)
            return replace(self, values=starts, blob=blob, has_null=has_null, _index=None)
        if kind == "float":
            held = ordered_keys(np.array(values, np.float64))
        else:
            held = np.array(values, np.int64)
        return replace(self, kind=kind, values=held, has_null=has_null, _index=None)

    def hashes(self, known: dict[bytes, int] | None = None) -> NDArray[np.uint64]:
        """Return a 64-bit hash of the field's name and each category; the same everywhere.

        `known` are hashes of categories that this field had before; those of others are added.

        BLAKE2b of: length of the name in UTF-8 (8 bytes, little-endian), the name, one letter
        for the kind (s string, i integer, f float, b boolean, q bucket, n null), and the value:
        UTF-8, or the decimal digits of the integer or of the bucket's number, or the shortest
        digits that give the float back. Floats that are whole (and below 2^63) count as integers.
        """
        parts: list[bytes]
        if self.kind == "text":
            assert self.blob is not None
            text, at = self.blob.tobytes(), self.values.tolist()
            parts = [b"s" + text[a:b] for a, b in pairwise(at)]
        elif self.kind == "bucket":
            parts = [b"q%d" % i for i in range(self.n_values)]
        elif self.kind == "float":
            parts = [
                b"i%d" % int(v) if v.is_integer() and abs(v) < LARGEST else b"f" + repr(v).encode()
                for v in floats_of_keys(self.values).tolist()
            ]
        else:
            letter = b"b" if self.kind == "boolean" else b"i"
            parts = [letter + b"%d" % i for i in self.values.tolist()]
        return self._hashed(parts + [b"n"] * self.has_null, known)

    def hash_of_text(self, text: str) -> int:
        """Return the hash of a string, or of a token of a list, of a field of text."""
        return int(self._hashed([b"s" + text.encode()])[0])

    def hash_of(self, value: Any) -> NDArray[np.uint64] | None:
        """Return the hash of one string, integer, boolean or None, where it is of this kind."""
        if self.several:
            return None
        if value is None and self.kind != "bucket":
            return self._hashed([b"n"])
        if type(value) is str and self.kind == "text":
            return self._hashed([b"s" + value.encode()])
        if type(value) is bool and self.kind == "boolean":
            return self._hashed([b"b%d" % value])
        if type(value) is int and self.kind in ("integer", "float") and abs(value) < 2**53:
            return self._hashed([b"i%d" % value])
        return None

    def _hashed(
        self, parts: list[bytes], known: dict[bytes, int] | None = None
    ) -> NDArray[np.uint64]:
        name = self.name.encode()
        start = blake2b(len(name).to_bytes(8, "little") + name, digest_size=8)

        known = {} if known is None else known
        found = [known.get(part) for part in parts]
        for i, value in enumerate(found):
            if value is None:
                hasher = start.copy()
                hasher.update(parts[i])
                found[i] = known[parts[i]] = int.from_bytes(hasher.digest(), "little")
        return np.array(found, np.uint64)

    # Fewer categories

    def only(self, kept: NDArray[np.int64]) -> "Dictionary":
        """Return the dictionary of these codes alone (sorted), renumbered from 0."""
        if self.kind == "bucket" or len(kept) == self.cardinality:
            return self
        has_null = bool(self.has_null and len(kept) and kept[-1] == self.n_values)
        chosen = kept[: len(kept) - has_null]
        if self.kind != "text":
            return replace(self, values=self.values[chosen], has_null=has_null, _index=None)
        assert isinstance(self.index, Strings)
        blob, starts = self.index.take(chosen)
        return replace(self, values=starts, blob=blob, has_null=has_null, _index=None)


def kind_of(column: Column) -> Kind:
    """Return the kind of categories that a column holds."""
    if _all_null(column):
        return "null"
    if isinstance(column, Texts):
        return "text"
    if isinstance(column, Floats):
        return "float"
    return "boolean" if column.boolean else "integer"


def null_entries(column: Column) -> NDArray[np.bool_]:
    """Which entries of a column are null."""
    if isinstance(column, Texts):
        return column.codes < 0
    return column.nulls if isinstance(column, Integers) else np.isnan(column.values)


def _all_null(column: Column) -> bool:
    return bool(null_entries(column).all())


def entry_of(column: Column, entry: int) -> Any:
    """Return one entry of a column, for messages."""
    if null_entries(column)[entry]:
        return None
    if isinstance(column, Texts):
        code = column.codes[entry]
        return bytes(column.blob[column.starts[code] : column.starts[code + 1]]).decode()
    value = column.values[entry].item()
    return bool(value) if isinstance(column, Integers) and column.boolean else value


def one_row(value: Any, name: str) -> Column:
    """Return the column whose only row is a value."""
    return read_values([value], name)


def numbers_of(
    column: Column, name: str, numeric_nulls: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a numeric column's values as floats and which are null; nulls raise if they must."""
    nulls = null_entries(column)
    if not nulls.all() and (isinstance(column, Texts) or kind_of(column) == "boolean"):
        raise ValueError(
            f"field {name!r} is to be cut into buckets and must hold numbers, but holds "
            f"{_PLURAL[kind_of(column)]}"
        )
    if column.offsets is not None:
        raise ValueError(f"field {name!r} is to be cut into buckets, but holds lists")
    if nulls.any() and numeric_nulls == "error":
        raise ValueError(
            f"field {name!r} is numeric and holds a null (NaN) in row {int(nulls.argmax())}; "
            "numeric_nulls='indicator' makes a category of its nulls"
        )
    if isinstance(column, Texts):
        return np.zeros(len(nulls)), nulls
    return column.values.astype(np.float64), nulls


def learn_buckets(
    column: Column, name: str, position: int, n_buckets: int, numeric_nulls: str
) -> Dictionary:
    """Cut a numeric column at its quantiles."""
    numbers, nulls = numbers_of(column, name, numeric_nulls)
    if nulls.all():
        raise ValueError(f"field {name!r} is to be cut into buckets, but holds nulls only")
    edges = quantile_edges(numbers[~nulls], n_buckets)
    return Dictionary(
        name, position, "bucket", False, bool(nulls.any()), edges, numeric_nulls=numeric_nulls
    )


def learn(
    column: Column, name: str, position: int, min_count: int
) -> tuple[Dictionary, NDArray[np.int32], Offsets]:
    """Return a column's categories seen in at least min_count rows, and its codes among them."""
    nulls = null_entries(column)
    several = column.offsets is not None
    kind = kind_of(column)
    blob = None
    values: NDArray[Any]
    if kind == "null":
        values, codes = np.zeros(0, np.int64), np.full(len(nulls), -1, np.int32)
    elif isinstance(column, Texts):
        blob, values, codes = _sorted_texts(column)
    elif isinstance(column, Floats):
        values, codes = distinct_integers(ordered_keys(column.values), nulls)
    else:
        values, codes = distinct_integers(column.values, column.nulls)
    has_null = not several and bool(nulls.any())
    found = Dictionary(name, position, kind, several, has_null, values, blob)
    offsets = column.offsets
    if offsets is not None:
        offsets, codes = make_sets(offsets, codes)
    elif has_null:
        codes[nulls] = found.n_values
    if min_count > 1:
        counts = np.bincount(codes[codes >= 0], minlength=found.cardinality)
        kept = np.flatnonzero(counts >= min_count)
        if len(kept) < found.cardinality:
            place = np.full(found.cardinality + 1, -1, np.int32)
            place[kept] = np.arange(len(kept))
            found, codes = found.only(kept), place[codes]
            if offsets is not None:
                offsets, codes = make_sets(offsets, codes)
    return found, codes, offsets


def _sorted_texts(column: Texts) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32]]:
    """Sort the strings that occur, each once."""
    n = len(column.starts) - 1
    chosen = np.flatnonzero(occurring(column.codes, n)[:n])
    distinct = Strings(*Strings(column.blob, column.starts).take(chosen))
    order, rank = distinct.ranking()
    blob, starts = distinct.take(order)
    place = np.full(n + 1, -1, np.int32)
    place[chosen] = rank
    return blob, starts, mapped(column.codes, place)


def check_state(dictionary: Dictionary) -> None:
    """Raise a ValueError unless the arrays are what their kind says."""
    name, values = dictionary.name, dictionary.values
    if dictionary.kind == "text":
        assert dictionary.blob is not None
        strings = Strings(dictionary.blob, values)
        if strings.first_out_of_order() < len(strings):
            raise ValueError(f"the strings of field {name!r} are not sorted")
        _check_utf8(dictionary.blob, values, name)
    elif dictionary.kind == "bucket":
        if not np.isfinite(values).all() or (values[1:] <= values[:-1]).any():
            raise ValueError(f"the edges of field {name!r} must be finite and increase strictly")
    elif dictionary.kind == "null":
        if len(values):
            raise ValueError(f"field {name!r} holds nulls only, but has {len(values)} values")
    else:
        IntegerIndex(values)
        if dictionary.kind == "float":
            floats = floats_of_keys(values)
            if not np.isfinite(floats).all() or (ordered_keys(floats) != values).any():
                raise ValueError(f"the values of field {name!r} must be finite floats")
        if dictionary.kind == "boolean" and not set(values.tolist()) <= {0, 1}:
            raise ValueError(f"the values of boolean field {name!r} must be 0 or 1")


def _check_utf8(blob: NDArray[np.uint8], starts: NDArray[np.int64], name: str) -> None:
    try:
        blob[starts[0] : starts[-1]].tobytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"the strings of field {name!r} are not valid UTF-8: {error}") from None
    inner = starts[1:-1]
    inner = inner[inner < starts[-1]]
    if ((blob[inner] & 0xC0) == 0x80).any():
        raise ValueError(f"a string of field {name!r} begins inside a character")
