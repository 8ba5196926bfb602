"""Rounds asked of blocks that lie on the workers of a Dask cluster.

Blocks are results of tasks, so that one that is lost with its worker is made again from where it
came from; a round is one task for each thread that has blocks, so are its sums, and nothing but
answers about few columns travels to the client. As sums are exact in any order, neither the number
of workers nor the loss of one changes a bit.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from ..crossing import FeatureCross
from . import clustertasks as tasks
from .block import Block
from .pairs import PairsQuestion, PairsRound
from .points import Units
from .reducer import Reducer
from .rounds import Extent, GradientRound, ModelRound, Round, Sums, SumsRound
from .survey import CHUNK, Answer, Penalty, Question, together


def require_distributed() -> Any:
    """Return dask.distributed, or say how to install it."""
    try:
        import distributed
    except ImportError:
        raise ImportError("this needs Dask: pip install 'sparsecross[dask]'") from None
    return distributed


class ClusterReducer(Reducer):
    """Blocks on the workers of a cluster.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    makers : list of callable
        Each returns the future of a block.
    feature_names : ndarray of str, optional
        Names of columns.
    encoder : FeatureCross, optional
        What made them of tables.

    Raises
    ------
    ValueError
        If the cluster has no workers, or blocks have different numbers of columns.
    """

    def __init__(
        self,
        client: Any,
        makers: Sequence[Callable[..., Any]],
        feature_names: Any = None,
        encoder: FeatureCross | None = None,
    ) -> None:
        self._client = client
        check_cluster(client)
        self._threads()  # of which there must be some
        workers = client.scheduler_info()["workers"].values()
        # A block, its margins and sums, and twice while it is made.
        self._largest_block = min(worker["memory_limit"] or 0 for worker in workers) // 4
        self._blocks = [make() for make in makers]
        super().__init__(Extent(len(self._blocks), 0), feature_names, encoder)
        self._sent: Any = self.extent
        described = [one for part in self.gather(_Described()) for one in part]
        self._bytes: int = sum(n_bytes for _, _, n_bytes in described)
        widths = {number: n_columns for number, n_columns, _ in sorted(described)}
        for number, width in widths.items():
            if width != widths[0]:
                raise ValueError(
                    f"every block must have as many columns, got {width} in block {number} and "
                    f"{widths[0]} in block 0."
                )
        self._sent = self.extent = Extent(len(self._blocks), widths[0])
        self._factors: dict[tuple[int, int], Any] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks, which are the workers'."""
        return self._bytes

    def in_units(self, units: Units) -> Self:
        """Who asks the same blocks in other units, which are sent once."""
        found = super().in_units(units)
        found._factors = {}
        found._sent = found.extent
        if units.factor is not None:
            found._sent = self._submit(tasks.same, found.extent)
        return found

    def _take(self, numbers: Sequence[int]) -> None:
        self._blocks = [self._blocks[number] for number in numbers]

    def _threads(self) -> dict[str, int]:
        """Workers that live, and their threads."""
        found: dict[str, int] = self._client.nthreads()
        if not found:
            raise ValueError("the cluster must have at least one worker, got none.")
        return found

    def _shares(self) -> list[tuple[str, list[Any]]]:
        """Which thread asks which blocks: those that its worker has, as long as it has its part.

        A block beyond that moves, once: to a worker that has less.
        """
        threads = self._threads()
        n_threads, n_blocks = sum(threads.values()), len(self._blocks)
        room = {address: -(-n_blocks * n // n_threads) for address, n in threads.items()}
        held = self._client.who_has(self._blocks)
        by_worker: dict[str, list[Any]] = defaultdict(list)
        left = []
        for block in self._blocks:
            owners = [address for address in held.get(block.key, ()) if room.get(address, 0) > 0]
            if not owners:
                left.append(block)
                continue
            owner = max(sorted(owners), key=lambda address: room[address])
            by_worker[owner].append(block)
            room[owner] -= 1
        for block in left:
            address = max(sorted(room), key=lambda address: room[address])
            by_worker[address].append(block)
            room[address] -= 1
        return [
            (address, blocks[thread :: threads[address]])
            for address, blocks in sorted(by_worker.items())
            for thread in range(min(threads[address], len(blocks)))
        ]

    def deal(self, question: Round) -> list[Any]:
        """Ask it of equal shares of the blocks, dealt out by number, one for each thread."""
        n_shares = min(sum(self._threads().values()), len(self._blocks))
        self._rounds.n += 1
        return self._results(
            [
                self._submit(tasks.ask, question, self._sent, self._blocks[k::n_shares])
                for k in range(n_shares)
            ]
        )

    def _ask(self, question: Any) -> list[tuple[str, Any]]:
        """The futures of what each share of the blocks says, and the workers they began at."""
        self._rounds.n += 1
        return [
            (
                address,
                self._submit(tasks.ask, question, self._sent, blocks),
            )
            for address, blocks in self._shares()
        ]

    def _submit(self, function: Callable[..., Any], *given: Any) -> Any:
        """The future of a task, which the scheduler runs where most of what it is given lies.

        Nowhere in particular: tasks that ask for a worker wait for ever where all that lived when
        they were submitted have died, even if they allow others (distributed 2026.8).
        """
        name = function.__name__ if function is not tasks.ask else type(given[0]).__name__
        key = f"sparsecross-{name.strip('_').lower()}-{uuid.uuid4().hex}"
        return self._client.submit(function, *given, pure=False, key=key)

    def gather(self, question: Round) -> Iterable[Any]:
        """Ask it of all blocks; what each share of them says."""
        return self._results([future for _, future in self._ask(question)])

    def reduce(self, question: SumsRound) -> Sums:
        """Ask it of all blocks, and put their sums together.

        That is done on a worker, which spares the client bytes.
        """
        asked = self._ask(question)
        symmetric = isinstance(question, ModelRound)
        parts = [future for _, future in asked]
        total = self._submit(tasks.add_up, parts, question.together, symmetric)
        (sums,) = self._results([total])
        return tasks.unpack(sums, question) if isinstance(question, ModelRound) else sums

    def survey(self, gradient: GradientRound, ask: Question) -> tuple[Any, Answer]:
        """The scalars of a gradient, and what all columns say: each worker sums some columns."""
        asked = self._ask(gradient)
        futures = [future for _, future in asked]
        n_owners = len({address for address, _ in asked})
        n_chunks = -(-self.extent.n_columns // CHUNK)
        answers = []
        for k in range(n_owners):
            first, last = (n_chunks * at // n_owners for at in (k, k + 1))
            if first == last:
                continue
            columns = slice(first * CHUNK, min(last * CHUNK, self.extent.n_columns))
            parts = [self._submit(tasks.some_columns, future, columns) for future in futures]
            penalty = self._penalty_of(ask.penalty, columns)
            answers.append(
                self._submit(
                    tasks.judge_columns,
                    parts,
                    tasks.within(ask, columns),
                    penalty,
                    columns,
                )
            )
        scalars = self._submit(tasks.add_scalars, futures)
        totals, *said = self._results([scalars, *answers])
        return totals, together(ask.room, [each for part in said for each in part])

    def survey_pairs(self, pairs: PairsRound, ask: PairsQuestion) -> Answer:
        """What pairs of columns say to the residual of a gradient; one worker sums them."""
        asked = self._ask(pairs)
        tables = [future for _, future in asked]
        said = self._submit(tasks.judge_pairs, tables, pairs, ask)
        answer: Answer
        (answer,) = self._results([said])
        return answer

    def _penalty_of(self, penalty: Penalty, columns: slice) -> Any:
        """Factors and scales of some columns, which are sent once."""
        if penalty.factor is None and penalty.scale is None:
            return None
        at = columns.start, columns.stop  # others where workers have come or gone
        known = self._factors.get(at)
        if known is None or known[0] is not penalty.factor or known[1] is not penalty.scale:
            arrays = [None if a is None else a[columns] for a in (penalty.factor, penalty.scale)]
            future = self._submit(tasks.same, arrays)
            known = self._factors[at] = (penalty.factor, penalty.scale, future)
        return known[2]

    def _results(self, futures: list[Any]) -> list[Any]:
        """What futures hold, or an error that says what can be done."""
        distributed = require_distributed()
        try:
            found: list[Any] = self._client.gather(futures)
        except distributed.scheduler.KilledWorker as error:
            most = self._largest_block
            raise MemoryError(
                "workers died again and again over the same blocks, most likely for want of "
                "memory: give them more, or cut the rows into "
                + (f"blocks below {most:,} bytes." if most else "smaller blocks.")
            ) from error
        except BaseException:
            self._client.cancel(futures)
            raise
        return found


class _Described:
    """Numbers, columns and bytes of blocks."""

    def run(self, blocks: Iterable[Block], extent: Extent) -> list[tuple[int, int, int]]:
        return [(block.number, block.n_columns, block.nbytes) for block in blocks]


def check_cluster(client: Any) -> None:
    """Raise a ValueError unless every worker has this version of the package."""
    from .. import __version__

    versions = client.run(_version)
    if not versions:
        raise ValueError("the cluster must have at least one worker, got none.")
    for address, version in versions.items():
        if version is None:
            raise ValueError(
                f"the worker {address} has no sparsecross: install version {__version__} there."
            )
        if version != __version__:
            raise ValueError(
                f"the worker {address} has sparsecross {version}, but this is {__version__}: "
                "install the same version everywhere."
            )


def _version() -> str | None:
    try:
        import sparsecross
    except ImportError:
        return None
    return sparsecross.__version__
