"""What pruning knows of the values that layers pass on: their channels, and which are constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

# Where the channels of a value lie: axis 1, before spatial axes; the last axis; or axis 1 with the
# spatial axes flattened into it, so that each channel has several places side by side.
Layout = Literal["maps", "features", "flat"]


class Channels:
    """Channels that are kept or dropped together wherever they appear.

    They are of a layer and of all that treats its outputs one by one, and, where the outputs of
    several layers are added, of all of these.

    Parameters
    ----------
    n : int
        How many.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._tied: Channels | None = None
        self._needed = torch.zeros(n, dtype=torch.bool)

    def _first(self) -> Channels:
        return self if self._tied is None else self._tied._first()

    @property
    def needed(self) -> torch.Tensor:
        """Which channels something reads, of shape (n,)."""
        return self._first()._needed

    def need(self, channels: torch.Tensor | None = None) -> bool:
        """Mark channels, by default all, as needed; return whether one was not before."""
        first = self._first()
        before = int(first._needed.sum())
        if channels is None:
            first._needed.fill_(True)
        else:
            first._needed |= channels
        return int(first._needed.sum()) > before

    def tie(self, other: Channels) -> None:
        """Keep these channels wherever the other ones are kept, and the other way round."""
        mine, theirs = self._first(), other._first()
        if mine is not theirs:
            mine._needed |= theirs._needed
            theirs._tied = mine


@dataclass(frozen=True, eq=False)
class Value:
    """The output of a node.

    Attributes
    ----------
    channels : Channels
        Those that it has.
    layout : {"maps", "features", "flat"}
        Where they lie.
    n_spatial : int
        Number of spatial axes of maps.
    constant : torch.Tensor of float64, shape (n,)
        What a channel is in every place and for every input; NaN where it varies.
    """

    channels: Channels
    layout: Layout
    n_spatial: int
    constant: torch.Tensor

    def like(self, constant: torch.Tensor) -> Value:
        """Return what treats these channels one by one, with its constants."""
        varies = ~torch.isfinite(constant)
        return Value(
            self.channels, self.layout, self.n_spatial, constant.masked_fill(varies, torch.nan)
        )

    def varying(self) -> Value:
        """Return the same of which no channel is known to be constant."""
        return self.like(torch.full_like(self.constant, torch.nan))

    def laid(self, layout: Layout) -> Value:
        """Return the same channels in another layout."""
        return Value(self.channels, layout, 0, self.constant)
