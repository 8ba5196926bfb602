"""Which weights of a parameter stand and fall together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch

# A name of this table, labels of the weights, or None: no groups, each weight for itself.
Grouping: TypeAlias = "str | torch.Tensor | None"
Groups: TypeAlias = (
    "Grouping | Callable[[torch.Tensor], Grouping] | Mapping[torch.Tensor, Grouping]"
)

# The axis of a weight whose slices are the groups. PyTorch stores the weights of linear layers and
# of convolutions as (outputs, inputs, ...).
_AXES = {"filters": 0, "neurons": 0, "inputs": 1}


def grouping_of(parameter: torch.Tensor, groups: Groups) -> Grouping:
    """Return the groups of one parameter, checked.

    Parameters
    ----------
    parameter : torch.Tensor
        What is penalised.
    groups : str, torch.Tensor, None, callable or mapping
        As :class:`Proximal` takes them; parameters that a mapping lacks have filters.

    Returns
    -------
    {"filters", "neurons", "inputs"}, torch.Tensor or None

    Raises
    ------
    TypeError
        If the groups of the parameter are none of these.
    ValueError
        If a name is unknown, the parameter lacks the axis, or labels do not fit it.
    """
    shape = tuple(parameter.shape)
    if isinstance(groups, Mapping):
        groups = groups.get(parameter, "filters")
    elif callable(groups) and not isinstance(groups, torch.Tensor):
        groups = groups(parameter)
    if groups is None:
        return None
    if isinstance(groups, str):
        if groups not in _AXES:
            raise ValueError(f"groups must be one of {[*_AXES]}, got {groups!r}.")
        if _AXES[groups] >= max(1, parameter.ndim):
            raise ValueError(f"groups={groups!r} needs two axes or more, got a shape of {shape}.")
        return groups
    if not isinstance(groups, torch.Tensor):
        raise TypeError(
            f"groups of a parameter must be a name, a tensor of labels or None, got {groups!r}."
        )
    _check_labels(groups, shape)
    return groups


def _check_labels(labels: torch.Tensor, shape: tuple[int, ...]) -> None:
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"groups must be labels of an integer type, got {labels.dtype}.")
    try:
        fits = torch.broadcast_shapes(labels.shape, shape) == shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"groups must broadcast to the shape {shape} of their parameter, "
            f"got {tuple(labels.shape)}."
        )
    if labels.numel() and int(labels.min()) < 0:
        raise ValueError(f"groups must be labels from 0, got {int(labels.min())}.")


def axis_of(name: str) -> int:
    """Return the axis that the groups of this name are slices of."""
    return _AXES[name]
