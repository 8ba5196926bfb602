"""Rows as Dask's users have them, or a store, to blocks on the workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..crossing import FeatureCross
from .batch import Batch, arrays_of, checked
from .block import Block
from .cluster import ClusterReducer, require_distributed
from .store import BlockStore


def cluster_reducer(
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    *,
    encoder: FeatureCross | None = None,
    client: Any = None,
) -> ClusterReducer:
    """Put rows on the workers of a cluster as blocks, and return who asks rounds of them.

    Parameters
    ----------
    X : BlockStore, dask DataFrame, dask array, or list of delayed batches
        A batch is (X, y), (X, y, sample_weight) or (X, y, sample_weight, offset); the blocks of an
        array are cut by rows alone. Workers read a store by its path.
    y, sample_weight, offset : dask array or Series, optional
        Beside an array or a DataFrame, cut as its rows are.
    encoder : FeatureCross, optional
        Fitted; turns the partitions of a DataFrame into columns. Without it they must be numbers.
    client : distributed.Client, optional
        By default the current one.

    Returns
    -------
    ClusterReducer

    Raises
    ------
    ValueError
        If rows and targets are not cut alike, columns differ from block to block, targets are
        missing, there is no client, or workers lack this version of the package.
    """
    distributed = require_distributed()
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError:
            raise ValueError(
                "there must be a client of a cluster: distributed.Client(address), or Client() for "
                "processes of this machine."
            ) from None
    if isinstance(X, BlockStore):
        for name, given in (("y", y), ("sample_weight", sample_weight), ("offset", offset)):
            if given is not None:
                raise ValueError(f"{name} must be None where X is a BlockStore.")
        makers: list[Callable[..., Any]] = [
            partial(client.submit, _block_of_store, os.fspath(X.path.resolve()), k, pure=False)
            for k in range(len(X))
        ]
        return ClusterReducer(client, makers, X.feature_names, X.encoder)
    parts = _delayed_parts(X, y, sample_weight, offset)
    from dask.delayed import delayed

    make = delayed(_block_of_batch)
    makers = [partial(client.compute, make(k, encoder, *part)) for k, part in enumerate(parts)]
    names = None
    if encoder is None and hasattr(X, "columns"):
        names = np.array([str(name) for name in X.columns], object)
    return ClusterReducer(client, makers, names, encoder)


def _delayed_parts(X: Any, y: Any, sample_weight: Any, offset: Any) -> list[list[Any]]:
    """Delayed parts of each block: the batch itself, or X, y, weights and offsets."""
    beside = {"y": y, "sample_weight": sample_weight, "offset": offset}
    if isinstance(X, list | tuple):
        if any(given is not None for given in beside.values()):
            raise ValueError("y, sample_weight and offset must be None where X is a list.")
        if not X:
            raise ValueError("X must hold at least one batch, got an empty list.")
        return [[batch] for batch in X]
    if not hasattr(X, "to_delayed"):
        raise TypeError(
            "X must be a BlockStore, a dask DataFrame, a dask array or a list of delayed batches, "
            f"got {type(X).__name__}."
        )
    if y is None:
        raise ValueError("y must be given beside a dask array or DataFrame: a target for each row.")
    rows = np.asarray(X.to_delayed(), dtype=object)
    if rows.ndim == 2:
        if rows.shape[1] != 1:
            raise ValueError(
                f"X must be cut by rows alone, got {rows.shape[1]} blocks of columns: "
                "X.rechunk({1: -1})."
            )
        rows = rows[:, 0]
    columns: list[Any] = [list(rows)]
    for name, given in beside.items():
        if given is None:
            columns.append([None] * len(rows))
            continue
        if not hasattr(given, "to_delayed"):
            raise TypeError(f"{name} must be a dask array or Series, got {type(given).__name__}.")
        cut = list(np.asarray(given.to_delayed(), dtype=object).ravel())
        if len(cut) != len(rows):
            raise ValueError(f"{name} must be cut as X is, into {len(rows)} parts, got {len(cut)}.")
        columns.append(cut)
    return [list(part) for part in zip(*columns, strict=True)]


def _block_of_store(path: str, number: int) -> Block:
    block = BlockStore(path)[number]
    block.design  # noqa: B018 - looked at where it lies
    return block


def _block_of_batch(number: int, encoder: FeatureCross | None, X: Any, *beside: Any) -> Block:
    """A block of what a task of the user's has made."""
    batch = Batch(X, *beside) if beside else Batch(*X)
    X = batch.X
    if encoder is not None:
        X = encoder.transform(X)
    elif hasattr(X, "to_numpy"):
        X = X.to_numpy()
    given = [None if part is None else np.asarray(part) for part in batch[1:]]
    try:
        rows = checked(Batch(X, *given))
    except ValueError as error:
        raise ValueError(f"block {number}: {error}") from None
    if not len(rows.y):
        raise ValueError(f"block {number} must have at least one row, got none.")
    return Block(number, rows.X.shape[1], **arrays_of(rows))
