"""Products of columns: which there are, what weights they have, and how many were looked at."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from math import comb
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.utils._param_validation import Interval, StrOptions

from . import _solvers
from ._inputs import Floats

Hierarchy = Literal["none", "weak", "strong"]

# The rules of the parameters that say which products there are.
INTERACTION_RULES: dict[str, list[Any]] = {
    "interactions": [StrOptions({"pairwise", "triples"}), list, tuple, None],
    "hierarchy": [StrOptions({"none", "weak", "strong"})],
    "squares": ["boolean"],
    "interaction_penalty": [Interval(Real, 0, None, closed="neither")],
    "fields": ["array-like", None],
}


class InteractionCounts(NamedTuple):
    """How many crosses there were, and how many were looked at.

    Attributes
    ----------
    possible : int
        Crosses that the columns and rules allow.
    co_occurring : int or None
        Those with an entry; None where triples are too many to be counted.
    visited : int
        Looks at a cross so far, one at each time it was not skipped with its branch.
    built : int
        Crosses that were ever built as columns.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.eye(4)[[0, 1, 2, 3]] + np.eye(4)[[1, 0, 2, 3]]  # of the pairs only 0 and 1 meet
    >>> model = sx.Lasso(alpha=0.01, interactions="pairwise").fit(X, [1.0, 1.0, 0.0, 0.0])
    >>> model.interaction_counts_.possible, model.interaction_counts_.co_occurring
    (6, 1)
    """

    possible: int
    co_occurring: int | None
    visited: int
    built: int


@dataclass(frozen=True, eq=False)
class Interactions:
    """Weights of crosses: products of two or three columns.

    Attributes
    ----------
    columns : ndarray of shape (n_crosses, 2) or (n_crosses, 3), int64
        The columns of each cross, increasing, -1 after the last of a pair beside triples; sorted,
        pairs before triples. Two equal ones are a square.
    values : ndarray of shape (n_crosses,) or (n_crosses, n_classes), float64
        The weights, of which none, or no whole row, is 0.
    n_columns : int
        How many columns there are to cross.
    column_names : ndarray of str, optional
        Their names.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = (np.random.default_rng(0).random((200, 5)) < 0.5).astype(float)
    >>> model = sx.Lasso(alpha=0.01, interactions="pairwise").fit(X, X[:, 1] * X[:, 3])
    >>> model.interactions_.names()
    ['x1 x3']
    >>> model.interactions_.tocsr().shape
    (5, 5)
    """

    columns: npt.NDArray[np.int64]
    values: Floats
    n_columns: int
    column_names: npt.NDArray[Any] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def order(self) -> int:
        """How many columns a cross has at most."""
        return int(self.columns.shape[1])

    @property
    def keys(self) -> npt.NDArray[np.uint64]:
        """One number for each cross, increasing; see docs/notation.md."""
        return _solvers.ProductKeys(self.n_columns, self.order).keys(self.padded)

    @property
    def padded(self) -> npt.NDArray[np.int64]:
        """The columns, three for each cross."""
        missing = 3 - self.order
        return np.ascontiguousarray(
            np.pad(self.columns, ((0, 0), (0, missing)), constant_values=-1)
        )

    def names(self) -> list[str]:
        """Return the names of the crosses, those of their columns joined by blanks.

        Returns
        -------
        list of str
            A square is x^2; columns without names are x0, x1, ...
        """
        known = self.column_names

        def name(j: int) -> str:
            return f"x{j}" if known is None else str(known[j])

        return [
            f"{name(row[0])}^2"
            if len(row) == 2 and row[0] == row[1]
            else " ".join(name(j) for j in row if j >= 0)
            for row in self.columns.tolist()
        ]

    def tocsr(self) -> sp.csr_matrix:
        """Return the weights of pairs as an upper triangular matrix.

        Returns
        -------
        csr_matrix of shape (n_columns, n_columns)

        Raises
        ------
        ValueError
            If there are triples, or weights of several classes (take those of one by `of_class`).
        """
        if self.values.ndim != 1:
            raise ValueError("tocsr needs the weights of one class: of_class(k) has them.")
        if self.order != 2:
            raise ValueError("tocsr is of pairs, got triples: see columns and values.")
        shape = (self.n_columns, self.n_columns)
        return sp.csr_matrix((self.values, (self.columns[:, 0], self.columns[:, 1])), shape=shape)

    def of_class(self, k: int) -> Interactions:
        """Return the crosses that one class has weights for.

        Parameters
        ----------
        k : int
            The place of the class.

        Returns
        -------
        Interactions
            With `values` of shape (n_crosses,), none of them 0.
        """
        w = self.values[:, k]
        return Interactions(
            self.columns[w != 0], np.ascontiguousarray(w[w != 0]), self.n_columns, self.column_names
        )

    def margins(self, design: _solvers.Design, n_threads: int | None = None) -> Floats:
        """What the crosses add to the margins of rows.

        Parameters
        ----------
        design : Design
            The rows.
        n_threads : int, optional
            As of :func:`solve`.

        Returns
        -------
        ndarray of shape (n_rows,), float64
        """
        return self.terms().margins(design, n_threads or 0)

    def terms(self) -> _solvers.ProductTerms:
        """Return the crosses laid out to be visited.

        Returns
        -------
        ProductTerms
            Of the compiled module, of crosses with one weight each.
        """
        return _solvers.ProductTerms(self.padded, np.ascontiguousarray(self.values))


def of_keys(
    keys: npt.NDArray[np.uint64],
    values: Floats,
    n_columns: int,
    order: int,
    names: npt.NDArray[Any] | None,
) -> Interactions:
    """Return the crosses of these keys."""
    columns = _solvers.ProductKeys(n_columns, order).columns(keys)
    return Interactions(np.ascontiguousarray(columns[:, :order]), values, n_columns, names)


def side_by_side(each: Sequence[Interactions]) -> Interactions:
    """Return the crosses of several classes, a column of weights for each."""
    first = each[0]
    keys = [part.keys for part in each]
    union = np.unique(np.concatenate(keys))
    values = np.zeros((len(union), len(each)))
    for k, (part, its_keys) in enumerate(zip(each, keys, strict=True)):
        values[np.searchsorted(union, its_keys), k] = part.values
    return of_keys(union, values, first.n_columns, first.order, first.column_names)


def as_interactions(given: Any, n_columns: int, order: int, name: str) -> Interactions:
    """Weights of crosses as users hand them in: `Interactions`, or a square sparse matrix of pairs.

    Raises
    ------
    ValueError
        If they are of other columns, not finite, or below the diagonal.
    """
    if not isinstance(given, Interactions):
        matrix = sp.coo_matrix(given)
        if matrix.shape != (n_columns, n_columns):
            raise ValueError(
                f"{name} must have shape ({n_columns}, {n_columns}), a weight for each "
                f"pair of columns; got {matrix.shape}."
            )
        matrix.sum_duplicates()
        kept = matrix.data != 0
        pairs = np.stack([matrix.row[kept], matrix.col[kept]], axis=1).astype(np.int64)
        if (pairs[:, 0] > pairs[:, 1]).any():
            bad = pairs[pairs[:, 0] > pairs[:, 1]][0]
            raise ValueError(
                f"{name} must be upper triangular, a weight for each pair j <= k; got "
                f"one at {tuple(bad.tolist())}."
            )
        at = np.lexsort((pairs[:, 1], pairs[:, 0]))
        given = Interactions(pairs[at], matrix.data[kept][at].astype(np.float64), n_columns)
    if given.n_columns != n_columns or given.order > order or given.values.ndim != 1:
        raise ValueError(
            f"{name} must be of crosses of up to {order} of {n_columns} columns, got up "
            f"to {given.order} of {given.n_columns}."
        )
    bad_values = given.values[~np.isfinite(given.values)]
    if len(bad_values):
        raise ValueError(f"{name} must be finite, got {bad_values[0]}.")
    found: Interactions = replace(given, columns=given.padded[:, :order])
    return found


@dataclass(frozen=True)
class Products:
    """Which products of the columns of one design there are.

    Attributes
    ----------
    space : ProductSpace
        The compiled rules, and the data laid out for them.
    order : int
        2, or 3 with triples.
    n_columns : int
        How many columns the design has.
    possible : int
        How many products there are.
    penalty : float
        The penalty factor of each.
    hierarchy : {"none", "weak", "strong"}
        Whether, in the model, one or all columns of a product must have a weight of their own.
    names : ndarray of str or None
        Of the columns.
    """

    space: _solvers.ProductSpace
    order: int
    n_columns: int
    possible: int
    penalty: float
    hierarchy: Hierarchy
    names: npt.NDArray[Any] | None = None

    def check(self, crosses: Interactions, name: str) -> None:
        """Raise a ValueError unless these crosses are among the products that there are."""
        there = self.space.holds(crosses.padded)
        if not there.all():
            bad = crosses.columns[~there][0].tolist()
            raise ValueError(f"{name} must be of crosses that interactions allow, got {bad}.")


def as_products(
    design: _solvers.Design,
    interactions: Any,
    *,
    hierarchy: Hierarchy = "none",
    squares: bool = False,
    interaction_penalty: float = 1.0,
    fields: Any = None,
    names: npt.NDArray[Any] | None = None,
    n_threads: int | None = None,
) -> Products | None:
    """State which products of a design's columns there are, or None where there are none.

    Parameters
    ----------
    design : Design
        Sliced by columns.
    interactions : {"pairwise", "triples"}, list of tuples, or None
        All of two, of two and three distinct columns, or those of the columns or fields listed.
    hierarchy, squares, interaction_penalty
        As of :func:`solve`.
    fields : array-like of shape (n_features,), optional
        The field of each column; a list names fields then.
    names : ndarray of str, optional
        Names of the columns, by which a list may name them where there are no fields.
    n_threads : int, optional
        As of :func:`solve`.

    Raises
    ------
    ValueError
        If the list is not one of pairs and triples of columns or fields that there are, or there
        are more columns than keys can tell apart.
    """
    if interactions is None:
        for name, value, silent in (
            ("hierarchy", hierarchy, "none"),
            ("squares", squares, False),
            ("interaction_penalty", interaction_penalty, 1.0),
            ("fields", fields, None),
        ):
            if value is not silent and value != silent:
                raise ValueError(f"{name} speaks of interactions, which are None; got {value!r}.")
        return None
    p = design.shape[1]
    if isinstance(interactions, str):
        if fields is not None:
            raise ValueError(
                f"fields is for a list of pairs or triples of fields, got {interactions!r}."
            )
        order = order_of(interactions)
        space = _solvers.ProductSpace(design, order, squares, n_threads=n_threads or 0)
        possible = comb(p, 2) + (comb(p, 3) if order == 3 else 0) + (p if squares else 0)
    else:
        labels, codes = fields_of(fields, p, names)
        combinations = combinations_of(interactions, labels, whole_fields=fields is not None)
        order = order_of(interactions)
        mentioned = np.unique(combinations[combinations >= 0])
        taking_part = np.where(np.isin(codes, mentioned), codes, -1).astype(np.int32)
        space = _solvers.ProductSpace(
            design, order, squares, taking_part, combinations, n_threads or 0
        )
        sizes = np.bincount(codes, minlength=len(labels)).tolist()
        possible = sum(_number_of(row, sizes) for row in combinations.tolist())
        possible += int((taking_part >= 0).sum()) if squares else 0
    return Products(space, order, p, possible, float(interaction_penalty), hierarchy, names)


def order_of(interactions: Any) -> int:
    """Of how many columns products are at most; 1 where there are none."""
    if interactions is None:
        return 1
    if isinstance(interactions, str):
        return 2 if interactions == "pairwise" else 3
    return max(map(len, interactions))


def fields_of(
    fields: Any, n_columns: int, names: npt.NDArray[Any] | None
) -> tuple[dict[Any, int], npt.NDArray[np.int64]]:
    """Numbers of fields by what a list may call them, and the field of each column."""
    if fields is None:
        labels: dict[Any, int] = {j: j for j in range(n_columns)}
        if names is not None:
            labels |= {str(name): j for j, name in enumerate(names)}
        return labels, np.arange(n_columns)
    given = np.asarray(fields)
    if given.shape != (n_columns,):
        raise ValueError(
            f"fields must have shape ({n_columns},), the field of each column of X; got "
            f"{given.shape}."
        )
    found, codes = np.unique(given, return_inverse=True)
    return {label: k for k, label in enumerate(found.tolist())}, codes


def combinations_of(
    interactions: Sequence[Any], labels: dict[Any, int], *, whole_fields: bool
) -> npt.NDArray[np.int32]:
    """Pairs and triples of the numbers of fields, increasing, -1 after the last of a pair."""
    unit = "fields" if whole_fields else "columns"
    rows = set()
    for entry in interactions:
        if isinstance(entry, str) or not isinstance(entry, Sequence | np.ndarray):
            raise ValueError(f"interactions must list tuples of {unit}, got {entry!r}.")
        if len(entry) not in (2, 3):
            raise ValueError(f"interactions must be of two or three {unit}, got {entry!r}.")
        unknown = [part for part in entry if not _is_among(_plain(part), labels)]
        if unknown:
            raise ValueError(
                f"interactions must name {unit} of X, got {unknown[0]!r} in {entry!r}."
            )
        numbers = sorted(labels[_plain(part)] for part in entry)
        if not whole_fields and len(set(numbers)) < len(numbers):
            raise ValueError(
                f"interactions must be of distinct columns, got {entry!r}; squares=True adds "
                "squares."
            )
        rows.add((*numbers, -1) if len(numbers) == 2 else tuple(numbers))
    if not rows:
        raise ValueError("interactions must list at least one pair or triple, got none.")
    return np.array(sorted(rows), dtype=np.int32)


def _is_among(label: Any, labels: dict[Any, int]) -> bool:
    return isinstance(label, Hashable) and label in labels


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _number_of(combination: Sequence[int], sizes: Sequence[int]) -> int:
    """How many products of distinct columns lie in these fields."""
    number = 1
    numbers = [f for f in combination if f >= 0]
    for f in set(numbers):
        number *= comb(sizes[f], numbers.count(f))
    return number
