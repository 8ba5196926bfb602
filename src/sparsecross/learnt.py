"""What an encoder has learnt as JSON-able values and arrays, and back with every check."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparsecross.dictionaries import Dictionary, check_state
from sparsecross.hashing import HashedColumns
from sparsecross.keyed import KeyedColumns, Term
from sparsecross.parameters import MAX_FIELDS, check_choice, check_integer

LearntColumns = KeyedColumns | HashedColumns


def state_of(learnt: LearntColumns) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what rebuilds learnt columns: JSON-able values, and arrays by name."""
    meta = {
        "fields": [
            {
                "position": d.position,
                "kind": d.kind,
                "several": d.several,
                "has_null": d.has_null,
            }
            for d in learnt.dictionaries
        ],
        "terms": [list(t) for t in learnt.terms],
    }
    arrays: dict[str, NDArray[Any]] = {}
    for i, d in enumerate(learnt.dictionaries):
        arrays[f"field{i}.values"] = d.values
        if d.blob is not None:
            arrays[f"field{i}.blob"] = d.blob
    if isinstance(learnt, HashedColumns):
        if learnt.kept is not None:
            arrays["kept"] = learnt.kept
        return meta, arrays
    for t, keys in enumerate(learnt.keys):
        if keys is not None:
            arrays[f"term{t}.keys"] = keys
    return meta, arrays


def rebuilt(
    meta: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    names: list[str],
    *,
    n_bits: int | None,
    numeric_nulls: str,
    selected: bool,
) -> LearntColumns:
    """Rebuild learnt columns from their state; any error tells of a state that is none.

    Parameters
    ----------
    meta, arrays
        As of `state_of`; the arrays are kept, not copied.
    names : list of str
        Of all fields of the fit's table.
    n_bits, numeric_nulls
        As of the encoder.
    selected : bool
        Whether only some of the fields are in use.
    """
    dictionaries = []
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
            numeric_nulls=numeric_nulls,
        )
        check_state(found)
        dictionaries.append(found)
    if not selected and [d.position for d in dictionaries] != list(range(len(names))):
        raise ValueError("the fields' positions must be 0, 1, ...")
    terms: list[Term] = [tuple(term) for term in meta["terms"]]
    for term in terms:
        if not 1 <= len(term) <= MAX_FIELDS:
            raise ValueError(f"a term has 1 to {MAX_FIELDS} fields, got {term}")
        for f in term:
            check_integer("field", f, 0, len(dictionaries) - 1)
    if n_bits is not None:
        kept = _vector(arrays["kept"], np.uint8) if "kept" in arrays else None
        hashed = HashedColumns(dictionaries, terms, int(n_bits), kept)
        if kept is not None and len(kept) != (hashed.n_columns + 7) // 8:
            raise ValueError("there must be one bit for each of the 2**n_bits columns")
        return hashed
    keys: list[NDArray[np.uint64] | None] = []
    for t, term in enumerate(terms):
        name = f"term{t}.keys"
        if name not in arrays and len(term) > 1:
            raise ValueError(f"{name} is missing")
        keys.append(_vector(arrays[name], np.uint64) if name in arrays else None)
    keyed = KeyedColumns(dictionaries, terms, keys)
    _ = keyed.table  # building the tables checks the keys
    return keyed


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
