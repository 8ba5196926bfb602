"""A fitted FeatureCross as data: fewer of its columns, its state as arrays, and back."""

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparsecross import _solvers
from sparsecross.dictionaries import Dictionary, check_state
from sparsecross.parameters import MAX_FIELDS, check_choice, check_integer

if TYPE_CHECKING:
    from sparsecross.crossing import FeatureCross


class Lookup:
    """Holds the look-up tables once they are built; using an encoder leaves it as it was."""

    columns: _solvers.Columns | None = None


def restricted(encoder: "FeatureCross", columns: ArrayLike) -> "FeatureCross":
    """Return the encoder whose columns are these of another one's; see its `_restricted`."""
    if encoder.n_bits is not None:
        raise ValueError("hashed columns (n_bits) cannot be restricted: there is no dictionary")
    wanted = np.asarray(columns)
    if wanted.size == 0:
        wanted = np.zeros(0, np.int64)
    if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
        raise ValueError("columns must be a one-dimensional array of integers")
    starts = np.concatenate([[0], np.cumsum(encoder._sizes, dtype=np.int64)])
    if len(wanted) and (
        wanted[0] < 0 or wanted[-1] >= starts[-1] or (wanted[1:] <= wanted[:-1]).any()
    ):
        raise ValueError(f"columns must increase strictly and lie between 0 and {starts[-1] - 1}")
    bounds = np.searchsorted(wanted, starts)
    surviving: list[tuple[tuple[int, ...], list[NDArray[np.int64]]]] = []
    for t, (term, codes) in enumerate(zip(encoder._terms, encoder._codes_of_keys(), strict=True)):
        chosen = wanted[bounds[t] : bounds[t + 1]] - starts[t]
        if len(chosen):
            surviving.append((term, [c[chosen] for c in codes]))

    places: dict[int, NDArray[np.int64]] = {}  # of each field in use, old codes to new
    dictionaries = []
    for f, d in enumerate(encoder._dictionaries):
        used = [c for term, codes in surviving for i, c in zip(term, codes, strict=True) if i == f]
        if not used:
            continue
        kept = np.unique(np.concatenate(used))
        if encoder.handle_unknown == "error" or d.kind == "bucket":
            kept = np.arange(d.cardinality)
        places[f] = np.full(d.cardinality, -1, np.int64)
        places[f][kept] = np.arange(len(kept))
        dictionaries.append(d.only(kept))
    number = {f: i for i, f in enumerate(places)}

    out = type(encoder)(**encoder.get_params(deep=False))
    out.n_features_in_ = encoder.n_features_in_
    if hasattr(encoder, "feature_names_in_"):
        out.feature_names_in_ = encoder.feature_names_in_
    out._names, out._selected, out._kept = encoder._names, True, None
    out._lookup = Lookup()
    out.collisions_ = None
    out._dictionaries = dictionaries
    out._terms = [tuple(number[f] for f in term) for term, _ in surviving]
    out._keys = []
    for term, codes in surviving:
        keys = np.zeros(len(codes[0]), np.uint64)
        for f, c in zip(term, codes, strict=True):
            keys *= np.uint64(dictionaries[number[f]].cardinality)
            keys += places[f][c].astype(np.uint64)
        everything = len(term) == 1 and len(keys) == dictionaries[number[term[0]]].cardinality
        out._keys.append(None if everything else keys)
    return out


def state_of(encoder: "FeatureCross") -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what rebuilds a fitted encoder: JSON-able values, and arrays by name."""
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
        "fields": [
            {
                "position": d.position,
                "kind": d.kind,
                "several": d.several,
                "has_null": d.has_null,
            }
            for d in encoder._dictionaries
        ],
        "terms": [list(t) for t in encoder._terms],
    }
    arrays: dict[str, NDArray[Any]] = {}
    for i, d in enumerate(encoder._dictionaries):
        arrays[f"field{i}.values"] = d.values
        if d.blob is not None:
            arrays[f"field{i}.blob"] = d.blob
    for t, keys in enumerate(encoder._keys):
        if keys is not None:
            arrays[f"term{t}.keys"] = keys
    if encoder._kept is not None:
        arrays["kept"] = encoder._kept
    return meta, arrays


def rebuilt(
    cls: type["FeatureCross"], meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> "FeatureCross":
    """Rebuild an encoder from its state; any error tells of a state that is none."""
    parameters = dict(meta["parameters"])
    if not isinstance(parameters["crosses"], str):
        parameters["crosses"] = [tuple(cross) for cross in parameters["crosses"]]
    if isinstance(parameters["buckets"], list):
        parameters["buckets"] = dict(parameters["buckets"])
    out = cls(**parameters)
    out._check_parameters()
    names = list(meta["names"])
    if not all(isinstance(name, str) for name in names):
        raise ValueError("the names of fields must be strings")
    out._names = names
    out._lookup = Lookup()
    out.n_features_in_ = len(names)
    if meta["named"]:
        out.feature_names_in_ = np.array(names, dtype=object)
    out._selected = bool(meta["selected"])
    collisions = meta["collisions"]
    out.collisions_ = None if collisions is None else int(collisions)
    out._dictionaries = []
    for i, given in enumerate(meta["fields"]):
        position, kind = given["position"], given["kind"]
        check_integer("position", position, 0, len(names) - 1)
        check_choice("kind", kind, ("text", "integer", "float", "boolean", "bucket", "null"))
        dtype = np.float64 if kind == "bucket" else np.int64
        blob = _vector(arrays[f"field{i}.blob"], np.uint8) if kind == "text" else None
        values = _vector(arrays[f"field{i}.values"], dtype)
        found = Dictionary(
            names[position],
            int(position),
            kind,
            bool(given["several"]),
            bool(given["has_null"]),
            values,
            blob,
            numeric_nulls=out.numeric_nulls,
        )
        check_state(found)
        out._dictionaries.append(found)
    if not out._selected and [d.position for d in out._dictionaries] != list(range(len(names))):
        raise ValueError("the fields' positions must be 0, 1, ...")
    out._terms = [tuple(term) for term in meta["terms"]]
    out._kept = _vector(arrays["kept"], np.uint8) if "kept" in arrays else None
    n = len(out._dictionaries)
    for term in out._terms:
        if not 1 <= len(term) <= MAX_FIELDS:
            raise ValueError(f"a term has 1 to {MAX_FIELDS} fields, got {term}")
        for f in term:
            check_integer("field", f, 0, n - 1)
    out._keys = []
    if out.n_bits is not None:
        if out._kept is not None and len(out._kept) != (2**out.n_bits + 7) // 8:
            raise ValueError("there must be one bit for each of the 2**n_bits columns")
        return out
    for t, term in enumerate(out._terms):
        name = f"term{t}.keys"
        if name not in arrays and len(term) > 1:
            raise ValueError(f"{name} is missing")
        out._keys.append(_vector(arrays[name], np.uint64) if name in arrays else None)
    _ = out._table  # building the tables checks the keys
    return out


def _vector(array: Any, dtype: type) -> NDArray[Any]:
    """Return the array if it is one-dimensional, contiguous and of a dtype, else raise."""
    if (
        not isinstance(array, np.ndarray)
        or array.dtype != dtype
        or array.ndim != 1
        or not array.flags.c_contiguous
    ):
        raise ValueError(f"an array must be one-dimensional, contiguous and {np.dtype(dtype)}")
    return array


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, Integral) else value
