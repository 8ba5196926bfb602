"""What the workers of a cluster do: pure functions of what tasks before them have left there."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._inputs import Floats
from .block import Block
from .pairs import PairsQuestion, PairsRound, answer_pairs
from .rounds import Extent, ModelRound, Sums, add
from .survey import CHUNK, Answer, Penalty, Question, answer


def ask(question: Any, extent: Extent, blocks: list[Block]) -> Any:
    """What a share of the blocks says."""
    return question.run(blocks, extent)


def add_up(parts: list[Sums], by: Any, symmetric: bool) -> Sums:
    """All put together; of symmetric products the lower triangle."""
    total = [array.copy() for array in parts[0]]
    for part in parts[1:]:
        add(total, part, by)
    if symmetric:
        total[-1] = total[-1][np.tril_indices(len(total[-1]))]
    return total


def unpack(sums: Sums, question: ModelRound) -> Sums:
    """What `add_up` has told of a model, with both triangles."""
    m = question.order
    products = np.zeros((m, m, sums[-1].shape[-1]))
    lower = np.tril_indices(m)
    products[lower] = sums[-1]
    products[lower[::-1]] = sums[-1]
    return [*sums[:-1], products]


def some_columns(sums: Sums, columns: slice) -> Floats:
    """A gradient's sums of some columns."""
    return sums[1][columns].copy()


def add_scalars(parts: list[Sums]) -> Floats:
    """What each block says in numbers, of which each share knows its own."""
    total: Floats = np.sum([part[0] for part in parts], axis=0)
    return total


def judge_pairs(parts: list[Sums], pairs: PairsRound, ask: PairsQuestion) -> Answer:
    """What pairs say, whose tables are added up."""
    (table,) = add_up(parts, pairs.together, False)
    return answer_pairs(ask, pairs, table)


def same(value: Any) -> Any:
    """What was sent, to stay."""
    return value


def within(ask: Question, columns: slice) -> Question:
    """A question to some columns, which they count from 0."""
    named = slice(*np.searchsorted(ask.columns, [columns.start, columns.stop]))
    penalty = Penalty(ask.penalty.l1, ask.penalty.l2, positive=ask.penalty.positive)
    return Question(
        penalty,
        ask.columns[named] - columns.start,
        ask.weights[named],
        ask.n_rows,
        ask.room,
        ask.heavy,
    )


def judge_columns(
    parts: list[Floats], ask: Question, factors: list[Floats | None] | None, columns: slice
) -> list[Answer]:
    """What some columns say, chunk by chunk, by their numbers."""
    z = parts[0].copy()
    for part in parts[1:]:
        z += part
    if factors is not None:
        ask = ask.with_factors(*factors)
    found = []
    for first in range(0, len(z), CHUNK):
        at = slice(first, min(first + CHUNK, len(z)))
        found.append(answer(ask, z[at], at).moved(columns.start))
    return found
