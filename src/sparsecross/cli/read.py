"""What `fit` reads: features, target and weights of each row."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..files import format_of, require_pyarrow
from ..holdout import Rows
from ..svmlight import read_svmlight
from ..tables import check_columns, column_names, read_table, split_tokens
from .console import Console
from .treatment import Fields, Target, as_target, as_weight, numeric_target


@dataclass(frozen=True)
class Material:
    """What was read: the features as a table or a matrix, and what belongs to each row."""

    features: Any
    target: Target
    weight: npt.NDArray[np.float64] | None
    notes: dict[str, Any]

    @property
    def is_table(self) -> bool:
        """Whether the features are fields, to be encoded, or columns as they are."""
        return hasattr(self.features, "column_names")

    def rows(self, chosen: npt.NDArray[np.intp]) -> Rows:
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[chosen]
        if weight is not None and not weight.any():
            raise ValueError("the weights of all rows held back, or of all others, are 0")
        features = self.features.take(chosen) if self.is_table else self.features[chosen]
        return Rows(features, self.target.values[chosen], weight)


def read(options: Namespace, console: Console) -> Material:
    """Read a table or svmlight data, and its target."""
    form = format_of(options.table, options.format)
    start = time.perf_counter()
    if form == "svmlight":
        with console.working(f"reading {options.table}"):
            data = read_svmlight(options.table)
        if len(data.y) == 0:
            raise ValueError(f"{options.table!r} has no rows")
        console.line(
            f"read: {data.X.shape[0]:,} rows, {data.X.shape[1]:,} columns, {data.X.nnz:,} entries "
            f"in {time.perf_counter() - start:.1f} s; indices count from {1 - data.zero_based}"
        )
        notes: dict[str, Any] = {"svmlight": {"zero_based": data.zero_based}}
        return Material(data.X, numeric_target(data.y, "label", options.task), None, notes)

    names = column_names(options.table, form, options.delimiter)
    split = dict(options.split)
    fields = fields_among(names, options.table, options)
    used = [n for n in names if n in {*fields, options.target, options.weight}]
    with console.working(f"reading {options.table}"):
        table = read_table(
            options.table, form, used, texts=list(split), delimiter=options.delimiter
        )
    if table.num_rows == 0:
        raise ValueError(f"{options.table!r} has no rows")
    console.line(
        f"read: {table.num_rows:,} rows, {len(fields)} fields "
        f"in {time.perf_counter() - start:.1f} s"
    )
    target = as_target(table.column(options.target), options.target, options.task)
    if not target.known.all():
        n_left = int((~target.known).sum())
        console.line(f"left out: {n_left:,} rows without a target")
        table = table.filter(require_pyarrow().array(target.known))
    weight = as_weight(table.column(options.weight), options.weight) if options.weight else None
    table = split_fields(table.select(fields), split)
    notes = {"target": options.target} | ({"split": split} if split else {})
    return Material(table, target, weight, notes)


def fields_among(names: list[str], path: str, options: Namespace) -> list[str]:
    """Return the columns of a table to predict from; ValueError where options ask for others."""
    roles = [options.target, *([options.weight] if options.weight else [])]
    crossed = [f for c in options.cross if c != "pairwise" for f in c.split("*")]
    asked = [*options.categorical, *dict(options.split), *crossed]
    check_columns([*roles, *options.drop, *asked], names, path)
    used = [n for n in names if n not in set(options.drop)]
    check_columns(roles, used, path)
    fields = [n for n in used if n not in roles]
    usable = set(fields)
    for field in asked:
        if field not in usable:
            raise ValueError(
                f"{field!r} is no feature here: it is the target, the weight or dropped"
            )
    if not fields:
        raise ValueError(f"{path!r} has no column to predict from")
    return fields


def split_fields(table: Any, split: dict[str, str | None]) -> Any:
    """Return the table with text cells cut into tokens, in the fields that are to be split."""
    pa = require_pyarrow()
    for name, separator in split.items():
        place = table.column_names.index(name)
        kind = table.schema.field(place).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise ValueError(f"field {name!r} is to be split, but holds {kind} values, not text")
        table = table.set_column(place, name, split_tokens(table.column(place), separator))
    return table


def describe(fields: Fields, table: Any, options: Namespace, console: Console) -> None:
    """Say what becomes of each field."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def counted(name: str) -> str:
        column = table.column(name)
        if pa.types.is_nested(column.type):
            column = pc.list_flatten(column)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        return f"{name} ({pc.count_distinct(column, mode='all').as_py():,})"

    for what, names in (
        ("categories (distinct values)", map(counted, fields.categories)),
        ("sets of categories", map(counted, fields.sets)),
        (f"numbers, in up to {options.buckets} buckets", fields.numbers),
        ("left out, nothing but nulls", fields.empty),
    ):
        listed = list(names)
        if listed:
            more = f" and {len(listed) - 40} more" if len(listed) > 40 else ""
            console.line(f"  {what}: {', '.join(listed[:40])}{more}")
