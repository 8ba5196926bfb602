"""The command line, a thin layer over the Python interface: a module for each command."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning

from ..files import MissingExtraError
from .arguments import make_parser
from .console import Console, trouble


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, by default those of the process.

    Returns
    -------
    int
        The exit code. Wrong usage exits with 2 from here.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=ConvergenceWarning)
        warnings.showwarning = lambda message, *_: trouble("warning", message)
        try:
            options = make_parser().parse_args(argv)
            if getattr(options, "output", None):
                _check_output(options.output)
            options.check(options)
            options.run(options, Console(options.quiet))
            sys.stdout.flush()
        except KeyboardInterrupt:
            trouble("error", "interrupted")
            return 130
        except BrokenPipeError:
            # Whoever read the output has gone; Python must not try to flush the rest at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141
        except MemoryError as error:
            trouble("error", f"out of memory {error}")
            return 1
        except OSError as error:
            trouble("error", f"{error.filename!r}: {error.strerror}" if error.filename else error)
            return 1
        except _expected_errors() as error:
            trouble("error", error)
            return 1
    return 0


def _expected_errors() -> tuple[type[Exception], ...]:
    """Return what says by itself what is wrong, as pyarrow's errors do where it is loaded."""
    pyarrow = sys.modules.get("pyarrow")
    arrow = () if pyarrow is None else (pyarrow.ArrowException,)
    return (ValueError, MissingExtraError, *arrow)


def _check_output(path: str) -> None:
    """Find out before the work whether its result can be written."""
    target = Path(path)
    if target.exists() and not target.is_file():
        # The file is written beside and then renamed, which would replace a device, too.
        raise ValueError(f"{path!r} exists and is no regular file")
    if not target.parent.is_dir():
        raise ValueError(
            f"{path!r} cannot be written: there is no directory {str(target.parent)!r}"
        )
    if not os.access(target.parent, os.W_OK):
        raise ValueError(f"{path!r} cannot be written: {str(target.parent)!r} is read-only")
