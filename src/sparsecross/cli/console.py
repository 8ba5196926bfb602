"""What the command line shows: results on standard output, progress and trouble on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

PROGRAM = "sparsecross"


def trouble(kind: str, message: object) -> None:
    """Print an error or a warning as one line."""
    print(f"{PROGRAM}: {kind}: {' '.join(str(message).split())}", file=sys.stderr, flush=True)


class Console:
    """Prints lines, a table, and how far the work has come.

    Progress is a bar where standard error is a terminal (and rich is installed), and lines where
    it is not.

    Parameters
    ----------
    quiet : bool
        Whether the table is all to be printed.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    def line(self, text: str) -> None:
        """Print a line of the report."""
        if not self.quiet:
            print(text, flush=True)

    @contextmanager
    def working(self, what: str, total: int | None = None) -> Iterator[Step]:
        """Show that something is being done; the object given is told of each step of it."""
        if self.quiet:
            yield Step()
            return
        progress = _bar() if sys.stderr.isatty() else None
        if progress is None:
            print(f"{what} …", file=sys.stderr, flush=True)
            yield LineStep()
            return
        with progress:
            yield BarStep(progress, progress.add_task(what, total=total), what)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table, the first column on the left and the others on the right."""
        if sys.stdout.isatty() and _draw(head, rows):
            return
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for row in (head, *rows):
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
            print("  ".join(cells).rstrip())


class Step:
    """Takes note of steps, silently."""

    def __call__(self, text: str) -> None:
        """One more step is done."""


class LineStep(Step):
    """A line for each step."""

    def __call__(self, text: str) -> None:
        """Print the step."""
        print(f"  {text}", file=sys.stderr, flush=True)


class BarStep(Step):
    """A bar that grows with each step."""

    def __init__(self, progress: Any, task: Any, what: str) -> None:
        self._progress, self._task, self._what = progress, task, what

    def __call__(self, text: str) -> None:
        """Grow, and show what the step found."""
        self._progress.update(self._task, advance=1, description=f"{self._what}: {text}")


def _bar() -> Any:
    """Return rich's progress bar on standard error, or None where rich is not installed."""
    try:
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        return None
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        console=Terminal(stderr=True),
        transient=True,
        # Results go to standard output themselves, not through the bar to standard error.
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _draw(head: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Draw a table with rich, where that is installed."""
    try:
        from rich.console import Console as Terminal
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table()
    for place, name in enumerate(head):
        table.add_column(Text(name), justify="right" if place else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    Terminal().print(table)
    return True
