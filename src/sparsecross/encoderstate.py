"""A fitted encoder as values that JSON can hold and arrays, for the files that carry one."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .crossing import FeatureCross
from .learnt import rebuilt, state_of

Arrays = Mapping[str, NDArray[Any]]


def state_of_encoder(encoder: FeatureCross) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what rebuilds a fitted encoder: JSON-able values, and arrays by name."""
    check_is_fitted(encoder, "_learnt")
    learnt, arrays = state_of(encoder._learnt)
    parameters = encoder.get_params(deep=False)
    del parameters["n_threads"]  # the machine's matter, not the model's
    if not isinstance(encoder.crosses, str):
        parameters["crosses"] = [[_plain(f) for f in cross] for cross in encoder.crosses]
    if isinstance(encoder.buckets, Mapping):
        parameters["buckets"] = [[_plain(f), int(k)] for f, k in encoder.buckets.items()]
    for name in ("min_count", "n_bits", "buckets"):
        parameters[name] = _plain(parameters[name])
    meta = {
        "parameters": parameters,
        "names": list(encoder._names),
        "named": hasattr(encoder, "feature_names_in_"),
        "selected": encoder._selected,
        "collisions": encoder.collisions_,
    }
    return meta | learnt, arrays


def encoder_of_state(meta: Mapping[str, Any], arrays: Arrays) -> FeatureCross:
    """Rebuild an encoder from its state; the arrays are kept, not copied.

    Everything is checked: ValueError where meta or arrays are not those of an encoder.
    """
    try:
        return _rebuilt(meta, arrays)
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(f"not the state of a FeatureCross: {error!r}") from error


def _rebuilt(meta: Mapping[str, Any], arrays: Arrays) -> FeatureCross:
    """Do it; any error tells of a state that is none."""
    parameters = dict(meta["parameters"])
    if not isinstance(parameters["crosses"], str):
        parameters["crosses"] = [tuple(cross) for cross in parameters["crosses"]]
    if isinstance(parameters["buckets"], list):
        parameters["buckets"] = dict(parameters["buckets"])
    out = FeatureCross(**parameters)
    out._check_parameters()
    names = list(meta["names"])
    if not all(isinstance(name, str) for name in names):
        raise ValueError("the names of fields must be strings")
    out._names = names
    out.n_features_in_ = len(names)
    if meta["named"]:
        out.feature_names_in_ = np.array(names, dtype=object)
    out._selected = bool(meta["selected"])
    collisions = meta["collisions"]
    out.collisions_ = None if collisions is None else int(collisions)
    out._learnt = rebuilt(
        meta,
        arrays,
        names,
        n_bits=out.n_bits,
        numeric_nulls=out.numeric_nulls,
        selected=out._selected,
    )
    return out


def packed(encoder: FeatureCross) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return an encoder as a file carries it: a description, and the blocks that go with it."""
    meta, arrays = state_of_encoder(encoder)
    blocks = {block(k): array for k, array in enumerate(arrays.values())}
    return {"meta": meta, "arrays": list(arrays)}, blocks


def blocks_of(description: Mapping[str, Any]) -> list[str]:
    """Return the names of the blocks that a description asks for."""
    return [block(k) for k in range(len(description["arrays"]))]


def unpacked(description: Mapping[str, Any], blocks: Arrays) -> FeatureCross:
    """Rebuild an encoder from what a file carries; ValueError where it is none."""
    arrays = {name: blocks[block(k)] for k, name in enumerate(description["arrays"])}
    return encoder_of_state(description["meta"], arrays)


def block(k: int) -> str:
    """Return the name of the block of array k."""
    return f"e{k}"


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Integral) else value
