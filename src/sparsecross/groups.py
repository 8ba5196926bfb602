"""Groups of columns: as users name them, checked, and as compiled solvers read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ._inputs import Floats, as_penalty_factor


@dataclass(frozen=True, eq=False)
class Groups:
    """Which columns are penalised together; every column is in one group.

    Attributes
    ----------
    labels : ndarray of shape (n_groups,)
        What the groups are called, in the order of their first columns where the user gives
        labels or none, else in that of the list.
    codes : ndarray of int64, of shape (n_columns,)
        The place of each column's group.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 4))
    >>> model = sx.GroupLasso(groups={"first": [0, 1], "rest": [2, 3]}).fit(X, X[:, 0])
    >>> model.groups_.labels.tolist(), model.groups_.codes.tolist(), model.groups_.sizes.tolist()
    (['first', 'rest'], [0, 0, 1, 1], [2, 2])
    """

    labels: npt.NDArray[Any]
    codes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """The number of columns of each group."""
        return np.bincount(self.codes, minlength=len(self)).astype(np.int64)

    def norms(self, coef: Floats) -> Floats:
        """The root of the sum of squares of each group's weights.

        Parameters
        ----------
        coef : ndarray of shape (n_columns,) or (n_outputs, n_columns)

        Returns
        -------
        ndarray of shape (n_groups,)
        """
        squares = np.sum(np.atleast_2d(coef) ** 2, axis=0)
        norms: Floats = np.sqrt(np.bincount(self.codes, squares, minlength=len(self)))
        return norms


def as_groups(groups: Any, n_columns: int, names: npt.NDArray[Any] | None = None) -> Groups:
    """Read groups as a user gives them.

    Parameters
    ----------
    groups : None, array-like of shape (n_columns,), list of lists or mapping
        Each column on its own; the label of each column's group; the columns of each group, by
        number or name; the same by the groups' names.
    n_columns : int
        How many columns there are.
    names : ndarray of str of shape (n_columns,), optional
        What the columns are called.

    Raises
    ------
    ValueError
        If a group is empty, names a column that there is not, or shares one with another group,
        or a column is in no group; the message names it.
    """
    if groups is None:
        return Groups(np.arange(n_columns), np.arange(n_columns))
    if isinstance(groups, Mapping):
        return _of_lists(list(groups.values()), list(groups), n_columns, names)
    if _is_list_of_lists(groups):
        return _of_lists(groups, list(range(len(groups))), n_columns, names)
    given = np.asarray(groups)
    if given.shape != (n_columns,):
        raise ValueError(
            f"groups must have shape ({n_columns},), the group of each column of X, or be lists of "
            f"columns; got shape {given.shape}."
        )
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        raise ValueError("groups must not hold NaN or infinity.")
    labels, first, codes = np.unique(given, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return Groups(labels[order], place[codes].astype(np.int64))


def _is_list_of_lists(groups: Any) -> bool:
    def lists(value: Any) -> bool:
        return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)

    return lists(groups) and len(groups) > 0 and all(lists(each) for each in groups)


def _of_lists(
    lists: Sequence[Any], labels: list[Any], n_columns: int, names: npt.NDArray[Any] | None
) -> Groups:
    places = {} if names is None else {str(name): j for j, name in enumerate(names)}
    codes = np.full(n_columns, -1, np.int64)
    for g, (label, columns) in enumerate(zip(labels, lists, strict=True)):
        if len(columns) == 0:
            raise ValueError(f"groups must not be empty, got no column in group {label!r}.")
        for column in columns:
            j = places.get(column) if isinstance(column, str) else column
            if not isinstance(j, int | np.integer) or not 0 <= j < n_columns:
                raise ValueError(
                    f"groups must name columns of X by number below {n_columns} or by name, got "
                    f"{column!r} in group {label!r}."
                )
            if codes[j] >= 0:
                raise ValueError(
                    f"groups must not overlap: column {column!r} is in {labels[codes[j]]!r} and "
                    f"{label!r}. Copy it to have it in both."
                )
            codes[j] = g
    if (codes < 0).any():
        raise ValueError(
            f"groups must hold every column of X, column {int(np.argmin(codes))} is in none."
        )
    return Groups(np.array(labels, dtype=object), codes)


def as_group_factor(penalty_factor: Any, groups: Groups) -> Floats:
    """ω of each group: the root of its size, or as given.

    Parameters
    ----------
    penalty_factor : array-like of shape (n_groups,) or None
        Not negative; infinity excludes a group.
    groups : Groups
        The groups.

    Raises
    ------
    ValueError
        If it has another shape, or holds a negative number or NaN.
    """
    factor = as_penalty_factor(penalty_factor, len(groups), of="group")
    return np.sqrt(groups.sizes.astype(np.float64)) if factor is None else factor
