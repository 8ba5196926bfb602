"""Folds that are made of whole blocks: who learns, who is held out, and what it loses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np

from ..multinomial import AnyTask
from ..solution import Solution
from .asking import Asking
from .blocktask import BlockTask
from .points import as_point
from .reducer import Reducer


@dataclass(frozen=True)
class BlockFold:
    """Blocks to learn from and blocks held out.

    Attributes
    ----------
    train, held : Reducer
        Of both.
    """

    train: Reducer
    held: Reducer

    def task(self, task: BlockTask) -> BlockTask:
        """The same problem over the blocks to learn from."""
        return replace(task, reducer=self.train)

    def loss(self, task: AnyTask, solution: Solution) -> float:
        """The mean loss of the rows held out, weighted by sample and class."""
        assert isinstance(task, BlockTask)
        at = as_point(solution.coef, float(solution.intercept), solution.interactions)
        return Asking(self.held, task.loss, task.fit_intercept).losses(at, at, (0.0,))[0]


def block_folds(reducer: Reducer, cv: Any, *, classify: bool) -> list[BlockFold]:
    """Cut blocks into folds.

    Parameters
    ----------
    reducer : Reducer
        Of all of them.
    cv : int, None, or iterable of (train, held) block numbers
        A number of folds (None means 5), to which blocks are dealt in turn; or which blocks.
    classify : bool
        Whether targets are labels, all of which every fold must learn from.

    Raises
    ------
    ValueError
        If there are fewer blocks than folds, numbers are not those of blocks, or a fold has no row
        of some class to learn from.
    TypeError
        If `cv` is neither.
    """
    n_blocks = reducer.extent.n_blocks
    if cv is None or isinstance(cv, Integral):
        n_folds = 5 if cv is None else int(cv)
        if not 2 <= n_folds <= n_blocks:
            raise ValueError(
                f"cv must lie between 2 and the number of blocks, {n_blocks}, which folds are made "
                f"of; got {n_folds}."
            )
        every = np.arange(n_blocks)
        dealt = [every % n_folds == k for k in range(n_folds)]
        numbers = [(every[~mine], every[mine]) for mine in dealt]
    elif hasattr(cv, "split"):
        raise TypeError(
            f"cv must be a number or pairs of block numbers for blocks of rows, got {cv!r}, which "
            "splits rows."
        )
    else:
        numbers = [(np.asarray(train), np.asarray(held)) for train, held in cv]
    for train, held in numbers:
        for name, part in (("train", train), ("held out", held)):
            whole = part.dtype.kind in "iu" and part.ndim == 1 and len(np.unique(part)) == len(part)
            if not whole or not len(part) or part.min() < 0 or part.max() >= n_blocks:
                raise ValueError(
                    f"cv must name each block that is {name} by its number, below {n_blocks}, got "
                    f"{part}."
                )
        if len(both := np.intersect1d(train, held)):
            raise ValueError(f"cv must not hold out blocks that are learnt from, got {both}.")
    folds = [
        BlockFold(reducer.part(train.tolist()), reducer.part(held.tolist()))
        for train, held in numbers
    ]
    classes = {of.value for of in reducer.facts.labels if of.weight > 0} if classify else set()
    for k, fold in enumerate(folds):
        if missing := classes - {of.value for of in fold.train.facts.labels if of.weight > 0}:
            raise ValueError(
                f"fold {k} of cv must learn from rows of every class, got none of "
                f"{missing.pop()!r}: blocks that are sorted by class make no folds."
            )
    return folds
