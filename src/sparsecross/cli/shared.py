"""Arguments that several commands have."""

from __future__ import annotations

import argparse

from ..files import FORMATS
from ..storage import TYPES
from .values import character, integer, number, size, split


def add_table(command: argparse.ArgumentParser) -> None:
    """One table, and how it is read."""
    add = command.add_argument
    add(
        "table",
        metavar="TABLE",
        help="CSV or TSV with a header line, Parquet or svmlight; .gz, .bz2, .xz and .zst are "
        "decompressed",
    )
    add("--format", choices=FORMATS, help="how to read it (default: its name tells)")
    add("--delimiter", metavar="CHAR", type=character, help="what is between cells of CSV and TSV")
    add("--quiet", action="store_true", help="print the result alone, and no progress")


def add_files(command: argparse.ArgumentParser, more: str = "") -> None:
    """Tables read one after the other, and how."""
    add = command.add_argument
    add(
        "files",
        metavar="FILE",
        nargs="+",
        help="CSV or TSV with a header line, Parquet or svmlight, read one after the other; "
        f"compressed ones are decompressed{more}",
    )
    add("--format", choices=FORMATS, help="how to read them (default: their names tell)")
    add("--delimiter", metavar="CHAR", type=character, help="what is between cells of CSV and TSV")
    add("--quiet", action="store_true", help="print the result alone, and no progress")
    add_target(command)


def add_target(command: argparse.ArgumentParser) -> None:
    """What is predicted."""
    command.add_argument(
        "--target", metavar="FIELD", help="the column to predict (svmlight: always the label)"
    )


def add_crossed_fields(
    command: argparse.ArgumentParser, *, lists: bool = True
) -> argparse._ArgumentGroup:
    """Which columns of a table are fields, and what is made of them; `lists` of tokens too."""
    fields = command.add_argument_group("fields and crosses (not for svmlight)")
    add = fields.add_argument
    add(
        "--cross",
        metavar="A*B",
        nargs="+",
        action="extend",
        default=[],
        help="fields whose combinations of values are columns too: a*b, a*b*c …; or 'pairwise' "
        "for every pair of fields, and of tokens within a list",
    )
    add(
        "--categorical",
        metavar="FIELD",
        nargs="+",
        action="extend",
        default=[],
        help="numeric fields whose values are categories, such as identifiers",
    )
    if lists:
        add(
            "--split",
            metavar="FIELD[=SEP]",
            nargs="+",
            action="extend",
            default=[],
            type=split,
            help="text fields whose cells hold several tokens, separated by SEP (default: blanks)",
        )
    add(
        "--drop",
        metavar="FIELD",
        nargs="+",
        action="extend",
        default=[],
        help="columns to leave out",
    )
    add("--weight", metavar="FIELD", help="the column of sample weights")
    add(
        "--buckets",
        metavar="N",
        type=integer(2),
        default=16,
        help="how many buckets numbers are cut into at most (default: 16)",
    )
    return fields


def add_fields(
    command: argparse.ArgumentParser, min_count: str, n_bits: str, *, lists: bool = True
) -> None:
    """The same, and which columns are kept; the texts of help differ."""
    add = add_crossed_fields(command, lists=lists).add_argument
    add(
        "--min-count",
        metavar="N",
        type=integer(1),
        help=min_count,
    )
    add(
        "--n-bits",
        metavar="BITS",
        type=integer(1, 31),
        help=n_bits,
    )


def add_task(group: argparse._ArgumentGroup) -> None:
    """What kind of target it is."""
    group.add_argument(
        "--task",
        choices=("regression", "classification"),
        help="predict numbers or labels (default: the target decides)",
    )


def add_rows(group: argparse._ArgumentGroup, holdout: str) -> None:
    """The task, and the rows that are held back."""
    add = group.add_argument
    add_task(group)
    add("--holdout", metavar="SHARE", type=number(0, 0.99), default=0.2, help=holdout)
    add(
        "--seed",
        metavar="N",
        type=integer(0),
        default=0,
        help="which rows are held back (default: 0)",
    )


def add_solver(group: argparse._ArgumentGroup, tol: str) -> None:
    """The penalty and the solver."""
    add = group.add_argument
    add(
        "--l1-ratio",
        metavar="RHO",
        type=number(0, 1),
        default=1.0,
        help="share of L1 in the penalty; below 1: elastic net (default: 1)",
    )
    add(
        "--interactions",
        choices=("pairwise", "triples"),
        help="weights for products of any two (or three) columns too, certified over all of them "
        "and built only where they matter; columns are those of fields and of --cross",
    )
    add("--tol", metavar="GAP", type=number(0), default=1e-4, help=tol)
    add(
        "--threads",
        metavar="N",
        type=integer(1),
        help="how many threads work (default: all); results do not depend on it",
    )


def add_max_bytes(group: argparse._ArgumentGroup, what: str) -> None:
    """A limit of the model's size."""
    group.add_argument("--max-bytes", metavar="SIZE", type=size, help=f"{what} (as 64KiB)")


def add_dtype(group: argparse._ArgumentGroup) -> None:
    """The type that weights are kept in."""
    group.add_argument(
        "--dtype",
        choices=tuple(TYPES),
        default="float64",
        help="how weights are stored: q2.13 in 16 bits, rounded at random (default: float64)",
    )
