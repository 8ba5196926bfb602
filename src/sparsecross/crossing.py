"""FeatureCross: tables to the sparse columns of their categories and crosses of categories."""

from collections.abc import Iterable, Mapping, Sequence
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

from sparsecross.dictionaries import Dictionary
from sparsecross.fields import (
    Column,
    is_table,
    read_array,
    read_table,
    read_values,
    table_names,
)
from sparsecross.hashing import HashedColumns, kinds_of, learn_hashed
from sparsecross.keyed import KeyedColumns, learn_keyed
from sparsecross.learnt import LearntColumns
from sparsecross.parameters import (
    Crosses,
    bucket_numbers,
    check_choice,
    check_integer,
    resolved_crosses,
)
from sparsecross.rowlists import Fields

# Beyond this many columns or entries, indices are 64-bit.
_INDEX_LIMIT = int(np.iinfo(np.int32).max)


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
    feature_names_in_ : ndarray of shape (n_fields,)
        Names of the fields, where the table names all of them by strings.
    collisions_ : int or None
        With `n_bits`, how many of the distinct levels and combinations seen at fit share their
        column with another one; None for exact keys.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsecross import FeatureCross
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
    _names: list[str]  # of all fields of the fit's table
    _learnt: LearntColumns
    _selected: bool  # whether this is a part of a fitted encoder

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
        check_is_fitted(self, "_learnt")
        learnt, how = self._learnt, (_INDEX_LIMIT, self.n_threads or 0)
        columns, n_rows = self._read(X, [d.position for d in learnt.dictionaries])
        if isinstance(learnt, HashedColumns):
            rows = learnt.rows(learnt.read(columns), n_rows, *how)
        else:
            rows = learnt.rows(learnt.read(columns, self.handle_unknown), n_rows, *how)
        return _csr(rows, n_rows, learnt.n_columns)

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
        check_is_fitted(self, "_learnt")
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
        learnt = self._learnt
        if isinstance(learnt, HashedColumns):
            return np.array(self._names_of(range(learnt.n_columns)), dtype=object)
        labels: dict[tuple[int, int], str] = {}

        def label(place: int, code: int) -> str:
            found = labels.get((place, code))
            if found is None:
                d = learnt.dictionaries[place]
                found = labels[place, code] = f"{names[d.position]}_{d.label(code)}"
            return found

        out: list[str] = []
        for term, codes in zip(learnt.terms, learnt.codes_of_keys(), strict=True):
            for row in zip(*(c.tolist() for c in codes), strict=True):
                parts = (label(f, c) for f, c in zip(term, row, strict=True))
                out.append(" ".join(parts))
        return np.array(out, dtype=object)

    def _names_of(self, columns: Iterable[int]) -> list[str]:
        """Return the names of some columns, without those of 2^n_bits hashed ones."""
        if isinstance(self._learnt, HashedColumns):
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

    # Reading

    def _read(self, X: Any, positions: Sequence[int]) -> tuple[list[Column], int]:
        """Read the fields at these positions of fit's table."""
        if isinstance(X, Fields):
            return self._read_lists(X, [self._names[p] for p in positions])
        if not is_table(X):
            X = validate_data(
                self, X, reset=False, dtype=None, ensure_all_finite=False, ensure_min_samples=0
            )
            return list(read_array(X, positions, [self._names[p] for p in positions])), len(X)
        names = table_names(X)
        if self._selected:
            missing = [self._names[p] for p in positions if self._names[p] not in names]
            if missing:
                raise ValueError(
                    f"X must have the fields {missing}, which this encoder needs; it has {names}"
                )
            chosen: list[Any] = [self._names[p] for p in positions]
        else:
            _check_feature_names(self, X, reset=False)
            _check_n_features(self, X, reset=False)
            chosen = [names[p] for p in positions]
        return list(read_table(X, chosen)), X.shape[0]

    def _read_lists(self, X: Fields, needed: list[str]) -> tuple[list[Column], int]:
        """Read the fields of these names, of which a table has all, or those that are needed."""
        missing = sorted(set(needed if self._selected else self._names) - X.keys())
        extra = [] if self._selected else sorted(X.keys() - set(self._names))
        if missing or extra:
            raise ValueError(f"rows must have the fields {self._names}, got {list(X)}")
        return [read_values(X[name], name) for name in needed], len(next(iter(X.values())))

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
        n_buckets, terms = self._terms(columns)
        n_threads = self.n_threads or 0
        self.collisions_: int | None = None
        if self.n_bits is not None:
            hashed, hashes, self.collisions_ = learn_hashed(
                columns,
                self._names,
                n_buckets,
                terms,
                n_rows,
                n_bits=int(self.n_bits),
                min_count=int(self.min_count),
                numeric_nulls=self.numeric_nulls,
                index_limit=_INDEX_LIMIT,
                n_threads=n_threads,
            )
            self._learnt = hashed
            if not with_rows:
                return None
            rows = hashed.rows(hashes, n_rows, _INDEX_LIMIT, n_threads)
        else:
            keyed, codes = learn_keyed(
                columns,
                self._names,
                n_buckets,
                terms,
                n_rows,
                min_count=int(self.min_count),
                unknown=self.handle_unknown,
                numeric_nulls=self.numeric_nulls,
                n_threads=n_threads,
            )
            self._learnt = keyed
            if not with_rows:
                return None
            rows = keyed.rows(codes, n_rows, _INDEX_LIMIT, n_threads)
        return _csr(rows, n_rows, self._learnt.n_columns)

    def _terms(self, columns: list[Column]) -> tuple[dict[int, int], list[tuple[int, ...]]]:
        """Into how many buckets fields are cut, and the fields of each term."""
        n_buckets = bucket_numbers(self.buckets, self._names, columns)
        several = [c.offsets is not None for c in columns]
        crosses = resolved_crosses(self.crosses, self._names, several)
        return n_buckets, [(i,) for i in range(len(columns))] + crosses

    # For the rest of the package

    @classmethod
    def _of_columns(
        cls, names: Sequence[str], columns: list[Column], **parameters: Any
    ) -> "FeatureCross":
        """Return a hashing encoder of tables that begin with these fields."""
        out = cls(**parameters)
        out._check_parameters()
        out._selected = False
        out.n_features_in_ = len(names)
        out.feature_names_in_ = np.array(names, dtype=object)
        out._names = list(names)
        n_buckets, terms = out._terms(columns)
        assert out.n_bits is not None
        out._learnt = kinds_of(
            columns,
            out._names,
            n_buckets,
            terms,
            n_bits=int(out.n_bits),
            numeric_nulls=out.numeric_nulls,
        )
        out.collisions_ = None
        return out

    @classmethod
    def _of_levels(
        cls, names: Sequence[str], dictionaries: list[Dictionary], **parameters: Any
    ) -> "FeatureCross":
        """Return an encoder of the levels of these dictionaries, without crosses."""
        out = cls(crosses=[], **parameters)
        terms = [(i,) for i in range(len(dictionaries))]
        out._learnt = KeyedColumns(dictionaries, list(terms), [None] * len(terms))
        out._selected, out.collisions_ = False, None
        out.n_features_in_ = len(names)
        out.feature_names_in_ = np.array(names, dtype=object)
        out._names = list(names)
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
        check_is_fitted(self, "_learnt")
        if isinstance(self._learnt, HashedColumns):
            raise ValueError("hashed columns (n_bits) cannot be restricted: there is no dictionary")
        out = type(self)(**self.get_params(deep=False))
        out._learnt = self._learnt.restricted(columns, keep_values=self.handle_unknown == "error")
        out.n_features_in_ = self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            out.feature_names_in_ = self.feature_names_in_
        out._names, out._selected, out.collisions_ = self._names, True, None
        return out

    def _fields(self) -> NDArray[np.object_]:
        """Return the field of each column, by name; of columns of levels alone."""
        learnt = self._learnt
        assert not isinstance(learnt, HashedColumns)
        names = [self._names[d.position] for d in learnt.dictionaries]
        sizes = [len(codes[0]) for codes in learnt.codes_of_keys()]
        return np.repeat(np.array(names, dtype=object), sizes)

    def _encode_one(self, row: Mapping[str, object]) -> list[int]:
        """Return the columns of one row, given as field name to value (or list of values).

        They are those of transform for a table of this one row. Raises ValueError as transform
        does.
        """
        learnt = self._learnt
        if len(row) != len(self._names) and not self._selected:
            raise ValueError(f"row must have the fields {self._names}, got {list(row)}")
        try:
            values = [row[d.name] for d in learnt.dictionaries]
        except KeyError as error:
            raise ValueError(f"row lacks the field {error.args[0]!r}") from None
        if isinstance(learnt, HashedColumns):
            return learnt.row(values, _INDEX_LIMIT, self.n_threads or 0)
        return learnt.row(values, self.handle_unknown)

    def _memory(self) -> dict[str, int]:
        """Return the bytes of the fitted parts.

        "names" are the dictionaries, edges and names of fields; "crosses" the keys and the
        tables over them, which are built here if they were not yet.
        """
        check_is_fitted(self, "_learnt")
        names = sum(d.nbytes for d in self._learnt.dictionaries)
        names += sum(len(name.encode()) for name in self._names)
        return {"names": names, "crosses": self._learnt.nbytes}


def _csr(arrays: tuple[NDArray[Any], ...], n_rows: int, n_columns: int) -> Any:
    """Make a matrix or array of (data, indices, indptr), as scikit-learn is told to."""
    as_array = get_config().get("sparse_interface", "spmatrix") == "sparray"
    kind = scipy.sparse.csr_array if as_array else scipy.sparse.csr_matrix
    out = kind(arrays, shape=(n_rows, n_columns), copy=False)
    out.has_canonical_format = True
    return out
