"""The arguments of the command line."""

from __future__ import annotations

import argparse
from difflib import get_close_matches
from typing import NoReturn

from .. import __version__
from ..files import format_of
from . import manual
from .completion import SHELLS, PrintCompletion, commands_of
from .console import PROGRAM
from .convert import check_convert, convert
from .fit import fit
from .path import path
from .shared import (
    add_crossed_fields,
    add_dtype,
    add_fields,
    add_files,
    add_max_bytes,
    add_rows,
    add_solver,
    add_table,
    add_target,
    add_task,
)
from .stream import check_stream, stream
from .use import inspect, predict
from .values import integer, number


class Parser(argparse.ArgumentParser):
    """Tells wrong usage in two lines: what is wrong, and where to read on."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with 2."""
        if message.startswith("unrecognized arguments: --"):
            known = [option for each in commands_of(self) for option in each._option_string_actions]
            near = get_close_matches(message.split()[2], known, n=1)
            message += f"; did you mean {near[0]}?" if near else ""
        self.exit(2, f"{self.prog}: error: {message}\nsee {self.prog} --help\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; what it parses has the function to run in `run`."""
    parser = Parser(
        prog=PROGRAM,
        description=manual.PROGRAM,
        epilog=f"{manual.PROGRAM_END}\n\n{manual.EXIT}\n\n{manual.SEE}",
        formatter_class=manual.Page,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument(
        "--print-completion",
        metavar="SHELL",
        choices=SHELLS,
        action=PrintCompletion,
        help=f"print what makes a shell ({', '.join(SHELLS)}) complete these words, and exit",
    )
    for name, run, text, end, add in (
        ("fit", fit, manual.FIT, manual.FIT_END, _add_fit),
        ("path", path, manual.PATH, manual.PATH_END, _add_path),
        ("stream", stream, manual.STREAM, manual.STREAM_END, _add_stream),
        ("convert", convert, manual.CONVERT, manual.CONVERT_END, _add_convert),
        ("predict", predict, manual.PREDICT, manual.PREDICT_END, _add_predict),
        ("inspect", inspect, manual.INSPECT, manual.INSPECT_END, _add_inspect),
    ):
        command = commands.add_parser(
            name,
            help=text.partition("\n")[0].rstrip("."),
            description=text,
            epilog=f"{end}\n\n{manual.EXIT}",
            formatter_class=manual.Page,
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
    add_table(command)
    add = command.add_argument
    add_target(command)
    add("-o", "--output", metavar="MODEL", required=True, help="the file to save the model to")
    add_fields(
        command,
        "rows of the fit in which a column must be seen (default: 2 with crosses, else 1)",
        "hash columns to 2^BITS instead of keeping dictionaries",
    )
    solving = command.add_argument_group("fit and measurement")
    add = solving.add_argument
    add_rows(
        solving,
        "share of rows held back, of each class alike (default: 0.2); 0 needs --alpha and reports "
        "errors on the rows of the fit",
    )
    add(
        "--alpha",
        metavar="A",
        type=number(0),
        help="strength of the penalty (default: chosen, see above)",
    )
    add_max_bytes(
        solving,
        "leave out weights of the smallest effects until the model takes no more bytes, in memory "
        "or in the file; alpha is chosen by what is left",
    )
    add_dtype(solving)
    add_solver(solving, "relative duality gap of the final fit (default: 1e-4)")
    add(
        "--compare",
        action="store_true",
        help="fit and show a model without crosses too, with an alpha of its own",
    )


def _add_path(command: argparse.ArgumentParser) -> None:
    add_table(command)
    add = command.add_argument
    add_target(command)
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="write the table to .csv, .tsv or .parquet too, with all digits",
    )
    add_fields(
        command,
        "rows of the fit in which a column must be seen (default: 2 with crosses, else 1)",
        "hash columns to 2^BITS instead of keeping dictionaries",
    )
    solving = command.add_argument_group("path and measurement")
    add = solving.add_argument
    add_rows(
        solving,
        "share of rows held back, of each class alike (default: 0.2); with 0, errors are of the "
        "rows of the fit",
    )
    add(
        "--n-alphas",
        metavar="N",
        type=integer(1),
        default=30,
        help="how many strengths (default: 30)",
    )
    add(
        "--eps",
        metavar="SHARE",
        type=number(1e-15, 1),
        default=1e-3,
        help="the last strength, as a share of the first (default: 1e-3)",
    )
    add(
        "--max-nonzeros",
        metavar="N",
        type=integer(0),
        help="end before the first model with more weights",
    )
    add_max_bytes(solving, "end before the first model of more bytes, in memory or in a file")
    add_solver(solving, "relative duality gap at each strength (default: 1e-4)")


def _add_stream(command: argparse.ArgumentParser) -> None:
    add_files(command, "; - is standard input")
    add = command.add_argument
    add("-o", "--output", metavar="MODEL", required=True, help="the file to save the model to")
    add_crossed_fields(command)
    learning = command.add_argument_group("learning")
    add = learning.add_argument
    add_task(learning)
    add("--classes", metavar="LABEL", nargs="+", help="all labels (default: the first batch's)")
    add(
        "--loss",
        choices=("squared", "logistic", "huber", "absolute"),
        help="what is minimised (default: squared for numbers, logistic for labels)",
    )
    add(
        "--update",
        choices=("ftrl", "proximal", "subgradient"),
        default="ftrl",
        help="the rule of learning (default: ftrl, FTRL-proximal)",
    )
    add(
        "--learning-rate",
        metavar="A",
        type=number(1e-300),
        default=0.1,
        help="the rate of a weight is A / (B + the root of its sum of squared gradients) "
        "(default: 0.1)",
    )
    add("--beta", metavar="B", type=number(0), default=1.0, help="B of that rate (default: 1)")
    for name in ("l1", "l2"):
        add(
            f"--{name}",
            metavar="L",
            type=number(0),
            default=1.0,
            help=f"strength of the {name.upper()} penalty on the sum of losses (default: 1)",
        )
    add(
        "--n-bits",
        metavar="BITS",
        type=integer(1, 31),
        default=22,
        help="there are 2^BITS weights (default: 22)",
    )
    add(
        "--passes",
        metavar="N",
        type=integer(1),
        default=1,
        help="how often all files are read (default: 1)",
    )
    add(
        "--window",
        metavar="N",
        type=integer(1),
        help="rows between two lines of progress (default: doubled each time)",
    )
    add("--threads", metavar="N", type=integer(1), help="threads that read; one learns")
    add_max_bytes(
        learning,
        "leave out weights of the smallest sizes until the saved model takes no more bytes, in "
        "memory or in the file",
    )
    add_dtype(learning)
    columns = command.add_argument_group("svmlight only")
    columns.add_argument(
        "--interactions", choices=("pairwise", "triples"), help="products of columns too"
    )
    columns.add_argument(
        "--n-features", metavar="P", type=integer(1), help="number of columns (default: 2^BITS)"
    )
    safety = command.add_argument_group("interruptions")
    add = safety.add_argument
    add("--checkpoint", metavar="FILE", help="where to write all that was learnt, now and then")
    add(
        "--every",
        metavar="N",
        type=integer(1),
        help="rows between two checkpoints (default: 1,000,000)",
    )
    add("--resume", action="store_true", help="go on from the checkpoint, if there is one")


def _check_stream(options: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    options.every_given = options.every is not None
    options.every = options.every or 1_000_000
    _check_crosses(options, command)
    wrong = check_stream(options)
    if wrong:
        command.error(wrong)


def _add_convert(command: argparse.ArgumentParser) -> None:
    add_files(command)
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
    add_fields(
        command,
        "rows in which a column must be seen (default: 2 with crosses, else 1)",
        "hash columns to 2^BITS, which the first rows are enough to learn; without it all rows are "
        "read first, and held",
        lists=False,
    )
    columns = command.add_argument_group("svmlight only")
    columns.add_argument(
        "--n-features",
        metavar="P",
        type=integer(1),
        help="number of columns (default: the files are read for it first)",
    )


def _check_convert(options: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    _check_crosses(options, command)
    wrong = check_convert(options)
    if wrong:
        command.error(wrong)


def _add_predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", metavar="MODEL", help="a file that fit or stream has saved")
    add_table(command)
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
    add("model", metavar="MODEL", help="a file that fit or stream has saved")
    add(
        "--top",
        metavar="N",
        type=integer(0),
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
