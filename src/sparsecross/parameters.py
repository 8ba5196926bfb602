"""What FeatureCross is told: checks of its parameters, and which fields they mean."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from sparsecross.fields import Column, Floats

Crosses = Literal["pairwise"] | Sequence[Sequence[str | int]]

MAX_FIELDS = 16


def position_of(field: Any, names: list[str], argument: str) -> int:
    """Return the position of a field given by name or position."""
    n = len(names)
    if is_integer(field) and 0 <= int(field) < n:
        return int(field)
    if isinstance(field, str) and field in names:
        return names.index(field)
    raise ValueError(
        f"{argument}: unknown field {field!r}; a field is one of the names {names} or "
        f"a position from 0 to {n - 1}"
    )


def resolved_crosses(
    given_crosses: Crosses, names: list[str], several: list[bool]
) -> list[tuple[int, ...]]:
    """Return the positions of each cross's fields; `several` marks the list-valued ones."""
    n = len(names)
    if isinstance(given_crosses, str):
        if given_crosses != "pairwise":
            raise ValueError(
                f"crosses must be 'pairwise' or a list of tuples of fields, got {given_crosses!r}"
            )
        return [(i, j) for i in range(n) for j in range(i, n) if i < j or several[i]]
    crosses: list[tuple[int, ...]] = []
    seen: set[tuple[int, ...]] = set()
    for given in given_crosses:
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise ValueError(
                f"crosses must hold tuples of fields, such as ('a', 'b'), got {given!r}"
            )
        if not 2 <= len(given) <= MAX_FIELDS:
            raise ValueError(f"crosses: a cross has 2 to {MAX_FIELDS} fields, got {tuple(given)!r}")
        cross = tuple(position_of(field, names, "crosses") for field in given)
        for i in cross:
            if cross.count(i) > 1 and not several[i]:
                raise ValueError(
                    f"crosses: {tuple(given)!r} names field {names[i]!r} twice, which "
                    "only a list-valued field may be"
                )
        if tuple(sorted(cross)) in seen:
            raise ValueError(f"crosses: {tuple(given)!r} is there twice")
        seen.add(tuple(sorted(cross)))
        crosses.append(cross)
    return crosses


def bucket_numbers(
    buckets: int | Mapping[Any, int] | None, names: list[str], columns: list[Column]
) -> dict[int, int]:
    """Return into how many buckets each field is to be cut, for those that are."""
    if buckets is None:
        return {}
    if isinstance(buckets, Mapping):
        for field, number in buckets.items():
            check_integer(f"buckets[{field!r}]", number, 2, None)
        return {position_of(f, names, "buckets"): int(k) for f, k in buckets.items()}
    check_integer("buckets", buckets, 2, None)
    return {
        i: int(buckets)
        for i, c in enumerate(columns)
        if isinstance(c, Floats) and c.offsets is None
    }


def is_integer(value: Any) -> bool:
    """Whether a value is an integer and no boolean."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def check_integer(name: str, value: Any, low: int, high: int | None) -> None:
    """Raise a ValueError unless value is an integer from low to high."""
    good = is_integer(value) and value >= low
    if not good or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be an integer {limits}, got {value!r}")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise a ValueError unless value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}, got {value!r}")
