"""The command `fit`: a table to a measured, pruned model in a file."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from ..crossing import FeatureCross
from ..holdout import (
    Choice,
    Errors,
    Estimator,
    Rows,
    alphas_for,
    choose_alpha,
    constant_errors,
    errors_of,
    split_rows,
)
from ..linear import ElasticNet, Lasso
from ..logistic import SparseLogisticRegression
from ..memory import format_bytes
from ..pruned import PrunedModel
from ..pruning import prune
from .console import Console
from .read import describe, read
from .treatment import Fields, treat


@dataclass(frozen=True)
class Fitted:
    """A fitted model and its errors."""

    model: PrunedModel
    errors: Errors
    alpha: float


def fit(options: Namespace, console: Console) -> None:
    """Read, hold rows back, fit, measure, save, and print the table."""
    material = read(options, console)
    target = material.target
    console.line(f"target: {target.task} ({target.why})")
    train_rows, held_rows = split_rows(
        len(target.values),
        options.holdout,
        options.seed,
        target.values if target.task == "classification" else None,
    )
    train = material.rows(train_rows)
    held = material.rows(held_rows) if len(held_rows) else None
    fields = None
    if material.is_table:
        fields = treat(train.X, options.categorical)
        train = _without(train, fields.empty)
        held = held and _without(held, fields.empty)
        describe(fields, train.X, options, console)
    if held is None:
        console.line(f"held back: no rows; errors are of the {len(train_rows):,} rows of the fit")
    else:
        how = ", the same share of each class" if target.task == "classification" else ""
        console.line(
            f"held back: {len(held_rows):,} of {len(target.values):,} rows{how} "
            f"(--seed {options.seed})"
        )
    rows: list[tuple[str, Errors, PrunedModel | None]] = [
        ("constant", constant_errors(train, held or train, target.task == "classification"), None)
    ]
    crosses: Any = [tuple(c.split("*")) for c in options.cross]
    if options.cross == ["pairwise"]:
        crosses = "pairwise"
    kinds: list[tuple[str, Any]] = [("with crosses" if crosses else "the model", crosses)]
    if options.compare:
        kinds.insert(0, ("without crosses", []))
    for name, wanted in kinds:
        fitted = _fit_one(name, wanted, train, held, fields, options, console)
        rows.append((name, fitted.errors, fitted.model))
    model = fitted.model
    model.notes = {
        **material.notes,
        "task": target.task,
        "alpha": fitted.alpha,
        "l1_ratio": options.l1_ratio,
        "rows": len(train_rows),
        "held_back": len(held_rows),
        "errors": fitted.errors.named,
    }
    model.save(options.output)
    size = Path(options.output).stat().st_size
    which = "" if held is None else ", the model measured below, which saw no row held back"
    console.line(f"saved: {options.output}, {size:,} bytes{which}")
    where = "held-back" if held is not None else "training"
    _print_table(rows, where, console)


def _without(rows: Rows, fields: list[str]) -> Rows:
    return Rows(rows.X.drop_columns(fields), rows.y, rows.weight)


def _fit_one(
    name: str,
    crosses: Any,
    train: Rows,
    held: Rows | None,
    fields: Fields | None,
    options: Namespace,
    console: Console,
) -> Fitted:
    """Encode, choose alpha, fit, prune and measure one model."""
    encoder = None
    seen, judged = train, held
    if fields is not None:
        start = time.perf_counter()
        encoder = FeatureCross(
            crosses,
            min_count=options.min_count or (2 if options.cross else 1),
            n_bits=options.n_bits,
            buckets=dict.fromkeys(fields.numbers, options.buckets),
            numeric_nulls="indicator",
            n_threads=options.threads,
        )
        with console.working(f"{name}: making columns"):
            seen = Rows(encoder.fit_transform(train.X), train.y, train.weight)
            if held is not None:
                judged = Rows(encoder.transform(held.X), held.y, held.weight)
        console.line(
            f"{name}: {seen.X.shape[1]:,} columns, {seen.X.nnz:,} entries, made in "
            f"{time.perf_counter() - start:.1f} s"
        )
    # By columns once, not at every alpha.
    seen = Rows(seen.X.tocsc(), seen.y, seen.weight)
    estimator = _estimator(options, classify=_holds_labels(train))
    choice = None
    if options.alpha is None:
        assert judged is not None
        choice = _choose(name, estimator, seen, judged, console)
    alpha = options.alpha if choice is None else choice.alpha
    start = time.perf_counter()
    with console.working(f"{name}: fitting at alpha {alpha:.3g}"):
        estimator.fit(seen.X, seen.y, seen.weight)
    console.line(_chosen(name, estimator, choice, time.perf_counter() - start))
    model = prune(estimator if encoder is None else make_pipeline(encoder, estimator))
    return Fitted(model, errors_of(model, held or train), alpha)


def _holds_labels(rows: Rows) -> bool:
    """Whether the targets are labels."""
    return bool(rows.y.dtype.kind != "f")


def _estimator(options: Namespace, *, classify: bool) -> Estimator:
    shared = {"alpha": options.alpha, "tol": options.tol, "n_threads": options.threads}
    if classify:
        return SparseLogisticRegression(l1_ratio=options.l1_ratio, **shared)
    if options.l1_ratio == 1:
        return Lasso(**shared)
    return ElasticNet(l1_ratio=options.l1_ratio, **shared)


def _choose(name: str, estimator: Estimator, seen: Rows, judged: Rows, console: Console) -> Choice:
    alphas = alphas_for(estimator, seen)
    with console.working(f"{name}: choosing alpha", total=len(alphas)) as step:
        return choose_alpha(
            estimator,
            seen,
            judged,
            alphas,
            lambda s: step(f"alpha {s.alpha:.3g}, error {s.error:.5g}, {s.n_nonzero:,} weights"),
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


def _digits(name: str, value: float) -> str:
    if name != "RMSE":  # shares and log losses have no unit: rounding below 1e-4 hides nothing
        return f"{value:.4f}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.5g}"


def _print_table(
    rows: list[tuple[str, Errors, PrunedModel | None]], where: str, console: Console
) -> None:
    errors = list(rows[0][1].named)
    head = ["model", *(f"{where} {e}" for e in errors), "weights", "non-zero", "dense", "pruned"]
    lines = []
    for name, found, model in rows:
        cells = [name, *(_digits(e, value) for e, value in found.named.items())]
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
