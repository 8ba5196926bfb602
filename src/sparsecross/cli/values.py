"""Values of arguments: what a text must be, or what is wrong with it."""

from __future__ import annotations

import argparse
import re
from typing import Any


def split(text: str) -> tuple[str, str | None]:
    """A field and, where it is given, the separator of its tokens."""
    field, given, separator = text.partition("=")
    if not field or (given and not separator):
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD or FIELD=SEP")
    return field, separator if given else None


def size(text: str) -> int:
    """Bytes, with units of 1000 or 1024."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKMG]i?)?B?", text)
    units = {None: 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
    units |= {"ki": 2**10, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    if not found or (size := int(float(found[1]) * units[found[2]])) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 65536, 64KiB or 1.5MB")
    return size


def character(text: str) -> str:
    """One character."""
    if len(text) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one character")
    return text


def integer(low: int, high: int | None = None) -> Any:
    """Parser of whole numbers within limits."""

    def integer(text: str) -> int:
        value = int(text)
        if value < low or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"between {low} and {high}"
            raise argparse.ArgumentTypeError(f"{text} is not {limits}")
        return value

    return integer


def number(low: float, high: float = float("inf")) -> Any:
    """Parser of finite numbers within limits."""

    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high or value == float("inf"):
            limits = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
            raise argparse.ArgumentTypeError(f"{text} is not a number {limits}")
        return value

    return number
