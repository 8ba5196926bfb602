"""Named columns as files: CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from .artefact import write
from .files import require_pyarrow


def check_suffix(path: str) -> None:
    """Raise a ValueError unless columns can be written to a file of this name."""
    if Path(path).suffix.lower() not in (".csv", ".tsv", ".parquet", ".pq"):
        raise ValueError(f"columns are written to .csv, .tsv or .parquet, not {path!r}")


def write_columns(path: str, columns: dict[str, list[Any]]) -> None:
    """Write named columns to a file, whole or not at all."""
    suffix = Path(path).suffix.lower()
    if suffix in (".parquet", ".pq"):
        write(path, _parquet(columns))
    else:
        write(path, as_text(columns, "\t" if suffix == ".tsv" else ",", head=True).encode())


def as_text(columns: dict[str, list[Any]], delimiter: str, *, head: bool) -> str:
    """Lines of cells; numbers have all digits that tell them apart."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    if head:
        writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


def _parquet(columns: dict[str, list[Any]]) -> bytes:
    pa = require_pyarrow()
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
