"""What `fit` and `path` have in common: rows divided, fields decided on, columns made."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from ..crossing import FeatureCross
from ..holdout import Estimator, Rows, split_rows
from ..linear import ElasticNet, Lasso
from ..logistic import SparseLogisticRegression
from .console import Console
from .read import Material, describe, read
from .treatment import Fields, treat


@dataclass(frozen=True)
class Prepared:
    """Rows to learn from and rows held back (or none), and how their fields are read."""

    material: Material
    train: Rows
    held: Rows | None
    fields: Fields | None

    @property
    def classify(self) -> bool:
        """Whether the targets are labels."""
        return self.material.target.task == "classification"

    @property
    def judged(self) -> Rows:
        """The rows that errors are of."""
        return self.held or self.train

    @property
    def where(self) -> str:
        """What to call those rows."""
        return "training" if self.held is None else "held-back"


@dataclass(frozen=True)
class Columns:
    """The rows as columns of a matrix, and the encoder that made them."""

    encoder: FeatureCross | None
    train: Rows
    held: Rows | None

    @property
    def judged(self) -> Rows:
        """The rows that errors are of."""
        return self.held or self.train


def prepare(options: Namespace, console: Console) -> Prepared:
    """Read, hold rows back, and decide how fields are read."""
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
    return Prepared(material, train, held, fields)


def crosses_of(options: Namespace) -> Any:
    """Return the crosses asked for, as `FeatureCross` takes them."""
    if options.cross == ["pairwise"]:
        return "pairwise"
    return [tuple(c.split("*")) for c in options.cross]


def make_columns(
    name: str, crosses: Any, prepared: Prepared, options: Namespace, console: Console
) -> Columns:
    """Encode the rows; the matrix to learn from lies by columns."""
    encoder = None
    train, held = prepared.train, prepared.held
    if prepared.fields is not None:
        start = time.perf_counter()
        encoder = FeatureCross(
            crosses,
            min_count=options.min_count or (2 if options.cross else 1),
            n_bits=options.n_bits,
            buckets=dict.fromkeys(prepared.fields.numbers, options.buckets),
            numeric_nulls="indicator",
            n_threads=options.threads,
        )
        with console.working(f"{name}: making columns"):
            train = Rows(encoder.fit_transform(train.X), train.y, train.weight)
            if held is not None:
                held = Rows(encoder.transform(held.X), held.y, held.weight)
        console.line(
            f"{name}: {train.X.shape[1]:,} columns, {train.X.nnz:,} entries, made in "
            f"{time.perf_counter() - start:.1f} s"
        )
    # By columns once, not at every alpha.
    return Columns(encoder, Rows(train.X.tocsc(), train.y, train.weight), held)


def make_estimator(
    options: Namespace, alpha: float | None, *, classify: bool, crossed: bool = True
) -> Estimator:
    """Return the estimator asked for; without its interactions unless it is `crossed`."""
    shared = {
        "alpha": alpha,
        "tol": options.tol,
        "n_threads": options.threads,
        "interactions": options.interactions if crossed else None,
    }
    if classify:
        return SparseLogisticRegression(l1_ratio=options.l1_ratio, **shared)
    if options.l1_ratio == 1:
        return Lasso(**shared)
    return ElasticNet(l1_ratio=options.l1_ratio, **shared)


def digits(name: str, value: float) -> str:
    """Write an error with the digits that mean something."""
    if name != "RMSE":  # shares and log losses have no unit: rounding below 1e-4 hides nothing
        return f"{value:.4f}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.5g}"


def _without(rows: Rows, fields: list[str]) -> Rows:
    return Rows(rows.X.drop_columns(fields), rows.y, rows.weight)
