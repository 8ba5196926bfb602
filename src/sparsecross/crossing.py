"""FeatureCross: tables to the sparse columns of their categories and crosses of categories."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    check_is_fitted,
    validate_data,
)

from sparsecross import _solvers
from sparsecross.dictionaries import (
    Codes,
    Dictionary,
    learn,
    learn_buckets,
    one_row,
)
from sparsecross.fields import Column, is_table, read_array, read_table, table_names
from sparsecross.learnt import Lookup, rebuilt, restricted, state_of
from sparsecross.parameters import (
    Crosses,
    bucket_numbers,
    check_choice,
    check_integer,
    resolved_crosses,
)

# Beyond this many columns or entries, indices are 64-bit.
_INDEX_LIMIT = int(np.iinfo(np.int32).max)
_KEY_LIMIT = 2**63
_FIRST = np.zeros(1, np.int32)  # the codes of one row whose only category is number 0


class FeatureCross(TransformerMixin, BaseEstimator):
    """Turn a table's categorical fields and their crosses into sparse columns of ones.

    A column stands for a value of a field (a level), or for a combination of values of several
    fields (a cross); it is 1 in the rows that hold the value or combination. Only what was seen
    at fit has a column. The levels come first, field by field in the table's order, each field's
    sorted (strings by code point, null last); then the crosses in the order of `crosses`, each
    sorted by its values in turn. The order of rows has no influence on columns.

    Fields of strings, categories, booleans, integers and floats are categorical, each distinct
    value a category; floats that `buckets` names are cut into intervals instead. Nulls (None, NaN,
    NaT, pandas.NA) are a category of their own. A list-valued field is a set of tokens:
    repetitions and nulls inside a list are ignored, and an empty or null list has no column.
    Infinite floats are refused.

    Parameters
    ----------
    crosses : "pairwise" or list of tuples, default="pairwise"
        Which fields are crossed. Each tuple names two or more fields, by name or position; a
        list-valued field may stand in it several times, which crosses its own tokens (each
        combination of distinct tokens once). "pairwise" is every pair of distinct fields, and
        the pairs of tokens of every list-valued field. An empty list gives the levels only.
    min_count : int, default=1
        Columns seen in fewer rows of the fit's table are dropped. With `n_bits` they stay, empty.
    n_bits : int or None, default=None
        None: exact keys, no collisions. 1 to 31: 2**n_bits columns, to which levels and crosses
        are hashed; no dictionaries are kept, and values not seen at fit have columns too.
    buckets : int, dict of field to int, or None, default=None
        Into at most how many intervals numeric fields are cut, at quantiles of the fit's table:
        an int for each float field with fractions, a dict for the named fields. Bucket i holds
        the values with i edges at or below them. Edge i of b is number ceil(i n / b) of the n
        sorted values, counted from 0; equal edges count once, and the smallest value is no edge.
    numeric_nulls : "error" or "indicator", default="error"
        Whether nulls in bucketised fields raise or are a category of their own.
    handle_unknown : "ignore" or "error", default="ignore"
        Whether a value that was not seen at fit contributes nothing or raises. With "error"
        dictionaries keep the values that min_count drops, which are not unknown.
    n_threads : int or None, default=None
        None: as many as OpenMP allows. Results do not depend on it.

    Attributes
    ----------
    n_features_in_ : int
        Number of fields.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the fields, where the table names all of them by strings.
    collisions_ : int or None
        With `n_bits`, how many of the distinct levels and combinations seen at fit share their
        column with another one; None for exact keys.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsecross.crossing import FeatureCross
    >>> X = np.array([["red", "S"], ["red", "L"], ["blue", "S"]], dtype=object)
    >>> cross = FeatureCross()
    >>> cross.fit_transform(X).toarray().astype(int)
    array([[0, 1, 0, 1, 0, 0, 1],
           [0, 1, 1, 0, 0, 1, 0],
           [1, 0, 0, 1, 1, 0, 0]])
    >>> cross.get_feature_names_out().tolist()
    ['x0_blue', 'x0_red', 'x1_L', 'x1_S', 'x0_blue x1_S', 'x0_red x1_L', 'x0_red x1_S']
    """

    def __init__(
        self,
        crosses: Crosses = "pairwise",
        *,
        min_count: int = 1,
        n_bits: int | None = None,
        buckets: int | Mapping[str | int, int] | None = None,
        numeric_nulls: Literal["error", "indicator"] = "error",
        handle_unknown: Literal["ignore", "error"] = "ignore",
        n_threads: int | None = None,
    ) -> None:
        self.crosses = crosses
        self.min_count = min_count
        self.n_bits = n_bits
        self.buckets = buckets
        self.numeric_nulls = numeric_nulls
        self.handle_unknown = handle_unknown
        self.n_threads = n_threads

    # Fitted state, beside the public attributes:
    #   _names         names of all fields of the fit's table
    #   _dictionaries  of each field in use; with n_bits they hold no categories (but edges)
    #   _terms         tuples of positions in _dictionaries: one field (levels) or several
    #   _keys          of each term its sorted keys, None where all possible ones have a column;
    #                  with n_bits nothing
    #   _kept          with n_bits and min_count > 1 a bit for each column: whether it is in use
    #   _selected      whether this is a part of a fitted encoder
    #   _lookup        tables over _keys, built when first needed

    def fit(self, X: Any, y: object = None) -> Self:
        """Learn the categories and combinations of a table.

        Parameters
        ----------
        X : DataFrame (pandas, polars, pyarrow) or array-like of shape (n_rows, n_fields)
            The table.
        y : object, optional
            Ignored.

        Returns
        -------
        self : FeatureCross
            The fitted encoder.

        Raises
        ------
        ValueError
            If a parameter is out of its range, a field cannot be read as categories, a cross
            names a field that is not there, or the product of the cardinalities of a cross is
            beyond 2**63 (then use `n_bits`).
        """
        self._fit(X, with_rows=False)
        return self

    def fit_transform(self, X: Any, y: object = None) -> Any:
        """Learn from a table and encode it in one go; see `fit` and `transform`.

        Parameters
        ----------
        X : DataFrame (pandas, polars, pyarrow) or array-like of shape (n_rows, n_fields)
            The table.
        y : object, optional
            Ignored.

        Returns
        -------
        encoded : CSR matrix or array of float32, of shape (n_rows, n_columns)
            Ones; indices are sorted and distinct within each row.
        """
        return self._fit(X, with_rows=True)

    def transform(self, X: Any) -> Any:
        """Encode a table.

        Parameters
        ----------
        X : DataFrame (pandas, polars, pyarrow) or array-like of shape (n_rows, n_fields)
            A table with the fields of fit.

        Returns
        -------
        encoded : CSR matrix or array of float32, of shape (n_rows, n_columns)
            Ones; indices are sorted and distinct within each row. Whether a matrix or an array
            follows scikit-learn's `sparse_interface`.

        Raises
        ------
        ValueError
            If fields are missing or too many, a field holds another kind of values than at fit,
            or with handle_unknown="error" a value that was not seen.
        """
        check_is_fitted(self, "_terms")
        columns, n_rows = self._read(X, [d.position for d in self._dictionaries])
        if self.n_bits is not None:
            return self._hash(*self._hashed_fields(columns), n_rows)
        fields = [
            d.codes(c, self.handle_unknown)
            for d, c in zip(self._dictionaries, columns, strict=True)
        ]
        return self._rows(fields, n_rows)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns: field_value, joined by blanks in crosses.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the fields, which must be those of fit.

        Returns
        -------
        names : ndarray of str, of shape (n_columns,)
            With `n_bits`: hash0, hash1, ...

        Raises
        ------
        ValueError
            If input_features are not the fields' names.
        """
        check_is_fitted(self, "_terms")
        names = self._names
        if input_features is not None:
            given = [str(name) for name in np.asarray(input_features, dtype=object)]
            if hasattr(self, "feature_names_in_") and given != names:
                raise ValueError("input_features is not equal to feature_names_in_")
            if len(given) != len(names):
                raise ValueError(
                    "input_features should have length equal to number of features "
                    f"({len(names)}), got {len(given)}"
                )
            names = given
        if self.n_bits is not None:
            return np.array(self._names_of(range(2**self.n_bits)), dtype=object)
        labels: dict[tuple[int, int], str] = {}

        def label(place: int, code: int) -> str:
            found = labels.get((place, code))
            if found is None:
                d = self._dictionaries[place]
                found = labels[place, code] = f"{names[d.position]}_{d.label(code)}"
            return found

        out: list[str] = []
        for term, codes in zip(self._terms, self._codes_of_keys(), strict=True):
            for row in zip(*(c.tolist() for c in codes), strict=True):
                parts = (label(f, c) for f, c in zip(term, row, strict=True))
                out.append(" ".join(parts))
        return np.array(out, dtype=object)

    def _names_of(self, columns: Iterable[int]) -> list[str]:
        """Return the names of some columns, without those of 2^n_bits hashed ones."""
        if self.n_bits is not None:
            return [f"hash{j}" for j in columns]
        names = self.get_feature_names_out()
        return [names[j] for j in columns]

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: categorical, string and missing values are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        if "_lookup" in state:
            state["_lookup"] = Lookup()
        return state

    # Reading

    def _read(self, X: Any, positions: Sequence[int]) -> tuple[list[Column], int]:
        """Read the fields at these positions of fit's table."""
        if not is_table(X):
            X = validate_data(
                self, X, reset=False, dtype=None, ensure_all_finite=False, ensure_min_samples=0
            )
            return list(read_array(X, positions, [self._names[p] for p in positions])), len(X)
        names = table_names(X)
        if self._selected:
            missing = [self._names[p] for p in positions if self._names[p] not in names]
            if missing:
                raise ValueError(f"X must have the fields {missing}, which this encoder needs")
            chosen: list[Any] = [self._names[p] for p in positions]
        else:
            _check_feature_names(self, X, reset=False)
            _check_n_features(self, X, reset=False)
            chosen = [names[p] for p in positions]
        return list(read_table(X, chosen)), X.shape[0]

    def _read_for_fit(self, X: Any) -> tuple[list[Column], int]:
        self._selected = False
        if not is_table(X):
            X = validate_data(self, X, dtype=None, ensure_all_finite=False)
            self._names = self._in_names()
            return list(read_array(X, range(X.shape[1]), self._names)), len(X)
        _check_feature_names(self, X, reset=True)
        _check_n_features(self, X, reset=True)
        if min(X.shape) == 0:
            raise ValueError(
                f"Found a table with {X.shape[0]} sample(s) and {X.shape[1]} feature(s), while a "
                "minimum of 1 of each is required"
            )
        names = table_names(X)
        self._names = self._in_names()
        return list(read_table(X, names)), X.shape[0]

    def _in_names(self) -> list[str]:
        named = getattr(self, "feature_names_in_", None)
        return [f"x{i}" for i in range(self.n_features_in_)] if named is None else named.tolist()

    # Fitting

    def _check_parameters(self) -> None:
        check_integer("min_count", self.min_count, 1, None)
        if self.n_bits is not None:
            check_integer("n_bits", self.n_bits, 1, 31)
        if self.n_threads is not None:
            check_integer("n_threads", self.n_threads, 1, None)
        check_choice("numeric_nulls", self.numeric_nulls, ("error", "indicator"))
        check_choice("handle_unknown", self.handle_unknown, ("ignore", "error"))

    def _fit(self, X: Any, *, with_rows: bool) -> Any:
        self._check_parameters()
        columns, n_rows = self._read_for_fit(X)
        n_buckets = bucket_numbers(self.buckets, self._names, columns)
        several = [c.offsets is not None for c in columns]
        crosses = resolved_crosses(self.crosses, self._names, several)
        terms = [(i,) for i in range(len(columns))] + crosses
        self._lookup = Lookup()
        self._kept: NDArray[np.uint8] | None = None
        if self.n_bits is not None:
            return self._fit_hashed(columns, n_buckets, terms, n_rows, with_rows=with_rows)

        # With handle_unknown="error" rare values must stay known, so they stay in dictionaries.
        rare = self.min_count if self.handle_unknown == "ignore" else 1
        dictionaries: list[Dictionary] = []
        fields: list[Codes] = []
        for i, (column, name) in enumerate(zip(columns, self._names, strict=True)):
            if i in n_buckets:
                found = learn_buckets(column, name, i, n_buckets[i], self.numeric_nulls)
                codes, offsets = found.codes(column, "ignore")
            else:
                found, codes, offsets = learn(column, name, i, rare)
            dictionaries.append(found)
            fields.append((codes, offsets))
        cardinalities = [d.cardinality for d in dictionaries]
        for cross in crosses:
            self._check_range(cross, cardinalities)
        keys = _solvers.learn_keys(
            [list(t) for t in terms],
            cardinalities,
            fields,
            n_rows,
            int(self.min_count),
            self.n_threads or 0,
        )
        self._dictionaries, self._terms = dictionaries, terms
        self._keys: list[NDArray[np.uint64] | None] = [
            None if len(t) == 1 and len(k) == cardinalities[t[0]] else k
            for t, k in zip(terms, keys, strict=True)
        ]
        self.collisions_: int | None = None
        return self._rows(fields, n_rows) if with_rows else None

    def _rows(self, fields: list[Codes], n_rows: int) -> Any:
        found = self._table.of_rows(fields, n_rows, _INDEX_LIMIT, self.n_threads or 0)
        return _csr(found, n_rows, self._n_columns)

    def _check_range(self, cross: tuple[int, ...], cardinalities: list[int]) -> None:
        product = 1
        for i in cross:
            product *= cardinalities[i]
        if product > _KEY_LIMIT:
            sizes = ", ".join(f"{self._names[i]!r}: {cardinalities[i]}" for i in cross)
            raise ValueError(
                f"crosses: the product of the cardinalities of {sizes} is {product}, beyond 2^63, "
                "where exact keys end; use n_bits to hash the columns"
            )

    # Hashed columns

    def _fit_hashed(
        self,
        columns: list[Column],
        n_buckets: dict[int, int],
        terms: list[tuple[int, ...]],
        n_rows: int,
        *,
        with_rows: bool,
    ) -> Any:
        self._keys = []
        self._terms = terms
        found = []
        for i, (column, name) in enumerate(zip(columns, self._names, strict=True)):
            if i in n_buckets:
                found.append(learn_buckets(column, name, i, n_buckets[i], self.numeric_nulls))
            else:
                found.append(learn(column, name, i, 1)[0])
        self._dictionaries = [
            d if d.kind == "bucket" else replace(d.only(np.zeros(0, np.int64)), has_null=False)
            for d in found
        ]
        hashes, fields = self._hashed_fields(columns)
        assert self.n_bits is not None
        self.collisions_ = _solvers.hash_collisions(
            [list(t) for t in terms], hashes, fields, n_rows, self.n_bits, self.n_threads or 0
        )
        if self.min_count > 1:
            slots = self._hash(hashes, fields, n_rows).indices
            counts = np.bincount(slots, minlength=2**self.n_bits)
            self._kept = np.packbits(counts >= self.min_count, bitorder="little")
        return self._hash(hashes, fields, n_rows) if with_rows else None

    def _hashed_fields(self, columns: list[Column]) -> tuple[list[NDArray[np.uint64]], list[Codes]]:
        """Return the hashes of the categories that occur in each column, and the codes."""
        found = [self._hashed_field(d, c) for d, c in zip(self._dictionaries, columns, strict=True)]
        return [hashes for hashes, _ in found], [codes for _, codes in found]

    def _hashed_field(self, known: Dictionary, column: Column) -> tuple[NDArray[np.uint64], Codes]:
        """Do it for one column.

        The tokens of a list-valued field are numbered by their hashes, so that the order in
        which a row's tokens are crossed is the same in every table.
        """
        if known.kind == "bucket":
            here = replace(known, has_null=self.numeric_nulls == "indicator")
            codes, offsets = here.codes(column, "ignore")
        else:
            # Whether the column's kind fits is what looking its entries up finds out.
            known.codes(column, "ignore")
            here, codes, offsets = learn(column, known.name, known.position, 1)
            if known.several and offsets is None:
                codes, offsets = known.codes(column, "ignore")
        values = here.hashes()
        if offsets is not None:
            order = np.argsort(values)
            place = np.empty(len(order), np.int32)
            place[order] = np.arange(len(order), dtype=np.int32)
            values = values[order]
            offsets, codes = _solvers.make_sets(offsets, place[codes])
        return values, (codes, offsets)

    def _hash(self, hashes: list[NDArray[np.uint64]], fields: list[Codes], n_rows: int) -> Any:
        assert self.n_bits is not None
        found = self._hashed_columns(hashes, fields, n_rows)
        return _csr(found, n_rows, 2**self.n_bits)

    def _hashed_columns(
        self, hashes: list[NDArray[np.uint64]], fields: list[Codes], n_rows: int
    ) -> tuple[NDArray[Any], ...]:
        assert self.n_bits is not None
        return _solvers.hash_columns(
            [list(t) for t in self._terms],
            hashes,
            fields,
            n_rows,
            self.n_bits,
            self._kept,
            _INDEX_LIMIT,
            self.n_threads or 0,
        )

    # For the rest of the package

    @property
    def _sizes(self) -> list[int]:
        """The number of columns of each term."""
        return [
            self._dictionaries[t[0]].cardinality if k is None else len(k)
            for t, k in zip(self._terms, self._keys, strict=True)
        ]

    @property
    def _n_columns(self) -> int:
        return 2**self.n_bits if self.n_bits is not None else sum(self._sizes)

    @property
    def _table(self) -> _solvers.Columns:
        if self._lookup.columns is None:
            self._lookup.columns = _solvers.Columns(
                [list(t) for t in self._terms],
                [d.cardinality for d in self._dictionaries],
                self._keys,
            )
        return self._lookup.columns

    def _codes_of_keys(self) -> list[list[NDArray[np.int64]]]:
        """Take the keys of each term apart: for each of its fields, the code in every key."""
        out = []
        for term, keys in zip(self._terms, self._keys, strict=True):
            size = self._dictionaries[term[0]].cardinality
            rest = np.arange(size, dtype=np.uint64) if keys is None else keys
            codes = []
            for field in reversed(term[1:]):
                rest, code = np.divmod(rest, np.uint64(self._dictionaries[field].cardinality))
                codes.append(code.astype(np.int64))
            out.append([rest.astype(np.int64), *reversed(codes)])
        return out

    def _restricted(self, columns: ArrayLike) -> "FeatureCross":
        """Return the encoder whose columns are these of this one's, and which holds no others.

        Parameters
        ----------
        columns : array-like of int, of shape (n_kept,)
            Columns of this encoder (exact keys only), strictly increasing. They become 0, 1, ...

        Returns
        -------
        encoder : FeatureCross
            Its transform(X) is transform(X)[:, columns] of this one. Values, combinations and
            fields that no column needs are gone; such a field may be missing in a DataFrame.
            With handle_unknown="error", fields in use keep all their values, known ones being
            known still.

        Raises
        ------
        ValueError
            If columns are not strictly increasing column numbers, or the columns are hashed.
        """
        check_is_fitted(self, "_terms")
        return restricted(self, columns)

    def _encode_one(self, row: Mapping[str, object]) -> list[int]:
        """Return the columns of one row, given as field name to value (or list of values).

        They are those of transform for a table of this one row. Raises ValueError as transform
        does.
        """
        dictionaries = self._dictionaries
        if len(row) != len(self._names) and not self._selected:
            raise ValueError(f"row must have the fields {self._names}, got {list(row)}")
        try:
            values = [row[d.name] for d in dictionaries]
        except KeyError as error:
            raise ValueError(f"row lacks the field {error.args[0]!r}") from None
        if self.n_bits is None:
            unknown = self.handle_unknown
            return self._table.of_row(
                [d.code(v, unknown) for d, v in zip(dictionaries, values, strict=True)]
            )
        hashes: list[NDArray[np.uint64]] = []
        fields: list[Codes] = []
        for d, value in zip(dictionaries, values, strict=True):
            known = d.hash_of(value)
            if known is not None:
                hashes.append(known)
                fields.append((_FIRST, None))
            else:
                one, codes = self._hashed_field(d, one_row(value, d.name))
                hashes.append(one)
                fields.append(codes)
        _, indices, _ = self._hashed_columns(hashes, fields, 1)
        found: list[int] = indices.tolist()
        return found

    def _memory(self) -> dict[str, int]:
        """Return the bytes of the fitted parts.

        "names" are the dictionaries, edges and names of fields; "crosses" the keys and the
        tables over them, which are built here if they were not yet.
        """
        check_is_fitted(self, "_terms")
        names = sum(d.nbytes for d in self._dictionaries)
        names += sum(len(name.encode()) for name in self._names)
        crosses = sum(k.nbytes for k in self._keys if k is not None)
        if self.n_bits is None:
            crosses += self._table.table_bytes
        if self._kept is not None:
            crosses += self._kept.nbytes
        return {"names": names, "crosses": crosses}

    def _state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what rebuilds this fitted encoder: JSON-able values, and arrays by name."""
        check_is_fitted(self, "_terms")
        return state_of(self)

    @classmethod
    def _from_state(
        cls, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> "FeatureCross":
        """Rebuild an encoder from `_state`; the arrays are kept, not copied.

        Everything is checked: ValueError where meta or arrays are not those of an encoder.
        """
        try:
            return rebuilt(cls, meta, arrays)
        except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(f"not the state of a FeatureCross: {error!r}") from error


def _csr(arrays: tuple[NDArray[Any], ...], n_rows: int, n_columns: int) -> Any:
    """Make a matrix or array of (data, indices, indptr), as scikit-learn is told to."""
    as_array = get_config().get("sparse_interface", "spmatrix") == "sparray"
    kind = scipy.sparse.csr_array if as_array else scipy.sparse.csr_matrix
    out = kind(arrays, shape=(n_rows, n_columns), copy=False)
    out.has_canonical_format = True
    return out
