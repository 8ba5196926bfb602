"""A model of a stream in a file, with all that it takes to go on exactly where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _stream, artefact, encoderstate
from .crossing import FeatureCross
from .growingrows import GrowingRows
from .matrixrows import MatrixRows
from .online import OnlineModel, StreamRecord
from .stream import FTRLClassifier, FTRLRegressor
from .streamrows import StreamRows
from .tablerows import TableRows

KIND = "stream"
_CLASSES = {each.__name__: each for each in (FTRLClassifier, FTRLRegressor)}
_STATE = ("keys", "slots", "icpt", "counters", "progress")


def save_checkpoint(
    model: OnlineModel, path: str | os.PathLike[str], notes: Mapping[str, Any] | None = None
) -> None:
    """Write all that a model of a stream has learnt to a file, whole or not at all.

    Parameters
    ----------
    model : FTRLClassifier or FTRLRegressor
        A fitted model.
    path : str or path-like
        The file. :func:`load_checkpoint` reads it, and the model goes on as if it had never
        stopped; for predictions :func:`save` writes a smaller one.
    notes : mapping, optional
        Values that JSON can hold, kept along.

    Raises
    ------
    TypeError
        If the model is of another kind, or a parameter or label is none that JSON can hold.
    sklearn.exceptions.NotFittedError
        If it has learnt from no row.
    OSError
        If the file cannot be written: an old one of that name is then as it was.

    Examples
    --------
    >>> import numpy as np, os, sparsecross as sx, tempfile
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> model = sx.FTRLRegressor().partial_fit(X[:50], X[:50, 0])
    >>> path = os.path.join(tempfile.mkdtemp(), "stream.ckpt")
    >>> sx.save_checkpoint(model, path)
    >>> resumed, _ = sx.load_checkpoint(path)
    >>> whole = sx.FTRLRegressor().fit(X, X[:, 0])
    >>> bool((resumed.partial_fit(X[50:], X[50:, 0]).coef_ == whole.coef_).all())
    True
    """
    if not isinstance(model, OnlineModel):
        raise TypeError(f"model must be one of a stream, got {type(model).__name__}")
    compiled, rows = model._learnt()
    arrays = compiled.state()
    meta: dict[str, Any] = {
        "kind": KIND,
        "class": type(model).__name__,
        "parameters": {name: _plain(value) for name, value in model.get_params(False).items()},
        "spec": compiled.spec,
        "n_features": model.n_features_in_,
        "names": _plain(getattr(model, "feature_names_in_", None)),
        "history": [
            [None if np.isnan(value) else value for value in record] for record in model.history_
        ],
        "notes": dict(notes or {}),
        "encoder": None,
    }
    if isinstance(model, FTRLClassifier):
        meta["classes"] = {"dtype": model.classes_.dtype.str, "values": model.classes_.tolist()}
    if isinstance(rows, GrowingRows):
        meta["spec"] = compiled.spec | {"field": []}  # they are told anew
        kinds = FeatureCross._of_levels(rows.field_names, rows.kinds, **rows.parameters)
        description, blocks = encoderstate.packed(kinds)
        meta["encoder"] = description | {"met": rows.state()}
        arrays |= blocks
    elif rows.encoder is not None:
        meta["encoder"], blocks = encoderstate.packed(rows.encoder)
        arrays |= blocks
    artefact.write(path, artefact.encode(meta, arrays))


def load_checkpoint(path: str | os.PathLike[str]) -> tuple[OnlineModel, dict[str, Any]]:
    """Read what :func:`save_checkpoint` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    FTRLClassifier or FTRLRegressor
        The model as it was.
    dict
        The notes.

    Raises
    ------
    ValueError
        If the file is damaged, or no checkpoint.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import numpy as np, os, sparsecross as sx, tempfile
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> model = sx.FTRLRegressor(l1=0.1).fit(X, X[:, 0])
    >>> path = os.path.join(tempfile.mkdtemp(), "stream.ckpt")
    >>> sx.save_checkpoint(model, path, {"file": "part-1"})
    >>> again, notes = sx.load_checkpoint(path)
    >>> bool((again.coef_ == model.coef_).all()), notes
    (True, {'file': 'part-1'})
    """
    file = artefact.Artefact(path, mmap=False)
    meta = file.meta
    if meta.get("kind") != KIND:
        raise ValueError(f"{os.fspath(path)!r} is no checkpoint of a stream: load reads models")
    try:
        parameters = {name: _restored(value) for name, value in meta["parameters"].items()}
        model: OnlineModel = _CLASSES[meta["class"]](**parameters)
        model._validate_params()
        compiled = _stream.StreamModel(meta["spec"])
        compiled.restore({name: file[name] for name in _STATE})
        if meta["names"] is not None:
            model.feature_names_in_ = np.array(meta["names"], dtype=object)
        model.n_features_in_ = int(meta["n_features"])
        if isinstance(model, FTRLClassifier):
            classes = meta["classes"]
            model.classes_ = np.array(classes["values"], dtype=classes["dtype"])
        model.history_ = [
            StreamRecord(n_rows, *(np.nan if loss is None else loss for loss in losses))
            for n_rows, *losses in meta["history"]
        ]
        model._rows = _rows(model, meta, file)
        if isinstance(model._rows, GrowingRows):
            model._rows.tell(compiled)
        model._model, model._cache = compiled, {}
        model._begun = model._parameters()
        return model, dict(meta["notes"])
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        OverflowError,
        AttributeError,
        MemoryError,
    ) as error:
        raise ValueError(f"{os.fspath(path)!r} is an unusable checkpoint: {error}") from None


def _rows(model: OnlineModel, meta: dict[str, Any], file: artefact.Artefact) -> StreamRows:
    description = meta["encoder"]
    if description is None:
        names = getattr(model, "feature_names_in_", None)
        rows = MatrixRows(
            model.n_features_in_, model.interactions, model.fields, names, model.n_threads
        )
        if any(meta["spec"].get(name) != value for name, value in rows.spec().items()):
            raise ValueError("its columns do not cross as its parameters say")
        return rows
    encoder = encoderstate.unpacked(description, file)
    if "met" not in description:
        return TableRows(encoder)
    shared = {"numeric_nulls": model.numeric_nulls, "n_threads": model.n_threads}
    growing = GrowingRows(encoder._names, encoder._learnt.dictionaries, model.interactions, shared)
    growing.restore(description["met"])
    return growing


def _plain(value: Any) -> Any:
    """A parameter as JSON holds it; tuples are told from lists."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, tuple):
        return {"tuple": [_plain(each) for each in value]}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {"dict": [[_plain(key), _plain(each)] for key, each in value.items()]}
    json.dumps(value)  # a TypeError where JSON has no such value
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(each) for each in value]
    if isinstance(value, dict):
        if "tuple" in value:
            return tuple(_restored(each) for each in value["tuple"])
        return {_restored(key): _restored(each) for key, each in value["dict"]}
    return value
