"""The command `convert`: files of any length to a store of blocks."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from ..batches import table_batches
from ..crossing import FeatureCross
from ..files import format_of, require_pyarrow
from ..memory import format_bytes
from ..scale.layout import MANIFEST
from ..scale.store import BlockStore
from ..tables import check_columns
from .console import Console
from .prepare import crosses_of
from .treatment import treat

_FIRST_ROWS = 1 << 16  # that hashed columns learn their fields from


def convert(options: Namespace, console: Console) -> None:
    """Convert, tell how far it is, and print what there is then."""
    form = format_of(options.files[0], options.format)
    more: dict[str, Any] = {"append": options.append}
    if form != "svmlight":
        more |= {"target": options.target, "weight": options.weight, "drop": options.drop}
        grows = options.append and (Path(options.store) / MANIFEST).exists()
        more["encoder"] = None if grows else _encoder(options, form, console)
        if form != "parquet":
            more["delimiter"] = options.delimiter or ("\t" if form == "tsv" else ",")
    resumed = (Path(options.store) / MANIFEST).exists() and not options.append
    with console.working("converting") as step:

        def on_rows(n_rows: int) -> None:
            step(f"{n_rows:,} rows")

        more["on_rows"] = on_rows
        if form == "svmlight":
            store = BlockStore.from_svmlight(
                options.files, options.store, n_columns=options.n_features, **more
            )
        elif form == "parquet":
            store = BlockStore.from_parquet(options.files, options.store, **more)
        else:
            store = BlockStore.from_csv(options.files, options.store, **more)
    if resumed:
        console.line("went on where an earlier conversion had stopped")
    n_rows, n_columns = store.shape
    console.table(
        ["store", "rows", "columns", "entries", "blocks", "bytes"],
        [
            [
                options.store,
                f"{n_rows:,}",
                f"{n_columns:,}",
                f"{store.n_stored:,}",
                f"{len(store):,}",
                format_bytes(store.nbytes),
            ]
        ],
    )


def _encoder(options: Namespace, form: str, console: Console) -> FeatureCross:
    """What makes the columns: hashed, by the first rows, or exact, by all of them."""
    tables = []
    n_rows = 0
    for path in options.files:
        for table in table_batches(
            path, form, categorical=options.categorical, delimiter=options.delimiter
        ):
            roles = [options.target, *([options.weight] if options.weight else [])]
            check_columns([*roles, *options.drop], table.column_names, path)
            left_out = {*roles, *options.drop}
            tables.append(table.select([n for n in table.column_names if n not in left_out]))
            n_rows += table.num_rows
            if options.n_bits is not None and n_rows >= _FIRST_ROWS:
                break
        else:
            continue
        break
    if not tables:
        raise ValueError(f"{options.files} must hold at least one row, got none.")
    whole = require_pyarrow().concat_tables(tables)
    fields = treat(whole, options.categorical)
    if fields.empty:
        raise ValueError(f"--drop must leave out {fields.empty}, which hold no values")
    crosses = crosses_of(options)
    encoder = FeatureCross(
        crosses,
        min_count=options.min_count or (2 if crosses and options.n_bits is None else 1),
        n_bits=options.n_bits,
        buckets=dict.fromkeys(fields.numbers, options.buckets),
        numeric_nulls="indicator",
    )
    with console.working(f"learning the columns of {n_rows:,} rows"):
        return encoder.fit(whole)


def check_convert(options: Namespace) -> str | None:
    """Return what is wrong with the options, or None."""
    forms = {format_of(path, options.format) for path in options.files}
    if len(forms) > 1:
        return f"all files must have one format, got {sorted(forms)}"
    if forms == {"svmlight"}:
        for name in ("target", "cross", "categorical", "drop", "weight", "n_bits"):
            if getattr(options, name):
                flag = name.replace("_", "-")
                return f"--{flag} is not for svmlight: its columns are taken as they are"
    elif options.target is None:
        return "--target is required"
    elif options.n_features:
        return "--n-features is for svmlight"
    elif options.append and (Path(options.store) / MANIFEST).exists():
        for name in ("cross", "categorical", "n_bits", "min_count"):
            if getattr(options, name):
                flag = name.replace("_", "-")
                return f"--{flag} is not for --append: the store's own columns are taken"
    return None
