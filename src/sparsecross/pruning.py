"""Model to smaller model: weights of 0 dropped, predictions the same to the last bit."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from . import _solvers, encoderstate
from .crossing import FeatureCross
from .interactions import Interactions
from .memory import MemoryReport, object_bytes
from .model import LinearModel
from .pruned import CROSS_INDEX, INDEX, PrunedModel


def memory_report(model: Any) -> MemoryReport:
    """Bytes of every part of a model, dense and pruned.

    Parameters
    ----------
    model : fitted estimator, Pipeline(FeatureCross, estimator) or PrunedModel
        What to measure.

    Returns
    -------
    MemoryReport
        With text and HTML representations.

    Raises
    ------
    TypeError
        If the model is of another kind.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    return model.report if isinstance(model, PrunedModel) else prune(model).report


def prune(model: Any) -> PrunedModel:
    """Drop every weight that is 0, and what only such weights need.

    Parameters
    ----------
    model : fitted estimator or Pipeline(FeatureCross, estimator)
        Any linear model of this package, alone or behind a `FeatureCross`, whose dictionaries are
        then cut down to the categories and crosses that are left.

    Returns
    -------
    PrunedModel
        Predicts the same to the last bit; `report` tells the bytes saved.

    Raises
    ------
    TypeError
        If the model is of another kind.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> import numpy as np, sparsecross as sx
    >>> X = np.random.default_rng(0).standard_normal((50, 1000))
    >>> small = sx.prune(sx.Lasso(alpha=0.5).fit(X, X[:, 0] + X[:, 1]))
    >>> small.report.n_nonzero
    2
    """
    encoder, estimator = _parts_of(model)
    check_is_fitted(estimator)
    n_columns, outputs = estimator._weights_of_outputs()
    supports, values = map(list, zip(*outputs, strict=True))
    universe, n_outputs = n_columns, len(outputs)
    crosses = estimator.interactions_
    needed = np.unique(np.concatenate([*supports, *_columns_of(crosses)]))
    kept = encoder
    if encoder is not None and encoder.n_bits is None:
        kept = encoder._restricted(needed)
        supports = [np.searchsorted(needed, support) for support in supports]
        universe = len(needed)
        crosses = _over(crosses, needed)

    arrays: dict[str, npt.NDArray[Any]] = {
        "icpt": np.atleast_1d(np.asarray(estimator.intercept_, dtype=np.float64))
    }
    for k, (support, weights) in enumerate(zip(supports, values, strict=True)):
        index = _solvers.build_index(support.astype(np.uint64), universe)
        arrays[f"w{k}"] = np.ascontiguousarray(weights)
        arrays |= {f"{part}{k}": words for part, words in zip(INDEX, index, strict=True)}
        if crosses is not None:
            arrays |= _pack_crosses(crosses if n_outputs == 1 else crosses.of_class(k), k)
    names = getattr(estimator, "feature_names_in_", None) if encoder is None else None
    if names is not None:
        arrays |= _pack_names(names[needed])
    meta: dict[str, Any] = {
        "universe": universe,
        "n_outputs": n_outputs,
        "classes": _pack_classes(getattr(estimator, "classes_", None)),
        "link": estimator._link,
        "encoder": None,
        "order": 1 if crosses is None else crosses.order,
    }
    if kept is not None:
        meta["encoder"], blocks = encoderstate.packed(kept)
        arrays |= blocks
    dense = _dense_bytes(estimator, encoder, names)
    meta["n_weights"] = n_outputs * n_columns
    if crosses is not None:
        meta["n_weights"] += n_outputs * _possible(estimator)
    meta["dense"] = dense
    return PrunedModel(meta, arrays, kept)


def _parts_of(model: Any) -> tuple[FeatureCross | None, Any]:
    encoder = None
    if isinstance(model, Pipeline):
        steps = [step for _, step in model.steps if step not in (None, "passthrough")]
        if len(steps) != 2 or not isinstance(steps[0], FeatureCross):
            raise TypeError(
                "model must be an estimator or a Pipeline of a FeatureCross and an estimator, got "
                f"a Pipeline of {[type(step).__name__ for step in steps]}"
            )
        encoder, model = steps
    if not isinstance(model, LinearModel):
        raise TypeError(
            "model must be (a Pipeline of a FeatureCross and) a linear model of sparsecross, got "
            f"{type(model).__name__}"
        )
    return encoder or getattr(model, "encoder_", None), model


def _columns_of(crosses: Interactions | None) -> list[npt.NDArray[np.int64]]:
    """The columns that have a part in crosses, in a list that is empty where there are none."""
    return [] if crosses is None else [crosses.columns[crosses.columns >= 0]]


def _over(crosses: Interactions | None, kept: npt.NDArray[np.int64]) -> Interactions | None:
    """Crosses of all columns as crosses of those kept."""
    if crosses is None:
        return None
    columns = np.where(crosses.columns < 0, -1, np.searchsorted(kept, crosses.columns))
    return replace(crosses, columns=columns, n_columns=len(kept))


def _pack_crosses(crosses: Interactions, k: int) -> dict[str, npt.NDArray[Any]]:
    """The blocks of the crosses of output k."""
    universe = _solvers.ProductKeys(crosses.n_columns, crosses.order).universe
    index = _solvers.build_index(crosses.keys, universe)
    packed: dict[str, npt.NDArray[Any]] = {f"x{k}": np.ascontiguousarray(crosses.values)}
    return packed | {f"{part}{k}": words for part, words in zip(CROSS_INDEX, index, strict=True)}


def _possible(estimator: Any) -> int:
    """How many crosses an estimator could have had."""
    counts = estimator.interaction_counts_
    first = counts[0] if isinstance(counts, list) else counts
    return 0 if first is None else int(first.possible)


def _dense_bytes(
    estimator: LinearModel, encoder: FeatureCross | None, names: Any
) -> dict[str, int]:
    kept = encoder._memory() if encoder is not None else {"names": 0, "crosses": 0}
    unpruned = estimator._unpruned_bytes()
    return {
        "weights": unpruned["weights"],
        "index": 0,
        "names": kept["names"] + (object_bytes(names) if names is not None else 0),
        "crosses": kept["crosses"] + unpruned["crosses"],
        "intercept": 8 * np.size(estimator.intercept_),
    }


def _pack_names(names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    encoded = [str(name).encode() for name in names]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return {"names": np.frombuffer(b"".join(encoded), np.uint8), "nameoff": offsets}


def _pack_classes(classes: npt.NDArray[Any] | None) -> dict[str, Any] | None:
    if classes is None:
        return None
    values = classes.tolist()
    if not all(isinstance(value, str | int | float) for value in values):
        raise TypeError(f"classes must be strings or numbers to be saved, got {values[0]!r}")
    return {"dtype": classes.dtype.str if classes.dtype != object else "O", "values": values}


def save(model: Any, path: str | os.PathLike[str]) -> PrunedModel:
    """Prune a model where that is not done yet, and save it to one file.

    Parameters
    ----------
    model : fitted estimator, Pipeline(FeatureCross, estimator) or PrunedModel
        What to save.
    path : str or path-like
        The file.

    Returns
    -------
    PrunedModel
        What was saved.

    Raises
    ------
    TypeError
        If the model is of another kind.
    OSError
        If the file cannot be written.
    """
    pruned = model if isinstance(model, PrunedModel) else prune(model)
    pruned.save(path)
    return pruned
