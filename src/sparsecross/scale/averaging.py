"""Models of streams, each learnt from its share of the blocks, side by side, and averaged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone

from .._inputs import Floats
from ..stream import FTRLClassifier
from .block import Block
from .rounds import Extent


class Learnt(NamedTuple):
    """What was learnt from one share.

    Attributes
    ----------
    weights : csr_array of shape (n_outputs, n_columns)
        Of columns.
    intercepts : ndarray of shape (n_outputs,)
        Likewise.
    n_rows : int
        Rows learnt from, in all passes.
    loss : float
        The mean loss of each before it was learnt from.
    """

    weights: sp.csr_array
    intercepts: Floats
    n_rows: int
    loss: float


@dataclass(frozen=True)
class LearnRound:
    """Learn a model of one's own from each share of the blocks.

    Attributes
    ----------
    model : FTRLClassifier
        Its parameters.
    classes : tuple
        All labels.
    """

    model: FTRLClassifier
    classes: tuple[Any, ...]

    def run(self, blocks: Iterable[Block], extent: Extent) -> Learnt:
        """Ask it of some blocks."""
        model, share = clone(self.model), sorted(blocks, key=lambda block: block.number)
        for _ in range(model.n_passes):
            for block in share:
                model.partial_fit(block.rows_of_X(), block.y, np.array(self.classes), block.weight)
        _, outputs = model._weights_of_outputs()
        ends = np.cumsum([0, *(len(columns) for columns, _ in outputs)])
        columns = np.concatenate([columns for columns, _ in outputs])
        values = np.concatenate([weights for _, weights in outputs])
        weights = sp.csr_array((values, columns, ends), (len(outputs), extent.n_columns))
        return Learnt(weights, model.intercept_, model.n_rows_, model.progressive_loss_)


def average(parts: list[Learnt]) -> Learnt:
    """The mean of models, each counted as often as it has learnt from rows."""
    n_rows = sum(part.n_rows for part in parts)
    shares = [part.n_rows / n_rows for part in parts]
    weights = sum(
        (share * part.weights for share, part in zip(shares[1:], parts[1:], strict=True)),
        shares[0] * parts[0].weights,
    )
    both = list(zip(shares, parts, strict=True))
    return Learnt(
        sp.csr_array(weights),
        np.sum([share * part.intercepts for share, part in both], axis=0),
        n_rows,
        float(sum(share * part.loss for share, part in both)),
    )
