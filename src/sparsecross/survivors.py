"""The weights of a model that are not 0, of columns and crosses, and which of them to keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from ._inputs import Floats
from .interactions import Interactions

Mask = npt.NDArray[np.bool_]
Columns = tuple[npt.NDArray[np.intp], Floats]  # increasing, and their weights


@dataclass(frozen=True)
class Survivors:
    """Weights that are not 0. They are numbered: of each output its columns, then its crosses.

    Attributes
    ----------
    n_columns : int
        How many columns there are.
    columns : list of (ndarray of int, ndarray of float64)
        Of each output the columns and their weights.
    crosses : list of Interactions, or None
        Of each output; None where the model has none to have.
    """

    n_columns: int
    columns: list[Columns]
    crosses: list[Interactions] | None = None

    @classmethod
    def of(cls, model: Any) -> Survivors:
        """Those of a fitted linear model."""
        n_columns, columns = model._weights_of_outputs()
        crosses: Interactions | None = model.interactions_
        if crosses is None:
            return cls(n_columns, columns)
        single = crosses.values.ndim == 1
        each = [crosses if single else crosses.of_class(k) for k in range(len(columns))]
        return cls(n_columns, columns, each)

    @property
    def n_outputs(self) -> int:
        """How many outputs there are."""
        return len(self.columns)

    @property
    def needed(self) -> npt.NDArray[np.intp]:
        """The columns that have a weight or a part in a cross."""
        parts = [columns for columns, _ in self.columns]
        parts += [each.columns[each.columns >= 0] for each in self.crosses or []]
        return np.unique(np.concatenate(parts))

    @property
    def weights(self) -> Floats:
        """All weights, by number."""
        return np.concatenate([values for _, _, values in self._parts()])

    def __len__(self) -> int:
        return sum(len(values) for _, _, values in self._parts())

    def _parts(self) -> Iterator[tuple[int, npt.NDArray[np.int64], Floats]]:
        """Output, factors (three columns each, -1 for none) and weights, in order."""
        for k, (columns, values) in enumerate(self.columns):
            yield k, np.stack([columns, *np.full((2, len(columns)), -1)], axis=1), values
            if self.crosses is not None:
                yield k, self.crosses[k].padded, self.crosses[k].values

    def kept(self, mask: Mask) -> Survivors:
        """Only those that the mask, by number, holds True for."""
        columns, crosses, first = [], [], 0
        for k, (each, values) in enumerate(self.columns):
            here = mask[first : first + len(values)]
            first += len(values)
            columns.append((each[here], values[here]))
            if self.crosses is not None:
                of_output = self.crosses[k]
                here = mask[first : first + len(of_output)]
                first += len(of_output)
                crosses.append(
                    replace(
                        of_output, columns=of_output.columns[here], values=of_output.values[here]
                    )
                )
        return Survivors(self.n_columns, columns, crosses if self.crosses is not None else None)

    def with_weights(self, weights: Floats) -> Survivors:
        """The same columns and crosses with other weights, by number; those of 0 are left out."""
        columns, crosses, first = [], [], 0
        for k, (each, values) in enumerate(self.columns):
            columns.append((each, weights[first : first + len(values)]))
            first += len(values)
            if self.crosses is not None:
                n = len(self.crosses[k])
                crosses.append(replace(self.crosses[k], values=weights[first : first + n]))
                first += n
        anew = Survivors(self.n_columns, columns, crosses if self.crosses is not None else None)
        return anew.kept(weights != 0)

    def over(self, kept: npt.NDArray[np.intp]) -> Survivors:
        """The same over these columns only, which hold all that are needed."""
        columns = [(np.searchsorted(kept, each), values) for each, values in self.columns]
        crosses = None
        if self.crosses is not None:
            crosses = [
                replace(
                    each,
                    columns=np.where(each.columns < 0, -1, np.searchsorted(kept, each.columns)),
                    n_columns=len(kept),
                    column_names=None,
                )
                for each in self.crosses
            ]
        return Survivors(len(kept), columns, crosses)

    def features(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
        """Each distinct column or cross once, as three columns; and of each weight its place."""
        factors = np.concatenate([f for _, f, _ in self._parts()])
        distinct, place = np.unique(factors, axis=0, return_inverse=True)
        return distinct, place.reshape(-1)

    def outputs(self) -> npt.NDArray[np.intp]:
        """The output of each weight."""
        return np.concatenate([np.full(len(values), k) for k, _, values in self._parts()])


def values_of(X: sp.csc_matrix, features: npt.NDArray[np.int64]) -> sp.csc_matrix:
    """The columns of X and products of them that these are, three columns each (-1: none)."""
    found = X[:, features[:, 0]]
    for at in (1, 2):
        more = np.flatnonzero(features[:, at] >= 0)
        if len(more):
            order = np.concatenate([np.flatnonzero(features[:, at] < 0), more])
            product = found[:, more].multiply(X[:, features[more, at]])
            joined = sp.hstack([found[:, features[:, at] < 0], product], format="csc")
            found = joined[:, np.argsort(order)]
    return found.tocsc()
