"""The arguments of the command line."""

from __future__ import annotations

import argparse
import re
from typing import Any

from .. import __version__
from ..files import FORMATS, format_of
from ..storage import TYPES
from . import manual
from .console import PROGRAM
from .convert import check_convert, convert
from .fit import fit
from .path import path
from .stream import check_stream, stream
from .use import inspect, predict


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; what it parses has the function to run in `run`."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="L1-regularised linear models on tables with crossed features: fitted with a "
        "certificate, pruned, measured in bytes.",
        epilog=manual.EXIT,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, run, text, end, add in (
        ("fit", fit, manual.FIT, manual.FIT_END, _add_fit),
        ("path", path, manual.PATH, manual.PATH_END, _add_path),
        ("stream", stream, manual.STREAM, manual.STREAM_END, _add_stream),
        ("convert", convert, manual.CONVERT, manual.CONVERT_END, _add_convert),
        ("predict", predict, manual.PREDICT, manual.EXIT, _add_predict),
        ("inspect", inspect, manual.INSPECT, manual.EXIT, _add_inspect),
    ):
        command = commands.add_parser(
            name,
            help=text.partition("\n")[0].rstrip("."),
            description=text,
            epilog=end if end == manual.EXIT else f"{end}\n\n{manual.EXIT}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(command)
        command.set_defaults(run=run, check=lambda options: None)
        if name == "fit":
            command.set_defaults(check=lambda options, c=command: _check_fit(options, c))
        if name == "stream":
            command.set_defaults(check=lambda options, c=command: _check_stream(options, c))
        if name == "convert":
            command.set_defaults(check=lambda options, c=command: _check_convert(options, c))
        if name == "path":
            command.set_defaults(check=lambda options, c=command: _check_path(options, c))
    return parser


def _add_fit(command: argparse.ArgumentParser) -> None:
    _add_table(command)
    add = command.add_argument
    _add_target(command)
    add("-o", "--output", metavar="MODEL", required=True, help="the file to save the model to")
    _add_fields(command)
    solving = command.add_argument_group("fit and measurement")
    add = solving.add_argument
    _add_rows(
        solving,
        "share of rows held back, of each class alike (default: 0.2); 0 needs --alpha and reports "
        "errors on the rows of the fit",
    )
    add("--alpha", metavar="A", type=_number(0), help="the strength (default: chosen, see above)")
    _add_max_bytes(
        solving,
        "leave out weights of the smallest effects until the model takes no more bytes, in memory "
        "or in the file; alpha is chosen by what is left",
    )
    _add_dtype(solving)
    _add_solver(solving, "relative duality gap of the final fit (default: 1e-4)")
    add(
        "--compare",
        action="store_true",
        help="fit and show a model without crosses too, with an alpha of its own",
    )


def _add_path(command: argparse.ArgumentParser) -> None:
    _add_table(command)
    add = command.add_argument
    _add_target(command)
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="write the table to .csv, .tsv or .parquet too, with all digits",
    )
    _add_fields(command)
    solving = command.add_argument_group("path and measurement")
    add = solving.add_argument
    _add_rows(
        solving,
        "share of rows held back, of each class alike (default: 0.2); with 0, errors are of the "
        "rows of the fit",
    )
    add(
        "--n-alphas",
        metavar="N",
        type=_integer(1),
        default=30,
        help="how many strengths (default: 30)",
    )
    add(
        "--eps",
        metavar="SHARE",
        type=_number(1e-15, 1),
        default=1e-3,
        help="the last strength, as a share of the first (default: 1e-3)",
    )
    add(
        "--max-nonzeros",
        metavar="N",
        type=_integer(0),
        help="end before the first model with more weights",
    )
    _add_max_bytes(solving, "end before the first model of more bytes, in memory or in a file")
    _add_solver(solving, "relative duality gap at each strength (default: 1e-4)")


def _add_max_bytes(group: argparse._ArgumentGroup, what: str) -> None:
    group.add_argument("--max-bytes", metavar="SIZE", type=_size, help=f"{what} (as 64KiB)")


def _add_dtype(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--dtype",
        choices=tuple(TYPES),
        default="float64",
        help="how weights are stored: q2.13 in 16 bits, rounded at random (default: float64)",
    )


def _add_target(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--target", metavar="FIELD", help="the column to predict (svmlight: always the label)"
    )


def _add_rows(group: argparse._ArgumentGroup, holdout: str) -> None:
    add = group.add_argument
    add("--task", choices=("regression", "classification"), help="default: the target decides")
    add("--holdout", metavar="SHARE", type=_number(0, 0.99), default=0.2, help=holdout)
    add(
        "--seed",
        metavar="N",
        type=_integer(0),
        default=0,
        help="which rows are held back (default: 0)",
    )


