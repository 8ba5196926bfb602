"""Who asks rounds of blocks: in memory or on disk, by threads. Other places have their own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from typing import Any, Self

from .. import _solvers
from .block import Block, Facts
from .pairs import PairsQuestion, PairsRound, answer_pairs
from .points import Units
from .rounds import Extent, FactsRound, GradientRound, Round, Sums, SumsRound, add
from .survey import Answer, Question, answer, chunks, together


@dataclass
class _Count:
    n: int = 0


class Reducer:
    """What a solver asks of its data, wherever the data lies.

    Attributes
    ----------
    extent : Extent
        Blocks and columns, and the units in which columns are looked at.
    feature_names : ndarray of str, or None
        Names of columns, where they are known.
    encoder : FeatureCross or None
        What made the columns of tables.
    n_workers : int
        Threads of this process, each of which holds sums while a round lasts.
    """

    extent: Extent
    feature_names: Any
    encoder: Any
    n_workers = 0  # of this process, that hold sums at the same time

    def __init__(self, extent: Extent, feature_names: Any, encoder: Any) -> None:
        self.extent = extent
        self.feature_names, self.encoder = feature_names, encoder
        self._rounds = _Count()

    @property
    def nbytes(self) -> int:
        """Bytes of the data."""
        raise NotImplementedError

    @property
    def n_rounds(self) -> int:
        """Rounds asked so far, in whatever units."""
        return self._rounds.n

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.facts.n_rows, self.extent.n_columns

    def reduce(self, question: SumsRound) -> Sums:
        """Ask it of all blocks, and put their sums together."""
        raise NotImplementedError

    def gather(self, question: Round) -> Iterable[Any]:
        """Ask it of all blocks; what each part of them says."""
        raise NotImplementedError

    def survey(self, gradient: GradientRound, ask: Question) -> tuple[Any, Answer]:
        """The scalars of a gradient, and what all columns say to it."""
        scalars, z = self.reduce(gradient)
        parts = (answer(ask, z[at], at) for at in chunks(self.extent.n_columns))
        return scalars, together(ask.room, parts)

    def survey_pairs(self, pairs: PairsRound, ask: PairsQuestion) -> Answer:
        """What pairs of columns say to the residual of a gradient."""
        (table,) = self.reduce(pairs)
        return answer_pairs(ask, pairs, table)

    @cached_property
    def each_facts(self) -> dict[int, Facts]:
        """The facts of each block by its number, for which it is looked at the first time."""
        numbered = [pair for part in self.gather(FactsRound()) for pair in part]
        return dict(sorted(numbered, key=lambda pair: int(pair[0])))

    @cached_property
    def facts(self) -> Facts:
        """Of all blocks together."""
        return Facts.of_all(self.each_facts.values())

    def part(self, numbers: Sequence[int]) -> Self:
        """Who asks some of the blocks alone, by their numbers; it counts rounds of its own."""
        found = copy(self)
        found.__dict__.pop("facts", None)
        found.each_facts = {number: self.each_facts[number] for number in numbers}
        found._rounds = _Count()
        found._take(numbers)
        return found

    def in_units(self, units: Units) -> Self:
        """Who asks the same blocks in other units."""
        found = copy(self)
        found.extent = self.extent._replace(units=units)
        return found

    def _take(self, numbers: Sequence[int]) -> None:
        """Ask some of the blocks alone."""
        raise NotImplementedError


class LocalReducer(Reducer):
    """Blocks of this process, shared among threads.

    Parameters
    ----------
    blocks : sequence of Block
        In memory, or opened when they are asked for.
    n_columns : int
        Of X.
    n_threads : int, optional
        As of every estimator.
    feature_names : ndarray of str, optional
        Names of columns.
    encoder : FeatureCross, optional
        What made them of tables.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        n_columns: int,
        n_threads: int | None = None,
        *,
        feature_names: Any = None,
        encoder: Any = None,
    ) -> None:
        super().__init__(Extent(len(blocks), n_columns), feature_names, encoder)
        self._blocks = blocks
        self._numbers: Sequence[int] = range(len(blocks))
        self.n_workers = min(_solvers.effective_threads(n_threads or 0), len(blocks))

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks."""
        return sum(self._blocks[number].nbytes for number in self._numbers)

    def _take(self, numbers: Sequence[int]) -> None:
        self._numbers = numbers

    def gather(self, question: Round) -> Iterable[Any]:
        """Ask it of all blocks; what each thread's share of them says."""
        self._rounds.n += 1
        stopped = threading.Event()
        read_ahead = getattr(self._blocks, "read_ahead", lambda number: None)
        guard, numbers = threading.Lock(), iter(self._numbers)

        def share() -> Iterator[Block]:
            while not stopped.is_set():
                with guard:
                    number = next(numbers, None)
                if number is None:
                    return
                read_ahead(number + self.n_workers)
                yield self._blocks[number]

        with ThreadPoolExecutor(self.n_workers) as pool:
            asked = [pool.submit(question.run, share(), self.extent) for _ in range(self.n_workers)]
            try:
                return [future.result() for future in asked]
            except BaseException:
                stopped.set()  # or an interrupt would wait for the last block
                raise

    def reduce(self, question: SumsRound) -> Sums:
        """Ask it of all blocks, and put their sums together."""
        sums: Sums = reduce(partial(add, by=question.together), self.gather(question))
        return sums
