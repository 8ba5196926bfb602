"""Completion by the shell's tab key: a script that the shell runs, which starts no Python."""

from __future__ import annotations

import argparse
from typing import Any

from ..files import MissingExtraError

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")
_FILES = ("table", "files", "model", "output", "checkpoint")
_FOLDERS = ("store",)


class PrintCompletion(argparse.Action):
    """Prints the script of a shell and ends, as --help does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Print the script for the shell that `values` names."""
        try:
            import shtab
        except ImportError:
            raise MissingExtraError(
                f"{option_string} needs shtab: pip install 'sparsecross[cli]'"
            ) from None
        for each in (parser, *commands_of(parser)):
            for action in each._actions:
                if action.dest in _FILES:
                    action.complete = shtab.FILE  # type: ignore[attr-defined]
                elif action.dest in _FOLDERS:
                    action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        print(shtab.complete(parser, values))
        parser.exit()


def commands_of(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Return the parsers of the commands."""
    return [
        command
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for command in action.choices.values()
    ]
