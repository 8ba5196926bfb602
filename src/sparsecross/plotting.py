"""What the pictures share: matplotlib, where it is installed, and names that fit beside axes."""

from __future__ import annotations

from typing import Any


def pyplot(display: object) -> Any:
    """Return matplotlib.pyplot for a display, or say how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError(
            f"{type(display).__name__} needs matplotlib: pip install 'sparsecross[plot]'"
        ) from None
    return pyplot


def shortened(name: str, n_most: int) -> str:
    """Return a name, cut where it is longer than so many characters."""
    return name if len(name) <= n_most else name[: n_most - 1] + "…"
