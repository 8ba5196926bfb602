"""Products of columns that are asked for once: of squared loss, whose curvature never changes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .._inputs import Floats
from .quadratic import Model

Columns = npt.NDArray[np.int64]


@dataclass
class KnownProducts:
    """X_Aᵀ diag(h) X_A and X_Aᵀh of the columns that were asked for so far, and no more than fit.

    Parameters
    ----------
    most : int
        How many columns fit.
    """

    most: int
    columns: Columns = field(default_factory=lambda: np.empty(0, np.int64))
    weighted: Floats = field(default_factory=lambda: np.empty(0))
    products: Floats = field(default_factory=lambda: np.empty((0, 0)))

    def missing(self, wanted: Columns) -> Columns:
        """Those whose products are not known; others are forgotten where there is no room."""
        new = np.setdiff1d(wanted, self.columns)
        if len(self.columns) + len(new) > self.most:
            kept = np.flatnonzero(np.isin(self.columns, wanted))
            self.columns, self.weighted = self.columns[kept], self.weighted[kept]
            self.products = self.products[np.ix_(kept, kept)]
        return new

    def learn(self, new: Columns, model: Model) -> None:
        """Take the model over the known columns and, behind them, new ones."""
        n_known = len(self.columns)
        products = model.products
        products[:n_known, :n_known] = self.products
        self.columns = np.concatenate([self.columns, new])
        self.weighted, self.products = model.weighted, products

    def of(self, wanted: Columns) -> tuple[Floats, Floats]:
        """What is known of columns: sums and products."""
        order = np.argsort(self.columns)
        at = order[np.searchsorted(self.columns, wanted, sorter=order)]
        return self.weighted[at], self.products[np.ix_(at, at)]
