"""The command `fit`: a table to a measured, pruned model in a file."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from ..holdout import (
    Choice,
    Errors,
    Estimator,
    alphas_for,
    choose_alpha,
    constant_errors,
    errors_of,
)
from ..memory import format_bytes
from ..pruned import PrunedModel
from .budget import MEASURED, packed
from .console import Console
from .prepare import Columns, Prepared, crosses_of, digits, make_columns, make_estimator, prepare


@dataclass(frozen=True)
class Fitted:
    """A fitted model and its errors."""

    model: PrunedModel
    errors: Errors
    alpha: float


def fit(options: Namespace, console: Console) -> None:
    """Read, hold rows back, fit, measure, save, and print the table."""
    prepared = prepare(options, console)
    train, held = prepared.train, prepared.held
    rows: list[tuple[str, Errors, PrunedModel | None]] = [
        ("constant", constant_errors(train, prepared.judged, prepared.classify), None)
    ]
    crosses = crosses_of(options)
    crossed = bool(crosses or options.interactions)
    kinds: list[tuple[str, Any, bool]] = [
        ("with crosses" if crossed else "the model", crosses, crossed)
    ]
    if options.compare:
        kinds.insert(0, ("without crosses", [], False))
    for name, wanted, with_any in kinds:
        fitted = _fit_one(name, wanted, with_any, prepared, options, console)
        rows.append((name, fitted.errors, fitted.model))
    model = fitted.model
    model.notes = _notes(prepared, options, fitted.alpha, fitted.errors.named)
    model.save(options.output)
    size = Path(options.output).stat().st_size
    which = "" if held is None else ", the model measured below, which saw no row held back"
    console.line(f"saved: {options.output}, {size:,} bytes{which}")
    _print_table(rows, prepared.where, console)


def _fit_one(
    name: str,
    crosses: Any,
    crossed: bool,
    prepared: Prepared,
    options: Namespace,
    console: Console,
) -> Fitted:
    """Encode, choose alpha, fit, prune and measure one model."""
    columns = make_columns(name, crosses, prepared, options, console)
    seen = columns.train
    estimator = make_estimator(options, options.alpha, classify=prepared.classify, crossed=crossed)
    choice = None
    encoder = columns.encoder
    whole = estimator if encoder is None else make_pipeline(encoder, estimator)
    if options.alpha is None:
        choice = _choose(name, estimator, whole, columns, prepared, options, console)
    alpha = options.alpha if choice is None else choice.alpha
    start = time.perf_counter()
    with console.working(f"{name}: fitting at alpha {alpha:.3g}"):
        estimator.fit(seen.X, seen.y, seen.weight)
    console.line(_chosen(name, estimator, choice, time.perf_counter() - start))
    model = _packed(whole, prepared, options)
    return Fitted(model, errors_of(model, prepared.judged), alpha)


def _packed(whole: Any, prepared: Prepared, options: Namespace) -> PrunedModel:
    train = prepared.train
    rows = {"X": train.X, "y": train.y, "sample_weight": train.weight}
    names = constant_errors(train, prepared.judged, prepared.classify).named
    notes = _notes(prepared, options, MEASURED, dict.fromkeys(names, MEASURED))
    return packed(whole, notes, options, rows)


def _notes(
    prepared: Prepared, options: Namespace, alpha: float, errors: dict[str, float]
) -> dict[str, Any]:
    """What is noted beside the model."""
    return {
        **prepared.material.notes,
        "task": prepared.material.target.task,
        "alpha": alpha,
        "l1_ratio": options.l1_ratio,
        "rows": len(prepared.train.y),
        "held_back": 0 if prepared.held is None else len(prepared.held.y),
        "errors": errors,
    }


def _choose(
    name: str,
    estimator: Estimator,
    whole: Any,
    columns: Columns,
    prepared: Prepared,
    options: Namespace,
    console: Console,
) -> Choice:
    alphas = alphas_for(estimator, columns.train)
    judge = None
    if options.max_bytes is not None:  # what is to be good is the model that is small enough

        def judge(_: Estimator) -> Errors:
            return errors_of(_packed(whole, prepared, options), prepared.judged)

    with console.working(f"{name}: choosing alpha", total=len(alphas)) as step:
        return choose_alpha(
            estimator,
            columns.train,
            columns.judged,
            alphas,
            lambda s: step(f"alpha {s.alpha:.3g}, error {s.error:.5g}, {s.n_nonzero:,} weights"),
            judge,
        )


def _chosen(name: str, estimator: Estimator, choice: Choice | None, seconds: float) -> str:
    gap = float(np.max(np.asarray(estimator.relative_gap_)))
    how = "as given"
    if choice is not None:
        how = f"the best of {len(choice.steps)} tried"
        if choice.at_end:
            how += ", and the smallest: a smaller --alpha may do better"
    return (
        f"{name}: alpha {estimator.alpha:.6g}, {how}; relative duality gap {gap:.1e} "
        f"in {seconds:.1f} s"
    )


def _print_table(
    rows: list[tuple[str, Errors, PrunedModel | None]], where: str, console: Console
) -> None:
    errors = list(rows[0][1].named)
    head = ["model", *(f"{where} {e}" for e in errors), "weights", "non-zero", "dense", "pruned"]
    lines = []
    for name, found, model in rows:
        cells = [name, *(digits(e, value) for e, value in found.named.items())]
        if model is None:
            lines.append([*cells, "", "", "", ""])
            continue
        report = model.report
        lines.append(
            [
                *cells,
                f"{report.n_weights:,}",
                f"{report.n_nonzero:,}",
                format_bytes(report.dense_bytes),
                format_bytes(report.pruned_bytes),
            ]
        )
    console.table(head, lines)