def _add_solver(group: argparse._ArgumentGroup, tol: str) -> None:
    add = group.add_argument
    add(
        "--l1-ratio",
        metavar="RHO",
        type=_number(0, 1),
        default=1.0,
        help="share of L1 in the penalty; below 1: elastic net (default: 1)",
    )
    add(
        "--interactions",
        choices=("pairwise", "triples"),
        help="weights for products of any two (or three) columns too, certified over all of them "
        "and built only where they matter; columns are those of fields and of --cross",
    )
    add("--tol", metavar="GAP", type=_number(0), default=1e-4, help=tol)
    add(
        "--threads", metavar="N", type=_integer(1), help="default: all; results do not depend on it"
    )


def _add_crossed_fields(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
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
    add(
        "--split",
        metavar="FIELD[=SEP]",
        nargs="+",
        action="extend",
        default=[],
        type=_split,
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
        type=_integer(2),
        default=16,
        help="how many buckets numbers are cut into at most (default: 16)",
    )
    return fields


def _add_fields(command: argparse.ArgumentParser) -> None:
    add = _add_crossed_fields(command).add_argument
    add(
        "--min-count",
        metavar="N",
        type=_integer(1),
        help="rows of the fit in which a column must be seen (default: 2 with crosses, else 1)",
    )
    add(
        "--n-bits",
        metavar="BITS",
        type=_integer(1, 31),
        help="hash columns to 2^BITS instead of keeping dictionaries",
    )


def _add_files(command: argparse.ArgumentParser, more: str = "") -> None:
    add = command.add_argument
    add(
        "files",
        metavar="FILE",
        nargs="+",
        help="CSV or TSV with a header line, Parquet or svmlight, read one after the other; "
        f"compressed ones are decompressed{more}",
    )
    add("--format", choices=FORMATS, help="default: by the files' names")
    add("--delimiter", metavar="CHAR", type=_character, help="between cells, in CSV and TSV")
    add("--quiet", action="store_true", help="print the result alone, and no progress")
    _add_target(command)


def _add_stream(command: argparse.ArgumentParser) -> None:
    _add_files(command, "; - is standard input")
    add = command.add_argument
    add("-o", "--output", metavar="MODEL", required=True, help="the file to save the model to")
    _add_crossed_fields(command)
    learning = command.add_argument_group("learning")
    add = learning.add_argument
    add("--task", choices=("regression", "classification"), help="default: the target decides")
    add("--classes", metavar="LABEL", nargs="+", help="all labels (default: the first batch's)")
    add("--loss", choices=("squared", "logistic", "huber", "absolute"), help="default: by the task")
    add(
        "--update",
        choices=("ftrl", "proximal", "subgradient"),
        default="ftrl",
        help="the rule of learning (default: ftrl, FTRL-proximal)",
    )
    add("--learning-rate", metavar="A", type=_number(1e-300), default=0.1, help="default: 0.1")
    add("--beta", metavar="B", type=_number(0), default=1.0, help="default: 1")
    add("--l1", metavar="L", type=_number(0), default=1.0, help="on the sum of losses (default: 1)")
    add("--l2", metavar="L", type=_number(0), default=1.0, help="on the sum of losses (default: 1)")
    add(
        "--n-bits",
        metavar="BITS",
        type=_integer(1, 31),
        default=22,
        help="there are 2^BITS weights (default: 22)",
    )
    add("--passes", metavar="N", type=_integer(1), default=1, help="over all files (default: 1)")
    add("--window", metavar="N", type=_integer(1), help="rows between two lines of progress")
    add("--threads", metavar="N", type=_integer(1), help="for reading; one learns")
    _add_max_bytes(
        learning,
        "leave out weights of the smallest sizes until the saved model takes no more bytes, in "
        "memory or in the file",
    )
    _add_dtype(learning)
    columns = command.add_argument_group("svmlight only")
    columns.add_argument(
        "--interactions", choices=("pairwise", "triples"), help="products of columns too"
    )
    columns.add_argument(
        "--n-features", metavar="P", type=_integer(1), help="columns (default: 2^BITS)"
    )
    safety = command.add_argument_group("interruptions")
    add = safety.add_argument
    add("--checkpoint", metavar="FILE", help="where to write all that was learnt, now and then")
    add("--every", metavar="N", type=_integer(1), help="rows between two (default: 1,000,000)")
    add("--resume", action="store_true", help="go on from the checkpoint, if there is one")


def _check_stream(options: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    options.every_given = options.every is not None
    options.every = options.every or 1_000_000
    _check_crosses(options, command)
    wrong = check_stream(options)
    if wrong:
        command.error(wrong)


def _add_convert(command: argparse.ArgumentParser) -> None:
    _add_files(command)
    add = command.add_argument
    add(
        "-o",
        "--output",
        dest="store",
        metavar="STORE",
        required=True,
        help="the directory to make, or to go on with",
    )
    add("--append", action="store_true", help="add the rows to a store that is there")
    fields = command.add_argument_group("fields and crosses (not for svmlight)")
    add = fields.add_argument
    for name, what in (
        ("--cross", "fields whose combinations of values are columns too, as for fit"),
        ("--categorical", "numeric fields whose values are categories, such as identifiers"),
        ("--drop", "columns to leave out"),
    ):
        metavar = "A*B" if name == "--cross" else "FIELD"
        add(name, metavar=metavar, nargs="+", action="extend", default=[], help=what)
    add("--weight", metavar="FIELD", help="the column of sample weights")
    add(
        "--buckets",
        metavar="N",
        type=_integer(2),
        default=16,
        help="how many buckets numbers are cut into at most (default: 16)",
    )
    add(
        "--min-count",
        metavar="N",
        type=_integer(1),
        help="rows in which a column must be seen (default: 2 with crosses, else 1)",
    )
    add(
        "--n-bits",
        metavar="BITS",
        type=_integer(1, 31),
        help="hash columns to 2^BITS, which the first rows are enough to learn; without it all "
        "rows are read first, and held",
    )
    columns = command.add_argument_group("svmlight only")
    columns.add_argument(
        "--n-features", metavar="P", type=_integer(1), help="columns (default: a look tells)"
    )


def _check_convert(options: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    _check_crosses(options, command)
    wrong = check_convert(options)
    if wrong:
        command.error(wrong)


def _add_predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a file that fit has saved")
    _add_table(command)
    add = command.add_argument
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="write .csv, .tsv or .parquet with a header, whole or not at all",
    )
    add(
        "--proba",
        action="store_true",
        help="classifiers: the label and a column of probabilities for each class, with a header",
    )


def _add_inspect(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("model", metavar="MODEL", help="a file that fit has saved")
    add(
        "--top",
        metavar="N",
        type=_integer(0),
        default=20,
        help="how many weights to show (default: 20)",
    )
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="write all weights by name to .csv, .tsv or .parquet, the largest first",
    )
    add("--verify", action="store_true", help="verify the checksum of every block of the file")
    add("--json", action="store_true", help="print JSON")
    command.set_defaults(quiet=True)


def _add_table(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "table",
        metavar="TABLE",
        help="CSV or TSV with a header line, Parquet or svmlight; .gz, .bz2, .xz and .zst are "
        "decompressed",
    )
    add("--format", choices=FORMATS, help="default: by the file's name")
    add("--delimiter", metavar="CHAR", type=_character, help="between cells, in CSV and TSV")
    add("--quiet", action="store_true", help="print the result alone, and no progress")


def _check_fit(options: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    if options.holdout == 0 and options.alpha is None:
        command.error("--holdout 0 needs --alpha: there are no rows to choose it by")
    if options.l1_ratio == 0 and options.interactions:
        command.error("--interactions needs an L1 part: --l1-ratio 0 gives every product a weight")
    if options.l1_ratio == 0 and options.alpha is None:
        command.error("--l1-ratio 0 needs --alpha: no strength sets all weights to 0")
    if options.compare and not (options.cross or options.interactions):
        command.error("--compare needs --cross or --interactions: there is nothing to compare with")
    _check_fields(options, command)


def _check_path(options: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    if options.l1_ratio == 0:
        command.error("--l1-ratio 0 has no path: no strength sets all weights to 0")
    if options.eps == 1 and options.n_alphas > 1:
        command.error("--eps must be below 1: the strengths fall")
    _check_fields(options, command)


def _check_crosses(options: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    if "pairwise" in options.cross and len(options.cross) > 1:
        command.error("--cross pairwise cannot be combined with other crosses")
    for cross in options.cross:
        if cross != "pairwise" and ("*" not in cross or "" in cross.split("*")):
            command.error(f"--cross: {cross!r} is neither fields joined by * nor 'pairwise'")


def _check_fields(options: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    _check_crosses(options, command)
    if format_of(options.table, options.format) == "svmlight":
        for name in ("cross", "categorical", "split", "drop", "weight", "n_bits", "min_count"):
            if getattr(options, name):
                command.error(
                    f"--{name.replace('_', '-')} is not for svmlight: its columns are taken as "
                    "they are"
                )
    elif options.target is None:
        command.error("--target is required")


def _split(text: str) -> tuple[str, str | None]:
    field, given, separator = text.partition("=")
    if not field or (given and not separator):
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD or FIELD=SEP")
    return field, separator if given else None


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKMG]i?)?B?", text)
    units = {None: 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
    units |= {"ki": 2**10, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    if not found or (size := int(float(found[1]) * units[found[2]])) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 65536, 64KiB or 1.5MB")
    return size


def _character(text: str) -> str:
    if len(text) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one character")
    return text


def _integer(low: int, high: int | None = None) -> Any:
    def integer(text: str) -> int:
        value = int(text)
        if value < low or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"between {low} and {high}"
            raise argparse.ArgumentTypeError(f"{text} is not {limits}")
        return value

    return integer


def _number(low: float, high: float = float("inf")) -> Any:
    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high or value == float("inf"):
            limits = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
            raise argparse.ArgumentTypeError(f"{text} is not a number {limits}")
        return value

    return number
