"""The commands `predict` and `inspect`: what is done with a model in a file."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from ..artefact import Artefact
from ..columnfiles import as_text, check_suffix, write_columns
from ..exporting import INTERCEPT, weights_of
from ..files import format_of
from ..pruned import PrunedModel, load
from ..storedmodel import TopWeight
from ..svmlight import read_svmlight
from ..tables import check_columns, column_names, read_table
from .console import Console
from .read import split_fields


def predict(options: Namespace, console: Console) -> None:
    """Predict every row of a table."""
    if options.output:
        check_suffix(options.output)
    model = load(options.model)
    if options.proba and model.classes_ is None:
        raise ValueError(f"{options.model!r} predicts numbers: it has no probabilities (--proba)")
    with console.working(f"predicting {options.table}"):
        columns = _predictions(model, _rows(model, options), options.proba)
    if options.output:
        write_columns(options.output, columns)
    else:
        sys.stdout.write(as_text(columns, ",", head=options.proba))


def _rows(model: PrunedModel, options: Namespace) -> Any:
    """Read what the model needs of the rows."""
    form = format_of(options.table, options.format)
    if model.encoder is None:
        if form != "svmlight":
            raise ValueError(f"{options.model!r} was fitted on svmlight data, not on a table")
        base = bool(_noted(model, "svmlight").get("zero_based", True))
        n_features = model.sparse_coef_.shape[1]
        return read_svmlight(options.table, zero_based=base, n_features=n_features).X
    if form == "svmlight":
        raise ValueError(f"{options.model!r} was fitted on a table, not on svmlight data")
    kinds = {d.name: d.kind for d in model.encoder._learnt.dictionaries}
    present = column_names(options.table, form, options.delimiter)
    check_columns(list(kinds), present, options.table)
    table = read_table(
        options.table,
        form,
        list(kinds) or present[:1],  # a model without weights needs the number of rows only
        texts=[name for name, kind in kinds.items() if kind == "text"],
        delimiter=options.delimiter,
    )
    return split_fields(table, {f: s for f, s in _noted(model, "split").items() if f in kinds})


def _noted(model: PrunedModel, key: str) -> dict[str, Any]:
    """Return what `fit` noted under a key, nothing where another program noted something else."""
    found = model.notes.get(key)
    return found if isinstance(found, dict) else {}


def _predictions(model: PrunedModel, rows: Any, proba: bool) -> dict[str, list[Any]]:
    """Columns of the answer by name."""
    some = rows.shape[0] > 0
    if model.classes_ is None and len(model.intercept_) > 1:  # several targets, by number
        predicted = model.predict(rows) if some else np.zeros((0, len(model.intercept_)))
        return {f"prediction_{k}": each.tolist() for k, each in enumerate(predicted.T)}
    columns = {"prediction": model.predict(rows).tolist() if some else []}
    if proba:
        assert model.classes_ is not None
        each = model.predict_proba(rows) if some else np.zeros((0, len(model.classes_)))
        for k, label in enumerate(model.classes_.tolist()):
            columns[f"probability_{label}"] = each[:, k].tolist()
    return columns


def inspect(options: Namespace, console: Console) -> None:
    """Print what a model holds, and write its weights where that is asked for."""
    if options.output:
        check_suffix(options.output)
    n_blocks = None
    if options.verify:
        file = Artefact(options.model, mmap=True)
        file.verify()
        n_blocks = len(file) + 1
    model = load(options.model)
    found = _summary(model, options)
    if options.output:
        weights = weights_of(model)
        names = [_name(model, name) for name in weights["name"]]
        write_columns(options.output, weights | {"name": names})
    if n_blocks is not None:
        found["verified_blocks"] = n_blocks
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    what = found["kind"] + (f" of {found['target']!r}" if found["target"] else "")
    print(f"{options.model}: {what}, {found['file_bytes']:,} bytes")
    if n_blocks is not None:
        print(f"verified: all {n_blocks} blocks are whole")
    if found["classes"] is not None:
        print(f"classes: {', '.join(map(str, found['classes']))}")
    if found["fit"]:
        print("fit: " + ", ".join(f"{name} {value:.10g}" for name, value in found["fit"].items()))
    if found["fields"] is not None:
        print(f"fields needed: {', '.join(found['fields']) or 'none'}")
    print(f"\n{model.report}")
    for label, weights in found["largest_weights"].items():
        kind = "target" if found["classes"] is None else "class"
        print(f"\nlargest weights{f' of {kind} {label}' if label else ''}:")
        for name, weight in weights:
            print(f"{weight:>14.6g}  {name}")


def _summary(model: PrunedModel, options: Namespace) -> dict[str, Any]:
    """Tell what is known of a model, in values that JSON can hold."""
    report, noted = model.report, model.notes
    fields = None
    if model.encoder is not None:
        fields = [d.name for d in model.encoder._learnt.dictionaries]
    told: dict[str, Any] = {
        k: noted[k] for k in ("alpha", "l1_ratio", "rows", "held_back") if k in noted
    }
    where = "held-back" if noted.get("held_back") else "training"
    told |= {f"{where} {name}": value for name, value in _noted(model, "errors").items()}
    return {
        "kind": "regressor" if model.classes_ is None else "classifier",
        "target": noted.get("target"),
        "classes": None if model.classes_ is None else model.classes_.tolist(),
        "fit": told,
        "fields": fields,
        "intercept": model.intercept_.tolist(),
        "weights": report.n_weights,
        "nonzero": report.n_nonzero,
        "dense_bytes": {**report.dense, "total": report.dense_bytes},
        "pruned_bytes": {**report.pruned, "total": report.pruned_bytes},
        "file_bytes": Path(options.model).stat().st_size,
        "largest_weights": _largest(model, options.top),
    }


def _name(model: PrunedModel, name: str) -> str:
    """What people call a weight: of svmlight data they know indices, and no columns x0, x1, ..."""
    if "svmlight" not in model.notes or name == INTERCEPT:
        return name
    shift = 0 if _noted(model, "svmlight").get("zero_based") else 1
    indices = [str(int(part[1:]) + shift) for part in name.split()]
    return f"{'index' if len(indices) == 1 else 'indices'} {' * '.join(indices)}"


def _largest(model: PrunedModel, n_top: int) -> dict[str, list[tuple[str, float]]]:
    """Find the largest weights of each class or target, or of one output under an empty name."""

    def named(top: TopWeight) -> tuple[str, float]:
        return _name(model, top.name), top.weight

    return {
        "" if label is None else str(label): [
            named(top) for top in model.top_weights(n_top, target=label)
        ]
        for label in model._labels or [None]
    }
